//! Lengths of time, and averages over them.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::{Note, Series};
use crate::error::{DataError, Result};

/// A length of time, such as `10min`, `1h`, `1d` or `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    count: u32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Minute,
    Hour,
    Day,
    Week,
}

/// The name of each unit of time, and its length in seconds.
const UNITS: [(&str, Unit, i64); 4] =
    [("min", Unit::Minute, 60), ("h", Unit::Hour, 3600), ("d", Unit::Day, 86_400), ("w", Unit::Week, 604_800)];

impl Span {
    /// The length of time in seconds.
    pub fn seconds(self) -> i64 {
        let of_unit = UNITS.iter().find(|(_, unit, _)| *unit == self.unit).map_or(1, |(_, _, seconds)| *seconds);
        i64::from(self.count) * of_unit
    }
}

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (number, name) = text.split_at(digits);
        let unit = UNITS.iter().find(|(known, _, _)| *known == name).map(|(_, unit, _)| *unit);
        match (number.parse::<u32>(), unit) {
            (Ok(count @ 1..=100_000), Some(unit)) => Ok(Self { count, unit }),
            _ => Err(format!("`{text}` is not a length of time; examples: 10min, 1h, 1d, 2w")),
        }
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        let name = UNITS.iter().find(|(_, unit, _)| *unit == self.unit).map_or("", |(name, _, _)| *name);
        write!(formatter, "{}{name}", self.count)
    }
}

impl Series {
    /// Averages the rows over steps of `span`. Steps without rows are left out. The time of a step is its start, and
    /// its values are the means over the rows up to its end.
    ///
    /// # Errors
    ///
    /// [`DataError::SpanTooShort`] if `span` is shorter than the series' own [`step`](Self::step).
    pub fn averaged(&self, span: Span) -> Result<Self> {
        let (length, step) = (span.seconds(), self.step());
        if length < step {
            return Err(DataError::SpanTooShort { series: self.source.clone(), step, span });
        }
        let start = |time: &DateTime| {
            // Weeks begin on a Monday, and 1 January 1900 is one.
            let monday = DateTime::constant(1900, 1, 1, 0, 0, 0, 0);
            let seconds = time.duration_since(monday).as_secs();
            monday.checked_add(SignedDuration::from_secs(seconds.div_euclid(length) * length)).unwrap_or(*time)
        };
        let width = self.columns.len();
        let (mut times, mut values) = (Vec::new(), Vec::new());
        let starts: Vec<DateTime> = self.times.iter().map(start).collect();
        let mut first = 0;
        for step in starts.chunk_by(|one, other| one == other) {
            let rows = first..first + step.len();
            let sum = |column: usize| rows.clone().map(|row| self.row(row)[column]).sum::<f64>();
            values.extend((0..width).map(|column| sum(column) / step.len() as f64));
            times.push(step[0]);
            first = rows.end;
        }
        let mut notes = self.notes.clone();
        notes.push(Note::Averaged { rows: self.len(), steps: times.len(), span });
        Ok(Self { columns: self.columns.clone(), times, values, notes, source: self.source.clone() })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::CsvFormat;

    fn series(rows: &[(&str, f64)]) -> Series {
        let rows: Vec<String> = rows.iter().map(|(time, value)| format!("{time},{value}")).collect();
        let text = format!("date,a\n{}\n", rows.join("\n"));
        Series::from_bytes(text.as_bytes(), Path::new("own.csv"), &CsvFormat::default()).unwrap()
    }

    fn times(series: &Series) -> Vec<String> {
        series.times.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn spans_are_written_as_they_are_read() {
        for (text, seconds) in [("10min", 600), ("1h", 3600), ("1d", 86_400), ("2w", 1_209_600)] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.seconds(), span.to_string()), (seconds, text.to_owned()));
        }
        for text in ["", "h", "0h", "1", "1y", "-1h", "1.5h", "99999999999h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn rows_are_averaged_over_spans() {
        let rows = [
            ("2020-01-01 00:10", 1.0),
            ("2020-01-01 00:20", 2.0),
            ("2020-01-01 00:30", 6.0),
            ("2020-01-01 02:50", 4.0),
        ];
        let hourly = series(&rows).averaged("1h".parse().unwrap()).unwrap();
        assert_eq!(hourly.values, [3.0, 4.0]);
        assert_eq!(times(&hourly), ["2020-01-01T00:00:00", "2020-01-01T02:00:00"]);
        let averaged = Note::Averaged { rows: 4, steps: 2, span: "1h".parse().unwrap() };
        assert_eq!(hourly.notes.last(), Some(&averaged));
        // A Wednesday's week begins on Monday.
        assert_eq!(times(&series(&rows).averaged("1w".parse().unwrap()).unwrap()), ["2019-12-30T00:00:00"]);
        let error = series(&rows).averaged("1min".parse().unwrap()).unwrap_err();
        assert!(matches!(&error, DataError::SpanTooShort { step: 600, series, .. } if series.starts_with("own.csv")));
    }
}
