//! Texts in tables, such as CSV and TSV files.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord};
use sha2::{Digest, Sha256};

use super::{Spellings, Text, Texts};
use crate::error::{DataError, Result, TextError};
use crate::source::described;
use crate::text_file;

/// The characters that may separate columns.
const SEPARATORS: [u8; 3] = [b',', b'\t', b';'];

impl Texts {
    /// Reads a table in [any usual encoding](crate::text_file), which may be compressed with gzip or zstd. The table
    /// has a header, and its columns are separated by commas, tabs or semicolons. `text` and `label` are the names of
    /// the columns with the texts and the labels. Blanks around labels are removed.
    ///
    /// # Errors
    ///
    /// A [`DataError`] that names the file and the line; among others [`DataError::NoColumn`], [`DataError::Csv`], and
    /// the errors of [`from_file`](Self::from_file).
    pub fn from_table(path: &Path, text: &str, label: &str) -> Result<Self> {
        Self::from_file(path, [text, label], |content| csv_rows(path, content, text, label))
    }

    /// Reads a text file in [any usual encoding and compression](crate::text_file). The function `rows` converts the
    /// content of the file to rows. `columns` are the names of the column of texts and of the column of labels. Only
    /// error messages use these names.
    ///
    /// # Errors
    ///
    /// The errors of `rows`, [`DataError::Io`], [`DataError::NotText`], [`DataError::Empty`] if there are no rows, and
    /// in [`DataError::Texts`]: [`TextError::EmptyField`] and [`TextError::TwoSpellings`].
    pub fn from_file(path: &Path, columns: [&str; 2], rows: impl FnOnce(&str) -> Result<Vec<Row>>) -> Result<Self> {
        let bytes = text_file::read(path)?;
        let texts = checked(path, rows(&text_file::text(&bytes, path)?)?, columns)?;
        Ok(Self { texts, source: described(path, "SHA-256", &Sha256::digest(&bytes)) })
    }
}

/// A row of a table: a text and its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line number of the row, counted from 1.
    pub line: usize,
    /// The text.
    pub text: String,
    /// The label.
    pub label: String,
}

fn csv_rows(path: &Path, content: &str, text: &str, label: &str) -> Result<Vec<Row>> {
    let wrong = |error: csv::Error| DataError::Csv {
        path: path.to_path_buf(),
        line: error.position().map(|position| position.line() as usize),
        message: match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!(
                    "the row has {len} fields, but the header has {expected_len}; if a field contains a separator or a \
                     line end, put the field in quotes"
                )
            }
            _ => error.to_string(),
        },
    };
    let header = |separator: u8| -> Result<Vec<String>> {
        let mut reader = ReaderBuilder::new().delimiter(separator).from_reader(content.as_bytes());
        Ok(reader.headers().map_err(wrong)?.iter().map(|name| name.trim().to_owned()).collect())
    };
    let headers = SEPARATORS.into_iter().map(|separator| Ok((separator, header(separator)?)));
    let headers: Vec<(u8, Vec<String>)> = headers.collect::<Result<_>>()?;
    let has_both = |names: &Vec<String>| [text, label].iter().all(|name| names.iter().any(|other| other == name));
    let found = headers.iter().find(|(_, names)| has_both(names));
    // If no separator gives both columns, the error message names the columns that the most likely separator gives.
    let likely = headers.iter().rev().max_by_key(|(_, names)| names.len());
    let Some((separator, names)) = found.or(likely) else { return Ok(Vec::new()) };
    if names.iter().all(String::is_empty) {
        return Err(DataError::Empty { path: path.to_path_buf(), what: "rows" });
    }
    let [text, label] = [column(path, names, text, "text")?, column(path, names, label, "label")?];
    if let Some(line) = unbalanced_quote(content, *separator) {
        return Err(TextError::Quote { path: path.to_path_buf(), line }.into());
    }
    let mut reader = ReaderBuilder::new().delimiter(*separator).from_reader(content.as_bytes());
    let (mut rows, mut record) = (Vec::new(), StringRecord::new());
    while reader.read_record(&mut record).map_err(wrong)? {
        let line = record.position().map_or(0, |position| position.line() as usize);
        rows.push(Row { line, text: record[text].to_owned(), label: record[label].to_owned() });
    }
    Ok(rows)
}

/// Finds the first quoted field that is not closed correctly: the closing quote is missing, or other text follows it.
/// Returns the line number of the field's opening quote; `None` if all fields are correct. Without this check, the CSV
/// reader would read all rows up to the next quote in the file as one field.
fn unbalanced_quote(content: &str, separator: u8) -> Option<usize> {
    let mut bytes = content.bytes().peekable();
    let (mut line, mut starts_field) = (1, true);
    while let Some(byte) = bytes.next() {
        if byte == b'"' && starts_field {
            let opening = line;
            loop {
                match bytes.next() {
                    None => return Some(opening),
                    Some(b'\n') => line += 1,
                    // Two quotes in sequence are one quote in the text of the field.
                    Some(b'"') if bytes.next_if_eq(&b'"').is_none() => break,
                    Some(_) => {}
                }
            }
            while bytes.next_if_eq(&b' ').is_some() {}
            if bytes.peek().is_some_and(|next| ![separator, b'\n', b'\r'].contains(next)) {
                return Some(opening);
            }
        }
        line += usize::from(byte == b'\n');
        starts_field = byte == separator || byte == b'\n';
    }
    None
}

