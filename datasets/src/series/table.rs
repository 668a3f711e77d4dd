//! CSV files as tables: names of columns, rows of text, and parsing of numbers.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use csv::StringRecord;
use jiff::civil::DateTime;

use super::dates::{self, Times, Wrong};
use super::layout::{self, Layout};
use super::number::{Field, Style, Survey, Value};
use super::texts::Texts;
use super::{CsvFormat, Note, Report, Row};
use crate::error::{DataError, Result};

/// The largest number of rows with units and other remarks between the header and the first row of values.
const MOST_UNITS: usize = 3;
/// The number of passes over the table in which progress is reported.
const READINGS: usize = 2;
/// The number of bytes between two reports of the progress.
const REPORTED: usize = 1 << 20;
/// The usual names, in lower case, of a column that counts the rows.
const INDICES: [&str; 10] = ["", "index", "no", "no.", "nr", "nr.", "row", "id", "record", "#"];

/// The content of a CSV file as text. The rows are read from the text whenever they are needed, because the fields of a
/// large table would take many times the memory of the text.
pub(super) struct Table<'a> {
    path: &'a Path,
    format: &'a CsvFormat,
    text: &'a str,
    layout: Layout,
    /// The indices of the time columns.
    time: Vec<usize>,
    /// The indices of the columns that identify the series of a row.
    id: Vec<usize>,
    /// The number of rows with units below the header, which are skipped.
    units: usize,
    /// The summary of the fields of each column. The summary of a time column is empty.
    surveys: Vec<Survey>,
    report: Report<'a>,
}

/// A column with few distinct fields.
pub(super) struct Category {
    pub name: String,
    /// The code of the field in each row: equal fields have equal codes.
    pub codes: Vec<u32>,
}

impl<'a> Table<'a> {
    /// Recognises the layout of a table and its time columns. `id` are the names of the columns that identify the
    /// series of a row.
    pub fn read(
        text: &'a str,
        path: &'a Path,
        format: &'a CsvFormat,
        id: &[String],
        report: Report<'a>,
    ) -> Result<Self> {
        let mut table = Self::open(text, path, format, report)?;
        table.time = table.time_columns()?;
        table.id = table.find(id, "id")?;
        table.units = table.layout.sample.iter().take(MOST_UNITS).take_while(|row| table.has_units(row)).count();
        Ok(table)
    }

    /// Recognises the layout of a table. Unlike [`read`](Self::read), this function looks for no time columns, and
    /// skips no rows of units.
    pub fn open(text: &'a str, path: &'a Path, format: &'a CsvFormat, report: Report<'a>) -> Result<Self> {
        let layout = Layout::of(text, format);
        let surveys = layout.header.iter().map(|_| Survey::default()).collect();
        let table = Self { path, format, text, layout, time: Vec::new(), id: Vec::new(), units: 0, surveys, report };
        match table.layout.sample.is_empty() {
            true => Err(DataError::Empty { path: path.to_path_buf(), what: "rows" }),
            false => Ok(table),
        }
    }

    /// Returns the names of the columns.
    pub fn header(&self) -> &[String] {
        &self.layout.header
    }

    /// Excludes the given columns from [`value_columns`](Self::value_columns), because they hold texts or times.
    pub fn reserve(&mut self, columns: &[usize]) {
        self.id = columns.to_vec();
    }

    /// Returns notes about the skipped lines above the header, and the skipped rows of units below the header.
    pub fn notes(&self) -> Vec<Note> {
        let lines = self.layout.line - 1;
        let before = (lines > 0).then_some(Note::LinesSkipped { lines });
        let units = (self.units > 0).then_some(Note::UnitsSkipped { rows: self.units });
        before.into_iter().chain(units).collect()
    }

    /// Returns whether a row below the header has units instead of values: no digit in the time, and no number.
    fn has_units(&self, row: &StringRecord) -> bool {
        let times = self.time.iter().filter_map(|&column| row.get(column));
        let is_number = |field: &str| matches!(Field::of(field), Field::Number(_));
        times.flat_map(str::chars).all(|letter| !letter.is_ascii_digit()) && !row.iter().any(is_number)
    }

