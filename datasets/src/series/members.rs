//! The series of a table. A table may hold several series, one below the other, which identifier columns distinguish.
//! The last rows of a series may have no target values, but only covariates that are known ahead of time.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use jiff::civil::DateTime;
use sha2::{Digest, Sha256};
use timesteps::Clock;

use super::dates::Times;
use super::table::Table;
use super::{CsvFormat, Duplicates, Missing, Note, Report, Row, Series, clean, gaps, no_rows};
use crate::error::{DataError, Result};
use crate::source::described;
use crate::text_file;

/// The roles of the columns of a table, apart from the time columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// The names of the columns that together identify the series of a row. If there are no names, the table holds one
    /// series.
    pub id: Vec<String>,
    /// The names of the columns to forecast. If there are no names, all columns of values that are not in `known` are
    /// forecast.
    pub target: Vec<String>,
    /// The names of the columns whose values are known ahead of time, such as prices or holidays.
    pub known: Vec<String>,
}

/// One of the series that a table holds.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSeries {
    /// The identifier of the series: the fields of the columns [`Roles::id`], joined by `/`. Empty if the table has no
    /// such columns.
    pub id: String,
    /// The rows up to the last row with a value in a target column ([`Roles::target`]).
    pub past: Series,
    /// The rows after the last row with a value in a target column. This series has only the columns [`Roles::known`],
    /// and often has no rows.
    pub future: Series,
}

/// The reader suspects that a table holds several series if at least 1 / `REPEATED` of the distinct times occur in more
/// than one row. If times repeat only because the clocks are set back in autumn, this fraction is far smaller.
const REPEATED: usize = 10;
/// A column can be an identifier of series only if the mean number of rows per series is at least this number.
const LEAST_ROWS: usize = 3;
/// If no single column identifies the series, pairs of columns are tried. This is the largest number of columns from
/// which the pairs are formed.
const MOST_COLUMNS: usize = 12;

impl TableSeries {
    /// Reads all series of a CSV file, in the order in which they begin in the file. The file may be compressed with
    /// gzip or zstd.
    ///
    /// # Errors
    ///
    /// A [`DataError`] that names the line. Two examples:
    ///
    /// - [`DataError::SeveralSeries`]: rows have equal times, and a column that is not in [`Roles::id`] distinguishes
    ///   these rows.
    /// - [`DataError::FutureRows`]: rows after the last target value have values in other columns, although
    ///   [`Roles::known`] is empty.
    pub fn from_csv(path: &Path, format: &CsvFormat, roles: &Roles) -> Result<Vec<Self>> {
        Self::from_file(path, format, roles, &|_, _| ())
    }

    pub(super) fn from_file(path: &Path, format: &CsvFormat, roles: &Roles, report: Report) -> Result<Vec<Self>> {
        Self::parse(text_file::read(path)?.into(), path, format, roles, report)
    }

    /// Reads all series from the content of a CSV file, as [`from_csv`](Self::from_csv) does. `path` appears in errors
    /// and in [`Series::source`].
    pub fn from_bytes(bytes: &[u8], path: &Path, format: &CsvFormat, roles: &Roles) -> Result<Vec<Self>> {
        Self::parse(bytes.into(), path, format, roles, &|_, _| ())
    }

    fn parse(bytes: Cow<[u8]>, path: &Path, format: &CsvFormat, roles: &Roles, report: Report) -> Result<Vec<Self>> {
        let text = text_file::text(&bytes, path)?;
        let mut table = Table::read(&text, path, format, &roles.id, report)?;
        let Times { times, numbered, clock, notes: of_times } = table.survey()?;
        let mut notes = table.notes();
        notes.extend(of_times);
        let columns = table.value_columns(&mut notes)?;
        let styles = table.styles(&columns, &mut notes)?;
        let ids = table.ids()?;
        let mut groups = grouped(table.rows(times, &columns, &styles)?, ids, &notes);
        let names = table.distinct_names(&columns)?;
        for Group { rows, notes, .. } in &mut groups {
            clean::sort(rows, notes);
            check_one_series(rows, format.duplicates, &table, path)?;
            if roles.known.is_empty() && format.missing != Missing::Drop {
                check_no_future(rows, &names, &roles.target, &table, path)?;
            }
        }
        let source = described(path, "SHA-256", &Sha256::digest(&bytes));
        // The text of a large table takes much memory, and is no longer needed.
        drop(text);
        drop(bytes);
        let reader = Reader { path, format, roles, names, numbered, clock, source };
        groups.into_iter().map(|group| reader.series(group)).collect()
    }
}

