//! Words: a tokeniser and a vocabulary.

use std::collections::HashMap;
use std::path::Path;

use crate::error::{DataError, Result};

/// Splits a text into lower-case tokens.
///
/// A word is a run of letters and digits, with apostrophes inside (`don't`); every other visible character is a token by
/// itself, so an emoji of several characters is several tokens. HTML line breaks, which the IMDB reviews are full of, are blanks.
///
/// ```
/// assert_eq!(datasets::tokenize("Don't miss it!<br />10/10"), ["don't", "miss", "it", "!", "10", "/", "10"]);
/// ```
pub fn tokenize(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(after) = line_break(rest) {
            finish(&mut word, &mut tokens);
            rest = after;
            continue;
        }
        rest = &rest[character.len_utf8()..];
        let inside = !word.is_empty() && rest.chars().next().is_some_and(char::is_alphanumeric);
        match character {
            letter if letter.is_alphanumeric() => word.extend(letter.to_lowercase()),
            '\'' | '’' if inside => word.push('\''),
            other => {
                finish(&mut word, &mut tokens);
                if !other.is_whitespace() && !other.is_control() {
                    tokens.push(other.to_string());
                }
            }
        }
    }
    finish(&mut word, &mut tokens);
    tokens
}

fn finish(word: &mut String, tokens: &mut Vec<String>) {
    if !word.is_empty() {
        tokens.push(std::mem::take(word));
    }
}

/// What follows `<br>`, `<br/>` or `<br />` if the text begins with one.
fn line_break(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("<br").or_else(|| text.strip_prefix("<BR"))?;
    inner.trim_start_matches(' ').trim_start_matches('/').strip_prefix('>')
}

/// What the number 0 of a [`Vocabulary`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zero {
    /// Padding, where texts are read side by side.
    Padding,
    /// The end of a line, where texts are read one after the other.
    EndOfLine,
}

impl Zero {
    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Padding => "<pad>",
            Self::EndOfLine => "<eos>",
        }
    }
}

