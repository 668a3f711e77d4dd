//! Texts for language models, split into training, validation and test parts.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{DataError, Result};
use crate::source::{Locator, Source, described};
use crate::text_file::{self, utf8};

/// A raw text in three parts. Each part consists of lines that end in `\n`, in their original order.
#[derive(Clone, Debug, PartialEq)]
pub struct Corpus {
    /// The text of the training part.
    pub train: String,
    /// The text of the validation part.
    pub valid: String,
    /// The text of the test part.
    pub test: String,
    /// The name and the checksum of the data set.
    pub source: String,
    /// The perplexity of the test part under the distribution that generated the text, if this distribution is known.
    /// No word-level model can have a lower expected perplexity. The end of a line counts as a word.
    pub floor: Option<f64>,
}

/// The validation part and the test part each get 1 / `HELD_OUT` of the lines, which is 5 %.
const HELD_OUT: usize = 20;

/// Reads a plain-text file, in [any usual encoding and compression](crate::text_file), and splits it by lines: the
/// first 90 % for training, the next 5 % for validation, the last 5 % for testing.
///
/// A byte-order mark is removed, and the line ends CRLF and CR become LF. The text has no other changes.
///
/// # Errors
///
/// [`DataError::Io`], [`DataError::Unpack`], [`DataError::NotText`], [`DataError::Empty`], and
/// [`DataError::TooFewLines`] for fewer than 20 lines.
pub fn own_text(path: &Path) -> Result<Corpus> {
    let bytes = text_file::read(path)?;
    let source = described(path, "SHA-256", &Sha256::digest(&bytes));
    let text = text_file::text(&bytes, path)?.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return Err(DataError::Empty { path: path.to_path_buf(), what: "lines" });
    }
    let held_out = lines.len() / HELD_OUT;
    if held_out == 0 {
        return Err(DataError::TooFewLines { path: path.to_path_buf(), lines: lines.len(), needed: HELD_OUT });
    }
    let (train, rest) = lines.split_at(lines.len() - 2 * held_out);
    let (valid, test) = rest.split_at(held_out);
    let part = |lines: &[&str]| lines.join("\n") + "\n";
    Ok(Corpus { train: part(train), valid: part(valid), test: part(test), source, floor: None })
}

/// Reads a corpus that is published in three files, for training, validation and testing. `tokens` are the published
/// numbers of tokens in these files: words separated by whitespace, and one end-of-line token per line.
pub(crate) fn published(source: &Source, tokens: [usize; 3], locator: &Locator) -> Result<Corpus> {
    let mut parts = Vec::with_capacity(tokens.len());
    for (file, wanted) in source.files.iter().zip(tokens) {
        let path = Path::new(source.folder).join(file.name);
        let text = utf8(locator.read(source, file)?, &path)?;
        let found = text.lines().map(|line| line.split_whitespace().count() + 1).sum();
        if found != wanted {
            return Err(DataError::Count { path, what: "tokens".to_owned(), found, wanted });
        }
        parts.push(text);
    }
    let sum = source.files.first().and_then(|train| train.sha256).unwrap_or_default();
    let name = format!("{} (SHA-256 of the training part {sum})", source.name);
    let mut parts = parts.into_iter();
    let mut next = || parts.next().unwrap_or_default();
    Ok(Corpus { train: next(), valid: next(), test: next(), source: name, floor: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_by_lines_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.txt");
        let lines: Vec<String> = (0..100).map(|line| format!("Line {line}, it's\tso.\r")).collect();
        std::fs::write(&path, format!("\u{feff}{}\n", lines.join("\n"))).unwrap();
        let corpus = own_text(&path).unwrap();
        assert_eq!(corpus.train.lines().count(), 90);
        assert_eq!(corpus.train.lines().next(), Some("Line 0, it's\tso."));
        assert_eq!(corpus.valid.lines().next(), Some("Line 90, it's\tso."));
        assert_eq!(corpus.test, lines[95..].iter().map(|line| line.replace('\r', "\n")).collect::<String>());
    }

    #[test]
    fn any_line_end_gives_the_same_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.txt");
        let lines: Vec<String> = (0..40).map(|line| "a\tb ".repeat(line % 3)).collect();
        let [unix, windows, macintosh] = ["\n", "\r\n", "\r"].map(|end| {
            std::fs::write(&path, lines.join(end) + end).unwrap();
            let Corpus { train, valid, test, .. } = own_text(&path).unwrap();
            [train, valid, test]
        });
        assert_eq!(unix.concat().lines().collect::<Vec<_>>(), lines);
        assert_eq!((&windows, &macintosh), (&unix, &unix));
    }

    #[test]
    fn the_encoding_and_the_compression_do_not_change_a_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.txt");
        let text = "Grüße, 5 €\n".repeat(40);
        let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let zstd = ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
        let western = encoding_rs::WINDOWS_1252.encode(&text).0.into_owned();
        for bytes in [text.clone().into_bytes(), utf16, zstd, western] {
            std::fs::write(&path, bytes).unwrap();
            let Corpus { train, valid, test, .. } = own_text(&path).unwrap();
            assert_eq!(train + &valid + &test, text);
        }
    }

    #[test]
    fn unusable_texts_are_errors_that_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("own.txt");
        let read = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            own_text(&file).unwrap_err()
        };
        assert!(matches!(read(b"PK\x03\x04"), DataError::NotText { path, .. } if path == file));
        assert!(matches!(read(b"\x1f\x8b\x08"), DataError::Unpack { path, .. } if path == file));
        assert!(matches!(read(b"one\ntwo\n"), DataError::TooFewLines { lines: 2, needed: 20, .. }));
        assert!(matches!(read(b"\xef\xbb\xbf"), DataError::Empty { .. }));
        let none = own_text(&dir.path().join("none.txt")).unwrap_err();
        assert!(matches!(none, DataError::Io { path, .. } if path.ends_with("none.txt")));
    }

    #[test]
    fn damaged_texts_are_texts_or_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.txt");
        test_support::try_damaged("a b\u{e9}\n".repeat(40).as_bytes(), |bytes| {
            std::fs::write(&path, bytes).unwrap();
            if let Ok(corpus) = own_text(&path) {
                assert!(corpus.valid.lines().count() == corpus.test.lines().count());
            }
        });
    }
}
