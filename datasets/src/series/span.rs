//! Lengths of time, and resampling of a series to longer time steps by means or sums.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use timesteps::{Clock, Rhythm};

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
    /// Returns the length of time in seconds.
    pub fn seconds(self) -> i64 {
        let of_unit = UNITS.iter().find(|(_, unit, _)| *unit == self.unit).map_or(1, |(_, _, seconds)| *seconds);
        i64::from(self.count) * of_unit
    }

    fn is_whole_days(self) -> bool {
        self.seconds() % 86_400 == 0
    }

    /// Returns the start of the time step of this length that contains `time`. Weeks begin on a Monday.
    fn start(self, time: DateTime) -> DateTime {
        // 1 January 1900 is a Monday.
        let (monday, length) = (DateTime::constant(1900, 1, 1, 0, 0, 0, 0), self.seconds());
        // `div_euclid` rounds down, also for times before 1900.
        let nanos = time.duration_since(monday).as_nanos();
        let seconds = nanos.div_euclid(1_000_000_000 * i128::from(length)) as i64 * length;
        monday.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(time)
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
            _ => Err(format!(
                "`{text}` is not a length of time; write a whole number from 1 to 100000 and a unit, such as \
                 10min, 1h, 1d or 2w"
            )),
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

/// How the values of a longer time step are computed from the rows in this time step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RollUp {
    /// The means over the rows, as for temperatures and prices.
    #[default]
    Mean,
    /// The sums over the rows, as for sales and rain.
    Sum,
}

impl Series {
    /// Resamples the series to time steps of the length `span`: replaces the rows of each time step by their mean or
    /// sum. Time steps without rows are left out. The time of the new row is the start of the time step, although its
    /// values are computed from all rows up to the end of the time step.
    ///
    /// # Errors
    ///
    /// [`DataError::SpanTooShort`] if `span` is shorter than the series' own [`step`](Self::step).
    pub fn rolled_up(&self, span: Span, rule: RollUp) -> Result<Self> {
        let step = self.step();
        if SignedDuration::from_secs(span.seconds()) < step {
            return Err(DataError::SpanTooShort { series: self.source.clone(), step, span });
        }
        let width = self.columns.len();
        let (mut times, mut values) = (Vec::new(), Vec::new());
        let starts: Vec<DateTime> = self.times.iter().map(|time| self.start(*time, span)).collect();
        let mut first = 0;
        for step in starts.chunk_by(|one, other| one == other) {
            let rows = first..first + step.len();
            let sum = |column: usize| rows.clone().map(|row| self.row(row)[column]).sum::<f64>();
            let count = if rule == RollUp::Mean { step.len() as f64 } else { 1.0 };
            values.extend((0..width).map(|column| sum(column) / count));
            times.push(step[0]);
            first = rows.end;
        }
        let mut notes = self.notes.clone();
        notes.push(Note::RolledUp { rows: self.len(), steps: times.len(), span, rule });
        // Days begin at local midnight.
        let clock = if span.is_whole_days() { Clock::default() } else { self.clock.clone() };
        let (columns, source) = (self.columns.clone(), self.source.clone());
        Ok(Self { columns, times, numbered: self.numbered, clock, values, notes, source })
    }

    /// Removes the rows of the first time step of length `span` if it is incomplete, and the rows of the last time step
    /// if it is incomplete, for example a day of which the series has only the first hours. A time step is incomplete
    /// if the pattern of the times ([`Rhythm`]) predicts more rows in it, before the first row or after the last row.
    pub fn without_unfinished(mut self, span: Span) -> Self {
        let (Some(&first), Some(&last)) = (self.times.first(), self.times.last()) else { return self };
        let rhythm = Rhythm::of(&self.times);
        let (begin, end) = (self.start(first, span), self.start(last, span));
        let (local, step) = (self.local(first, span), rhythm.step());
        // The first time step is incomplete if the pattern has a time in it before the first row.
        let is_late =
            local.saturating_sub(step) >= begin && rhythm.count_between(begin.saturating_sub(step), local) > 0;
        let is_early = rhythm.following(last).next().is_some_and(|next| self.start(next, span) == end);
        let from = if is_late { self.times.partition_point(|time| self.start(*time, span) == begin) } else { 0 };
        let to = if is_early { self.times.partition_point(|time| self.start(*time, span) < end) } else { self.len() };
        let dropped = [(from, begin), (self.len() - to, end)].into_iter().filter(|(rows, _)| *rows > 0);
        self.notes.extend(dropped.map(|(rows, start)| Note::Unfinished { rows, start, span }));
        let (rows, width) = (from..to.max(from), self.columns.len());
        self.values = self.values[rows.start * width..rows.end * width].to_vec();
        self.times = self.times[rows].to_vec();
        self
    }

    /// Returns the time by which a row is assigned to a time step of length `span`: the local time if `span` is a whole
    /// number of days, and `time` itself for other spans.
    fn local(&self, time: DateTime, span: Span) -> DateTime {
        if span.is_whole_days() { self.clock.local(time) } else { time }
    }