/// The words a model knows, by number. 0 is [`Zero`], 1 stands for every word it does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    words: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Vocabulary {
    /// The number of unknown words.
    pub const UNKNOWN: u32 = 1;
    /// As they are written.
    pub const UNKNOWN_WORD: &str = "<unk>";

    /// The `size` most frequent of some words, the specials `<pad>` or `<eos>` and `<unk>` included; equal counts in
    /// alphabetical order.
    ///
    /// Build it on the training part alone. Specials among the words keep their own numbers.
    pub fn build<'a>(zero: Zero, words: impl IntoIterator<Item = &'a str>, size: usize) -> Self {
        let special = [zero.word(), Self::UNKNOWN_WORD];
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for word in words.into_iter().filter(|word| !special.contains(word)) {
            *counts.entry(word).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable_by(|(word, count), (other, others)| others.cmp(count).then(word.cmp(other)));
        let known = size.saturating_sub(special.len());
        let words = counts.into_iter().take(known).map(|(word, _)| word.to_owned());
        Self::from_words(special.map(str::to_owned).into_iter().chain(words).collect())
    }

    fn from_words(words: Vec<String>) -> Self {
        let numbers = words.iter().zip(0..).map(|(word, number)| (word.clone(), number)).collect();
        Self { words, numbers }
    }

    /// How many words there are, the specials included.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word at all, not even the specials; never so.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The number of a word.
    pub fn number(&self, word: &str) -> u32 {
        self.numbers.get(word).copied().unwrap_or(Self::UNKNOWN)
    }

    /// The word of a number, if there is one.
    pub fn word(&self, number: u32) -> Option<&str> {
        self.words.get(number as usize).map(String::as_str)
    }

    /// The numbers of some words.
    pub fn encode(&self, words: &[String]) -> Vec<u32> {
        words.iter().map(|word| self.number(word)).collect()
    }

    /// Writes one word a line; the line number is the word's number plus one.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut text = self.words.join("\n");
        text.push('\n');
        std::fs::write(path, text).map_err(DataError::io("write", path))
    }

    /// Reads what [`save`](Self::save) wrote. The specials must come first, and no word twice.
    pub fn load(zero: Zero, path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(DataError::io("read", path))?;
        let words: Vec<String> = text.lines().map(str::to_owned).collect();
        for (index, special) in [zero.word(), Self::UNKNOWN_WORD].into_iter().enumerate() {
            if words.get(index).map(String::as_str) != Some(special) {
                return Err(DataError::parse(path, Some(index + 1), format!("a vocabulary has `{special}` here")));
            }
        }
        let vocabulary = Self::from_words(words);
        let wrong = vocabulary
            .words
            .iter()
            .zip(0..)
            .find(|(word, number)| word.is_empty() || vocabulary.number(word) != *number);
        match wrong {
            None => Ok(vocabulary),
            Some((word, number)) => {
                let what = if word.is_empty() { "an empty word".to_owned() } else { format!("`{word}` stands twice") };
                Err(DataError::parse(path, Some(number as usize + 1), what))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens() {
        for (text, tokens) in [
            ("", vec![]),
            (" \n\t", vec![]),
            ("A GREAT film.", vec!["a", "great", "film", "."]),
            ("it's O’Toole's 'best' rock'", vec!["it's", "o'toole's", "'", "best", "'", "rock", "'"]),
            ("one<br /><br>two<BR/>three<b>", vec!["one", "two", "three", "<", "b", ">"]),
            ("great😀😀 naïve café", vec!["great", "😀", "😀", "naïve", "café"]),
            ("a\u{0}b\u{7f}c", vec!["a", "b", "c"]),
            ("<br", vec!["<", "br"]),
        ] {
            assert_eq!(tokenize(text), tokens, "{text}");
        }
    }

    fn words(text: &str) -> Vec<String> {
        tokenize(text)
    }

    fn build(words: &[String], size: usize) -> Vocabulary {
        Vocabulary::build(Zero::Padding, words.iter().map(String::as_str), size)
    }

    #[test]
    fn the_most_frequent_words_come_first_and_ties_by_alphabet() {
        let vocabulary = Vocabulary::build(Zero::Padding, "b a b c a d".split(' '), 5);
        let known: Vec<_> = (0..5).filter_map(|number| vocabulary.word(number)).collect();
        assert_eq!(known, ["<pad>", "<unk>", "a", "b", "c"]);
        assert_eq!(vocabulary.encode(&words("c d a")), [4, 1, 2]);
        assert_eq!(vocabulary.len(), 5);
    }

    #[test]
    fn specials_among_the_words_stand_once() {
        let words = ["<unk>", "a", "<pad>", "<unk>"].map(str::to_owned);
        let vocabulary = build(&words, 10);
        assert_eq!((vocabulary.len(), vocabulary.encode(&words)), (3, vec![1, 2, 0, 1]));
        assert_eq!(build(&[], 0).len(), 2);
    }

    #[test]
    fn a_vocabulary_comes_back_from_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vocab.txt");
        let vocabulary = build(&words("not only good but great 😀"), 100);
        vocabulary.save(&path).unwrap();
        assert_eq!(Vocabulary::load(Zero::Padding, &path).unwrap(), vocabulary);
    }

    #[test]
    fn wrong_vocabularies_are_refused_with_file_and_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vocab.txt");
        for (text, line, part) in [
            ("", 1, "<pad>"),
            ("<pad>\ngood\n", 2, "<unk>"),
            ("<pad>\n<unk>\ngood\ngood\n", 3, "stands twice"),
            ("<pad>\n<unk>\n\ngood\n", 3, "empty"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Vocabulary::load(Zero::Padding, &path).unwrap_err().to_string();
            assert!(error.contains(&format!("vocab.txt, line {line}")) && error.contains(part), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_tokenised_into_visible_words(text in ".*") {
            for token in tokenize(&text) {
                prop_assert!(!token.is_empty() && !token.chars().any(char::is_whitespace));
            }
        }

        #[test]
        fn any_vocabulary_comes_back_from_its_file(text in ".*", size in 0usize..20) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("vocab.txt");
            let vocabulary = build(&words(&text), size);
            vocabulary.save(&path).unwrap();
            prop_assert_eq!(&Vocabulary::load(Zero::Padding, &path).unwrap(), &vocabulary);
            for number in 0..vocabulary.len() as u32 {
                prop_assert_eq!(vocabulary.number(vocabulary.word(number).unwrap()), number);
            }
        }

        #[test]
        fn tokenising_is_stable(text in "[a-z'<>br/ .,!0-9]*") {
            let once = tokenize(&text);
            prop_assert_eq!(tokenize(&once.join(" ")), once);
        }
    }

    #[test]
    fn damaged_vocabularies_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vocab.txt");
        let words = ["a", "fine", "film"].map(str::to_owned);
        build(&words, 10).save(&path).unwrap();
        crate::damage::try_damaged(&std::fs::read(&path).unwrap(), |bytes| {
            std::fs::write(&path, bytes).unwrap();
            let _ = Vocabulary::load(Zero::Padding, &path);
        });
    }
}
