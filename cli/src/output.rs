//! Standard output: lines, JSON and tables. Standard error: messages.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::Path;

use inference::PredictError;
use serde::Serialize;
use training::{Measured, decimal};

use crate::error::{CliError, Result};

/// Returns whether to print colors: standard output is a terminal, the variable `TERM` is not `dumb`, and the variable
/// `NO_COLOR` is not set.
pub fn has_colors() -> bool {
    let is_set = |name: &str, is: fn(&OsStr) -> bool| std::env::var_os(name).is_some_and(|value| is(&value));
    stdout().is_terminal() && !is_set("NO_COLOR", |value| !value.is_empty()) && !is_set("TERM", |value| value == "dumb")
}

/// Writes a line to standard error, after [`printable`] has replaced its control characters. Unlike `eprintln`, this
/// function does not panic if standard error is closed.
pub fn log(line: &str) {
    let _ = writeln!(stderr(), "{}", printable(line));
}

/// Replaces the control characters of a text by U+FFFD, except line ends and tabs. The text may come from an untrusted
/// file, and a terminal would execute its control characters.
pub fn printable(text: &str) -> String {
    let is_obeyed = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    text.replace(is_obeyed, "\u{fffd}")
}

/// Writes one line to standard output.
pub fn print_line(line: &str) -> Result<()> {
    print_text(&format!("{line}\n"))
}

/// Writes text to standard output and flushes it at once.
pub fn print_text(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(CliError::ClosedOutput),
        Err(source) => Err(CliError::Io { action: "write", path: "standard output".into(), source }),
        Ok(()) => Ok(()),
    }
}

/// Writes a value as one line of JSON to standard output.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(value).map_err(|error| PredictError::Internal(error.into()))?;
    print_line(&text)
}

/// The prediction for one input text, with the number of the text. In JSON, the field `line` stands before the fields
/// of the prediction.
#[derive(Serialize)]
pub struct Numbered<'a, T: Serialize> {
    /// The number of the input line or argument that contains the text, counted from 1.
    pub line: usize,
    /// The prediction for the text; JSON contains its fields beside `line`.
    #[serde(flatten)]
    pub answer: &'a T,
}

/// The SVG file to which a verb writes its plot. [`Context::plot`](crate::Context::plot) creates this value.
#[derive(Clone, Copy, Debug)]
pub struct Plot<'a> {
    /// The SVG file.
    pub path: &'a Path,
    /// Whether the user has named the file. If not, a failure to write the file is only logged.
    pub(crate) is_requested: bool,
}

impl Plot<'_> {
    /// Writes the plot `svg` to the file, and logs the path.
    ///
    /// # Errors
    ///
    /// [`CliError::Io`] if the file that the user has named cannot be written. If the file with the default name cannot
    /// be written, a message is logged.
    pub fn write(&self, svg: &str) -> Result<()> {
        let path = self.path.to_path_buf();
        match std::fs::write(&path, svg) {
            Ok(()) => log(&format!("the plot is in {}", path.display())),
            Err(source) if self.is_requested => return Err(CliError::Io { action: "write", path, source }),
            Err(error) => log(&format!("no plot, because {} cannot be written: {error}", path.display())),
        }
        Ok(())
    }
}

/// Returns a path as text that can be typed into a shell. It is in single quotes if it contains special characters. A
/// path that begins with a dash, which would be read as an option, begins with `./` instead.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    shell_word(&if text.starts_with('-') { format!("./{text}") } else { text })
}

/// Returns a word of a shell command, in quotes if necessary.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = text.chars().all(|letter| letter.is_alphanumeric() || "/._-+:=@,".contains(letter));
    if plain && !text.is_empty() { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Aligns rows of text as columns. The last column has no padding.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Returns a table of metrics as text: one line per metric, one column for the model, and one column per baseline.
/// `title` is the heading of the column with the names of the metrics.
pub(crate) fn table(title: &str, model: &Measured, baselines: &BTreeMap<String, Measured>) -> String {
    let all: Vec<(&str, &Measured)> =
        [("this model", model)].into_iter().chain(baselines.iter().map(|(name, row)| (name.as_str(), row))).collect();
    let names = || model.metrics.iter().map(|metric| metric.name.as_str());
    let first = names().chain([title]).map(|name| name.chars().count()).max().unwrap_or(0);
    let cells = |cell: &dyn Fn(&str, &Measured) -> String| -> String {
        let cells = all.iter();
        cells.map(|(name, row)| format!("  {:>width$}", cell(name, row), width = name.chars().count().max(8))).collect()
    };
    let mut lines = vec![format!("{title:first$}{}", cells(&|name, _| name.to_owned()))];
    for name in names() {
        let value = |_: &str, row: &Measured| row.get(name).map_or("–".to_owned(), decimal);
        lines.push(format!("{name:first$}{}", cells(&value)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use training::Metric;

    use super::*;

    #[test]
    fn a_table_has_one_line_per_metric() {
        let measured = |names: &[&str]| -> Measured {
            names.iter().map(|name| Metric::lower(*name, 0.5)).collect::<Vec<_>>().into()
        };
        let baselines = BTreeMap::from([("Holt-Winters".to_owned(), measured(&["mae"]))]);
        insta::assert_snapshot!(table("test", &measured(&["mae", "mse"]), &baselines), @r"
        test  this model  Holt-Winters
        mae       0.5000        0.5000
        mse       0.5000             –
        ");
    }

    #[test]
    fn a_terminal_obeys_no_text() {
        assert_eq!(printable("a\x1b[2Jb\0\u{9b}1m\tc\nü"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}1m\tc\nü");
    }

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!(quoted(Path::new("runs/a-1")), "runs/a-1");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
        assert_eq!(quoted(Path::new("my runs/été 1")), "'my runs/été 1'");
        assert_eq!(quoted(Path::new("~")), "'~'");
        assert_eq!(quoted(Path::new("-run")), "./-run");
    }

    #[cfg(unix)]
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn a_shell_reads_a_quoted_path_as_it_is(path in "[ -~éß]{1,20}") {
            let command = format!("printf %s {}", quoted(Path::new(&path)));
            let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
            let expected = if path.starts_with('-') { format!("./{path}") } else { path };
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        }
    }
}
