//! The error type of the crate.

use std::path::{Path, PathBuf};

/// An error while finding, downloading, reading or preparing a data set.
///
/// Each message is one line that names the file, the line and the value where they are known.
/// [`setting`](Self::setting) tells a program which of its options can resolve the error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// No searched folder holds the set, and it cannot be downloaded.
    #[error("{set} was not found in {}; expected {}{}", list(places), wanted.join(" or "), published_at(url.as_deref()))]
    NotFound {
        /// Name of the set.
        set: &'static str,
        /// The folders that were searched.
        places: Vec<PathBuf>,
        /// The accepted paths, relative to one of the folders.
        wanted: Vec<String>,
        /// The published address, if the set can be downloaded.
        url: Option<String>,
    },
    /// The operating system refused to read or write a file or folder.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The attempted action, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A download failed. Received bytes are kept and the next attempt resumes, unless the content is wrong.
    #[error("cannot download {url}: {reason}; try again, or save the file as {}", path.display())]
    Download {
        /// The address.
        url: String,
        /// The cause.
        reason: String,
        /// The path of the finished download.
        path: PathBuf,
    },
    /// A file differs from the published one.
    #[error(
        "{} is damaged or altered: its {kind} is {found}, expected {wanted}; replace the file{}",
        path.display(),
        published_at(url.as_deref())
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The kind of checksum, or `size`.
        kind: &'static str,
        /// The computed value.
        found: String,
        /// The published value.
        wanted: String,
        /// The published address, if the file can be downloaded.
        url: Option<String>,
    },
    /// A set has more or fewer items than published.
    #[error("{} has {found} {what}, expected {wanted}; replace the data with a complete copy", path.display())]
    Count {
        /// The folder, archive or file.
        path: PathBuf,
        /// The counted items.
        what: String,
        /// The number of items found.
        found: usize,
        /// The published number of items.
        wanted: usize,
    },
    /// An archive or a compressed file cannot be unpacked.
    #[error("cannot unpack {}: {source}; replace it with a complete copy", path.display())]
    Unpack {
        /// The archive.
        path: PathBuf,
        /// The decoder's error.
        source: std::io::Error,
    },
    /// A text is not UTF-8.
    #[error("{} is not valid UTF-8; convert the file first, for example with iconv", at(path, line))]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line of the first invalid byte, from 1.
        line: Option<usize>,
    },
    /// A file or table has no content.
    #[error("{} has no {what}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// The missing content: `lines` or `rows`.
        what: &'static str,
    },
    /// A text has too few lines to be split into training, validation and test parts.
    #[error(
        "{} has {lines} lines, at least {needed} are needed; split long lines, for example with fold -s",
        path.display()
    )]
    TooFewLines {
        /// The file.
        path: PathBuf,
        /// The number of lines found.
        lines: usize,
        /// The minimum number of lines.
        needed: usize,
    },
    /// A row of a CSV file is malformed.
    #[error("{}: {message}", at(path, line))]
    Csv {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: Option<usize>,
        /// The CSV reader's message.
        message: String,
    },
    /// No column of a table has the name of a time column.
    #[error(
        "{}, line 1: no time column recognised; set CsvFormat::time to one or more of {}",
        path.display(),
        columns.join(", ")
    )]
    NoTimeColumn {
        /// The file.
        path: PathBuf,
        /// The columns of the table.
        columns: Vec<String>,
    },
    /// A named column does not exist.
    #[error(
        "{}, line 1: no column `{column}` (named by CsvFormat::{setting}); the columns are `{}`",
        path.display(),
        columns.join("`, `")
    )]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The missing column.
        column: String,
        /// The field of [`CsvFormat`](crate::CsvFormat) that names it: `time` or `columns`.
        setting: &'static str,
        /// The columns of the table.
        columns: Vec<String>,
    },
    /// Two columns of values have the same name.
    #[error(
        "{}, line 1: two columns are named `{column}`; rename one, or set CsvFormat::columns to other columns",
        path.display()
    )]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The name.
        column: String,
    },
    /// No column other than the time columns holds numbers.
    #[error("{}: no column of numbers besides the time{}", path.display(), example.as_ref().map_or(String::new(), example_of))]
    NoValues {
        /// The file.
        path: PathBuf,
        /// The name of one column and its first value.
        example: Option<(String, String)>,
    },
    /// A value is not a number.
    #[error(
        "{}, line {line}: `{value}` in column `{column}` is not a number; correct it, or set CsvFormat::columns to other \
         columns",
        path.display()
    )]
    NotANumber {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column.
        column: String,
        /// The value.
        value: String,
    },
    /// The parts of a time in separate columns do not make a date.
    #[error("{}: `{value}` is not a date", at(path, line))]
    InvalidDate {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: Option<usize>,
        /// The parts, separated by spaces.
        value: String,
    },
    /// A time does not match the given format, or any known one.
    #[error("{}: `{value}` {}", at(path, line), format_advice(format.as_deref()))]
    DateFormat {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: Option<usize>,
        /// The text of the time.
        value: String,
        /// [`CsvFormat::date_format`](crate::CsvFormat::date_format), if it is set.
        format: Option<String>,
    },
    /// Several formats fit all times of a table and give different times, such as day and month in either order.
    #[error(
        "{}: `{value}` is ambiguous; set CsvFormat::date_format to '{}' or '{}'",
        at(path, line),
        formats[0],
        formats[1]
    )]
    AmbiguousTime {
        /// The file.
        path: PathBuf,
        /// The line of the first time, from 1.
        line: Option<usize>,
        /// The text of the time.
        value: String,
        /// Two formats that fit.
        formats: [String; 2],
    },
    /// Two rows have the same time.
    #[error(
        "{}, line {line}: same time as line {other_line}, {time}; set CsvFormat::time to all columns of the time, or set \
         CsvFormat::duplicates",
        path.display()
    )]
    DuplicateTimes {
        /// The file.
        path: PathBuf,
        /// The later line, from 1.
        line: usize,
        /// The earlier line, from 1.
        other_line: usize,
        /// The time.
        time: jiff::civil::DateTime,
    },
    /// A value is missing.
    #[error(
        "{}, line {line}: no value in column `{column}` ({count} values are missing in the table); set CsvFormat::missing",
        path.display()
    )]
    MissingValues {
        /// The file.
        path: PathBuf,
        /// The line of the first missing value, from 1.
        line: usize,
        /// Its column.
        column: String,
        /// The number of missing values in the table.
        count: usize,
    },
    /// The gaps in the times are too long to be filled.
    #[error(
        "{}: {missing} steps of {step} s are missing, too many to fill between {rows} rows; set CsvFormat::gaps to \
         Gaps::Keep",
        path.display()
    )]
    IrregularTimes {
        /// The file.
        path: PathBuf,
        /// The number of missing steps.
        missing: usize,
        /// The length of a step in seconds.
        step: i64,
        /// The number of rows.
        rows: usize,
    },
    /// A series cannot be averaged over steps shorter than its own.
    #[error("{series}: the rows are {step} s apart and cannot be averaged over {span}; choose a longer span")]
    SpanTooShort {
        /// The [`source`](crate::Series::source) of the series.
        series: String,
        /// The length of a step of the series in seconds.
        step: i64,
        /// The requested span.
        span: crate::Span,
    },
}

