//! The vocabulary: tokens and their ids.

use std::collections::{HashMap, HashSet};

use crate::error::PackageError;
use crate::package::Package;

/// The meaning of the token with id 0 in a [`Vocabulary`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// Padding, for batches of separate texts of different lengths.
    Padding,
    /// The end of a line, for models that read one continuous text.
    EndOfLine,
}

impl Reserved {
    /// Returns the text of the token.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Padding => "<pad>",
            Self::EndOfLine => "<eos>",
        }
    }
}

/// The tokens that a model knows, and their ids. Id 0 is a [`Reserved`] token, and id 1 is the token for all unknown
/// tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    tokens: Vec<String>,
    ids: HashMap<String, u32>,
}

impl Vocabulary {
    /// The id of the token `<unk>`, which replaces all tokens that are not in the vocabulary.
    pub const UNKNOWN: u32 = 1;
    /// The text of the token that replaces unknown tokens.
    pub const UNKNOWN_TOKEN: &str = "<unk>";
    /// The name of the vocabulary file in a package.
    pub const FILE: &str = "vocab.txt";

    /// Builds a vocabulary of at most `size` tokens: the reserved token (`<pad>` or `<eos>`) and `<unk>`, and then the
    /// most frequent tokens. Tokens with equal counts are in alphabetical order.
    ///
    /// Use the training part of the data only. The reserved token and `<unk>` always have the ids 0 and 1, even if they
    /// occur in `tokens`.
    pub fn build<'a>(reserved: Reserved, tokens: impl IntoIterator<Item = &'a str>, size: usize) -> Self {
        Self::build_frequent(reserved, tokens, size, 1)
    }

    /// Builds a vocabulary like [`build`](Self::build), but only of the tokens that occur at least `min_count` times.
    /// Rarer tokens of the training part are then encoded as `<unk>`, so that a model learns where unknown tokens
    /// occur.
    pub fn build_frequent<'a>(
        reserved: Reserved,
        tokens: impl IntoIterator<Item = &'a str>,
        size: usize,
        min_count: usize,
    ) -> Self {
        let special = [reserved.token(), Self::UNKNOWN_TOKEN];
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for token in tokens.into_iter().filter(|token| !special.contains(token)) {
            *counts.entry(token).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().filter(|(_, count)| *count >= min_count).collect();
        counts.sort_unstable_by(|(token, count), (other, others)| others.cmp(count).then(token.cmp(other)));
        Self::new(reserved, counts.into_iter().map(|(token, _)| token), size)
    }

    /// Creates a vocabulary of at most `size` tokens: first the reserved token (`<pad>` or `<eos>`) and `<unk>`, and
    /// then the tokens of a list, in order. Repeated tokens are ignored.
    pub fn new<'a>(reserved: Reserved, tokens: impl IntoIterator<Item = &'a str>, size: usize) -> Self {
        let special = [reserved.token(), Self::UNKNOWN_TOKEN];
        let mut seen = HashSet::from(special);
        let known = tokens.into_iter().filter(|token| seen.insert(token)).take(size.saturating_sub(special.len()));
        let known: Vec<&str> = known.collect();
        Self::from_tokens(special.into_iter().chain(known).map(str::to_owned).collect())
    }

    fn from_tokens(tokens: Vec<String>) -> Self {
        let ids = tokens.iter().zip(0..).map(|(token, id)| (token.clone(), id)).collect();
        Self { tokens, ids }
    }

    /// Reads the vocabulary file `vocab.txt` of a package.
    pub fn open(package: &Package<'_>, reserved: Reserved) -> Result<Self, PackageError> {
        Self::parse(reserved, &package.text(Self::FILE)?).map_err(|(line, message)| {
            match package.invalid(Self::FILE, message) {
                PackageError::Invalid { file, message, .. } => {
                    PackageError::Invalid { file, line: Some(line), message }
                }
                other => other,
            }
        })
    }

    /// Parses the text of a vocabulary file, which has one token per line. The first two lines must be the reserved
    /// token and `<unk>`, no line may be empty, and no token may occur twice.
    ///
    /// # Errors
    ///
    /// Returns the number of the invalid line, counted from 1, and a message.
    pub fn parse(reserved: Reserved, text: &str) -> Result<Self, (usize, String)> {
        let tokens: Vec<String> = text.lines().map(str::to_owned).collect();
        for (index, special) in [reserved.token(), Self::UNKNOWN_TOKEN].into_iter().enumerate() {
            if tokens.get(index).map(String::as_str) != Some(special) {
                return Err((index + 1, format!("this line must contain the special token `{special}`")));
            }
        }
        let vocabulary = Self::from_tokens(tokens);
        let mut lines = vocabulary.tokens.iter().zip(0..);
        match lines.find(|(token, id)| token.is_empty() || vocabulary.id(token) != *id) {
            None => Ok(vocabulary),
            Some((token, id)) if token.is_empty() => {
                Err((id as usize + 1, "the line is empty; each line must contain one token".to_owned()))
            }
            Some((token, id)) => Err((id as usize + 1, format!("the vocabulary contains the token `{token}` twice"))),
        }
    }

    /// Returns the content of a vocabulary file: one token per line, in order of the ids, as [`parse`](Self::parse)
    /// reads it.
    pub fn to_text(&self) -> String {
        self.tokens.join("\n") + "\n"
    }

    /// Returns the number of tokens, including the reserved token and `<unk>`.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Returns whether there are no tokens. The result is always false, because every vocabulary contains the reserved
    /// token and `<unk>`.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Returns the id of a token, or [`UNKNOWN`](Self::UNKNOWN) if the token is not in the vocabulary.
    pub fn id(&self, token: &str) -> u32 {
        self.ids.get(token).copied().unwrap_or(Self::UNKNOWN)
    }

    /// Returns the token with this id, if there is one.
    pub fn token(&self, id: u32) -> Option<&str> {
        self.tokens.get(id as usize).map(String::as_str)
    }

    /// Converts tokens to their ids.
    pub fn encode(&self, tokens: &[String]) -> Vec<u32> {
        tokens.iter().map(|token| self.id(token)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_support::try_damaged;

    use super::*;
    use crate::text::tokenize;

    fn build(tokens: &[String], size: usize) -> Vocabulary {
        Vocabulary::build(Reserved::Padding, tokens.iter().map(String::as_str), size)
    }

    #[test]
    fn the_most_frequent_tokens_come_first_and_ties_by_alphabet() {
        let vocabulary = Vocabulary::build(Reserved::Padding, "b a b c a d".split(' '), 5);
        let known: Vec<_> = (0..5).filter_map(|id| vocabulary.token(id)).collect();
        assert_eq!(known, ["<pad>", "<unk>", "a", "b", "c"]);
        assert_eq!(vocabulary.encode(&tokenize("c d a")), [4, 1, 2]);
        assert_eq!(vocabulary.len(), 5);
    }

    #[test]
    fn rare_tokens_are_unknown() {
        let vocabulary = Vocabulary::build_frequent(Reserved::EndOfLine, "b a b c a d".split(' '), 9, 2);
        assert_eq!(vocabulary.to_text(), "<eos>\n<unk>\na\nb\n");
    }

    #[test]
    fn a_list_keeps_its_order_without_repetitions() {
        let vocabulary = Vocabulary::new(Reserved::Padding, "b a <unk> b c d".split(' '), 5);
        assert_eq!(vocabulary.to_text(), "<pad>\n<unk>\nb\na\nc\n");
    }

    #[test]
    fn reserved_tokens_in_the_text_keep_their_ids() {
        let tokens = ["<unk>", "a", "<pad>", "<unk>"].map(str::to_owned);
        let vocabulary = build(&tokens, 10);
        assert_eq!((vocabulary.len(), vocabulary.encode(&tokens)), (3, vec![1, 2, 0, 1]));
        assert_eq!(build(&[], 0).len(), 2);
    }

    #[test]
    fn invalid_vocabularies_are_refused_with_their_line() {
        for (text, line) in
            [("", 1), ("<pad>\ngood\n", 2), ("<pad>\n<unk>\ngood\ngood\n", 3), ("<pad>\n<unk>\n\ngood\n", 3)]
        {
            assert_eq!(Vocabulary::parse(Reserved::Padding, text).unwrap_err().0, line, "{text}");
        }
    }

    proptest! {
        #[test]
        fn vocabularies_are_written_and_read_without_changes(text in ".*", size in 0usize..20) {
            let vocabulary = build(&tokenize(&text), size);
            prop_assert_eq!(&Vocabulary::parse(Reserved::Padding, &vocabulary.to_text()).unwrap(), &vocabulary);
            for id in 0..vocabulary.len() as u32 {
                prop_assert_eq!(vocabulary.id(vocabulary.token(id).unwrap()), id);
            }
        }
    }

    #[test]
    fn damaged_vocabularies_are_errors() {
        let vocabulary = build(&["a", "fine", "film"].map(str::to_owned), 10);
        try_damaged(vocabulary.to_text().as_bytes(), |bytes| {
            let _ = Vocabulary::parse(Reserved::Padding, &String::from_utf8_lossy(bytes));
        });
    }
}
