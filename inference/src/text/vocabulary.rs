//! The vocabulary: tokens and their ids.

use std::collections::HashMap;

use crate::error::PackageError;
use crate::package::Package;

/// The token with id 0 of a [`Vocabulary`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// Padding, for batches of separate texts.
    Padding,
    /// The end of a line, for running text.
    EndOfLine,
}

impl Reserved {
    /// The text of the token.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Padding => "<pad>",
            Self::EndOfLine => "<eos>",
        }
    }
}

/// The tokens that a model knows, by id. Id 0 is a [`Reserved`] token, and id 1 is the token for all unknown tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    tokens: Vec<String>,
    ids: HashMap<String, u32>,
}

impl Vocabulary {
    /// The id of unknown tokens.
    pub const UNKNOWN: u32 = 1;
    /// The text of the unknown token.
    pub const UNKNOWN_TOKEN: &str = "<unk>";
    /// The name of the vocabulary file in a package.
    pub const FILE: &str = "vocab.txt";

    /// Builds a vocabulary of the `size` most frequent tokens, including `<pad>` or `<eos>` and `<unk>`. Tokens with
    /// equal counts are in alphabetical order.
    ///
    /// Use the training part of the data only. Reserved tokens in the text keep their ids.
    pub fn build<'a>(reserved: Reserved, tokens: impl IntoIterator<Item = &'a str>, size: usize) -> Self {
        let special = [reserved.token(), Self::UNKNOWN_TOKEN];
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for token in tokens.into_iter().filter(|token| !special.contains(token)) {
            *counts.entry(token).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable_by(|(token, count), (other, others)| others.cmp(count).then(token.cmp(other)));
        let known = size.saturating_sub(special.len());
        let tokens = counts.into_iter().take(known).map(|(token, _)| token.to_owned());
        Self::from_tokens(special.map(str::to_owned).into_iter().chain(tokens).collect())
    }

    fn from_tokens(tokens: Vec<String>) -> Self {
        let ids = tokens.iter().zip(0..).map(|(token, id)| (token.clone(), id)).collect();
        Self { tokens, ids }
    }

    /// Reads `vocab.txt` of a package.
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

    /// Parses one token per line. The reserved tokens come first, and no token occurs twice.
    ///
    /// # Errors
    ///
    /// The line number, from 1, and a message.
    pub fn parse(reserved: Reserved, text: &str) -> Result<Self, (usize, String)> {
        let tokens: Vec<String> = text.lines().map(str::to_owned).collect();
        for (index, special) in [reserved.token(), Self::UNKNOWN_TOKEN].into_iter().enumerate() {
            if tokens.get(index).map(String::as_str) != Some(special) {
                return Err((index + 1, format!("this line of a vocabulary must be `{special}`")));
            }
        }
        let vocabulary = Self::from_tokens(tokens);
        let mut lines = vocabulary.tokens.iter().zip(0..);
        match lines.find(|(token, id)| token.is_empty() || vocabulary.id(token) != *id) {
            None => Ok(vocabulary),
            Some((token, id)) if token.is_empty() => Err((id as usize + 1, "the token is empty".to_owned())),
            Some((token, id)) => Err((id as usize + 1, format!("the token `{token}` occurs twice"))),
        }
    }

    /// One token per line, in order of the ids, as [`parse`](Self::parse) reads it.
    pub fn to_text(&self) -> String {
        self.tokens.join("\n") + "\n"
    }

    /// The number of tokens, including the reserved ones.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are no tokens. Always false, because the reserved tokens are always there.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The id of a token, or [`UNKNOWN`](Self::UNKNOWN).
    pub fn id(&self, token: &str) -> u32 {
        self.ids.get(token).copied().unwrap_or(Self::UNKNOWN)
    }

    /// The token with an id, if there is one.
    pub fn token(&self, id: u32) -> Option<&str> {
        self.tokens.get(id as usize).map(String::as_str)
    }

    /// The ids of some tokens.
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