    /// Calls `visit` with the line number and the fields of each row. `part` is the index of this pass over the table,
    /// counted from 0, for the progress report; `None` if this pass reports no progress.
    pub fn for_each(
        &self,
        part: Option<usize>,
        mut visit: impl FnMut(usize, &StringRecord) -> Result<()>,
    ) -> Result<()> {
        let text = &self.text[self.layout.start..];
        let mut reader = layout::reader(text, self.layout.separator);
        let (mut record, mut byte) = (StringRecord::new(), 0);
        let mut line = 1 + layout::line_ends(&self.text[..self.layout.start]);
        let (mut units, width) = (self.units, self.layout.header.len());
        let (size, mut reported) = (self.text.len(), 0);
        let report =
            |byte: usize| part.into_iter().for_each(|part| (self.report)((part * size + byte) / READINGS, size));
        let wrong = |line, message| DataError::Csv { path: self.path.to_path_buf(), line: Some(line), message };
        while reader.read_record(&mut record).map_err(|error| wrong(line, error.to_string()))? {
            let begin = layout::begin(text, &record);
            line += layout::line_ends(&text[byte..begin]);
            byte = begin;
            if byte >= reported {
                report(byte);
                reported = byte + REPORTED;
            }
            if layout::is_blank(&record) {
                continue;
            }
            if record.len() != width {
                return Err(wrong(
                    line,
                    format!("the row has {} fields, but the header has {width}; correct the row", record.len()),
                ));
            }
            match units {
                0 => visit(line, &record)?,
                _ => units -= 1,
            }
        }
        report(size);
        Ok(())
    }

    /// Returns the indices of the columns with these names. `setting` is the name of the setting that contains the
    /// names, for the error message.
    pub fn find(&self, names: &[String], setting: &'static str) -> Result<Vec<usize>> {
        let header = &self.layout.header;
        let find = |name: &String| {
            header.iter().position(|column| column == name).ok_or_else(|| DataError::NoColumn {
                path: self.path.to_path_buf(),
                line: self.layout.line,
                column: name.clone(),
                setting,
                columns: header.clone(),
            })
        };
        names.iter().map(find).collect()
    }

    /// Returns the names of the columns with these indices, or an error if two names are equal.
    pub fn distinct_names(&self, columns: &[usize]) -> Result<Vec<String>> {
        let names: Vec<String> = columns.iter().map(|&column| self.layout.header[column].clone()).collect();
        let mut seen = HashSet::new();
        match names.iter().find(|name| !seen.insert(*name)) {
            Some(name) => {
                let (path, line) = (self.path.to_path_buf(), self.layout.line);
                Err(DataError::DuplicateColumn { path, line, column: name.clone() })
            }
            None => Ok(names),
        }
    }

    /// Returns the indices of the time columns. These are the columns in [`CsvFormat::time`]. If this list is empty,
    /// they are the columns with usual names of time columns; or else the first column, if it has no name and does not
    /// count the rows.
    fn time_columns(&self) -> Result<Vec<usize>> {
        if !self.format.time.is_empty() {
            return self.find(&self.format.time, "time");
        }
        let header = &self.layout.header;
        let unnamed = || (header[0].is_empty() && !layout::counts_rows(&self.layout.sample)).then(|| vec![0]);
        dates::columns(header).or_else(unnamed).ok_or_else(|| DataError::NoTimeColumn {
            path: self.path.to_path_buf(),
            line: self.layout.line,
            columns: header.clone(),
        })
    }

    /// Reads all fields of the table, finds out how the numbers of each column are written, and parses the times.
    pub fn survey(&mut self) -> Result<Times> {
        let texts = self.survey_columns()?;
        self.times(&texts)
    }

    /// Makes the given column the time column of the table, and parses its times.
    pub fn dates(&mut self, column: usize) -> Result<Vec<DateTime>> {
        self.time = vec![column];
        Ok(self.survey()?.times)
    }

    /// Finds out how the numbers of each column are written, except for the time columns, and returns the texts of the
    /// time columns.
    pub fn survey_columns(&mut self) -> Result<Texts> {
        let mut surveys: Vec<Survey> = self.layout.header.iter().map(|_| Survey::default()).collect();
        let mut texts = Texts::default();
        self.for_each(Some(0), |line, record| {
            for (column, survey) in surveys.iter_mut().enumerate().filter(|(column, _)| !self.time.contains(column)) {
                survey.add(&record[column], line, self.format.sentinel.as_ref());
            }
            texts.push(self.time.iter().map(|&column| &record[column]));
            Ok(())
        })?;
        self.surveys = surveys;
        Ok(texts)
    }

    /// Returns whether a column is read as numbers: it has more numbers than words, or only the words true and false.
    pub fn is_numeric(&self, column: usize) -> bool {
        self.surveys[column].is_numeric()
    }

