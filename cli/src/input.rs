//! Reads texts from arguments, files and standard input.

use std::io::{BufRead, BufReader, Read, stdin};
use std::path::{Path, PathBuf};

use clap::Args;
use datasets::text_file;
use inference::PredictError;
use inference::text::plain_lines;

use crate::error::{CliError, Result};
use crate::lines::Lines;
use crate::shard::{List, ShardArgs};

/// An iterator over pairs of a number and a text. The number is the number of the line or argument that contains the
/// text, counted from 1.
pub type Texts<'a> = Box<dyn Iterator<Item = Result<(usize, String)>> + 'a>;

/// The arguments of a verb (subcommand) that reads texts and prints a prediction for each text.
#[derive(Debug, Args)]
pub struct TextArgs {
    /// Text to predict for, which may begin with a dash; if absent or `-`, one text per line is read from standard
    /// input
    #[arg(value_name = "TEXT", conflicts_with = "file", allow_hyphen_values = true, value_parser = argument)]
    text: Option<String>,
    /// Further texts
    #[arg(value_name = "TEXTS", conflicts_with = "file")]
    more: Vec<String>,
    /// Texts after `--`, which may look like options
    #[arg(value_name = "TEXT", conflicts_with = "file", last = true)]
    escaped: Vec<String>,
    /// Read one text per line from this file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    shard: ShardArgs,
}

/// The arguments of a verb (subcommand) that reads one text.
#[derive(Debug, Args)]
pub struct TextArg {
    /// Text, which may begin with a dash; `-` is standard input
    #[arg(value_name = "TEXT", conflicts_with = "file", allow_hyphen_values = true, value_parser = argument)]
    text: Option<String>,
    #[arg(hide = true)]
    more: Vec<String>,
    /// Text after `--`, which may look like an option
    #[arg(value_name = "TEXT", conflicts_with_all = ["text", "file"], last = true)]
    escaped: Option<String>,
    /// Read the text from this file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl TextArg {
    /// Reads the text from the argument, the file or standard input. If the user gives neither an argument nor a file,
    /// `absent` is the argument; an `absent` of `-` means standard input.
    pub fn read(&self, absent: &str) -> Result<String> {
        match self.more.first() {
            Some(word) => Err(CliError::Usage(format!("`{word}` is a second text; put the whole text in quotes"))),
            None => text(self.file.as_deref(), self.argument().unwrap_or(absent)),
        }
    }

    /// Returns whether the text comes from a file or from standard input. Such a text usually ends with a line end.
    pub fn is_file(&self) -> bool {
        self.file.is_some() || self.argument() == Some("-")
    }

    fn argument(&self) -> Option<&str> {
        self.text.as_deref().or(self.escaped.as_deref())
    }
}

/// Parses an argument that is a text. A text may begin with a dash. An argument that looks like an option, such as
/// `--jsom`, is refused, because it is more likely to be a typing error.
pub(crate) fn argument(text: &str) -> std::result::Result<String, String> {
    let ascii_name = |name: &str| name.chars().all(|letter| letter.is_ascii_alphabetic() || letter == '-');
    let is_name = |name: &str| name.starts_with(|first: char| first.is_ascii_alphabetic()) && ascii_name(name);
    let name = text.split('=').next().unwrap_or_default();
    let short = text.strip_prefix('-').is_some_and(|name| name.len() == 1 && is_name(name));
    let is_option = short || name.strip_prefix("--").is_some_and(is_name);
    match is_option {
        true => {
            Err("there is no such option; if this is the text to read, put `--` before it, or use `--file -` to read it from standard input"
                .to_owned())
        }
        false => Ok(text.to_owned()),
    }
}

impl TextArgs {
    /// Returns the file that contains the texts, if the option `--file` is given.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Returns the option `--shard`, which selects the texts for which this process predicts.
    pub fn shard(&self) -> ShardArgs {
        self.shard
    }

    /// Returns the texts that are given as arguments.
    fn arguments(&self) -> Vec<String> {
        self.text.iter().chain(&self.more).chain(&self.escaped).cloned().collect()
    }

