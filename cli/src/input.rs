//! Texts from arguments, files and standard input.

use std::io::{BufRead, BufReader, Read, stdin};
use std::path::Path;

use crate::error::{CliError, Result};

/// Texts, each with its number (line or argument), counted from 1.
pub type Texts<'a> = Box<dyn Iterator<Item = Result<(usize, String)>> + 'a>;

/// The name of standard input in messages.
const STDIN: &str = "standard input";

/// Reads one text: from a file, if one is given; otherwise from the argument, or from standard input if the argument is
/// `-`. A byte-order mark is removed, and CRLF becomes LF.
pub fn text(file: Option<&Path>, argument: &str) -> Result<String> {
    let mut content = Vec::new();
    let name = match (file, argument) {
        (Some(path), _) => {
            content = std::fs::read(path).map_err(io(path))?;
            path
        }
        (None, "-") => {
            stdin().read_to_end(&mut content).map_err(io(Path::new(STDIN)))?;
            Path::new(STDIN)
        }
        (None, text) => return Ok(clean(text)),
    };
    let text = String::from_utf8(content).map_err(|error| not_utf8(name, line_of(&error)))?;
    Ok(clean(&text))
}

fn clean(text: &str) -> String {
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n")
}

/// Reads texts with their numbers from 1: the lines of a file, if one is given; otherwise the arguments; without
/// arguments, or for the single argument `-`, the lines of standard input. Lines are read one by one, so a file may be
/// larger than the memory.
pub fn texts<'a>(file: Option<&Path>, arguments: &'a [String]) -> Result<Texts<'a>> {
    match (file, arguments) {
        (Some(path), _) => Ok(lines(path, std::fs::File::open(path).map_err(io(path))?)),
        (None, []) => Ok(lines(Path::new(STDIN), stdin())),
        (None, [dash]) if dash == "-" => Ok(lines(Path::new(STDIN), stdin())),
        (None, texts) => Ok(Box::new((1..).zip(texts.iter().cloned()).map(Ok))),
    }
}

fn lines(path: &Path, source: impl Read + 'static) -> Texts<'static> {
    let path = path.to_path_buf();
    Box::new((1..).zip(BufReader::new(source).split(b'\n')).map(move |(number, line)| {
        let line = String::from_utf8(line.map_err(io(&path))?).map_err(|_| not_utf8(&path, number))?;
        Ok((number, line.trim_start_matches('\u{feff}').trim_end_matches('\r').to_owned()))
    }))
}

fn line_of(error: &std::string::FromUtf8Error) -> usize {
    let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    valid.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn not_utf8(path: &Path, line: usize) -> CliError {
    CliError::Usage(format!("{}, line {line}: not UTF-8; convert it first, for example with iconv", path.display()))
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> CliError {
    let path = path.to_path_buf();
    move |source| CliError::Io { action: "read", path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_marks_and_carriage_returns_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("texts");
        std::fs::write(&path, "\u{feff}one\r\ntwo\r\n").unwrap();
        assert_eq!(text(Some(&path), "").unwrap(), "one\ntwo\n");
        let lines: Vec<_> = texts(Some(&path), &[]).unwrap().map(Result::unwrap).collect();
        assert_eq!(lines, [(1, "one".to_owned()), (2, "two".to_owned())]);
    }

    #[test]
    fn other_encodings_are_refused_with_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("texts");
        std::fs::write(&path, b"one\ntw\xff\n").unwrap();
        let Err(CliError::Usage(message)) = text(Some(&path), "") else { panic!() };
        assert!(message.contains("line 2"), "{message}");
        assert!(texts(Some(&path), &[]).unwrap().nth(1).unwrap().is_err());
    }
}
