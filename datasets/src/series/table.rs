//! CSV files as tables of text: separators, encodings, columns, numbers.

use std::collections::HashSet;
use std::path::Path;

use jiff::civil::DateTime;

use super::dates::{self, Times, Wrong};
use super::{Note, Row};
use crate::error::{DataError, Result};

/// The fields of a CSV file as text, with the header and the line number of each record.
pub(super) struct Table<'a> {
    path: &'a Path,
    header: Vec<String>,
    /// For each column, whether a comma within a number is a decimal comma. True if commas do not separate the columns
    /// and no number of the column has a decimal point.
    decimal_commas: Vec<bool>,
    /// The line number in the file, from 1, and the fields of each record.
    records: Vec<(usize, csv::StringRecord)>,
}

impl<'a> Table<'a> {
    pub fn read(bytes: &[u8], path: &'a Path) -> Result<Self> {
        let text = decode(bytes);
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        // Separators between quotation marks do not count.
        let plain: String = first.split('"').step_by(2).collect();
        let count = |separator: &u8| plain.bytes().filter(|byte| byte == separator).count();
        let separator = [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',');
        let mut reader =
            csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::All).from_reader(text.as_bytes());
        let wrong = |error: csv::Error| {
            let line = error.position().map(|position| position.line() as usize);
            DataError::Csv { path: path.to_path_buf(), line, message: error.to_string() }
        };
        let header: Vec<String> = reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
        let mut records = Vec::new();
        for record in reader.into_records() {
            let record = record.map_err(wrong)?;
            records.push((record.position().map_or(0, |position| position.line() as usize), record));
        }
        let is_pointed = |field: &str| field.contains('.') && field.parse::<f32>().is_ok();
        let pointed =
            |column: usize| records.iter().any(|(_, record): &(usize, csv::StringRecord)| is_pointed(&record[column]));
        let decimal_commas = (0..header.len()).map(|column| separator != b',' && !pointed(column)).collect();
        let table = Self { path, header, decimal_commas, records };
        match table.records.is_empty() {
            true => Err(DataError::Empty { path: path.to_path_buf(), what: "rows" }),
            false => Ok(table),
        }
    }

    /// The indices of the columns with these names. `setting` is the field of `CsvFormat` that contains the names, for
    /// the error message.
    fn find(&self, names: &[String], setting: &'static str) -> Result<Vec<usize>> {
        let find = |name: &String| {
            self.header.iter().position(|column| column == name).ok_or_else(|| DataError::NoColumn {
                path: self.path.to_path_buf(),
                column: name.clone(),
                setting,
                columns: self.header.clone(),
            })
        };
        names.iter().map(find).collect()
    }

    /// Returns the names of the columns with these indices, or an error if two names are equal.
    pub fn distinct_names(&self, columns: &[usize]) -> Result<Vec<String>> {
        let names: Vec<String> = columns.iter().map(|&column| self.header[column].clone()).collect();
        let mut seen = HashSet::new();
        match names.iter().find(|name| !seen.insert(*name)) {
            Some(name) => Err(DataError::DuplicateColumn { path: self.path.to_path_buf(), column: name.clone() }),
            None => Ok(names),
        }
    }

    /// The indices of the time columns: those with the given names, or, without given names, those with usual names.
    pub fn time_columns(&self, names: &[String]) -> Result<Vec<usize>> {
        if !names.is_empty() {
            return self.find(names, "time");
        }
        dates::columns(&self.header)
            .ok_or_else(|| DataError::NoTimeColumn { path: self.path.to_path_buf(), columns: self.header.clone() })
    }

    /// Parses the time of each record from the given columns. `format` is a `strptime` format; if `None`, it is
    /// detected.
    pub fn times(&self, columns: &[usize], format: Option<&str>) -> Result<Times> {
        let texts = |record: &csv::StringRecord| -> Vec<String> {
            columns.iter().map(|&column| record[column].to_owned()).collect()
        };
        let all: Vec<Vec<String>> = self.records.iter().map(|(_, record)| texts(record)).collect();
        let names: Vec<&str> = columns.iter().map(|&column| self.header[column].as_str()).collect();
        let (path, line) = (self.path.to_path_buf(), |row: usize| self.records.get(row).map(|(line, _)| *line));
        dates::read(&names, &all, format).map_err(|wrong| match wrong {
            Wrong::NoDate { row, value } => DataError::InvalidDate { path, line: line(row), value },
            Wrong::Format { row, value } => {
                DataError::DateFormat { path, line: line(row), value, format: format.map(str::to_owned) }
            }
            Wrong::Ambiguous { value, formats } => DataError::AmbiguousTime { path, line: line(0), value, formats },
        })
    }

    /// Parses the number in one field. The number `sentinel` stands for a missing value.
    fn number(&self, record: &csv::StringRecord, column: usize, sentinel: Option<f32>) -> Number {
        match self.decimal_commas[column] {
            true => number(&record[column].replace(',', "."), sentinel),
            false => number(&record[column], sentinel),
        }
    }

    /// The indices of the columns with these names. Without names: the columns with more numbers than words. Columns of
    /// words are skipped, while a single malformed number is an error.
    pub fn value_columns(
        &self,
        names: &[String],
        time: &[usize],
        sentinel: Option<f32>,
        notes: &mut Vec<Note>,
    ) -> Result<Vec<usize>> {
        if !names.is_empty() {
            return self.find(names, "columns");
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
            let columns = others.iter().map(|&column| self.header[column].clone()).collect();
            notes.push(Note::ColumnsSkipped { columns });
        }
        match columns.is_empty() {
            true => Err(DataError::NoValues { path: self.path.to_path_buf(), example: self.example(&others) }),
            false => Ok(columns),
        }
    }

    /// The name and the first value of the first column in `columns`, for an error message.
    fn example(&self, columns: &[usize]) -> Option<(String, String)> {
        let (&column, (_, record)) = columns.first().zip(self.records.first())?;
        Some((self.header[column].clone(), record[column].to_owned()))
    }

    /// Parses the values of the given columns, and makes a row of each record and its time.
    pub fn rows(&self, times: Vec<DateTime>, columns: &[usize], sentinel: Option<f32>) -> Result<Vec<Row>> {
        let row = |(time, (line, record)): (DateTime, &(usize, csv::StringRecord))| {
            let value = |&column: &usize| match self.number(record, column, sentinel) {
                Number::Is(value) => Ok(Some(value)),
                Number::Missing => Ok(None),
                Number::Wrong => Err(DataError::NotANumber {
                    path: self.path.to_path_buf(),
                    line: *line,
                    column: self.header[column].clone(),
                    value: record[column].to_owned(),
                }),
            };
            let values = columns.iter().map(value).collect::<Result<_>>()?;
            Ok(Row { time, line: *line, values })
        };
        times.into_iter().zip(&self.records).map(row).collect()
    }
}

/// Decodes the bytes as UTF-8, or, if they are not valid UTF-8, as Latin-1.
fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// The content of a field in a column of numbers.
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
