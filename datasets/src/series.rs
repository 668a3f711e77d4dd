//! Numbers over time, and the CSV files that people keep them in.
//!
//! Read are files with a header, separated by commas, semicolons or tabs, in UTF-8 or Latin-1; times in one column or several
//! (`year`, `month`, `day`, `hour`; `date`, `time`), in the order of the file's own choosing. What cannot be known is not
//! guessed: an error names the line and the flag that says it.

use std::path::Path;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dates::{self, Times};
use crate::error::{DataError, Result};
use crate::source::{Locator, PublishedFile, hex};
use crate::span::Rhythm;

/// Numbers over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The time of each row, none before the one before it.
    pub times: Vec<DateTime>,
    /// `[rows, columns]`
    pub values: Vec<f32>,
    /// What was mended, for people to read.
    pub notes: Vec<String>,
    /// Where it came from, with a checksum.
    pub source: String,
}

/// How a CSV file is to be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CsvFormat {
    /// The columns that hold the time; found by their names if none are given.
    pub time: Vec<String>,
    /// How it is written, as for `strftime`; found out if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
    /// The columns to read; all that hold numbers if none are given.
    pub columns: Vec<String>,
    /// A number that stands for a missing value, such as -9999.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentinel: Option<f32>,
    /// What becomes of missing values.
    pub missing: Missing,
    /// What becomes of rows with the same time.
    pub doubled: Doubled,
    /// What becomes of times that are left out.
    pub gaps: Gaps,
}

/// What becomes of missing values: empty ones, `NA`, `NaN`, `null`, `?`, `-`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// They are an error.
    #[default]
    Refuse,
    /// The value before stays.
    Previous,
    /// A straight line to the next value, which a forecaster would not have known yet.
    Interpolate,
    /// The row is left out.
    Drop,
}

/// What becomes of rows with the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubled {
    /// They are an error.
    #[default]
    Refuse,
    /// The first of them stays, in order of time and then of the file.
    First,
    /// The last of them stays; of a file that is newest first, the one that stands higher.
    Last,
    /// Their mean.
    Mean,
    /// All of them stay: rows are steps.
    Keep,
}

/// What becomes of times that are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gaps {
    /// They stay: rows are steps, as trading days are.
    #[default]
    Keep,
    /// The row before is repeated.
    Previous,
    /// A straight line to the next row.
    Interpolate,
}

/// One row on its way.
#[derive(Clone, Debug)]
struct Row {
    time: DateTime,
    /// In the file, from 1.
    line: u64,
    values: Vec<Option<f32>>,
}

impl PublishedFile<'_> {
    /// Finds and reads a table.
    pub(crate) fn series(&self, locator: &Locator, format: &CsvFormat) -> Result<Series> {
        Series::from_bytes(&locator.read(self)?, &Path::new(self.folder).join(self.name), format)
    }
}

impl Series {
    /// Reads a CSV file.
    pub fn from_csv(path: &Path, format: &CsvFormat) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(DataError::io("read", path))?;
        Self::from_bytes(&bytes, path, format)
    }

    /// Reads the content of a CSV file; `path` is for messages.
    pub fn from_bytes(bytes: &[u8], path: &Path, format: &CsvFormat) -> Result<Self> {
        let table = Table::read(bytes, path)?;
        let time = table.time_columns(&format.time)?;
        let times = table.times(&time, format.date_format.as_deref())?;
        let mut notes = Vec::new();
        let columns = table.value_columns(&format.columns, &time, format.sentinel, &mut notes)?;
        let mut rows = table.rows(times, &columns, format.sentinel)?;
        sort(&mut rows, &mut notes);
        doubled(&mut rows, format.doubled, path, &mut notes)?;
        let names: Vec<String> = columns.iter().map(|&column| table.header[column].clone()).collect();
        if let Some(name) =
            (1..names.len()).map(|index| &names[index]).find(|name| names.iter().filter(|one| one == name).count() > 1)
        {
            return Err(table.error(Some(1), format!("has two columns `{name}`; rename one, or leave them out")));
        }
        missing(&mut rows, format.missing, path, &names, &mut notes)?;
        gaps(&mut rows, format.gaps, path, &mut notes)?;
        if rows.is_empty() {
            return Err(DataError::parse(path, None, "has no rows with values"));
        }
        let source = format!("{} (SHA-256 {})", path.display(), hex(&Sha256::digest(bytes)));
        let values = rows.iter().flat_map(|row| row.values.iter().map(|value| value.unwrap_or(f32::NAN))).collect();
        Ok(Self { columns: names, times: rows.into_iter().map(|row| row.time).collect(), values, notes, source })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The values of a row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns.len()..][..self.columns.len()]
    }

    /// The number of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The seconds from row to row, where they are most often the same.
    pub fn step(&self) -> i64 {
        most_common_step(self.times.iter().copied())
    }
}