    /// Reads the texts, and calls `answer` with batches of at most `size` texts and their numbers. The number of a text
    /// is the number of its line or of its argument, counted from 1. Empty texts are skipped. Each line of standard
    /// input is passed to `answer` as soon as it has been read. With `--shard`, only the batches of the shard are
    /// passed to `answer`. Returns the number and the digest of all texts, including those of other shards.
    ///
    /// # Errors
    ///
    /// Returns an error if all texts are empty, if `answer` fails, or if a line cannot be read. All lines before an
    /// unreadable line have then been passed to `answer`.
    pub fn for_each_batch(
        &self,
        size: usize,
        mut answer: impl FnMut(Vec<usize>, Vec<String>) -> Result<()>,
    ) -> Result<List> {
        let arguments = self.arguments();
        let interactive = self.file.as_deref().is_none_or(is_stdin) && arguments.len() <= 1;
        let size = if interactive { 1 } else { size };
        let (mut batch, mut list, mut batches) = (Vec::new(), List::default(), 0);
        let mut finish = |batch: &mut Vec<(usize, String)>| {
            let (lines, texts): (Vec<usize>, Vec<String>) = std::mem::take(batch).into_iter().unzip();
            batches += 1;
            if lines.is_empty() || !self.shard.has(batches - 1) { Ok(()) } else { answer(lines, texts) }
        };
        for line in texts(self.file.as_deref(), &arguments)? {
            match line {
                Ok((_, text)) if text.trim().is_empty() => continue,
                Ok((number, text)) => {
                    list.add(text.as_bytes());
                    batch.push((number, text));
                }
                Err(error) => {
                    finish(&mut batch)?;
                    return Err(error);
                }
            }
            if batch.len() == size {
                finish(&mut batch)?;
            }
        }
        finish(&mut batch)?;
        match list.count() {
            1.. => Ok(list),
            0 => Err(PredictError::bad_input("text", "all lines are empty; give a text with words").into()),
        }
    }
}

/// The name of standard input in messages.
const STDIN: &str = "standard input";

/// Returns whether a path is `-`, which means standard input.
fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Reads one text: from the file if it is given, and otherwise from the argument. The file `-` and the argument `-`
/// mean standard input. A file may be compressed and in [any usual encoding](text_file). The line ends CRLF and CR
/// become LF.
pub(crate) fn text(file: Option<&Path>, argument: &str) -> Result<String> {
    let mut content = Vec::new();
    match (file, argument) {
        (Some(path), _) if !is_stdin(path) => text_file::open(path)?.read_to_end(&mut content).map_err(io(path))?,
        (Some(_), _) | (None, "-") => stdin().read_to_end(&mut content).map_err(io(Path::new(STDIN)))?,
        (None, text) => return Ok(plain_lines(text)),
    };
    Ok(plain_lines(&text_file::decode(&content)))
}

/// Returns an iterator over texts and their numbers, counted from 1. The texts are the lines of `file` if it is given,
/// and otherwise the arguments. If there are no arguments, or the only argument is `-`, the texts are the lines of
/// standard input, as for the file `-`. Lines are read one by one, so a file may be larger than the memory, unless it
/// is in UTF-16.
pub(crate) fn texts<'a>(file: Option<&Path>, arguments: &'a [String]) -> Result<Texts<'a>> {
    match (file, arguments) {
        (Some(path), _) if !is_stdin(path) => {
            refuse_table(path)?;
            Ok(lines(path, text_file::open(path)?))
        }
        (Some(_), _) | (None, []) => Ok(lines(Path::new(STDIN), BufReader::new(stdin()))),
        (None, [dash]) if dash == "-" => Ok(lines(Path::new(STDIN), BufReader::new(stdin()))),
        (None, texts) => Ok(Box::new((1..).zip(texts.iter().cloned()).map(Ok))),
    }
}

/// Returns an error if the file name ends with `.csv` or `.tsv`. If a table were read line by line, its header would
/// become a text, and a quoted cell with line ends would become several texts.
fn refuse_table(path: &Path) -> Result<()> {
    let table = |end: &std::ffi::OsStr| ["csv", "tsv"].iter().any(|table| end.eq_ignore_ascii_case(table));
    match path.extension().is_some_and(table) {
        true => Err(CliError::Usage(format!(
            "{} is a table, but --file reads one text per line; save the column with the texts as a .txt file first",
            path.display()
        ))),
        false => Ok(()),
    }
}

