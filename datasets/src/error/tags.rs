//! Errors of tagged sentences in CoNLL files.

use std::path::PathBuf;

use super::messages::{misplaced, unknown_tag};
use crate::conll::Scheme;

/// Why the sentences and tags of a CoNLL file cannot be read, split or used for training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TagError {
    /// The given names for the columns of a CoNLL file do not contain `token` and `tag` once each.
    #[error("the column names `{}` must contain `token` once and `tag` once; correct `columns`", columns.join(","))]
    TokenColumns {
        /// The given names of the columns.
        columns: Vec<String>,
    },
    /// A line of a CoNLL file has an unexpected number of columns. The expected number is the number of column names
    /// or, if no names are given, the number of columns in the first line with a token.
    #[error(
        "{}, line {line}: `{text}` has {found} columns, but {wanted} are expected; correct the line, or set `columns` \
         to the names of all columns",
        path.display()
    )]
    ColumnCount {
        /// The path of the CoNLL file.
        path: PathBuf,
        /// The line number, counted from 1.
        line: usize,
        /// The text of the line.
        text: String,
        /// The number of columns in the line.
        found: usize,
        /// The expected number of columns, at least two.
        wanted: usize,
    },
    /// A tag has an unknown prefix, has no entity type after the prefix, or does not belong to the tagging scheme of
    /// the file.
    #[error("{}, line {line}: {}", path.display(), unknown_tag(tag, *scheme))]
    UnknownTag {
        /// The path of the CoNLL file.
        path: PathBuf,
        /// The line number of the tag, counted from 1.
        line: usize,
        /// The text of the tag.
        tag: String,
        /// The tagging scheme of the file, to which the tag does not belong; `None` if the tag belongs to no known
        /// scheme.
        scheme: Option<Scheme>,
    },
    /// A tag is not allowed at its place, such as `I-person` after `O` in the scheme BIO2.
    #[error("{}, line {line}: {}", path.display(), misplaced(previous.as_deref(), tag.as_deref(), *scheme))]
    MisplacedTag {
        /// The path of the CoNLL file.
        path: PathBuf,
        /// The line number of the tag, counted from 1. If `tag` is `None`, the line number of the last token of the
        /// sentence.
        line: usize,
        /// The tag of the previous token; `None` at the start of a sentence.
        previous: Option<String>,
        /// The misplaced tag; `None` if the sentence must not end after the previous tag.
        tag: Option<String>,
        /// The tagging scheme of the file.
        scheme: Scheme,
    },
    /// A file has too few sentences to be split into training, validation and test parts.
    #[error(
        "{} has {sentences} sentences, but a split into training, validation and test parts needs at least \
         {needed}; give separate files for the validation and the test part",
        path.display()
    )]
    TooFewSentences {
        /// The path of the file.
        path: PathBuf,
        /// The number of sentences found.
        sentences: usize,
        /// The minimum number of sentences for the split.
        needed: usize,
    },
    /// The training, validation or test part has no entities: all its tags are `O`.
    #[error(
        "the {part} part in {} has no entities, because all its tags are O; if another column has the tags, set \
         `columns` to the names of all columns, with the name `tag` for this column; or use another file for the \
         {part} part",
        path.display()
    )]
    NoEntities {
        /// The path of the file with the part.
        path: PathBuf,
        /// The part: `training`, `validation` or `test`.
        part: &'static str,
    },
}

impl TagError {
    /// Returns the name of the setting that can resolve the error: see
    /// [`DataError::setting`](super::DataError::setting).
    pub(super) fn setting(&self) -> Option<&'static str> {
        match self {
            Self::TokenColumns { .. }
            | Self::ColumnCount { .. }
            | Self::NoEntities { .. }
            | Self::UnknownTag { scheme: None, .. } => Some("columns"),
            Self::UnknownTag { scheme: Some(_), .. } | Self::MisplacedTag { .. } => Some("scheme"),
            Self::TooFewSentences { .. } => None,
        }
    }
}