/// The file as text.
struct Table<'a> {
    path: &'a Path,
    header: Vec<String>,
    /// Of each column, whether a comma within a number is a decimal one: it is where it separates no columns, and no number of the
    /// column has a point.
    decimal_commas: Vec<bool>,
    /// Line and fields.
    records: Vec<(u64, csv::StringRecord)>,
}

impl<'a> Table<'a> {
    fn read(bytes: &[u8], path: &'a Path) -> Result<Self> {
        let text = decode(bytes);
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        // What stands between quotation marks separates nothing.
        let plain: String = first.split('"').step_by(2).collect();
        let count = |separator: &u8| plain.bytes().filter(|byte| byte == separator).count();
        let separator = [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',');
        let mut reader =
            csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::All).from_reader(text.as_bytes());
        let wrong = |error: csv::Error| {
            let line = error.position().map(|position| position.line() as usize);
            DataError::parse(path, line, format!("is no row of the table ({error})"))
        };
        let header: Vec<String> = reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
        let mut records = Vec::new();
        for record in reader.into_records() {
            let record = record.map_err(wrong)?;
            records.push((record.position().map_or(0, csv::Position::line), record));
        }
        let is_pointed = |field: &str| field.contains('.') && field.parse::<f32>().is_ok();
        let pointed =
            |column: usize| records.iter().any(|(_, record): &(u64, csv::StringRecord)| is_pointed(&record[column]));
        let decimal_commas = (0..header.len()).map(|column| separator != b',' && !pointed(column)).collect();
        let table = Self { path, header, decimal_commas, records };
        match table.records.is_empty() {
            true => Err(table.error(None, "has no rows below its header")),
            false => Ok(table),
        }
    }

    fn error(&self, line: Option<u64>, message: impl Into<String>) -> DataError {
        DataError::parse(self.path, line.map(|line| line as usize), message)
    }

    /// The numbers of the columns of these names.
    fn find(&self, names: &[String], who: &str) -> Result<Vec<usize>> {
        let find = |name: &String| {
            self.header.iter().position(|column| column == name).ok_or_else(|| {
                let known = self.header.join("`, `");
                self.error(Some(1), format!("has no column `{name}`, which {who} names; there are: `{known}`"))
            })
        };
        names.iter().map(find).collect()
    }

    fn time_columns(&self, names: &[String]) -> Result<Vec<usize>> {
        if !names.is_empty() {
            return self.find(names, "--time");
        }
        dates::columns(&self.header).ok_or_else(|| {
            let known = self.header.join(", ");
            self.error(Some(1), format!("which columns hold the time? give --time one or more of: {known}"))
        })
    }

    fn times(&self, columns: &[usize], format: Option<&str>) -> Result<Vec<DateTime>> {
        let texts = |record: &csv::StringRecord| -> Vec<String> {
            columns.iter().map(|&column| record[column].to_owned()).collect()
        };
        let all: Vec<Vec<String>> = self.records.iter().map(|(_, record)| texts(record)).collect();
        let names: Vec<&str> = columns.iter().map(|&column| self.header[column].as_str()).collect();
        match dates::read(&names, &all, format) {
            Times::Read(times) => Ok(times),
            Times::Wrong(row, message) => Err(self.error(self.records.get(row).map(|(line, _)| *line), message)),
        }
    }

    /// The number in a column of a record.
    fn number(&self, record: &csv::StringRecord, column: usize, sentinel: Option<f32>) -> Number {
        match self.decimal_commas[column] {
            true => number(&record[column].replace(',', "."), sentinel),
            false => number(&record[column], sentinel),
        }
    }

    /// The columns of these names; if there are none, those of which at least half of what is there is a number, so that one
    /// wrong value is an error and words are left out.
    fn value_columns(
        &self,
        names: &[String],
        time: &[usize],
        sentinel: Option<f32>,
        notes: &mut Vec<String>,
    ) -> Result<Vec<usize>> {
        if !names.is_empty() {
            return self.find(names, "--target, --covariates or the model");
        }
        let has_numbers = |column: &usize| {
            let fields = self.records.iter().map(|(_, record)| self.number(record, *column, sentinel));
            let (mut numbers, mut words) = (0, 0);
            fields.for_each(|field| match field {
                Number::Is(_) => numbers += 1,
                Number::Wrong => words += 1,
                Number::Missing => {}
            });
            numbers > words
        };
        let (columns, others): (Vec<usize>, Vec<usize>) =
            (0..self.header.len()).filter(|column| !time.contains(column)).partition(has_numbers);
        if !others.is_empty() {
            let names: Vec<&str> = others.iter().map(|&column| self.header[column].as_str()).collect();
            notes.push(format!("columns without numbers left out: {}", names.join(", ")));
        }
        match columns.is_empty() {
            true => Err(self.error(None, format!("has no column of numbers beside the time{}", self.example(&others)))),
            false => Ok(columns),
        }
    }

    /// What stands there instead.
    fn example(&self, columns: &[usize]) -> String {
        match (columns.first(), self.records.first()) {
            (Some(&column), Some((_, record))) => {
                format!("; `{}` in column `{}` is none", &record[column], self.header[column])
            }
            _ => String::new(),
        }
    }

    fn rows(&self, times: Vec<DateTime>, columns: &[usize], sentinel: Option<f32>) -> Result<Vec<Row>> {
        let row = |(time, (line, record)): (DateTime, &(u64, csv::StringRecord))| {
            let value = |&column: &usize| match self.number(record, column, sentinel) {
                Number::Is(value) => Ok(Some(value)),
                Number::Missing => Ok(None),
                Number::Wrong => {
                    let message = format!("`{}` in column `{}` is no number", &record[column], self.header[column]);
                    Err(self.error(Some(*line), format!("{message}; mend it, or leave the column out")))
                }
            };
            let values = columns.iter().map(value).collect::<Result<_>>()?;
            Ok(Row { time, line: *line, values })
        };
        times.into_iter().zip(&self.records).map(row).collect()
    }
}

