//! The layout of a CSV file: its separator, its header, and the lines before the header.

use csv::StringRecord;
use serde::{Deserialize, Serialize};

use super::number::{Field, Survey};
use super::{CsvFormat, dates};

/// The separators that are recognised. If two separators fit equally well, the later separator in this list is chosen.
const SEPARATORS: [u8; 4] = [b'|', b'\t', b';', b','];
/// The number of lines that the reader examines to recognise the layout.
const SAMPLE: usize = 200;
/// The number of first lines among which the reader looks for the header.
const LINES_BEFORE: usize = 30;

/// The character that separates the columns of a CSV file. As text: one ASCII punctuation mark, a space, or `tab`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Separator(u8);

impl std::str::FromStr for Separator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            b"tab" | b"\\t" => Ok(Self(b'\t')),
            &[byte] if byte.is_ascii_punctuation() && byte != b'"' || matches!(byte, b'\t' | b' ') => Ok(Self(byte)),
            _ => Err(format!("`{text}` is not a separator; examples: ; , | tab")),
        }
    }
}

impl TryFrom<String> for Separator {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Separator> for String {
    fn from(Separator(byte): Separator) -> Self {
        if byte == b'\t' { "tab".to_owned() } else { char::from(byte).to_string() }
    }
}

/// The layout of a CSV file: the position of its header, and the separator of its columns.
#[derive(Debug)]
pub(super) struct Layout {
    pub separator: u8,
    /// The names of the columns.
    pub header: Vec<String>,
    /// The index of the first byte after the header.
    pub start: usize,
    /// The number of the line of the header, counted from 1.
    pub line: usize,
    /// The first rows below the header.
    pub sample: Vec<StringRecord>,
}

impl Layout {
    /// Detects the layout of a CSV text from its first lines. Skips comments, which are lines that begin with `#`, and
    /// other lines above the header that are not part of the table. If the table has no other header, the last comment
    /// can be the header, as numpy writes it.
    pub fn of(text: &str, format: &CsvFormat) -> Self {
        let mut start = skipped(text, format.skip_rows);
        let told = told_separator(text[start..start + skipped(&text[start..], 1)].trim_end());
        if told.is_some() {
            start += skipped(&text[start..], 1);
        }
        let mut remark = "";
        while start < text.len() {
            let line = &text[start..start + skipped(&text[start..], 1)];
            match line.strip_prefix('#') {
                Some(content) => remark = content,
                None if line.trim().is_empty() => {}
                None => break,
            }
            start += line.len();
        }
        let end = start + skipped(&text[start..], SAMPLE);
        let sample = &text[start..end];
        let separator = format.separator.map(|Separator(byte)| byte).or(told).unwrap_or_else(|| separator(sample));
        let rows = records(sample, separator);
        // The header may be a line that begins with `#`, as numpy writes it.
        let of_remark = records(remark, separator).pop().map(|(_, names)| names);
        if let Some(names) = of_remark.filter(|names| has_no_header(&rows) && names.len() == width(&rows)) {
            let line = line_ends(&text[..start]);
            return Self::new(separator, names, (start, line), &rows);
        }
        let index = header(&rows, format);
        let Some((byte, names)) = rows.get(index) else {
            return Self::new(separator, StringRecord::new(), (end, 1), &[]);
        };
        let line = 1 + line_ends(&text[..start + byte]);
        let below = &rows[index + 1..];
        let first = below.first().map_or(end, |(byte, _)| start + byte);
        Self::new(separator, names.clone(), (first, line), below)
    }

