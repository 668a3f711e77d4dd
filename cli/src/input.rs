//! Reads texts from arguments, files and standard input.

use std::io::{BufRead, BufReader, Read, stdin};
use std::path::{Path, PathBuf};

use clap::Args;
use datasets::text_file;
use inference::PredictError;

use crate::error::{CliError, Result};

/// An iterator over texts, each with its number, counted from 1: the number of its line or of its argument.
pub type Texts<'a> = Box<dyn Iterator<Item = Result<(usize, String)>> + 'a>;

/// The arguments of a verb that reads texts and prints an answer for each of them.
#[derive(Debug, Args)]
pub struct TextArgs {
    /// Texts; if absent or `-`, one text per line is read from standard input
    #[arg(value_name = "TEXT", conflicts_with = "file")]
    texts: Vec<String>,
    /// Read one text per line from this file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl TextArgs {
    /// The file that contains the texts, if the option `--file` is given.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Reads the texts, and calls `answer` with batches of at most `size` texts and their numbers. The number of a text
    /// is the number of its line or of its argument, counted from 1. Empty texts are skipped. Each line of standard
    /// input is passed to `answer` as soon as it has been read.
    ///
    /// # Errors
    ///
    /// Returns an error if all texts are empty, if `answer` fails, or if a line cannot be read. All lines before an
    /// unreadable line have then been passed to `answer`.
    pub fn for_each_batch(
        &self,
        size: usize,
        mut answer: impl FnMut(Vec<usize>, Vec<String>) -> Result<()>,
    ) -> Result<()> {
        let interactive = self.file.is_none() && matches!(&self.texts[..], [] | [_]);
        let size = if interactive { 1 } else { size };
        let (mut batch, mut answered) = (Vec::new(), false);
        let mut finish = |batch: &mut Vec<(usize, String)>| {
            let (lines, texts): (Vec<usize>, Vec<String>) = std::mem::take(batch).into_iter().unzip();
            if lines.is_empty() { Ok(()) } else { answer(lines, texts) }
        };
        for line in texts(self.file.as_deref(), &self.texts)? {
            match line {
                Ok((_, text)) if text.trim().is_empty() => continue,
                Ok(line) => batch.push(line),
                Err(error) => {
                    finish(&mut batch)?;
                    return Err(error);
                }
            }
            answered = true;
            if batch.len() == size {
                finish(&mut batch)?;
            }
        }
        finish(&mut batch)?;
        match answered {
            true => Ok(()),
            false => Err(PredictError::bad_input("text", "all lines are empty; give a text with words").into()),
        }
    }
}

/// The name of standard input in messages.
const STDIN: &str = "standard input";

/// Reads one text: from a file, if one is given; otherwise from the argument, or from standard input if the argument is
/// `-`. A file may be compressed and in [any usual encoding](text_file). CRLF becomes LF.
pub fn text(file: Option<&Path>, argument: &str) -> Result<String> {
    let mut content = Vec::new();
    match (file, argument) {
        (Some(path), _) => text_file::open(path)?.read_to_end(&mut content).map_err(io(path))?,
        (None, "-") => stdin().read_to_end(&mut content).map_err(io(Path::new(STDIN)))?,
        (None, text) => return Ok(clean(text)),
    };
    Ok(clean(&text_file::decode(&content)))
}

fn clean(text: &str) -> String {
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n")
}

/// Returns an iterator over texts and their numbers, counted from 1. The texts are the lines of `file` if it is given,
/// and otherwise the arguments. If there are no arguments, or `-` is the only one, the texts are the lines of standard
/// input. Lines are read one by one, so a file may be larger than the memory, unless it is in UTF-16.
pub fn texts<'a>(file: Option<&Path>, arguments: &'a [String]) -> Result<Texts<'a>> {
    match (file, arguments) {
        (Some(path), _) => Ok(lines(path, text_file::open(path)?)),
        (None, []) => Ok(lines(Path::new(STDIN), BufReader::new(stdin()))),
        (None, [dash]) if dash == "-" => Ok(lines(Path::new(STDIN), BufReader::new(stdin()))),
        (None, texts) => Ok(Box::new((1..).zip(texts.iter().cloned()).map(Ok))),
    }
}

fn lines(path: &Path, source: impl BufRead + 'static) -> Texts<'static> {
    let path = path.to_path_buf();
    Box::new((1..).zip(source.split(b'\n')).map(move |(number, line)| {
        let line = line.map_err(io(&path))?;
        Ok((number, text_file::decode(&line).trim_end_matches('\r').to_owned()))
    }))
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> CliError {
    let path = path.to_path_buf();
    move |source| CliError::Io { action: "read", path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_in_batches_with_their_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("texts");
        let batches = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            let mut batches = Vec::new();
            let result = TextArgs { texts: vec![], file: Some(path.clone()) }.for_each_batch(2, |lines, texts| {
                batches.push((lines, texts.concat()));
                Ok(())
            });
            (batches, result)
        };
        let (three, result) = batches(b"a\n \nb\nc");
        assert_eq!(three, [(vec![1, 3], "ab".to_owned()), (vec![4], "c".to_owned())]);
        result.unwrap();
        // The start of a file that gzip has packed.
        let (before, result) = batches(b"\x1f\x8b\x08\0\0\0\0\0\0\x03\0\x03\0\xfc\xffa\nb");
        assert_eq!(before, [(vec![1], "a".to_owned())]);
        assert!(matches!(result, Err(CliError::Io { .. })));
        let (none, result) = batches(b"\n  \n");
        assert!(none.is_empty() && matches!(result, Err(CliError::Predict(PredictError::BadInput { .. }))));
    }

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
    fn files_may_be_in_other_encodings() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("texts");
        let utf16: Vec<u8> = "\u{feff}Grüße\r\n5 €\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [utf16, b"Gr\xfc\xdfe\r\n5 \x80\n".to_vec()] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(text(Some(&path), "").unwrap(), "Grüße\n5 €\n");
            let lines: Vec<_> = texts(Some(&path), &[]).unwrap().map(|line| line.unwrap().1).collect();
            assert_eq!(lines, ["Grüße", "5 €"]);
        }
    }
}
