//! The length of a step, and series of other steps than those of their rows.

use std::path::Path;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result};
use crate::series::{Series, most_common_step};

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

/// In seconds.
const DAY: i64 = 86_400;

/// Names, from the shortest unit, and seconds.
const UNITS: [(&str, Unit, i64); 4] =
    [("min", Unit::Minute, 60), ("h", Unit::Hour, 3600), ("d", Unit::Day, DAY), ("w", Unit::Week, 604_800)];

impl Span {
    /// Its length.
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
            _ => Err(format!("`{text}` is no length of time; write 10min, 1h, 1d or 2w")),
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
    /// The means of its rows over steps of a span; steps without rows are left out. A step has the time at which it begins, and
    /// tells of what came until its end.
    pub fn averaged(&self, span: Span) -> Result<Self> {
        let (length, step) = (span.seconds(), self.step());
        if length < step {
            let message = format!(
                "has rows {step} s apart, which cannot be averaged to {span}; give rows that are closer, or train with a longer --freq"
            );
            let file = self.source.split(" (SHA-256").next().unwrap_or_default();
            return Err(DataError::parse(Path::new(file), None, message));
        }
        let start = |time: &DateTime| {
            // Weeks begin on a Monday, as this one did.
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
            let sum = |column: usize| rows.clone().map(|row| f64::from(self.row(row)[column])).sum::<f64>();
            values.extend((0..width).map(|column| (sum(column) / step.len() as f64) as f32));
            times.push(step[0]);
            first = rows.end;
        }
        let mut notes = self.notes.clone();
        notes.push(format!("{} rows averaged to {} steps of {span}", self.len(), times.len()));
        Ok(Self { columns: self.columns.clone(), times, values, notes, source: self.source.clone() })
    }

    /// Whether some rows are of a Saturday or a Sunday, as those of trading days are not.
    pub fn has_weekends(&self) -> bool {
        self.times.iter().any(|time| is_weekend(*time))
    }

    /// With so many rows more, of which the times alone are known: values are NaN. Weekends that have been left out so far are left
    /// out.
    pub fn extended(mut self, rows: usize) -> Self {
        let rhythm = Rhythm::of(&self.times);
        let Some(last) = self.times.last().copied() else { return self };
        let weekends = rhythm.seconds != DAY || self.has_weekends();
        let times = (1..).map_while(|number| rhythm.after(last, number));
        self.times.extend(times.filter(|time| weekends || !is_weekend(*time)).take(rows));
        self.values.resize(self.times.len() * self.columns.len(), f32::NAN);
        self
    }
}

/// How times follow one another: most often by so many seconds, or by the calendar.
pub(crate) struct Rhythm {
    pub seconds: i64,
    /// Months from one to the next; 0 if they are not of months.
    months: i64,
    /// Of the month, or its last one if that is earlier.
    day: i8,
}

impl Rhythm {
    /// That of some times in order.
    pub fn of(times: &[DateTime]) -> Self {
        let seconds = most_common_step(times.iter().copied());
        let day = times.iter().map(|time| time.day()).max().unwrap_or(1);
        let on_the_day = times.iter().all(|time| time.day() == day.min(time.date().days_in_month()));
        let months = match seconds / DAY {
            28..=31 => 1,
            89..=92 => 3,
            365 | 366 => 12,
            _ => 0,
        };
        Self { seconds, months: if on_the_day { months } else { 0 }, day }
    }

    /// The time so many steps after another.
    pub fn after(&self, time: DateTime, number: i64) -> Option<DateTime> {
        if self.months == 0 {
            return time.checked_add(SignedDuration::from_secs(self.seconds.max(1).checked_mul(number)?)).ok();
        }
        let months = jiff::Span::new().try_months(self.months * number).ok()?;
        let month = time.date().first_of_month().checked_add(months).ok()?;
        let date = month.with().day(self.day.min(month.days_in_month())).build().ok()?;
        Some(date.to_datetime(time.time()))
    }
}

fn is_weekend(time: DateTime) -> bool {
    time.date().weekday().to_monday_zero_offset() >= 5
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CsvFormat;

    fn series(rows: &[(&str, f32)]) -> Series {
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
            assert!(text.parse::<Span>().unwrap_err().contains("10min"), "{text}");
        }
    }

    #[test]
    fn rows_are_averaged_to_steps() {
        let rows = [
            ("2020-01-01 00:10", 1.0),
            ("2020-01-01 00:20", 2.0),
            ("2020-01-01 00:30", 6.0),
            ("2020-01-01 02:50", 4.0),
        ];
        let hourly = series(&rows).averaged("1h".parse().unwrap()).unwrap();
        assert_eq!(hourly.values, [3.0, 4.0]);
        assert_eq!(times(&hourly), ["2020-01-01T00:00:00", "2020-01-01T02:00:00"]);
        assert!(hourly.notes.contains(&"4 rows averaged to 2 steps of 1h".to_owned()), "{:?}", hourly.notes);
        // A Wednesday's week begins on Monday.
        assert_eq!(times(&series(&rows).averaged("1w".parse().unwrap()).unwrap()), ["2019-12-30T00:00:00"]);
        let error = series(&rows).averaged("1min".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("600 s apart") && error.contains("--freq"), "{error}");
    }

    #[test]
    fn a_series_goes_on_as_it_went() {
        let hours = series(&[("2020-01-01 00:00", 1.0), ("2020-01-01 01:00", 2.0)]).extended(2);
        assert_eq!(times(&hours)[2..], ["2020-01-01T02:00:00", "2020-01-01T03:00:00"]);
        assert!(hours.values[2..].iter().all(|value| value.is_nan()) && hours.values.len() == 4);
        let trading = series(&[("2020-01-02", 1.0), ("2020-01-03", 2.0)]).extended(2);
        assert_eq!(times(&trading)[2..], ["2020-01-06T00:00:00", "2020-01-07T00:00:00"]);
        let months = series(&[("2020-01-01", 1.0), ("2020-02-01", 2.0), ("2020-03-01", 3.0)]).extended(3);
        assert_eq!(times(&months)[3..], ["2020-04-01T00:00:00", "2020-05-01T00:00:00", "2020-06-01T00:00:00"]);
        let ends = series(&[("2020-10-31", 1.0), ("2020-11-30", 2.0), ("2020-12-31", 3.0)]).extended(3);
        assert_eq!(times(&ends)[3..], ["2021-01-31T00:00:00", "2021-02-28T00:00:00", "2021-03-31T00:00:00"]);
        let four_weeks = series(&[("2020-01-01", 1.0), ("2020-01-29", 2.0), ("2020-02-26", 3.0)]).extended(1);
        assert_eq!(times(&four_weeks)[3..], ["2020-03-25T00:00:00"]);
        let years = series(&[("2019-07-01", 1.0), ("2020-07-01", 2.0)]).extended(1);
        assert_eq!(times(&years)[2..], ["2021-07-01T00:00:00"]);
    }
}
