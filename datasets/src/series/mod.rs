//! Time series and the CSV files that hold them.
//!
//! A CSV file has a header, columns that are separated by commas, semicolons, tabs or vertical bars, and [any usual
//! encoding](crate::text_file). The time is in one column or in several (`year`, `month`, `day`, `hour`; `date`,
//! `time`). Rows may be in any order. The reader does not guess: if a file has several interpretations, the reader
//! returns an error that names the line and the setting with which the user chooses one.

mod clean;
mod dates;
#[cfg(test)]
mod formats_tests;
mod gaps;
mod layout;
mod members;
mod note;
mod number;
mod samples;
mod span;
mod table;
#[cfg(test)]
mod tests;
mod texts;

use std::path::Path;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use timesteps::Clock;

pub use dates::Counted;
pub use layout::Separator;
pub use members::{Roles, TableSeries};
pub use note::Note;
pub use number::{Decimal, Sentinel};
pub(crate) use samples::{Keys, SampleTable};
pub use span::{RollUp, Span};

use crate::error::{DataError, Result};
use crate::source::{Activity, Locator, Progress, Source};

/// A multivariate time series: one row per time, and one column per variable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// The names of the columns of values.
    pub columns: Vec<String>,
    /// The time of each row, in ascending order: local time or UTC, as in the file. If `notes` contain a
    /// [`Note::TimeZone`] with `converted_to`, all times were converted to this offset from UTC (standard time).
    pub times: Vec<DateTime>,
    /// Whether the file has step numbers instead of times. If so, `times` are not real dates:
    /// [`timesteps::time_of_step`] has converted each step number to a time.
    pub numbered: bool,
    /// The conversion of `times` to local times. Local times differ from `times` only if `times` were converted to
    /// standard time. Calendar days begin at local midnight, not at midnight in standard time.
    pub clock: Clock,
    /// All values in row-major order, `[rows, columns]`.
    pub values: Vec<f64>,
    /// The changes that were made to the rows and columns of the file while it was read.
    pub notes: Vec<Note>,
    /// The path or name of the file, and its checksum.
    pub source: String,
}

/// How to read a CSV file. The default detects the time columns, reads all columns of numbers, and refuses missing
/// values and duplicate times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CsvFormat {
    /// The names of the columns that hold the time, in the order in which they are joined. If there are no names, time
    /// columns are recognised by their names.
    pub time: Vec<String>,
    /// The format of the time as in `strptime`, such as `%d.%m.%Y %H:%M`. Special formats are: `%s` reads seconds,
    /// milliseconds, microseconds or nanoseconds since 1970; `Q%m` reads quarters; `serial` reads the day numbers of a
    /// spreadsheet; and `number` reads step numbers. If `None`, the format is detected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
    /// The names of the columns of values to read. If there are no names, all columns of numbers are read, except
    /// columns that count the rows and have no name or a name such as `index`.
    pub columns: Vec<String>,
    /// The number of lines above the header. Even without this setting, the reader skips lines that begin with `#`, and
    /// lines above the header that have another number of fields than the table.
    #[serde(skip_serializing_if = "is_zero")]
    pub skip_rows: usize,
    /// The separator of the columns. If it is `None`, the separator is recognised from the header and the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<Separator>,
    /// The decimal mark of columns whose numbers can be read with either mark, such as `1,234`. If this setting is
    /// `None`, the other numbers of the table determine the mark. If no other number does, the reader returns an error,
    /// with one exception: if commas separate the columns, and all numbers of a column are like `1.234`, the point is
    /// read as a decimal point, and the series has a [`Note::DecimalAssumed`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<Decimal>,
    /// A number or a word that marks a missing value, such as -9999.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentinel: Option<Sentinel>,
    /// What the reader does with missing values.
    pub missing: Missing,
    /// What the reader does with rows that have equal times. Serialised as `doubled`, which is the name of this setting
    /// in existing files of training settings and of trained models.
    #[serde(rename = "doubled", alias = "duplicates")]
    pub duplicates: Duplicates,
    /// What the reader does with missing times between rows.
    pub gaps: Gaps,
}