    /// Parses the time of each row.
    fn times(&self, texts: &Texts) -> Result<Times> {
        let names: Vec<&str> = self.time.iter().map(|&column| self.layout.header[column].as_str()).collect();
        let (path, format) = (self.path.to_path_buf(), self.format.date_format.as_deref());
        texts.times(&names, format).map_err(|wrong| match wrong {
            Wrong::NoDate { row, value } => DataError::InvalidDate { path, line: self.line(row), value },
            Wrong::Format { row, value } => {
                DataError::DateFormat { path, line: self.line(row), value, format: format.map(str::to_owned) }
            }
            Wrong::Ambiguous { value, formats } => {
                DataError::AmbiguousTime { path, line: self.line(0), value, formats }
            }
        })
    }

    /// Returns the line number of a row, given by its index.
    fn line(&self, row: usize) -> Option<usize> {
        let mut lines = Vec::new();
        let _ = self.for_each(None, |line, _| {
            lines.push(line);
            Ok(())
        });
        lines.get(row).copied()
    }

    /// Returns the indices of the columns of values. These are the columns in [`CsvFormat::columns`]. If this list is
    /// empty, they are all [numeric](Self::is_numeric) columns except the time columns, the columns that identify
    /// series, and index columns, which count the rows. Adds the names of skipped columns to `notes`.
    pub fn value_columns(&self, notes: &mut Vec<Note>) -> Result<Vec<usize>> {
        if !self.format.columns.is_empty() {
            return self.find(&self.format.columns, "columns");
        }
        let header = &self.layout.header;
        let others = (0..header.len()).filter(|column| !self.time.contains(column) && !self.id.contains(column));
        let (numeric, words): (Vec<usize>, Vec<usize>) = others.partition(|&column| self.surveys[column].is_numeric());
        let (indices, columns): (Vec<usize>, Vec<usize>) =
            numeric.into_iter().partition(|&column| self.is_index(column));
        let names = |columns: &[usize]| columns.iter().map(|&column| header[column].clone()).collect();
        // A separator at the end of each line makes an empty column without a name.
        let named: Vec<usize> = words.iter().filter(|&&column| !header[column].is_empty()).copied().collect();
        if !named.is_empty() {
            notes.push(Note::ColumnsSkipped { columns: names(&named) });
        }
        if !indices.is_empty() {
            notes.push(Note::IndexSkipped { columns: names(&indices) });
        }
        match columns.is_empty() {
            true => Err(DataError::NoValues { path: self.path.to_path_buf(), example: self.example(&words) }),
            false => Ok(columns),
        }
    }

    /// Returns whether a column is an index: it counts the rows, and it has no name or the usual name of an index.
    fn is_index(&self, column: usize) -> bool {
        let name = self.layout.header[column].to_ascii_lowercase();
        (INDICES.contains(&name.as_str()) || name.starts_with("unnamed: ")) && self.surveys[column].counts_rows()
    }

