//! Reads the lines of a file in CoNLL columns, and groups the tokens by sentence.

use std::path::Path;

use super::scheme::Tag;
use crate::error::{DataError, Result, TagError};

/// A token and its tag.
pub(super) struct Row<'a> {
    /// The line number in the file, counted from 1.
    pub line: usize,
    pub token: &'a str,
    pub tag: Tag<'a>,
}

/// The number of columns in a line, and the indices of the columns with the token and the tag.
struct Columns {
    count: usize,
    token: usize,
    tag: usize,
}

/// Reads the tokens and tags of a text in CoNLL columns, and returns the rows of each sentence. `names` are the column
/// names in [`ConllFormat::columns`](super::ConllFormat::columns); if there are none, the text determines the columns.
pub(super) fn read<'a>(path: &Path, text: &'a str, names: &[String]) -> Result<Vec<Vec<Row<'a>>>> {
    let text = text.trim_start_matches('\u{feff}');
    let columns = if names.is_empty() { Columns::of_text(text) } else { Columns::named(names)? };
    let mut sentences = vec![Vec::new()];
    for (line, number) in text.lines().zip(1..) {
        if ends_sentence(line) {
            sentences.push(Vec::new());
        } else if !columns.is_comment(line)
            && let Some(sentence) = sentences.last_mut()
        {
            sentence.push(columns.row(path, number, line)?);
        }
    }
    sentences.retain(|rows| !rows.is_empty());
    Ok(sentences)
}

fn ends_sentence(line: &str) -> bool {
    line.trim().is_empty() || line.split([' ', '\t']).next() == Some("-DOCSTART-")
}

/// Splits a line at tabs into its fields. Empty fields are left out.
fn by_tabs(line: &str) -> Vec<&str> {
    line.split('\t').map(|field| field.trim_matches([' ', '\r'])).filter(|field| !field.is_empty()).collect()
}

/// Splits a line at tabs and blanks into its fields. Other white space, such as U+00A0, may be part of a token.
fn by_blanks(line: &str) -> Vec<&str> {
    line.split([' ', '\t', '\r']).filter(|field| !field.is_empty()).collect()
}

impl Columns {
    /// Determines the columns of `text` if no column names are given: the token is in the first column, and the tag is
    /// in the last column. The first line that is not a comment determines the number of columns.
    fn of_text(text: &str) -> Self {
        let mut lines = text.lines().filter(|line| !ends_sentence(line));
        let first = lines.clone().find(|line| !line.starts_with('#')).or_else(|| lines.next()).unwrap_or_default();
        let fields = if first.contains('\t') { by_tabs(first) } else { by_blanks(first) };
        // At least two columns are expected, so that a file with tokens but no tags gives an error at its first line.
        let count = fields.len().max(2);
        Self { count, token: 0, tag: count - 1 }
    }

    fn named(names: &[String]) -> Result<Self> {
        let place = |wanted: &str| {
            let mut places = names.iter().enumerate().filter(|(_, name)| *name == wanted).map(|(place, _)| place);
            places.next().filter(|_| places.next().is_none())
        };
        match (place("token"), place("tag")) {
            (Some(token), Some(tag)) => Ok(Self { count: names.len(), token, tag }),
            _ => Err(DataError::Tags(TagError::TokenColumns { columns: names.to_vec() })),
        }
    }

    /// Splits a line into its fields at tabs, because a token may contain blanks. If this does not give the expected
    /// number of columns, splits the line at tabs and blanks.
    fn fields<'a>(&self, line: &'a str) -> Vec<&'a str> {
        Some(by_tabs(line)).filter(|fields| fields.len() == self.count).unwrap_or_else(|| by_blanks(line))
    }

    /// Returns whether a line is a comment. A comment begins with `# ` and has more text after it. A line such as `# O`
    /// is not a comment, but a row with the token `#` and a valid tag.
    fn is_comment(&self, line: &str) -> bool {
        if !line.starts_with("# ") {
            return false;
        }
        let fields = self.fields(line);
        let is_row = fields.len() == self.count && Tag::parse(fields[self.tag]).is_some();
        fields.len() > 1 && !is_row
    }

    fn row<'a>(&self, path: &Path, line: usize, text: &'a str) -> Result<Row<'a>> {
        let (path, fields) = (path.to_path_buf(), self.fields(text));
        if fields.len() != self.count {
            let text = text.trim().to_owned();
            return Err(DataError::Tags(TagError::ColumnCount {
                path,
                line,
                text,
                found: fields.len(),
                wanted: self.count,
            }));
        }
        let (token, tag) = (fields[self.token], fields[self.tag]);
        match Tag::parse(tag) {
            Some(tag) => Ok(Row { line, token, tag }),
            None => Err(DataError::Tags(TagError::UnknownTag { path, line, tag: tag.to_owned(), scheme: None })),
        }
    }
}