/// UTF-8, or else Latin-1, in which every byte is a character.
fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

enum Number {
    Is(f32),
    Missing,
    Wrong,
}

fn number(field: &str, sentinel: Option<f32>) -> Number {
    if matches!(field.to_ascii_lowercase().as_str(), "" | "na" | "n/a" | "nan" | "null" | "none" | "?" | "-" | ".") {
        return Number::Missing;
    }
    match field.parse::<f32>() {
        Ok(value) if Some(value) == sentinel => Number::Missing,
        Ok(value) if value.is_finite() => Number::Is(value),
        _ => Number::Wrong,
    }
}

fn sort(rows: &mut [Row], notes: &mut Vec<String>) {
    if rows.is_sorted_by_key(|row| row.time) {
        return;
    }
    let newest_first = rows.is_sorted_by(|one, other| one.time >= other.time);
    notes.push(if newest_first { "newest first: turned round" } else { "not in order of time: sorted" }.to_owned());
    if newest_first {
        rows.reverse();
    }
    rows.sort_by_key(|row| row.time);
}

fn doubled(rows: &mut Vec<Row>, rule: Doubled, path: &Path, notes: &mut Vec<String>) -> Result<()> {
    if rule == Doubled::Keep {
        return Ok(());
    }
    let before = rows.len();
    let mut kept: Vec<Row> = Vec::with_capacity(before);
    for group in rows.chunk_by(|one, other| one.time == other.time) {
        let [first, .., last] = group else {
            kept.extend_from_slice(group);
            continue;
        };
        kept.push(match rule {
            Doubled::Refuse => {
                let message = format!(
                    "has the time of line {}, {}; name all columns of the time with --time, or say --doubled first, last, mean or keep",
                    first.line.min(last.line),
                    first.time
                );
                return Err(DataError::parse(path, Some(first.line.max(last.line) as usize), message));
            }
            Doubled::First | Doubled::Keep => first.clone(),
            Doubled::Last => last.clone(),
            Doubled::Mean => Row { values: means(group), ..first.clone() },
        });
    }
    if kept.len() < before {
        notes.push(format!("{} rows with the time of another: one kept of each time", before - kept.len()));
    }
    *rows = kept;
    Ok(())
}

