//! Reading of text files: decompression, conversion to UTF-8, and errors for files that are not text, such as Excel
//! workbooks.
//!
//! A file may be compressed with gzip or zstd, which is recognised from its first bytes. A byte-order mark
//! distinguishes UTF-8 from UTF-16. Without a mark the text is UTF-8, and each byte that is not valid UTF-8 is a
//! character of Windows-1252.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use ruzstd::decoding::StreamingDecoder;

use crate::error::{DataError, Result};

/// The first bytes of each kind of file that is not text, and the end of the error message: what the file is, and what
/// to do with it.
const FOREIGN: [(&[u8], &str); 6] = [
    (b"PK\x03\x04", "a workbook (.xlsx) or a zip archive; save the workbook as CSV, or unpack the archive"),
    (b"\xd0\xcf\x11\xe0", "a workbook of Excel (.xls); save the workbook as CSV"),
    (b"PAR1", "a Parquet file; save the table as CSV"),
    (b"\x89HDF", "an HDF5 file; save the table as CSV"),
    (b"%PDF", "a PDF file; save the text in a text file"),
    (b"SQLite format 3", "an SQLite database; save a table as CSV"),
];

const BINARY: &str = "a binary file, or a text in UTF-16 without a byte-order mark; save the text in UTF-8";

/// Opens a text file, and unpacks it if it is compressed with gzip or zstd. A text in UTF-16 with a byte-order mark is
/// converted to UTF-8. Any other text stays in the encoding of the file; [`decode`] or [`decode_part`] can convert its
/// bytes to UTF-8.
///
/// # Errors
///
/// [`DataError::Io`], [`DataError::Unpack`], and [`DataError::NotText`] for workbooks and other files without text.
pub fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    let mut reader = unpacked(path)?;
    let start = reader.fill_buf().map_err(DataError::unpack(path))?;
    if !matches!(Encoding::for_bom(start), Some((encoding, _)) if encoding != UTF_8) {
        return Ok(reader);
    }
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(DataError::unpack(path))?;
    Ok(Box::new(Cursor::new(decode(&bytes).into_owned().into_bytes())))
}

/// Reads the bytes of a text file, and unpacks them if the file is compressed with gzip or zstd. The bytes stay in the
/// encoding of the file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len() as usize);
    let mut bytes = Vec::with_capacity(size);
    unpacked(path)?.read_to_end(&mut bytes).map_err(DataError::unpack(path))?;
    Ok(bytes)
}

fn unpacked(path: &Path) -> Result<Box<dyn BufRead>> {
    let file = File::open(path).map_err(DataError::io("read", path))?;
    let mut file = BufReader::new(file);
    let start = file.fill_buf().map_err(DataError::io("read", path))?;
    if start.starts_with(b"\x1f\x8b") {
        return checked(BufReader::new(flate2::bufread::MultiGzDecoder::new(file)), path);
    }
    if start.starts_with(b"\x28\xb5\x2f\xfd") {
        return checked(Cursor::new(unpacked_zstd(file).map_err(DataError::unpack(path))?), path);
    }
    checked(file, path)
}

/// Unpacks all frames of a file that is compressed with zstd.
fn unpacked_zstd(mut file: impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while !file.fill_buf()?.is_empty() {
        StreamingDecoder::new(&mut file).map_err(std::io::Error::other)?.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Returns an error if the content is one of the [`FOREIGN`] kinds of files, which are not text.
fn checked(mut reader: impl BufRead + 'static, path: &Path) -> Result<Box<dyn BufRead>> {
    let start = reader.fill_buf().map_err(DataError::unpack(path))?;
    match FOREIGN.iter().find(|(magic, _)| start.starts_with(magic)) {
        Some((_, kind)) => Err(DataError::NotText { path: path.to_path_buf(), kind }),
        None => Ok(Box::new(reader)),
    }
}

/// Converts the bytes of a text to UTF-8. A byte-order mark determines the encoding and is removed. Without a mark, or
/// with the mark of UTF-8, bytes that are not valid UTF-8 are read as Windows-1252.
///
/// ```
/// use datasets::text_file::decode;
///
/// assert_eq!(decode(b"\xff\xfeZ\0\xfc\0"), "Zü");
/// assert_eq!(decode(b"\xef\xbb\xbfZ\xc3\xbc"), "Zü");
/// assert_eq!(decode(b"Z\xfc, \x80"), "Zü, €");
/// ```
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let (encoding, mark) = Encoding::for_bom(bytes).unwrap_or((UTF_8, 0));
    let content = &bytes[mark..];
    if encoding != UTF_8 {
        return encoding.decode_without_bom_handling(content).0;
    }
    decode_part(content)
}

/// Converts a part of a text, such as a line, to UTF-8. Unlike [`decode`], this function does not look for a byte-order
/// mark.
pub fn decode_part(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(mixed(bytes)),
    }
}

/// Converts the content of a text file to UTF-8, like [`decode`].
///
/// # Errors
///
/// [`DataError::NotText`] if the content has NUL characters.
pub(crate) fn text<'a>(bytes: &'a [u8], path: &Path) -> Result<Cow<'a, str>> {
    let text = decode(bytes);
    match text.contains('\0') {
        true => Err(DataError::NotText { path: path.to_path_buf(), kind: BINARY }),
        false => Ok(text),
    }
}

/// Converts the bytes of a UTF-8 file to text. If they are not valid UTF-8, the error names the line of the first
/// invalid byte.
pub(crate) fn utf8(bytes: Vec<u8>, path: &Path) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        DataError::NotUtf8 { path: path.to_path_buf(), line: Some(line) }
    })
}

/// Decodes UTF-8. Bytes that are not valid UTF-8 are decoded as Windows-1252.
fn mixed(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.push_str(&WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0);
    }
    text
}
