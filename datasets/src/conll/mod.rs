//! Sentences with named entities, in the file format of the CoNLL shared tasks.
//!
//! A line has columns, of which one holds a token and another holds the tag of this token. An empty line ends a
//! sentence:
//!
//! ```text
//! Ada        B-person
//! Lovelace   I-person
//! saw        O
//! London     B-location
//! ```
//!
//! [`parse`] converts the tags of every [`Scheme`] to spans of tokens, and [`Scheme::tags`] converts spans to tags.

pub mod conll2003;
mod own;
mod rows;
mod scheme;
#[cfg(test)]
mod tests;
pub mod wnut17;

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use own::own_parts;
pub use scheme::Scheme;

use crate::error::{DataError, Result};
use crate::source::{Locator, Source, hex};
use crate::text_file::utf8;

/// The tokens of a sentence and the entities among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaggedSentence {
    /// The tokens.
    pub tokens: Vec<String>,
    /// The entities, in the order of the tokens, without overlaps.
    pub entities: Vec<EntitySpan>,
}

/// An entity: the tokens `start..end` of a sentence, and the type of the entity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntitySpan {
    /// The index of the first token.
    pub start: usize,
    /// The index after the last token.
    pub end: usize,
    /// The type of the entity, as the file names it, such as `person` or `LOC`.
    pub kind: String,
}

/// How to read a file in CoNLL columns. With the default, the first column is the token, the last column is the tag,
/// and the tagging scheme is recognised from the tags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConllFormat {
    /// The names of all columns: `token` and `tag` once each, and any other names for columns to ignore. If there are
    /// no names, the first column is the token and the last column is the tag.
    pub columns: Vec<String>,
    /// The tagging scheme. If it is `None`, the scheme is recognised from the tags of the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
}

/// Tagged sentences, split into a training, a validation and a test part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedParts {
    /// The sentences of the training part.
    pub train: Vec<TaggedSentence>,
    /// The sentences of the validation part.
    pub valid: Vec<TaggedSentence>,
    /// The sentences of the test part.
    pub test: Vec<TaggedSentence>,
    /// The name and the checksum of the data.
    pub source: String,
}

/// Reads the sentences of a text in CoNLL columns. `path` appears in the error messages.
///
/// A line is split into columns at tabs. If this does not give the expected number of columns, the line is split at
/// tabs and blanks. Several separators in a row count as one separator. Lines of white space, and lines whose first
/// field is `-DOCSTART-`, end a sentence. Lines that begin with `# ` are comments, unless they can be read as the token
/// `#` with its tag.
///
/// # Errors
///
/// A [`TagError`](crate::TagError): `TokenColumns` if the given column names do not contain `token` and `tag` once
/// each, `ColumnCount` for a line with too few or too many columns, `UnknownTag` for a tag that does not belong to the
/// scheme, and `MisplacedTag` for a tag that the scheme does not allow at its place. [`DataError::Empty`] for a text
/// without sentences.
pub fn parse(path: &Path, text: &str, format: &ConllFormat) -> Result<Vec<TaggedSentence>> {
    let sentences = rows::read(path, text, &format.columns)?;
    if sentences.is_empty() {
        return Err(DataError::Empty { path: path.to_path_buf(), what: "sentences" });
    }
    let scheme = match format.scheme {
        Some(scheme) => scheme,
        None => Scheme::recognise(path, &sentences)?,
    };
    let tagged = |rows: &Vec<rows::Row<'_>>| {
        let tokens = rows.iter().map(|row| row.token.to_owned()).collect();
        Ok(TaggedSentence { tokens, entities: scheme.spans(path, rows)? })
    };
    sentences.iter().map(tagged).collect()
}

/// Reads a data set that is published in three files, for training, validation and testing.
fn published(source: &Source, locator: &Locator) -> Result<TaggedParts> {
    let mut hash = Sha256::new();
    let mut parts = Vec::with_capacity(source.files.len());
    for file in source.files {
        let path = Path::new(source.folder).join(file.name);
        let bytes = locator.read(source, file)?;
        hash.update(&bytes);
        parts.push(parse(&path, &utf8(bytes, &path)?, &ConllFormat::default())?);
    }
    let source = format!("{} (SHA-256 of the three files {})", source.name, hex(&hash.finalize()));
    let mut parts = parts.into_iter();
    let mut next = || parts.next().unwrap_or_default();
    Ok(TaggedParts { train: next(), valid: next(), test: next(), source })
}