    /// Returns the start of the time step of length `span` that contains a time of the series.
    fn start(&self, time: DateTime, span: Span) -> DateTime {
        span.start(self.local(time, span))
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
    fn rows_are_averaged_or_summed_over_spans() {
        let rows = [
            ("2020-01-01 00:10", 1.0),
            ("2020-01-01 00:20", 2.0),
            ("2020-01-01 00:30", 6.0),
            ("2020-01-01 02:50", 4.0),
        ];
        let rolled_up = |span: &str, rule| series(&rows).rolled_up(span.parse().unwrap(), rule).unwrap();
        let hourly = rolled_up("1h", RollUp::Mean);
        assert_eq!(hourly.values, [3.0, 4.0]);
        assert_eq!(rolled_up("1h", RollUp::Sum).values, [9.0, 4.0]);
        assert_eq!(times(&hourly), ["2020-01-01T00:00:00", "2020-01-01T02:00:00"]);
        let note = Note::RolledUp { rows: 4, steps: 2, span: "1h".parse().unwrap(), rule: RollUp::Mean };
        assert_eq!(hourly.notes.last(), Some(&note));
        // A Wednesday's week begins on Monday.
        assert_eq!(times(&rolled_up("1w", RollUp::Mean)), ["2019-12-30T00:00:00"]);
        let error = series(&rows).rolled_up("1min".parse().unwrap(), RollUp::Sum).unwrap_err();
        let ten_minutes = SignedDuration::from_mins(10);
        assert!(matches!(&error, DataError::SpanTooShort { step, series, .. }
            if *step == ten_minutes && series.starts_with("own.csv")));
    }

    /// The first row of a whole day may come later than midnight by less than a step.
    #[test]
    fn days_of_half_hours_are_whole() {
        let rows: Vec<(String, f64)> =
            (0..72).map(|hour| (format!("2020-01-{:02} {:02}:30", 1 + hour / 24, hour % 24), 1.0)).collect();
        let rows: Vec<(&str, f64)> = rows.iter().map(|(time, value)| (time.as_str(), *value)).collect();
        let whole = series(&rows).without_unfinished("1d".parse().unwrap());
        assert_eq!(whole.len(), 72);
        let late = series(&rows[3..]).without_unfinished("1d".parse().unwrap());
        assert_eq!(late.len(), 48);
    }

    /// Only whole days are left, for any number of rows in the first and the last day, even if shops close at night.
    #[test]
    fn unfinished_steps_are_left_out() {
        let span = "1d".parse().unwrap();
        for hours in [0..24, 9..17] {
            let row = |day: i8, hour: i8| (format!("2020-01-{day:02} {hour:02}:00"), f64::from(day));
            let rows: Vec<_> = (1..=28).flat_map(|day| hours.clone().map(move |hour| row(day, hour))).collect();
            let rows: Vec<(&str, f64)> = rows.iter().map(|(time, value)| (time.as_str(), *value)).collect();
            let (a_day, all) = (hours.len(), rows.len());
            let note = |rows, start: &str| Note::Unfinished { rows, start: start.parse().unwrap(), span };
            for cut in 1..a_day {
                let kept = series(&rows[..all - cut]).without_unfinished(span);
                assert_eq!(
                    (&kept.times, kept.values.len()),
                    (&series(&rows[..all - a_day]).times, all - a_day),
                    "{cut}"
                );
                assert_eq!(kept.notes.last(), Some(&note(a_day - cut, "2020-01-28")));
                let kept = series(&rows[cut..]).without_unfinished(span);
                assert_eq!((&kept.times, kept.values.len()), (&series(&rows[a_day..]).times, all - a_day), "{cut}");
                assert_eq!(kept.notes.last(), Some(&note(a_day - cut, "2020-01-01")));
            }
            assert_eq!(series(&rows).without_unfinished(span), series(&rows));
        }
        let hours = [("2020-01-01 00:00", 1.0), ("2020-01-01 01:00", 1.0)];
        assert!(series(&hours).without_unfinished(span).is_empty());
    }

    /// The day on which the clocks change has 23 or 25 hours, and every day begins at local midnight.
    #[test]
    fn days_are_cut_by_local_time() {
        let hours = |start: &str, offset: &str, count: i64| {
            let (start, offset) = (start.parse::<DateTime>().unwrap(), offset.to_owned());
            let time = move |hour| start.checked_add(SignedDuration::from_hours(hour)).unwrap();
            (0..count).map(move |hour| (format!("{}{offset}", time(hour)), 1.0)).collect::<Vec<_>>()
        };
        let (spring, autumn) = (2, 27);
        let march = [hours("2023-03-24T00:00", "+01:00", 24 + spring + 24), hours("2023-03-26T03:00", "+02:00", 45)];
        let october = [hours("2023-10-28T00:00", "+02:00", autumn), hours("2023-10-29T02:00", "+01:00", 46)];
        for (parts, sums, first) in
            [(march, [24.0, 24.0, 23.0, 24.0], "2023-03-24"), (october, [24.0, 25.0, 24.0, 0.0], "2023-10-28")]
        {
            let rows: Vec<(&str, f64)> = parts.iter().flatten().map(|(time, value)| (time.as_str(), *value)).collect();
            let daily = series(&rows).without_unfinished("1d".parse().unwrap());
            let daily = daily.rolled_up("1d".parse().unwrap(), RollUp::Sum).unwrap();
            let sums: Vec<f64> = sums.into_iter().filter(|sum| *sum > 0.0).collect();
            assert_eq!((&daily.values, &times(&daily)[0]), (&sums, &format!("{first}T00:00:00")));
            assert!(daily.times.iter().all(|time| time.hour() == 0) && daily.clock == Clock::default());
        }
    }
}