impl From<Series> for TableSeries {
    /// Creates a series with an empty identifier and without future rows.
    fn from(past: Series) -> Self {
        let (numbered, clock, source) = (past.numbered, past.clock.clone(), past.source.clone());
        let future = Series { numbered, clock, source, ..Series::default() };
        Self { id: String::new(), past, future }
    }
}

/// The rows of one series, and the notes on these rows.
struct Group {
    id: String,
    rows: Vec<Row>,
    notes: Vec<Note>,
}

/// Returns the rows of each series, in the order in which the series begin in the file. `ids` has the identifier of
/// each row; it is empty if all rows belong to one series. `notes` are the notes on the whole table.
fn grouped(rows: Vec<Row>, ids: Vec<String>, notes: &[Note]) -> Vec<Group> {
    let group = |id, rows| Group { id, rows, notes: notes.to_vec() };
    if ids.is_empty() {
        return vec![group(String::new(), rows)];
    }
    let (mut groups, mut places) = (Vec::<Group>::new(), HashMap::new());
    for (row, id) in rows.into_iter().zip(ids) {
        let place = *places.entry(id.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push(group(id, Vec::new()));
        }
        groups[place].rows.push(row);
    }
    groups
}

/// Returns an error if the rows, which are sorted by time, belong to several series. With the rule `Duplicates::Mean`
/// the rows are accepted, because the user may want the mean over the series.
fn check_one_series(rows: &[Row], rule: Duplicates, table: &Table, path: &Path) -> Result<()> {
    if rule == Duplicates::Mean {
        return Ok(());
    }
    let repeated = || rows.chunk_by(|one, other| one.time == other.time).filter(|rows| rows.len() > 1);
    let (times, extra) = repeated().fold((0, 0), |(times, extra), rows| (times + 1, extra + rows.len() - 1));
    let Some([first, .., last]) = repeated().next().filter(|_| times * REPEATED >= rows.len() - extra) else {
        return Ok(());
    };
    let (line, other_line) = (first.line.max(last.line) as usize, first.line.min(last.line) as usize);
    match identifier(rows, table)? {
        Some(columns) => {
            let (path, time) = (path.to_path_buf(), first.time);
            Err(DataError::SeveralSeries { path, line, other_line, time, columns })
        }
        None => Ok(()),
    }
}

/// Finds the column, or else the pair of columns, that can identify the series: any two rows with equal times differ in
/// it. Prefers columns of words to columns of numbers. Returns the column names; `None` if there is no such column or
/// pair.
fn identifier(rows: &[Row], table: &Table) -> Result<Option<Vec<String>>> {
    let times: HashMap<usize, DateTime> = rows.iter().map(|row| (row.line as usize, row.time)).collect();
    let (lines, columns) = table.categories(times.len() / LEAST_ROWS)?;
    let identifies = |codes: &dyn Fn(usize) -> (u32, u32)| {
        let mut seen = HashSet::new();
        lines.iter().enumerate().all(|(row, line)| match times.get(line) {
            Some(time) => seen.insert((time, codes(row))),
            None => true,
        })
    };
    if let Some(column) = columns.iter().find(|column| identifies(&|row| (column.codes[row], 0))) {
        return Ok(Some(vec![column.name.clone()]));
    }
    let few = &columns[..columns.len().min(MOST_COLUMNS)];
    let mut pairs =
        few.iter().enumerate().flat_map(|(place, one)| few[place + 1..].iter().map(move |other| (one, other)));
    let pair = pairs.find(|(one, other)| identifies(&|row| (one.codes[row], other.codes[row])));
    Ok(pair.map(|(one, other)| vec![one.name.clone(), other.name.clone()]))
}

