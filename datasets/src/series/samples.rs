//! Tables of samples. Each row has keys (such as the recording and its class), the values of the channels, and
//! optionally a time. Unlike the rows of a series, samples need no time, and their order is the order of the file.

use std::path::Path;

use jiff::civil::DateTime;

use super::number::{Style, Value};
use super::table::Table;
use super::{CsvFormat, Note, seconds};
use crate::error::{DataError, Result};

/// The columns to read from a table of samples, grouped by what they hold: texts, times or values.
pub(crate) struct Keys<'a> {
    /// The columns whose fields are returned as text, such as the class. Each pair holds the name of a column and, for
    /// error messages, the name of the setting in which the user gave this column.
    pub texts: Vec<(&'a str, &'static str)>,
    /// The name of the column of the times.
    pub time: Option<&'a str>,
    /// The names of the columns of values. If there are no names, all columns of numbers are read that are not in
    /// `texts` or `time`.
    pub channels: &'a [String],
}

/// A table of samples whose layout has been recognised.
pub(crate) struct SampleTable<'a> {
    table: Table<'a>,
    path: &'a Path,
    format: &'a CsvFormat,
    /// The names of the columns of values.
    pub channels: Vec<String>,
    /// The changes that were made to the table.
    pub notes: Vec<Note>,
    /// Whether the times are numbers of an unknown unit. If not, the times are seconds since the time of the first row
    /// of the table.
    pub has_numbers_as_times: bool,
    /// The indices of the columns [`Keys::texts`].
    texts: Vec<usize>,
    /// The indices of the columns of values.
    columns: Vec<usize>,
    /// How the numbers of each column of values are written.
    styles: Vec<Style>,
    /// The times of the rows if they are dates, or the column of the times if they are numbers.
    time: Times,
}

enum Times {
    None,
    Numbers { column: usize, style: Style },
    Dates(Vec<DateTime>),
}

/// A row of a table of samples.
pub(crate) struct Sample<'r> {
    /// The line number of the row in the file, counted from 1.
    pub line: usize,
    /// The fields of this row in the columns [`Keys::texts`].
    pub texts: &'r [&'r str],
    /// The time: the number in the file, or the seconds since the first row if the file has dates. `None` if the table
    /// has no column of times, or if the row has no time.
    pub time: Option<f64>,
    /// One value per channel; NaN if it is missing.
    pub values: &'r [f64],
}

impl<'a> SampleTable<'a> {
    /// Recognises the layout of a table, and how its numbers and times are written.
    pub fn open(text: &'a str, path: &'a Path, format: &'a CsvFormat, keys: &Keys) -> Result<Self> {
        let mut table = Table::open(text, path, format, &|_, _| ())?;
        let find = |(name, setting): (&str, &'static str)| Ok(table.find(&[name.to_owned()], setting)?[0]);
        let texts = keys.texts.iter().map(|&key| find(key)).collect::<Result<Vec<_>>>()?;
        let time = keys.time.map(|name| find((name, "time"))).transpose()?;
        let given = table.find(keys.channels, "channels")?;
        table.reserve(&texts.iter().copied().chain(time).collect::<Vec<_>>());
        table.survey_columns()?;
        let time = match time {
            None => Times::None,
            Some(column) if table.is_numeric(column) => Times::Numbers { column, style: table.style(column)? },
            Some(column) => Times::Dates(table.dates(column)?),
        };
        let mut notes = table.notes();
        let columns = if given.is_empty() { table.value_columns(&mut notes)? } else { given };
        let styles = table.styles(&columns, &mut notes)?;
        let channels = table.distinct_names(&columns)?;
        let has_numbers_as_times = matches!(time, Times::Numbers { .. });
        Ok(Self { table, path, format, channels, notes, has_numbers_as_times, texts, columns, styles, time })
    }

    /// Calls `visit` with each row.
    ///
    /// # Errors
    ///
    /// [`DataError::NotANumber`] for a time or value that is not a number, and the errors of `visit`.
    pub fn for_each(&self, mut visit: impl FnMut(Sample) -> Result<()>) -> Result<()> {
        let mut row = 0;
        let mut values = vec![0.0; self.columns.len()];
        self.table.for_each(None, |line, record| {
            let number = |column: usize, style: Style| match style.value(&record[column], self.format.sentinel.as_ref())
            {
                Value::Is(value) => Ok(Some(value)),
                Value::Missing => Ok(None),
                Value::Wrong => Err(DataError::NotANumber {
                    path: self.path.to_path_buf(),
                    line,
                    column: self.table.header()[column].clone(),
                    value: record[column].to_owned(),
                }),
            };
            for ((value, &column), &style) in values.iter_mut().zip(&self.columns).zip(&self.styles) {
                *value = number(column, style)?.unwrap_or(f64::NAN);
            }
            let time = match &self.time {
                Times::None => None,
                Times::Numbers { column, style } => number(*column, *style)?,
                Times::Dates(times) => times.get(row).map(|time| seconds(times[0], *time)),
            };
            row += 1;
            let texts: Vec<&str> = self.texts.iter().map(|&column| &record[column]).collect();
            visit(Sample { line, texts: &texts, time, values: &values })
        })
    }
}