    fn new(separator: u8, names: StringRecord, (start, line): (usize, usize), rows: &[(usize, StringRecord)]) -> Self {
        let sample: Vec<StringRecord> = rows.iter().map(|(_, record)| record.clone()).collect();
        let header = with_index(names.iter().map(str::to_owned).collect(), &sample);
        Self { separator, header, start, line, sample }
    }
}

/// Returns the number of bytes of the first `lines` lines, which end with LF, CRLF or CR.
fn skipped(text: &str, lines: usize) -> usize {
    let mut bytes = 0;
    for _ in 0..lines {
        let Some(end) = text[bytes..].find(['\n', '\r']) else { return text.len() };
        bytes += end + if text[bytes + end..].starts_with("\r\n") { 2 } else { 1 };
    }
    bytes
}

/// Returns the number of ends of lines in a text: LF, CRLF, or CR alone.
pub(super) fn line_ends(text: &str) -> usize {
    let bytes = text.as_bytes();
    let ends = |(index, byte): (usize, &u8)| *byte == b'\n' || *byte == b'\r' && bytes.get(index + 1) != Some(&b'\n');
    bytes.iter().enumerate().filter(|found| ends(*found)).count()
}

/// Returns the separator that a line such as `sep=;` specifies. Excel reads and writes such lines.
fn told_separator(line: &str) -> Option<u8> {
    match line.trim_matches('"').to_ascii_lowercase().strip_prefix("sep=")?.as_bytes() {
        [byte] => Some(*byte),
        _ => None,
    }
}

/// Returns the records in `sample`, the first lines of a table. Each record comes with the index of its first byte.
fn records(sample: &str, separator: u8) -> Vec<(usize, StringRecord)> {
    let reader = reader(sample, separator);
    reader
        .into_records()
        .map_while(Result::ok)
        .filter(|record| !is_blank(record))
        .map(|record| (begin(sample, &record), record))
        .collect()
}

/// Returns a reader of the records of `text`. The first line is read as a record, not as a header.
pub(super) fn reader(text: &str, separator: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(separator)
        .trim(csv::Trim::All)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
}

/// Returns the index of the first byte of a record. The CSV reader reports the end of the previous record instead,
/// which may be before an LF or before empty lines. This function skips these line ends.
pub(super) fn begin(text: &str, record: &StringRecord) -> usize {
    let byte = record.position().map_or(0, |position| position.byte() as usize);
    byte + text[byte..].bytes().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// Returns whether all fields of a record are empty.
pub(super) fn is_blank(record: &StringRecord) -> bool {
    record.iter().all(str::is_empty)
}

/// Returns the most common number of fields in a row.
fn width(rows: &[(usize, StringRecord)]) -> usize {
    let mut counts = std::collections::BTreeMap::new();
    rows.iter().for_each(|(_, row)| *counts.entry(row.len()).or_insert(0) += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map_or(0, |(width, _)| width)
}

/// Chooses the separator with the fewest faults. A fault is a row with another number of fields than most rows, or a
/// field that is not a number and contains one of the [`SEPARATORS`]. If several separators have equally few faults,
/// the separator that gives the most numbers is chosen, and among these the separator that gives the most names in the
/// header.
fn separator(sample: &str) -> u8 {
    let score = |separator: &u8| {
        let rows = records(sample, *separator);
        let width = width(&rows);
        let is_number = |field: &str| matches!(Field::of(field), Field::Number(_));
        let is_mixed =
            |field: &str| !is_number(field) && SEPARATORS.iter().any(|other| field.contains(char::from(*other)));
        let regular = || rows.iter().skip(1).filter(|(_, row)| row.len() == width && width > 1);
        let fields = || regular().flat_map(|(_, row)| row.iter());
        let faults = rows.len() - regular().count() + fields().filter(|field| is_mixed(field)).count();
        let numbers = fields().filter(|field| is_number(field)).count();
        (std::cmp::Reverse(faults), numbers, rows.first().map_or(0, |(_, row)| row.len()))
    };
    SEPARATORS.into_iter().max_by_key(score).unwrap_or(b',')
}

/// Returns whether the first row cannot be a header: it has a number, and each of its fields is empty or has a digit.
fn has_no_header(rows: &[(usize, StringRecord)]) -> bool {
    let is_number = |field: &str| matches!(Field::of(field), Field::Number(_));
    let is_name = |field: &str| !field.is_empty() && field.chars().all(|letter| !letter.is_ascii_digit());
    rows.first().is_some_and(|(_, row)| row.iter().any(is_number) && !row.iter().any(is_name))
}

/// Returns the index of the header among the first rows. A row of names has as many fields as most rows, and all its
/// fields are words. The header is the first of the following rows that exists:
///
/// 1. the first row, if it has the names of the time columns;
/// 2. the first row of names that has the names of the time columns;
/// 3. the first row of names, if the first row of the file has another number of fields than most rows;
/// 4. the first row.
fn header(rows: &[(usize, StringRecord)], format: &CsvFormat) -> usize {
    let width = width(rows);
    let has_names =
        |row: &StringRecord| row.len() == width && row.iter().all(|field| matches!(Field::of(field), Field::Word));
    let names_time = |row: &StringRecord| {
        let names: Vec<String> = row.iter().map(str::to_owned).collect();
        match format.time.is_empty() {
            true => dates::columns(&names).is_some(),
            false => format.time.iter().all(|name| names.contains(name)),
        }
    };
    let Some((_, first)) = rows.first() else { return 0 };
    let candidates = || rows.iter().take(LINES_BEFORE).enumerate().filter(|(_, (_, row))| has_names(row));
    if names_time(first) {
        return 0;
    }
    let named = candidates().find(|(_, (_, row))| names_time(row));
    let other = || candidates().next().filter(|_| first.len() != width);
    named.or_else(other).map_or(0, |(index, _)| index)
}

/// Adds an empty name to a header that has one name less than the rows have fields. The additional field holds the row
/// numbers, for which R writes no name, or is the empty field after a separator at the end of each row.
fn with_index(mut header: Vec<String>, sample: &[StringRecord]) -> Vec<String> {
    if sample.iter().any(|row| row.len() != header.len() + 1) {
        return header;
    }
    if counts_rows(sample) {
        header.insert(0, String::new());
    } else if sample.iter().all(|row| row.iter().next_back().is_some_and(str::is_empty)) {
        header.push(String::new());
    }
    header
}

/// Returns whether the first column counts the rows: each number is one more than the number above.
pub(super) fn counts_rows(rows: &[StringRecord]) -> bool {
    let mut survey = Survey::default();
    rows.iter().filter_map(|row| row.get(0)).for_each(|field| survey.add(field, 0, None));
    survey.counts_rows()
}