/// Of each column, over the rows that have a value.
fn means(rows: &[Row]) -> Vec<Option<f32>> {
    let mean = |column: usize| {
        let values: Vec<f32> = rows.iter().filter_map(|row| row.values[column]).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f32>() / values.len() as f32)
    };
    (0..rows.first().map_or(0, |row| row.values.len())).map(mean).collect()
}

fn missing(rows: &mut Vec<Row>, rule: Missing, path: &Path, names: &[String], notes: &mut Vec<String>) -> Result<()> {
    let lacking = |row: &Row| row.values.iter().position(Option::is_none);
    let Some((first, column)) = rows.iter().find_map(|row| Some((row, lacking(row)?))) else { return Ok(()) };
    let count = rows.iter().flat_map(|row| &row.values).filter(|value| value.is_none()).count();
    match rule {
        Missing::Refuse => {
            let message = format!(
                "column `{}` has no value; say --missing previous, interpolate or drop ({count} are missing in all)",
                names[column]
            );
            return Err(DataError::parse(path, Some(first.line as usize), message));
        }
        Missing::Drop => rows.retain(|row| lacking(row).is_none()),
        Missing::Previous | Missing::Interpolate => {
            for column in 0..names.len() {
                fill(rows, column, rule == Missing::Interpolate);
            }
            // Before the first value there is nothing to go by.
            let before = rows.len();
            rows.retain(|row| lacking(row).is_none());
            if rows.len() < before {
                notes.push(format!("{} rows before the first value of some column left out", before - rows.len()));
            }
        }
    }
    notes.push(format!(
        "{count} missing values: {}",
        match rule {
            Missing::Drop => "their rows left out",
            Missing::Interpolate => "on a straight line between their neighbours",
            _ => "as the value before",
        }
    ));
    Ok(())
}

/// Fills what is missing of a column between two values, and after the last.
fn fill(rows: &mut [Row], column: usize, straight: bool) {
    let known: Vec<usize> = (0..rows.len()).filter(|&row| rows[row].values[column].is_some()).collect();
    for (index, &from) in known.iter().enumerate() {
        let to = known.get(index + 1).copied();
        let start = rows[from].values[column].unwrap_or_default();
        let end = to.and_then(|to| rows[to].values[column]).unwrap_or(start);
        let whole = to.map_or(0, |to| seconds(rows[from].time, rows[to].time));
        for row in from + 1..to.unwrap_or(rows.len()) {
            let share = if straight && whole > 0 {
                seconds(rows[from].time, rows[row].time) as f32 / whole as f32
            } else {
                0.0
            };
            rows[row].values[column] = Some(start + share * (end - start));
        }
    }
}