/// What the reader does with missing values. A missing value is an empty field, a word that pandas, R, Excel, SQL or
/// Eurostat writes for a missing value (such as `NA`, `<NA>`, `#N/A`, `NaT`, `null`, `?`, `-`, `:`), or
/// [`CsvFormat::sentinel`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// Return the error [`DataError::MissingValues`].
    #[default]
    Refuse,
    /// Repeat the previous value (forward fill).
    Previous,
    /// Interpolate linearly in time. Interpolation uses the next value, which is not yet known at the time of a real
    /// forecast.
    Interpolate,
    /// Drop each row with a missing value.
    Drop,
}

/// What the reader does with rows that have equal times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// Return the error [`DataError::DuplicateTimes`].
    #[default]
    Refuse,
    /// Keep the first row. In a file with the newest row first, this is the lower row in the file.
    First,
    /// Keep the last row. In a file with the newest row first, this is the upper row in the file.
    Last,
    /// Replace the rows by their mean.
    Mean,
    /// Keep all rows. Each row counts as one time step.
    Keep,
}

/// What the reader does with missing times between rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gaps {
    /// Keep the gaps. Each row counts as one time step, as with trading days.
    #[default]
    Keep,
    /// Fill the gap with copies of the row before it (forward fill).
    Previous,
    /// Fill the gap by linear interpolation between the rows before and after it.
    Interpolate,
}

/// The time and the values of one row of a CSV file, before the rows are collected in a [`Series`].
#[derive(Clone, Debug)]
struct Row {
    time: DateTime,
    /// The line number of the row in the file, from 1.
    line: u32,
    /// One value per column; NaN if it is missing.
    values: Box<[f64]>,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Returns the number of seconds from the time `from` to the time `to`.
fn seconds(from: DateTime, to: DateTime) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// A function that reports progress. Its arguments are the number of bytes that have been read, and the total number of
/// bytes.
type Report<'a> = &'a dyn Fn(usize, usize);

/// The size in bytes from which the progress of reading a table is reported.
const LARGE: usize = 8 << 20;

impl Locator {
    /// Reads the series of a user's CSV file as [`TableSeries::from_csv`] does. If the file is large, the progress is
    /// reported to the callback of [`with_progress`](Self::with_progress).
    pub fn csv(&self, path: &Path, format: &CsvFormat, roles: &Roles) -> Result<Vec<TableSeries>> {
        TableSeries::from_file(path, format, roles, &|received, total| {
            if total >= LARGE {
                let (received, total) = (received as u64, Some(total as u64));
                self.report(Progress { activity: Activity::Read { path }, received, total });
            }
        })
    }
}

impl Source {
    /// Finds the first file of the data set, which must be a CSV file, and reads it as a series.
    pub(crate) fn series(&self, locator: &Locator, format: &CsvFormat) -> Result<Series> {
        let file = &self.files[0];
        Series::from_bytes(&locator.read(self, file)?, &Path::new(self.folder).join(file.name), format)
    }
}

impl Series {
    /// Reads a series from a CSV file, which may be compressed with gzip or zstd. For a file with several series, or
    /// with values that are known ahead of time, use [`TableSeries::from_csv`].
    pub fn from_csv(path: &Path, format: &CsvFormat) -> Result<Self> {
        TableSeries::from_csv(path, format, &Roles::default()).and_then(|series| Self::only(series, path))
    }

    /// Reads a series from the content of a CSV file. `path` appears in errors and in [`source`](Self::source).
    pub fn from_bytes(bytes: &[u8], path: &Path, format: &CsvFormat) -> Result<Self> {
        TableSeries::from_bytes(bytes, path, format, &Roles::default()).and_then(|series| Self::only(series, path))
    }

    /// Returns [`TableSeries::past`] of the first series in `series`. A table without identifier columns has only one
    /// series.
    fn only(series: Vec<TableSeries>, path: &Path) -> Result<Self> {
        series.into_iter().next().map(|series| series.past).ok_or_else(|| no_rows(path))
    }

    /// Returns the number of rows of the series.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Returns whether the series has no rows.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Returns the values of a row, one per column.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns.len()..][..self.columns.len()]
    }

    /// Returns the index of the column with this name; `None` if there is no such column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// Returns the length of a time step: the most common difference between consecutive rows.
    pub fn step(&self) -> SignedDuration {
        timesteps::most_common_step(self.times.iter().copied())
    }
}

/// Returns the error for a table without rows, or for a series of a table without rows.
fn no_rows(path: &Path) -> DataError {
    DataError::Empty { path: path.to_path_buf(), what: "rows" }
}
