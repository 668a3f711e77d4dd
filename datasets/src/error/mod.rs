//! The error type of the crate `datasets`.

mod messages;
mod recordings;
mod setting;
mod tags;
#[cfg(test)]
mod tests;
mod texts;
mod vectors;
mod wrap;

use std::path::PathBuf;

use jiff::SignedDuration;
use messages::{at, columns_of, comma_advice, example_of, format_advice, list, published_at};
pub use recordings::RecordingError;
pub use tags::TagError;
pub use texts::TextError;
pub use vectors::VectorError;

/// An error while finding, downloading, reading or preparing a data set.
///
/// Each message is one line that names the file, the line and the value where they are known.
/// [`setting`](Self::setting) returns the name of the setting that can resolve the error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// No searched folder has the data set, and the data set cannot be downloaded.
    #[error(
        "{set} was not found in {}; save the data in one of these folders as {}{}",
        list(places),
        wanted.join(" or "),
        published_at(url.as_deref())
    )]
    NotFound {
        /// The name of the data set.
        set: &'static str,
        /// The folders that were searched.
        places: Vec<PathBuf>,
        /// The accepted paths of the data, relative to a searched folder.
        wanted: Vec<String>,
        /// The URL of the data, or of a page that says how to obtain them; `None` if no URL is known.
        url: Option<String>,
    },
    /// The operating system refused to read or write a file or folder.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The attempted action, such as `read`.
        action: &'static str,
        /// The path of the file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A download failed. The received bytes are kept, and the next attempt resumes the download. A file with a wrong
    /// size or checksum is removed instead.
    #[error("cannot download {url}: {reason}; try again, or download the file yourself and save it as {}", path.display())]
    Download {
        /// The URL of the download.
        url: String,
        /// The cause of the failure, such as a lost connection.
        reason: String,
        /// The path at which a complete download is stored.
        path: PathBuf,
    },
    /// The size or the checksum of a file differs from the published value.
    #[error(
        "{} is damaged or altered: its {kind} is {found}, expected {wanted}; replace it with an unchanged copy{}",
        path.display(),
        published_at(url.as_deref())
    )]
    Checksum {
        /// The path of the damaged file.
        path: PathBuf,
        /// What was compared: `size`, or the kind of checksum, such as `SHA-256`.
        kind: &'static str,
        /// The size or checksum of the file on disk.
        found: String,
        /// The published size or checksum.
        wanted: String,
        /// The URL of the published file, if it can be downloaded.
        url: Option<String>,
    },
    /// A data set has more or fewer items, such as reviews, than expected.
    #[error("{} has {found} {what}, expected {wanted}; replace the data with a complete copy", path.display())]
    Count {
        /// The path of the folder, archive or file with the items.
        path: PathBuf,
        /// The kind of the counted items, such as `reviews in train/pos`.
        what: String,
        /// The number of items in the data on disk.
        found: usize,
        /// The number of items in the published data set, or the number that the file header states.
        wanted: usize,
    },
    /// An archive or a compressed file cannot be unpacked.
    #[error("cannot unpack {}: {source}; replace the file with a complete copy", path.display())]
    Unpack {
        /// The path of the archive or compressed file.
        path: PathBuf,
        /// The error of the decompressor or of the archive reader.
        source: std::io::Error,
    },
    /// A file is not a text file but, for example, an Excel workbook.
    #[error("{} is {kind}", path.display())]
    NotText {
        /// The path of the file.
        path: PathBuf,
        /// What the file is, and what to do with it.
        kind: &'static str,
    },
    /// A text file is not valid UTF-8.
    #[error("{} is not valid UTF-8; convert the file first, for example with iconv", at(path, line))]
    NotUtf8 {
        /// The path of the text file.
        path: PathBuf,
        /// The line number of the first invalid byte, counted from 1.
        line: Option<usize>,
    },
    /// A text file, a CSV file or a folder has no content of the expected kind.
    #[error("{} has no {what}; use another file or folder", path.display())]
    Empty {
        /// The path of the empty file or folder.
        path: PathBuf,
        /// The kind of the missing content, such as `lines` or `rows`.
        what: &'static str,
    },
    /// A text file has too few lines to be split into training, validation and test parts.
    #[error(
        "{} has {lines} lines, but the split into three parts needs at least {needed}; break long lines, for example \
         with the Unix command `fold -s`",
        path.display()
    )]
    TooFewLines {
        /// The path of the text file.
        path: PathBuf,
        /// The number of lines in the file.
        lines: usize,
        /// The minimum number of lines for the split.
        needed: usize,
    },
    /// The CSV reader cannot parse a file.
    #[error("{}: {message}", at(path, line))]
    Csv {
        /// The path of the CSV file.
        path: PathBuf,
        /// The number of the malformed line, counted from 1.
        line: Option<usize>,
        /// The error message of the CSV reader.
        message: String,
    },
    /// No column of a CSV file has a usual name of a time column, such as `date`.
    #[error(
        "{}, line {line}: no column is recognised as the time column; set `time` to one or more of the columns `{}`; \
         if this line is not the header, set `skip_rows`",
        path.display(),
        columns.join("`, `")
    )]
    NoTimeColumn {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the header, counted from 1.
        line: usize,
        /// The names of all columns of the file.
        columns: Vec<String>,
    },
    /// A setting, such as `columns`, gives the name of a column that the table does not have.
    #[error(
        "{}, line {line}: there is no column `{column}`, but `{setting}` gives this name; the columns are `{}`{}",
        path.display(),
        columns.join("`, `"),
        comma_advice(column, columns)
    )]
    NoColumn {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the header, counted from 1.
        line: usize,
        /// The name of the missing column.
        column: String,
        /// The setting that names the missing column, such as `time` or `columns`: see [`setting`](Self::setting).
        setting: &'static str,
        /// The names of all columns of the file.
        columns: Vec<String>,
    },
    /// Two columns of values in a CSV file have the same name.
    #[error(
        "{}, line {line}: two columns are named `{column}`; rename one of the columns, or set `columns` to other \
         columns",
        path.display()
    )]
    DuplicateColumn {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the header, counted from 1.
        line: usize,
        /// The name that both columns have.
        column: String,
    },
    /// No column of a CSV file contains numbers, apart from the time columns.
    #[error(
        "{}: no column apart from the time columns contains numbers{}; correct the values, or use another file",
        path.display(),
        example.as_ref().map_or(String::new(), example_of)
    )]
    NoValues {
        /// The path of the CSV file.
        path: PathBuf,
        /// The name and the first value of a column without numbers, if the file has such a column.
        example: Option<(String, String)>,
    },
    /// A value in a column of numbers is not a number.
    #[error(
        "{}, line {line}: `{value}` in column `{column}` is not a number; correct the value, or set `columns` to other \
         columns",
        path.display()
    )]
    NotANumber {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the value, counted from 1.
        line: usize,
        /// The name of the column.
        column: String,
        /// The text of the value.
        value: String,
    },
    /// The point or comma in the numbers of a column, such as `1,234`, can be a decimal mark or a thousands separator,
    /// and the other numbers of the table do not show which.
    #[error(
        "{}, line {line}: the point or comma in `{value}` in column `{column}` can be a decimal mark or a thousands \
         separator; set `decimal` to `.` or `,`",
        path.display()
    )]
    AmbiguousNumber {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the first ambiguous number, counted from 1.
        line: usize,
        /// The name of the column.
        column: String,
        /// The text of the number.
        value: String,
    },
    /// The numbers of a column have different units, such as `$` and `€`, or only some of them have a unit.
    #[error(
        "{}, line {line}: the unit of `{value}` in column `{column}` differs from the unit in the rows above ({}); use \
         one unit in the whole column, or set `columns` to other columns",
        path.display(),
        if unit.is_empty() { "none" } else { unit }
    )]
    MixedUnits {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the first number with another unit, counted from 1.
        line: usize,
        /// The name of the column.
        column: String,
        /// The text of the number.
        value: String,
        /// The unit of the numbers in the rows above; empty if these numbers have no unit.
        unit: String,
    },
    /// The fields of several time columns, such as year, month and day, do not form a valid date.
    #[error("{}: `{value}` is not a valid date; correct the date", at(path, line))]
    InvalidDate {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the invalid date, counted from 1.
        line: Option<usize>,
        /// The fields of the time columns, separated by spaces.
        value: String,
    },
    /// A time does not have the given format; or, if no format is given, the time has none of the known formats.
    #[error("{}: `{value}` {}", at(path, line), format_advice(format.as_deref()))]
    DateFormat {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the time, counted from 1.
        line: Option<usize>,
        /// The text of the time, as in the file.
        value: String,
        /// The value of [`CsvFormat::date_format`](crate::CsvFormat::date_format), if it is set.
        format: Option<String>,
    },
    /// Several formats, such as `%d/%m/%Y` and `%m/%d/%Y`, fit all times of a CSV file, but give different times.
    #[error(
        "{}: the date format of `{value}` is ambiguous; set `date_format` to '{}' or '{}'",
        at(path, line),
        formats[0],
        formats[1]
    )]
    AmbiguousTime {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the first row, counted from 1.
        line: Option<usize>,
        /// The time in the first row, as in the file.
        value: String,
        /// Two formats that fit all times of the file.
        formats: [String; 2],
    },
    /// Two rows of a CSV file have the same time.
    #[error(
        "{}, line {line}: the time {time} is the same as in line {other_line}; set `time` to all columns that make up \
         the time, or set `duplicates` to merge or keep such rows",
        path.display()
    )]
    DuplicateTimes {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the later row, counted from 1.
        line: usize,
        /// The line number of the earlier row, counted from 1.
        other_line: usize,
        /// The time that both rows have.
        time: jiff::civil::DateTime,
    },
    /// Rows of a CSV file have the same time but differ in other columns, probably because the file has several series.
    #[error(
        "{}, line {line}: the time {time} is the same as in line {other_line}, but the rows differ in {}, as in a \
         table of several series; set `id` to the columns that identify a series, or keep only the rows of one series",
        path.display(),
        columns_of(columns)
    )]
    SeveralSeries {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the later row, counted from 1.
        line: usize,
        /// The line number of the earlier row, counted from 1.
        other_line: usize,
        /// The time that both rows have.
        time: jiff::civil::DateTime,
        /// The names of the columns whose values together distinguish the rows.
        columns: Vec<String>,
    },
    /// A row of a CSV file with several series does not say to which series it belongs.
    #[error(
        "{}, line {line}: no value in column `{column}`, which names the series of each row; add the name of the \
         series",
        path.display()
    )]
    NoId {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the row, counted from 1.
        line: usize,
        /// The name of the column.
        column: String,
    },
    /// The last rows of a CSV file have values in some columns and none in the columns to forecast.
    #[error(
        "{}, line {line}: the last {rows} rows have values in {} but not in {}; set `known` to the columns whose \
         values are known ahead of time, or remove these rows",
        path.display(),
        columns_of(filled),
        columns_of(empty)
    )]
    FutureRows {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the first row that follows the last value in the columns to forecast, counted from 1.
        line: usize,
        /// The number of rows that follow the last value in the columns to forecast.
        rows: usize,
        /// The names of the columns without a value in the last rows.
        empty: Vec<String>,
        /// The names of the columns with values in the last rows.
        filled: Vec<String>,
    },
    /// A column of [`Roles::known`](crate::Roles::known) has no value in a row after the last target value.
    #[error(
        "{}, line {line}: the row comes after the last target value, so it needs a value in column `{column}`, which \
         is in `known`; add the value",
        path.display()
    )]
    KnownValue {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the row, counted from 1.
        line: usize,
        /// The name of the column.
        column: String,
    },
    /// A value is missing in a CSV file.
    #[error(
        "{}, line {line}: no value in column `{column}` ({count} values are missing in the table); set `missing` to \
         fill the missing values or to drop their rows",
        path.display()
    )]
    MissingValues {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the first missing value, counted from 1.
        line: usize,
        /// The name of the column of the first missing value.
        column: String,
        /// The number of missing values in the file.
        count: usize,
    },
    /// Too many time steps have no row in a CSV file, so the reader does not fill these gaps.
    #[error(
        "{}: rows are missing for {missing} time steps of {}, which is too many to fill in a table of {rows} rows; set \
         `gaps` to `keep` to leave the gaps",
        path.display(),
        timesteps::written(*step)
    )]
    IrregularTimes {
        /// The path of the CSV file.
        path: PathBuf,
        /// The number of time steps for which the file has no row.
        missing: usize,
        /// The length of a time step.
        step: SignedDuration,
        /// The number of rows in the file.
        rows: usize,
    },
    /// A series cannot be averaged or summed over a time span that is shorter than its time step.
    #[error(
        "{series}: the time step of the rows is {}, so the rows cannot be averaged or summed over {span}; choose a \
         longer span",
        timesteps::written(*step)
    )]
    SpanTooShort {
        /// The [`source`](crate::Series::source) of the series.
        series: String,
        /// The time step of the series.
        step: SignedDuration,
        /// The requested time span.
        span: crate::Span,
    },
    /// The sentences and tags of a CoNLL file cannot be read, split or used for training.
    #[error(transparent)]
    Tags(#[from] TagError),
    /// Recordings (time series with several channels and a class label) cannot be read, split or resampled.
    #[error(transparent)]
    Recordings(#[from] RecordingError),
    /// Texts with class labels cannot be read or split.
    #[error(transparent)]
    Texts(#[from] TextError),
    /// Word vectors cannot be read.
    #[error(transparent)]
    Vectors(#[from] VectorError),
}

/// The result type of the crate.
pub type Result<T> = std::result::Result<T, DataError>;
