//! Time series and the CSV files that hold them.
//!
//! A CSV file has a header and is separated by commas, semicolons or tabs, in UTF-8 or Latin-1. The time is in one
//! column or in several (`year`, `month`, `day`, `hour`; `date`, `time`). Rows may be in any order. The reader does not
//! guess: if a file has several interpretations, the error names the line and the setting that decides.

mod clean;
mod dates;
mod gaps;
mod note;
mod span;
mod table;
#[cfg(test)]
mod tests;

use std::path::Path;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use timesteps::Clock;

pub use dates::Counted;
pub use note::Note;
pub use span::{RollUp, Span};

use crate::error::{DataError, Result};
use crate::source::{Locator, Source, hex};
use dates::Times;
use table::Table;

/// A multivariate time series: one row per time, and one column per variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The names of the columns of values.
    pub columns: Vec<String>,
    /// The time of each row, in ascending order: local time or UTC, as in the file. [`Note::TimeZone`] says which.
    pub times: Vec<DateTime>,
    /// Whether the rows have numbers in the place of times. A time then stands for a number, as
    /// [`timesteps::time_of_step`] says, and has no date.
    pub numbered: bool,
    /// The local times of a file whose offsets from UTC change, if the times are in standard time. Days are cut by them.
    pub clock: Clock,
    /// All values in row-major order, `[rows, columns]`.
    pub values: Vec<f32>,
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
    /// The names of the columns that hold the time, in the order in which they are joined. If empty, time columns are
    /// recognised by their names.
    pub time: Vec<String>,
    /// The format of the time, as for `strptime`: `%s` for numbers that count seconds, milliseconds or less since 1970,
    /// `Q%m` for quarters; or `serial` for the days of a spreadsheet, and `number` for the numbers of steps. If `None`,
    /// the format is detected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
    /// The names of the columns of values to read. If empty, all columns of numbers are read.
    pub columns: Vec<String>,
    /// A number that stands for a missing value, such as -9999.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentinel: Option<f32>,
    /// What the reader does with missing values.
    pub missing: Missing,
    /// What the reader does with rows that have equal times. Serialised as `doubled`, the name in existing recipes and
    /// packages.
    #[serde(rename = "doubled", alias = "duplicates")]
    pub duplicates: Duplicates,
    /// What the reader does with missing times between rows.
    pub gaps: Gaps,
}

/// What the reader does with missing values, which are empty fields, `NA`, `NaN`, `null`, `?`, `-`, and the number in
/// [`CsvFormat::sentinel`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// Return the error [`DataError::MissingValues`].
    #[default]
    Refuse,
    /// Repeat the previous value (forward fill).
    Previous,
    /// Interpolate linearly in time. This uses the next value, which is not known yet when a real forecast is made.
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

/// One row of a CSV file while the series is built.
#[derive(Clone, Debug)]
struct Row {
    time: DateTime,
    /// The line number of the row in the file, from 1.
    line: usize,
    values: Vec<Option<f32>>,
}

/// The number of seconds from the time `from` to the time `to`.
fn seconds(from: DateTime, to: DateTime) -> f64 {
    to.duration_since(from).as_secs_f64()
}

impl Source {
    /// Finds the first file of the data set, which must be a CSV file, and reads it as a series.
    pub(crate) fn series(&self, locator: &Locator, format: &CsvFormat) -> Result<Series> {
        let file = &self.files[0];
        Series::from_bytes(&locator.read(self, file)?, &Path::new(self.folder).join(file.name), format)
    }
}

impl Series {
    /// Reads a series from a CSV file.
    pub fn from_csv(path: &Path, format: &CsvFormat) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(DataError::io("read", path))?;
        Self::from_bytes(&bytes, path, format)
    }

    /// Reads a series from the content of a CSV file. `path` appears in errors and in [`source`](Self::source).
    pub fn from_bytes(bytes: &[u8], path: &Path, format: &CsvFormat) -> Result<Self> {
        let table = Table::read(bytes, path)?;
        let time = table.time_columns(&format.time)?;
        let Times { times, numbered, clock, mut notes } = table.times(&time, format.date_format.as_deref())?;
        let columns = table.value_columns(&format.columns, &time, format.sentinel, &mut notes)?;
        let mut rows = table.rows(times, &columns, format.sentinel)?;
        clean::sort(&mut rows, &mut notes);
        clean::duplicates(&mut rows, format.duplicates, path, &mut notes)?;
        let names = table.distinct_names(&columns)?;
        clean::missing(&mut rows, format.missing, path, &names, &mut notes)?;
        gaps::fill(&mut rows, format.gaps, path, &mut notes)?;
        if rows.is_empty() {
            return Err(DataError::Empty { path: path.to_path_buf(), what: "rows" });
        }
        let source = format!("{} (SHA-256 {})", path.display(), hex(&Sha256::digest(bytes)));
        let values = rows.iter().flat_map(|row| row.values.iter().map(|value| value.unwrap_or(f32::NAN))).collect();
        let times = rows.into_iter().map(|row| row.time).collect();
        Ok(Self { columns: names, times, numbered, clock, values, notes, source })
    }

    /// The number of rows of the series.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether the series has no rows.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The values of a row, one per column.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns.len()..][..self.columns.len()]
    }

    /// The index of the column with this name; `None` if there is no such column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The length of a time step: the most common difference between consecutive rows.
    pub fn step(&self) -> SignedDuration {
        timesteps::most_common_step(self.times.iter().copied())
    }
}