/// The result type of the crate.
pub type Result<T> = std::result::Result<T, DataError>;

impl DataError {
    /// The name of the setting that can resolve the error, if there is one.
    ///
    /// `time`, `date_format`, `columns`, `missing`, `duplicates` and `gaps` are fields of
    /// [`CsvFormat`](crate::CsvFormat); `data_dir` is the argument of [`Locator::new`](crate::Locator::new); `span` is
    /// the argument of [`Series::averaged`](crate::Series::averaged). A command line can append the option of that name
    /// to the message.
    pub fn setting(&self) -> Option<&'static str> {
        match self {
            Self::NotFound { .. } | Self::Download { .. } | Self::Checksum { .. } | Self::Count { .. } => {
                Some("data_dir")
            }
            Self::NoTimeColumn { .. } => Some("time"),
            Self::NoColumn { setting, .. } => Some(setting),
            Self::DuplicateColumn { .. } | Self::NotANumber { .. } => Some("columns"),
            Self::DateFormat { .. } | Self::AmbiguousTime { .. } => Some("date_format"),
            Self::DuplicateTimes { .. } => Some("duplicates"),
            Self::MissingValues { .. } => Some("missing"),
            Self::IrregularTimes { .. } => Some("gaps"),
            Self::SpanTooShort { .. } => Some("span"),
            Self::Io { .. }
            | Self::Unpack { .. }
            | Self::NotUtf8 { .. }
            | Self::Empty { .. }
            | Self::TooFewLines { .. }
            | Self::Csv { .. }
            | Self::InvalidDate { .. }
            | Self::NoValues { .. } => None,
        }
    }

    /// Adds the attempted action and the path to an input/output error.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// Adds the path to an error of a decoder.
    pub(crate) fn unpack(path: &Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Unpack { path: path.clone(), source }
    }
}

/// A text from its bytes; the error names the line of the first invalid byte.
pub(crate) fn utf8(bytes: Vec<u8>, path: &Path) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        DataError::NotUtf8 { path: path.to_path_buf(), line: Some(line) }
    })
}

fn at(path: &Path, line: &Option<usize>) -> String {
    match line {
        Some(line) => format!("{}, line {line}", path.display()),
        None => path.display().to_string(),
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn published_at(url: Option<&str>) -> String {
    url.map_or(String::new(), |url| format!(" (published at {url})"))
}

fn example_of((column, value): &(String, String)) -> String {
    format!("; `{value}` in column `{column}` is not a number")
}

fn format_advice(format: Option<&str>) -> String {
    match format {
        Some(format) => format!("does not match the date format '{format}'"),
        None => "is not a recognised time; set CsvFormat::date_format, for example to '%d.%m.%Y %H:%M'".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library does not know the options of the programs that use it.
    #[test]
    fn messages_are_one_line_with_the_path_and_without_command_line_options() {
        let path = PathBuf::from("imdb/set.tar.gz");
        let url = "https://example.org/set.tar.gz".to_owned();
        let (found, wanted) = ("1".to_owned(), "2".to_owned());
        for error in [
            DataError::NotFound {
                set: "the set",
                places: vec![PathBuf::from("/data"), PathBuf::from("/cache")],
                wanted: vec!["imdb/set.tar.gz".to_owned(), "imdb/set/".to_owned()],
                url: Some(url.clone()),
            },
            DataError::Download { url: url.clone(), reason: "connection lost".to_owned(), path: path.clone() },
            DataError::Checksum { path: path.clone(), kind: "size", found, wanted, url: Some(url) },
            DataError::Count { path, what: "reviews".to_owned(), found: 1, wanted: 2 },
        ] {
            assert_eq!(error.setting(), Some("data_dir"));
            let message = error.to_string();
            assert!(
                message.contains("imdb/set.tar.gz") && !message.contains("--") && !message.contains('\n'),
                "{message}"
            );
        }
    }
}