/// Returns an error if the last rows of one series have no value in any column of `target`, but have values in other
/// columns. Without this check, the reader would fill the empty fields like missing measurements. If `target` is empty,
/// the column whose values end earliest counts as the target. Only columns without missing values before their last
/// value are considered for this.
fn check_no_future(rows: &[Row], names: &[String], target: &[String], table: &Table, path: &Path) -> Result<()> {
    let length = |column: usize| rows.iter().rposition(|row| !row.values[column].is_nan()).map_or(0, |row| row + 1);
    let complete = |column: &usize| rows[..length(*column)].iter().all(|row| !row.values[*column].is_nan());
    let columns = 0..names.len();
    let past = match target.is_empty() {
        true => columns.filter(complete).map(length).min(),
        false => columns.filter(|&column| target.contains(&names[column])).map(length).max(),
    };
    let last = &rows[past.unwrap_or(rows.len())..];
    if last.is_empty() {
        return Ok(());
    }
    let filled = table.filled(&last.iter().map(|row| row.line as usize).collect())?;
    if filled.is_empty() {
        return Ok(());
    }
    let empty = names.iter().filter(|name| !filled.contains(name)).cloned().collect();
    let line = last.iter().map(|row| row.line).min().unwrap_or_default() as usize;
    Err(DataError::FutureRows { path: path.to_path_buf(), line, rows: last.len(), empty, filled })
}

/// Makes the series of one table from their rows. The fields are the properties that all series of the table share.
struct Reader<'a> {
    path: &'a Path,
    format: &'a CsvFormat,
    roles: &'a Roles,
    /// The names of the columns of values.
    names: Vec<String>,
    numbered: bool,
    clock: Clock,
    source: String,
}

impl Reader<'_> {
    /// Cleans the sorted rows of one series, and separates the future rows, which come after the last target value.
    fn series(&self, Group { id, mut rows, mut notes }: Group) -> Result<TableSeries> {
        let Self { path, format, .. } = *self;
        clean::duplicates(&mut rows, format.duplicates, path, &mut notes)?;
        let future = self.future(&mut rows)?;
        clean::missing(&mut rows, format.missing, path, &self.names, &mut notes)?;
        gaps::fill(&mut rows, format.gaps, path, &mut notes)?;
        if rows.is_empty() {
            return Err(no_rows(path));
        }
        if !future.is_empty() {
            notes.push(Note::FutureRows { rows: future.len() });
        }
        let all: Vec<usize> = (0..self.names.len()).collect();
        let past = self.collected(rows, &all, notes);
        Ok(TableSeries { id, past, future: self.collected(future, &self.places(&self.roles.known), Vec::new()) })
    }

    /// Makes a series of the given rows and of the columns with the given indices.
    fn collected(&self, rows: Vec<Row>, columns: &[usize], notes: Vec<Note>) -> Series {
        let times = rows.iter().map(|row| row.time).collect();
        let mut values = Vec::with_capacity(rows.len() * columns.len());
        for row in rows {
            values.extend(columns.iter().map(|&column| row.values[column]));
        }
        let columns = columns.iter().map(|&column| self.names[column].clone()).collect();
        let Self { numbered, clock, source, .. } = self;
        Series { columns, times, numbered: *numbered, clock: clock.clone(), values, notes, source: source.clone() }
    }

    /// Returns the indices of the columns of values with these names.
    fn places(&self, names: &[String]) -> Vec<usize> {
        (0..self.names.len()).filter(|&column| names.contains(&self.names[column])).collect()
    }

    /// Removes the rows after the last target value from `rows`, and returns them. Removes no rows if the table has no
    /// column of [`Roles::known`].
    ///
    /// # Errors
    ///
    /// [`DataError::KnownValue`] if a column of [`Roles::known`] has no value in one of the returned rows.
    fn future(&self, rows: &mut Vec<Row>) -> Result<Vec<Row>> {
        let known = self.places(&self.roles.known);
        if known.is_empty() {
            return Ok(Vec::new());
        }
        let forecast = |column: &usize| match self.roles.target.is_empty() {
            true => !known.contains(column),
            false => self.roles.target.contains(&self.names[*column]),
        };
        let targets: Vec<usize> = (0..self.names.len()).filter(forecast).collect();
        let is_past = |row: &Row| targets.iter().any(|&column| !row.values[column].is_nan());
        let past = rows.iter().rposition(is_past).map_or(0, |last| last + 1);
        let future = rows.split_off(past);
        let missing = |row: &Row| {
            let column = known.iter().copied().find(|&column| row.values[column].is_nan())?;
            Some((row.line as usize, self.names[column].clone()))
        };
        match future.iter().find_map(missing) {
            Some((line, column)) => Err(DataError::KnownValue { path: self.path.to_path_buf(), line, column }),
            None => Ok(future),
        }
    }
}
