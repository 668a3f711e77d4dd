//! The features that the network reads of each token in a sentence: word ids, character ids and word shapes. The
//! [`shape`] of a word says whether it has letters and digits, and which letters are upper case.

use std::collections::HashMap;

use inference::text::{Reserved, Vocabulary};
use inference::{Package, PackageError};

use crate::vectors::WordVectors;

/// The number of word shapes that [`shape`] distinguishes, such as "lower case" and "digits".
pub const SHAPES: usize = 8;
/// The largest number of characters that the network reads of one token. Characters after the first 24 are ignored.
const MAX_CHARACTERS: usize = 24;
/// The id of every character that the encoder does not know. Id 0 is padding, and known characters have ids from 2 on.
const UNKNOWN_CHARACTER: u32 = 1;

/// Converts tokens to word ids, character ids and word [shapes](shape).
#[derive(Clone, Debug)]
pub struct Encoder {
    words: Vocabulary,
    vectors: Option<WordVectors>,
    characters: String,
    character_ids: HashMap<char, u32>,
}

/// The features of a sentence. Each field has one item per token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentence {
    /// The id of each token's word in the vocabulary.
    pub words: Vec<u32>,
    /// The ids of the characters of each token: at least 1 and at most 24 ids per token.
    pub characters: Vec<Vec<u32>>,
    /// The word shape of each token: a number that [`shape`] returns.
    pub shapes: Vec<u32>,
}

impl Encoder {
    /// Creates an encoder from a vocabulary of [normalized](normalize) words, the pretrained vectors of these words (if
    /// there are any), and all known characters in the order of their ids.
    pub fn new(words: Vocabulary, vectors: Option<WordVectors>, characters: String) -> Self {
        let character_ids = characters.chars().zip(UNKNOWN_CHARACTER + 1..).collect();
        Self { words, vectors, characters, character_ids }
    }

    /// Reads the encoder of a trained model from its package (the files of the model). The words are read from
    /// `vocab.txt`. If `vectors` is `Some`, it is the length of the word vectors, which are read from
    /// `vectors.safetensors`. `characters` are the known characters in the order of their ids.
    pub fn open(package: &Package<'_>, vectors: Option<usize>, characters: String) -> Result<Self, PackageError> {
        let words = Vocabulary::open(package, Reserved::Padding)?;
        let read = |size| {
            let bytes = package.read(WordVectors::FILE)?;
            WordVectors::parse(&bytes, words.len(), size).map_err(|message| package.invalid(WordVectors::FILE, message))
        };
        let vectors = vectors.map(read).transpose()?;
        Ok(Self::new(words, vectors, characters))
    }

    /// Returns the vocabulary of [normalized](normalize) words.
    pub fn words(&self) -> &Vocabulary {
        &self.words
    }

    /// Returns the pretrained vectors of the words, if there are any.
    pub fn vectors(&self) -> Option<&WordVectors> {
        self.vectors.as_ref()
    }

    /// Returns the known characters, in the order of their ids.
    pub fn characters(&self) -> &str {
        &self.characters
    }

    /// Returns the number of character ids, including the ids of padding and of unknown characters.
    pub fn character_count(&self) -> usize {
        self.characters.chars().count() + 2
    }

    /// Converts the tokens of a sentence to word ids, character ids and shapes.
    pub fn encode<S: AsRef<str>>(&self, tokens: &[S]) -> Sentence {
        let tokens = || tokens.iter().map(AsRef::as_ref);
        Sentence {
            words: tokens().map(|token| self.words.id(&normalize(token))).collect(),
            characters: tokens().map(|token| self.character_ids(token)).collect(),
            shapes: tokens().map(shape).collect(),
        }
    }

    fn character_ids(&self, token: &str) -> Vec<u32> {
        let id = |character| self.character_ids.get(&character).copied().unwrap_or(UNKNOWN_CHARACTER);
        let ids: Vec<u32> = token.chars().take(MAX_CHARACTERS).map(id).collect();
        if ids.is_empty() { vec![UNKNOWN_CHARACTER] } else { ids }
    }
}

/// Returns the form in which the vocabulary contains a token: lower case, with `0` for every ASCII digit. Every web
/// address becomes `<url>`, every `@name` becomes `<user>`, and a `#tag` becomes its word without `#`.
pub fn normalize(token: &str) -> String {
    let lower = token.to_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") || lower.starts_with("www.") {
        return "<url>".to_owned();
    }
    if lower.len() > 1 && lower.starts_with('@') {
        return "<user>".to_owned();
    }
    let word = match lower.trim_start_matches('#') {
        "" => &lower, // an empty word could not be a line of the vocabulary file
        word => word,
    };
    word.chars().map(|character| if character.is_ascii_digit() { '0' } else { character }).collect()
}

/// Returns the shape of a token, a number from 0 to [`SHAPES`] − 1. The shape describes whether the token has letters
/// and digits, and which of its letters are upper case.
pub fn shape(token: &str) -> u32 {
    let has = |test: fn(char) -> bool| token.chars().any(test);
    let starts_upper = token.starts_with(char::is_uppercase);
    let upper_after_first = token.chars().skip(1).any(char::is_uppercase);
    match (has(char::is_alphabetic), has(char::is_numeric)) {
        (false, false) => 0,
        (false, true) => 1,
        (true, true) => 2,
        (true, false) if !has(char::is_uppercase) => 3,
        (true, false) if !has(char::is_lowercase) && token.chars().count() == 1 => 4,
        (true, false) if !has(char::is_lowercase) => 5,
        (true, false) if starts_upper && !upper_after_first => 6,
        (true, false) => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_tell_where_the_upper_case_is() {
        let shapes = ["…", "3.5", "4th", "word", "A", "USA", "Ada", "iPhone"].map(shape);
        assert_eq!(shapes, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(shapes.into_iter().all(|shape| (shape as usize) < SHAPES));
    }

    #[test]
    fn words_are_normalized() {
        for (token, expected) in [
            ("London", "london"),
            ("1984", "0000"),
            ("@ada", "<user>"),
            ("@", "@"),
            ("#", "#"),
            ("##", "##"),
            ("#NewYork", "newyork"),
            ("https://a.org/1", "<url>"),
        ] {
            assert_eq!(normalize(token), expected);
        }
    }

    #[test]
    fn tokens_become_ids() {
        let words = Vocabulary::build(Reserved::Padding, ["ada", "ada", "met"], 10);
        let encoder = Encoder::new(words, None, "Aad".into());
        let sentence = encoder.encode(&["Ada", "met", "Bob", ""]);
        assert_eq!(sentence.words, [2, 3, 1, 1]);
        assert_eq!(sentence.characters, [vec![2, 4, 3], vec![1, 1, 1], vec![1, 1, 1], vec![1]]);
        assert_eq!(encoder.character_count(), 5);
        assert_eq!(encoder.encode(&["x".repeat(100)]).characters[0].len(), MAX_CHARACTERS);
    }
}