fn lines(path: &Path, source: impl BufRead + 'static) -> Texts<'static> {
    let path = path.to_path_buf();
    Box::new((1..).zip(Lines::new(source)).map(move |(number, line)| {
        let line = line.map_err(io(&path))?;
        Ok((number, line_text(&path, number, &line)?))
    }))
}

/// Decodes a line of text. Only the first line may begin with a byte-order mark.
fn line_text(path: &Path, number: usize, line: &[u8]) -> Result<String> {
    let text = if number == 1 { text_file::decode(line) } else { text_file::decode_part(line) };
    match text.contains('\0') {
        true => Err(CliError::Usage(format!(
            "{}, line {number}: the text has NUL characters and may be UTF-16; convert the file to UTF-8 first",
            path.display()
        ))),
        false => Ok(text.into_owned()),
    }
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> CliError {
    let path = path.to_path_buf();
    move |source| CliError::Io { action: "read", path, source }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn texts_come_in_batches_with_their_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("texts");
        let batches = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            let mut batches = Vec::new();
            let args = TextArgs {
                text: None,
                more: vec![],
                escaped: vec![],
                file: Some(path.clone()),
                shard: ShardArgs::default(),
            };
            let result = args.for_each_batch(2, |lines, texts| {
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

    #[derive(clap::Parser)]
    struct Program {
        #[command(flatten)]
        texts: TextArgs,
        #[arg(long)]
        json: bool,
    }

    #[test]
    fn texts_may_begin_with_a_dash_and_options_are_still_options() {
        let parse = |line: &[&str]| {
            let parsed = Program::try_parse_from([&["program"], line].concat());
            parsed.map(|Program { texts, json }| (texts.arguments(), json)).map_err(|error| error.kind())
        };
        for text in ["-1/10, awful", "-- Hello", "-5", "-5 degrees", "- Hello", "---", "—", "-hello", "--10", "-"] {
            let expected = vec![text.to_owned()];
            assert_eq!(parse(&[text]), Ok((expected.clone(), false)), "{text}");
            assert_eq!(parse(&["--json", text]), Ok((expected.clone(), true)), "{text}");
            assert_eq!(parse(&[text, "--json"]), Ok((expected, true)), "{text}");
        }
        assert_eq!(parse(&["a", "b", "--json"]), Ok((vec!["a".to_owned(), "b".to_owned()], true)));
        assert_eq!(parse(&["a", "--", "-b"]), Ok((vec!["a".to_owned(), "-b".to_owned()], false)));
        assert_eq!(parse(&["--", "-b", "-c"]), Ok((vec!["-b".to_owned(), "-c".to_owned()], false)));
        for option in ["--jsom", "--jsom=1", "-j"] {
            assert_eq!(parse(&[option]), Err(clap::error::ErrorKind::ValueValidation), "{option}");
        }
        assert_eq!(parse(&["--help"]), Err(clap::error::ErrorKind::DisplayHelp));
    }

    #[derive(clap::Parser)]
    struct Single {
        #[command(flatten)]
        text: TextArg,
        #[arg(long)]
        json: bool,
    }

    #[test]
    fn one_text_is_one_argument() {
        let parse = |line: &[&str]| {
            let parsed = Single::try_parse_from([&["program"], line].concat());
            parsed.map(|Single { text, json }| (text.read("absent"), json)).map_err(|error| error.kind())
        };
        for (line, text) in [
            (&["--json", "- Hello"][..], "- Hello"),
            (&["-1/10, awful", "--json"], "-1/10, awful"),
            (&["--json", "--", "--jsom"], "--jsom"),
            (&["--json"], "absent"),
        ] {
            assert!(matches!(parse(line), Ok((Ok(read), true)) if read == text), "{line:?}");
        }
        assert!(matches!(parse(&["the", "dog"]), Ok((Err(CliError::Usage(_)), false))));
        assert!(matches!(parse(&["--jsom", "the dog"]), Err(clap::error::ErrorKind::ValueValidation)));
    }

    #[test]
    fn tables_are_refused() {
        for name in ["reviews.csv", "a.b/REVIEWS.TSV"] {
            assert!(matches!(texts(Some(Path::new(name)), &[]), Err(CliError::Usage(_))), "{name}");
        }
    }

    #[test]
    fn only_the_first_line_may_have_a_byte_order_mark() {
        let text = |number, line| line_text(Path::new("texts"), number, line);
        assert_eq!(text(1, b"\xef\xbb\xbfa").unwrap(), "a");
        assert_eq!(text(2, b"\xff\xfea").unwrap(), "ÿþa");
        assert!(matches!(text(2, b"a\0"), Err(CliError::Usage(_))));
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