/// Seconds between two times.
fn seconds(from: DateTime, to: DateTime) -> i64 {
    to.duration_since(from).as_secs()
}

pub(crate) fn most_common_step(times: impl Iterator<Item = DateTime> + Clone) -> i64 {
    let mut steps: Vec<i64> = times.clone().zip(times.skip(1)).map(|(one, other)| seconds(one, other)).collect();
    steps.sort_unstable();
    let groups = steps.chunk_by(|one, other| one == other);
    // Of equally common ones the smallest.
    groups.max_by_key(|group| (group.len(), -group[0])).map_or(0, |group| group[0])
}

fn gaps(rows: &mut Vec<Row>, rule: Gaps, path: &Path, notes: &mut Vec<String>) -> Result<()> {
    let times: Vec<DateTime> = rows.iter().map(|row| row.time).collect();
    let rhythm = Rhythm::of(&times);
    let step = rhythm.seconds;
    if step <= 0 {
        return Ok(());
    }
    // Steps that are left out, such as 0 between a month and a longer one.
    let left_out = |one: &Row, other: &Row| ((seconds(one.time, other.time) + step / 2) / step - 1).max(0) as usize;
    let total: usize = rows.windows(2).map(|pair| left_out(&pair[0], &pair[1])).sum();
    if total == 0 {
        return Ok(());
    }
    if rule == Gaps::Keep {
        notes.push(format!("{total} steps of {step} s are left out, and stay so: rows count as steps"));
        return Ok(());
    }
    if total > MOST_FILLED * rows.len() {
        let message =
            format!("{total} steps of {step} s are left out, too many to fill {} rows up; say --gaps keep", rows.len());
        return Err(DataError::parse(path, None, message));
    }
    let mut filled = Vec::with_capacity(rows.len() + total);
    for pair in rows.windows(2) {
        let [one, other] = pair else { continue };
        filled.push(one.clone());
        let count = left_out(one, other);
        for number in 1..=count {
            let share = if rule == Gaps::Interpolate { number as f32 / (count + 1) as f32 } else { 0.0 };
            let between = |(one, other): (&Option<f32>, &Option<f32>)| Some((*one)? + share * ((*other)? - (*one)?));
            let values = one.values.iter().zip(&other.values).map(between).collect();
            let Some(time) = rhythm.after(one.time, number as i64) else { continue };
            filled.push(Row { time, line: one.line, values });
        }
    }
    filled.extend(rows.pop());
    notes.push(format!(
        "{total} steps of {step} s were left out: {}",
        match rule {
            Gaps::Interpolate => "filled by straight lines",
            _ => "filled by the row before",
        }
    ));
    *rows = filled;
    Ok(())
}