    /// Returns the identifier of the series of each row; the result is empty if no columns identify series.
    ///
    /// # Errors
    ///
    /// [`DataError::NoId`] if a row has no identifier.
    pub fn ids(&self) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        if self.id.is_empty() {
            return Ok(ids);
        }
        self.for_each(None, |line, record| {
            if let Some(&column) = self.id.iter().find(|&&column| record[column].is_empty()) {
                let (path, column) = (self.path.to_path_buf(), self.layout.header[column].clone());
                return Err(DataError::NoId { path, line, column });
            }
            ids.push(match &self.id[..] {
                [column] => record[*column].to_owned(),
                columns => {
                    columns.iter().map(|&column| record[column].replace('/', "\\/")).collect::<Vec<_>>().join("/")
                }
            });
            Ok(())
        })?;
        Ok(ids)
    }

    /// Returns the names of the columns that have a value in one of the rows with the line numbers `lines`. The time
    /// columns and the columns that identify series are left out.
    pub fn filled(&self, lines: &HashSet<usize>) -> Result<Vec<String>> {
        let mut filled = vec![false; self.layout.header.len()];
        self.for_each(None, |line, record| {
            if lines.contains(&line) {
                let has_value = |field: &str| !matches!(Field::of(field), Field::Missing);
                filled.iter_mut().zip(record).for_each(|(filled, field)| *filled |= has_value(field));
            }
            Ok(())
        })?;
        let is_free = |column: &usize| !self.time.contains(column) && !self.id.contains(column) && filled[*column];
        Ok((0..filled.len()).filter(is_free).map(|column| self.layout.header[column].clone()).collect())
    }

    /// Returns the line number of each row, and the columns with at most `most` distinct fields; columns of words come
    /// before columns of numbers. The time columns, the columns that identify series, the columns that count the rows,
    /// and the columns in [`CsvFormat::columns`] are left out.
    pub fn categories(&self, most: usize) -> Result<(Vec<usize>, Vec<Category>)> {
        let header = &self.layout.header;
        let is_free = |column: &usize| {
            !self.time.contains(column)
                && !self.id.contains(column)
                && !self.format.columns.contains(&header[*column])
                && !self.surveys[*column].counts_rows()
        };
        let mut columns: Vec<usize> = (0..header.len()).filter(is_free).collect();
        columns.sort_by_key(|&column| self.surveys[column].is_numeric());
        let mut lines = Vec::new();
        let mut codes: Vec<(HashMap<String, u32>, Vec<u32>)> = columns.iter().map(|_| Default::default()).collect();
        self.for_each(None, |line, record| {
            lines.push(line);
            for (&column, (known, codes)) in columns.iter().zip(&mut codes) {
                if known.len() <= most {
                    let next = known.len() as u32;
                    codes.push(*known.entry(record[column].to_owned()).or_insert(next));
                }
            }
            Ok(())
        })?;
        let few = columns.iter().zip(codes).filter(|(_, (known, _))| (2..=most).contains(&known.len()));
        Ok((lines, few.map(|(&column, (_, codes))| Category { name: header[column].clone(), codes }).collect()))
    }

    /// Returns the name and the first field of the first column in `columns`, for an error message.
    fn example(&self, columns: &[usize]) -> Option<(String, String)> {
        let (&column, record) = columns.first().zip(self.layout.sample.get(self.units))?;
        Some((self.layout.header[column].clone(), record.get(column)?.to_owned()))
    }

    /// Returns how the numbers of each of these columns are written.
    pub fn styles(&self, columns: &[usize], notes: &mut Vec<Note>) -> Result<Vec<Style>> {
        let styles: Vec<Style> = columns.iter().map(|&column| self.style(column)).collect::<Result<_>>()?;
        let assumed = columns.iter().zip(&styles).filter(|(_, style)| style.is_assumed);
        let columns: Vec<String> = assumed.map(|(&column, _)| self.layout.header[column].clone()).collect();
        if !columns.is_empty() {
            notes.push(Note::DecimalAssumed { columns });
        }
        Ok(styles)
    }

    /// Returns how the numbers of a column are written.
    ///
    /// # Errors
    ///
    /// [`DataError::AmbiguousNumber`] and [`DataError::MixedUnits`].
    pub fn style(&self, column: usize) -> Result<Style> {
        let survey = &self.surveys[column];
        let (path, name) = (self.path.to_path_buf(), self.layout.header[column].clone());
        if let Some((line, value, unit)) = survey.other_unit() {
            let (value, unit) = (value.to_owned(), unit.to_owned());
            return Err(DataError::MixedUnits { path, line, column: name, value, unit });
        }
        let mut proven = [false; 2];
        match self.format.decimal {
            Some(mark) => proven[mark as usize] = true,
            None => self.surveys.iter().filter_map(Survey::proven).for_each(|mark| proven[mark as usize] = true),
        }
        match survey.decimal(proven, self.layout.separator == b',') {
            Ok((decimal, is_assumed)) => Ok(Style { decimal, is_assumed, is_boolean: survey.is_boolean() }),
            Err((line, value)) => {
                Err(DataError::AmbiguousNumber { path, line: *line, column: name, value: value.clone() })
            }
        }
    }

    /// Parses the values of the given columns. Returns one [`Row`] per record, with its time from `times`. A missing
    /// value is NaN.
    pub fn rows(&self, times: Vec<DateTime>, columns: &[usize], styles: &[Style]) -> Result<Vec<Row>> {
        let sentinel = self.format.sentinel.as_ref();
        let mut rows = Vec::with_capacity(times.len());
        let mut times = times.into_iter();
        self.for_each(Some(1), |line, record| {
            let value = |(&column, style): (&usize, &Style)| match style.value(&record[column], sentinel) {
                Value::Is(value) => Ok(value),
                Value::Missing => Ok(f64::NAN),
                Value::Wrong => Err(DataError::NotANumber {
                    path: self.path.to_path_buf(),
                    line,
                    column: self.layout.header[column].clone(),
                    value: record[column].to_owned(),
                }),
            };
            let values = columns.iter().zip(styles).map(value).collect::<Result<_>>()?;
            rows.extend(times.next().map(|time| Row { time, line: line as u32, values }));
            Ok(())
        })?;
        Ok(rows)
    }
}