/// Returns the index of the column with this name. `setting` is the name of the setting that gives the column name, for
/// the error message.
fn column(path: &Path, names: &[String], name: &str, setting: &'static str) -> Result<usize> {
    let mut found = names.iter().enumerate().filter(|(_, other)| *other == name).map(|(index, _)| index);
    let path = || path.to_path_buf();
    match (found.next(), found.next()) {
        (Some(index), None) => Ok(index),
        (Some(_), Some(_)) => Err(DataError::DuplicateColumn { path: path(), line: 1, column: name.to_owned() }),
        (None, _) => Err(DataError::NoColumn {
            path: path(),
            line: 1,
            column: name.to_owned(),
            setting,
            columns: names.to_vec(),
        }),
    }
}

/// Converts rows to texts. Returns an error for an empty field, and for a label with two spellings.
fn checked(path: &Path, rows: Vec<Row>, columns: [&str; 2]) -> Result<Vec<Text>> {
    if rows.is_empty() {
        return Err(DataError::Empty { path: path.to_path_buf(), what: "rows" });
    }
    let mut empty = rows.iter().filter(|row| row.text.trim().is_empty() || row.label.trim().is_empty());
    if let Some(Row { line, text, .. }) = empty.next() {
        let column = columns[usize::from(!text.trim().is_empty())].to_owned();
        let (path, count) = (path.to_path_buf(), 1 + empty.count());
        return Err(TextError::EmptyField { path, line: *line, column, count }.into());
    }
    let mut spellings = Spellings::new(path);
    let text = |Row { line, text, label }| {
        let label = label.trim();
        spellings.check(label, line).map(|()| Text { text, label: label.to_owned() })
    };
    rows.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, content: &[u8]) -> Result<Texts> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        Texts::from_table(&path, "review", "stars")
    }

    fn pairs(texts: &Texts) -> Vec<(&str, &str)> {
        texts.texts.iter().map(|text| (text.text.as_str(), text.label.as_str())).collect()
    }

    const EXPECTED: [(&str, &str); 3] = [("one, \"two\"\nlines", "good"), ("dull", "bad"), ("fine", "good")];

    #[test]
    fn every_form_of_a_table_gives_the_same_texts() {
        let comma = "\u{feff}stars,review\r\n good,\"one, \"\"two\"\"\nlines\"\r\nbad,dull\r\ngood,fine\r\n";
        let tab = "id\tstars\treview\n1\tgood\t\"one, \"\"two\"\"\nlines\"\n2\tbad\tdull\n3\tgood\tfine\n";
        let semicolon = "review; stars\n\"one, \"\"two\"\"\nlines\";good\ndull;bad\nfine;good\n";
        for (name, content) in [("a.csv", comma), ("a.tsv", tab), ("a.txt", tab), ("a.csv", semicolon)] {
            assert_eq!(pairs(&read(name, content.as_bytes()).unwrap()), EXPECTED, "{name}: {content}");
        }
        assert_eq!(pairs(&read("a.csv", b"stars,review\ngood,caf\xe9\n").unwrap()), [("café", "good")]);
    }

    #[test]
    fn wrong_rows_are_named_by_line() {
        let error = |content: &str| read("a.csv", content.as_bytes()).unwrap_err();
        let found = error("stars,review\ngood,\"a\nb\"\nbad, \n,c\n");
        let DataError::Texts(TextError::EmptyField { line: 4, column, count: 2, .. }) = &found else {
            panic!("{found}")
        };
        assert_eq!(column, "review");
        let found = error("stars,review\n,a\nbad,b\n");
        assert!(
            matches!(&found, DataError::Texts(TextError::EmptyField { line: 2, column, count: 1, .. }) if column == "stars")
        );
        for (one, other) in [("good", "Good"), ("very good", "very  good"), ("a b", "ab")] {
            let found = error(&format!("stars,review\n{one},a\nbad,b\n{other},c\n"));
            let DataError::Texts(TextError::TwoSpellings { line: 4, other_line: 2, spellings, .. }) = &found else {
                panic!("{found}")
            };
            assert_eq!(**spellings, [one, other]);
        }
        let found = error("stars,review\ngood,a,b\n");
        assert!(matches!(&found, DataError::Csv { line: Some(2), .. }), "{found}");
        let found = error("stars;text\ngood;a\n");
        let DataError::NoColumn { column, setting: "text", columns, .. } = &found else { panic!("{found}") };
        assert_eq!((column.as_str(), columns.len()), ("review", 2));
        let found = error("review,stars,stars\na,b,c\n");
        assert!(matches!(&found, DataError::DuplicateColumn { column, .. } if column == "stars"), "{found}");
        for (content, line) in [
            ("stars,review\ngood,\"a\nbad,b\ngood,\"c\"\n", 2),
            ("stars,review\ngood,\"a\n b\"\nbad,\"b\n", 4),
            ("stars,review\ngood,\"a \\\"b\\\" c\"\n", 2),
        ] {
            let found = error(content);
            let DataError::Texts(TextError::Quote { line: found, .. }) = found else { panic!("{content}: {found}") };
            assert_eq!(found, line, "{content}");
        }
        let quotes = "stars,review\ngood,a \"b\" c\nbad,\"\" \ngood,\"d\"\"\" \nbad,5\"\n";
        assert!(unbalanced_quote(quotes, b',').is_none());
        for content in ["", "stars,review\n"] {
            assert!(matches!(error(content), DataError::Empty { .. }), "{content}");
        }
    }

    #[test]
    fn damaged_tables_are_texts_or_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        test_support::try_damaged(b"stars,review\ngood,\"a\nb\"\nbad,c\n", |bytes| {
            std::fs::write(&path, bytes).unwrap();
            let _ = Texts::from_table(&path, "review", "stars");
        });
    }
}