/// Rows that gaps are filled with at most, for one that there is.
const MOST_FILLED: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, format: &CsvFormat) -> Result<Series> {
        Series::from_bytes(text.as_bytes(), Path::new("own.csv"), format)
    }

    #[track_caller]
    fn values(text: &str, format: &CsvFormat) -> Vec<f32> {
        read(text, format).unwrap().values
    }

    #[track_caller]
    fn assert_fails(text: &str, format: &CsvFormat, parts: &[&str]) {
        let error = read(text, format).unwrap_err().to_string();
        assert!(error.starts_with("own.csv") && parts.iter().all(|part| error.contains(part)), "{error}");
    }

    fn plain() -> CsvFormat {
        CsvFormat::default()
    }

    #[test]
    fn a_table_is_read_whatever_its_separators_and_letters() {
        let expected = [1.5, 2.0, -3.0, 4.0];
        for text in [
            "date,a,b\n2020-01-01,1.5,2\n2020-01-02,-3,4e0\n",
            "\u{feff}Date;a;b\r\n01.01.2020;1,5;2\r\n02.01.2020;-3;4\r\n",
            "a\ttime\tb\n1.5\t2020/01/01 00:00\t2\n-3\t2020/01/01 00:10\t4\n",
            "year,month,day,hour,a,b\n2020,1,1,0,1.5,2\n2020,1,1,1,-3,4\n",
            "date,hour,a,b\n2020-01-01,9,1.5,2\n2020-01-01,10,-3,4\n",
            "date,hour,a,b\n2020-01-01 09:00,9,1.5,2\n2020-01-01 10:00,10,-3,4\n",
            "date;hour;minute;a;b\n13.01.2020;9;50;1,5;2\n13.01.2020;10;0;-3;4\n",
            "\"ds\",\"a\",\"b\"\n\"2020-01-01T05:00:00Z\",\"1.5\",\"2\"\n\"2020-01-01T07:00:00+01:00\",\"-3\",\"4\"\n",
        ] {
            let series = read(text, &plain()).unwrap();
            assert_eq!((&series.values[..], series.columns.join("")), (&expected[..], "ab".to_owned()), "{text}");
        }
        let latin = b"date,T (\xb0C)\n2020-01-01,1\n2020-01-02,2\n";
        let series = Series::from_bytes(latin, Path::new("own.csv"), &plain()).unwrap();
        assert_eq!(series.columns, ["T (°C)"]);
    }

    #[test]
    fn columns_of_words_are_left_out_unless_they_are_asked_for() {
        let text = "date,a,weather\n2020-01-01,1,rain\n2020-01-02,2,sun\n";
        let series = read(text, &plain()).unwrap();
        assert_eq!(
            (&series.columns[..], &series.notes[0][..]),
            (&["a".to_owned()][..], "columns without numbers left out: weather")
        );
        let asked = CsvFormat { columns: vec!["weather".to_owned()], ..plain() };
        assert_fails(text, &asked, &["line 2", "`rain`", "`weather`"]);
        let unknown = CsvFormat { columns: vec!["b".to_owned()], ..plain() };
        assert_fails(text, &unknown, &["no column `b`", "--target", "`date`, `a`, `weather`"]);
    }

    #[test]
    fn rows_come_in_order_of_time() {
        let newest_first = "date,a\n2020-01-03,3\n2020-01-02,2\n2020-01-01,1\n";
        let series = read(newest_first, &plain()).unwrap();
        assert_eq!((series.values, series.notes), (vec![1.0, 2.0, 3.0], vec!["newest first: turned round".to_owned()]));
        let mixed = "date,a\n2020-01-02,2\n2020-01-03,3\n2020-01-01,1\n";
        assert!(read(mixed, &plain()).unwrap().notes[0].contains("sorted"));
    }

    #[test]
    fn doubled_rows_are_refused_or_handled_as_told() {
        let text = "date,a,b\n2020-01-01,1,NA\n2020-01-02,2,5\n2020-01-02,4,NA\n2020-01-03,9,9\n";
        assert_fails(text, &plain(), &["line 4", "line 3", "--doubled first, last, mean or keep"]);
        let first_column = |doubled| {
            let format = CsvFormat { doubled, missing: Missing::Previous, columns: vec!["a".to_owned()], ..plain() };
            values(text, &format)
        };
        assert_eq!(first_column(Doubled::First), [1.0, 2.0, 9.0]);
        assert_eq!(first_column(Doubled::Last), [1.0, 4.0, 9.0]);
        assert_eq!(first_column(Doubled::Mean), [1.0, 3.0, 9.0]);
        assert_eq!(first_column(Doubled::Keep), [1.0, 2.0, 4.0, 9.0]);
        let both = CsvFormat { doubled: Doubled::Mean, missing: Missing::Drop, ..plain() };
        assert_eq!(values(text, &both), [3.0, 5.0, 9.0, 9.0]);
    }

    #[test]
    fn missing_values_are_refused_or_handled_as_told() {
        let text = "date,a\n2020-01-01,\n2020-01-02,2\n2020-01-03,NA\n2020-01-04,-9999\n2020-01-05,8\n2020-01-06,?\n";
        let format = CsvFormat { sentinel: Some(-9999.0), ..plain() };
        assert_fails(text, &format, &["line 2", "`a`", "--missing previous, interpolate or drop", "4 are missing"]);
        let with = |missing| values(text, &CsvFormat { missing, ..format.clone() });
        assert_eq!(with(Missing::Previous), [2.0, 2.0, 2.0, 8.0, 8.0]);
        assert_eq!(with(Missing::Interpolate), [2.0, 4.0, 6.0, 8.0, 8.0]);
        assert_eq!(with(Missing::Drop), [2.0, 8.0]);
    }

    #[test]
    fn lines_are_straight_in_time_not_in_rows() {
        let text = "time,a\n2020-01-01 00:00,0\n2020-01-01 00:10,NA\n2020-01-01 05:00,30\n2020-01-01 05:10,31\n";
        assert_eq!(values(text, &CsvFormat { missing: Missing::Interpolate, ..plain() }), [0.0, 1.0, 30.0, 31.0]);
        let no_february = "date,a\n2020-01,1\n2020-03,3\n2020-04,4\n2020-05,5\n2020-06,6\n2020-07,7\n2020-08,8\n";
        let series = read(no_february, &CsvFormat { gaps: Gaps::Interpolate, ..plain() }).unwrap();
        assert_eq!(series.values[..3], [1.0, 2.0, 3.0]);
    }

    #[test]
    fn numbers_are_read_as_they_are_meant_or_not_at_all() {
        let thousands = "date,a\n2020-01-01,\"1,234\"\n2020-01-02,999\n2020-01-03,998\n";
        assert_fails(thousands, &plain(), &["line 2", "`1,234`", "is no number"]);
        let pointed = "date;a\n2020-01-01;1,234\n2020-01-02;999.5\n2020-01-03;998\n";
        assert_fails(pointed, &plain(), &["line 2", "`1,234`", "is no number"]);
        let version = "date;load;version\n2020-01-01;1,5;2.1\n2020-01-02;2,5;2.1\n";
        assert_eq!(values(version, &plain()), [1.5, 2.1, 2.5, 2.1]);
        let quoted = "\"a, b\";date\n1,5;2020-01-01\n2;2020-01-02\n";
        assert_eq!(values(quoted, &plain()), [1.5, 2.0]);
        let one_wrong = "\ndate,a,b\n2020-01-01,1,x\n2020-01-02,12..3,y\n2020-01-03,3,z\n";
        assert_fails(one_wrong, &plain(), &["line 4", "`12..3`"]);
    }

    #[test]
    fn gaps_stay_or_are_filled() {
        let text = "time,a\n2020-01-01 00:00,0\n2020-01-01 00:10,1\n2020-01-01 00:20,2\n2020-01-01 00:50,8\n";
        let kept = read(text, &plain()).unwrap();
        assert_eq!((kept.len(), kept.step()), (4, 600));
        assert!(kept.notes[0].contains("2 steps of 600 s are left out, and stay so"), "{:?}", kept.notes);
        let with = |gaps| values(text, &CsvFormat { gaps, ..plain() });
        assert_eq!(with(Gaps::Previous), [0.0, 1.0, 2.0, 2.0, 2.0, 8.0]);
        assert_eq!(with(Gaps::Interpolate), [0.0, 1.0, 2.0, 4.0, 6.0, 8.0]);
        let no_march = "date,a\n2020-01-31,1\n2020-02-29,2\n2020-04-30,4\n2020-05-31,5\n2020-06-30,6\n2020-07-31,7\n";
        let filled = read(no_march, &CsvFormat { gaps: Gaps::Interpolate, ..plain() }).unwrap();
        assert_eq!((filled.values[2], filled.times[2].to_string()), (3.0, "2020-03-31T00:00:00".to_owned()));
        // Months are of several lengths, and that is no gap.
        let months = "date,a\n2020-01,1\n2020-02,2\n2020-03,3\n2020-04,4\n";
        assert_eq!(read(months, &plain()).unwrap().notes, [""; 0]);
    }

    #[test]
    fn dates_are_recognised_or_asked_for() {
        let rows = |first: &str, second: &str| format!("date,a\n{first},1\n{second},2\n");
        for (first, second) in [
            ("31.12.2009 23:50:00", "01.01.2010 00:00:00"),
            ("12/31/2009", "01/01/2010"),
            ("31/12/2009", "01/01/2010"),
            ("Dec 31 2009", "Jan 1 2010"),
            ("20091231", "20100101"),
            ("12/31/09 11:50 PM", "01/01/10 12:00 AM"),
        ] {
            let times = read(&rows(first, second), &plain()).unwrap().times;
            assert_eq!(
                (times[0].date().to_string(), times[1].date().to_string()),
                ("2009-12-31".into(), "2010-01-01".into())
            );
        }
        assert_fails(
            &rows("01/02/2020", "03/04/2020"),
            &plain(),
            &["line 2", "--date-format '%d/%m/%Y' or '%m/%d/%Y'"],
        );
        assert_fails(&rows("2020-01-01", "Monday"), &plain(), &["line 3", "`Monday`", "--date-format"]);
        let zones = read(&rows("2020-10-25T02:30:00+02:00", "2020-10-25T02:30:00+01:00"), &plain()).unwrap();
        assert_eq!((zones.times[0].to_string(), zones.step()), ("2020-10-25T00:30:00".to_owned(), 3600));
        let late = read("date,hour,a\n2020-01-31,23,1\n2020-01-31,24,2\n", &plain()).unwrap();
        assert_eq!(late.times[1].to_string(), "2020-02-01T00:00:00");
        let years = read("year,a\n1999,1\n2000,2\n", &plain()).unwrap();
        assert_eq!(years.times[1].to_string(), "2000-01-01T00:00:00");
        let seconds = CsvFormat { date_format: Some("%s".to_owned()), ..plain() };
        assert_eq!(read(&rows("0", "86400"), &seconds).unwrap().times[1].to_string(), "1970-01-02T00:00:00");
        assert_fails(&rows("31.12.2009", "31.13.2009"), &plain(), &["line 3", "`31.13.2009`"]);
        let told = CsvFormat { date_format: Some("%d/%m/%Y".to_owned()), ..plain() };
        assert_eq!(read(&rows("01/02/2020", "03/04/2020"), &told).unwrap().times[0].month(), 2);
        assert_fails(&rows("2020-01-01", "2020-01-02"), &told, &["line 2", "%d/%m/%Y"]);
    }

    #[test]
    fn what_is_no_table_is_an_error() {
        for (text, part) in [
            ("", "no rows"),
            ("when,a\n1,2\n", "give --time one or more of: when, a"),
            ("date,a\n2020-01-01,1\n2020-01-02,1,2\n", "line 3"),
            ("date,a\n", "no rows"),
            ("date,a,b,a\n2020-01-01,1,2,3\n", "two columns `a`"),
            ("date,a\n2020-01-01,NA\n", "no column of numbers"),
        ] {
            assert_fails(text, &plain(), &[part]);
        }
    }

    #[test]
    fn damaged_tables_are_series_or_errors() {
        let text = "date,a,b\n2020-01-01 00:00,1.5,2\n2020-01-01 00:10,NA,4\n2020-01-01 00:10,5,6\n2020-01-03,7,8\n";
        let strict = plain();
        let lenient = CsvFormat {
            missing: Missing::Interpolate,
            doubled: Doubled::Mean,
            gaps: Gaps::Interpolate,
            sentinel: Some(5.0),
            ..plain()
        };
        crate::damage::try_damaged(text.as_bytes(), |bytes| {
            for format in [&strict, &lenient] {
                if let Ok(series) = Series::from_bytes(bytes, Path::new("own.csv"), format) {
                    assert_eq!(series.values.len(), series.len() * series.columns.len());
                    assert!(series.times.is_sorted() && series.values.iter().all(|value| value.is_finite()));
                }
            }
        });
    }
}
