//! Steps of calendar months: a day in each month, quarter or year.

use std::fmt;

use jiff::civil::{Date, DateTime};

/// A pattern with one time every `count` calendar months.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Months {
    /// The number of calendar months per step, at least 1.
    count: i64,
    /// The day of the month.
    day: Day,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Day {
    /// This day of the month, from 1 to 31. In a month without this day, the last day.
    On(i8),
    /// The first day of the month that is not on a weekend.
    FirstWorking,
    /// The last day of the month that is not on a weekend.
    LastWorking,
}

impl Months {
    /// Returns the patterns that the times may follow, the simplest first. The step of each pattern is the most common
    /// number of calendar months between consecutive times. Returns no patterns if this number is 0, or if at most half
    /// of the steps have this number of months.
    pub fn candidates(times: &[DateTime]) -> Vec<Self> {
        let Some(count) = usual_months(times, 0.5) else { return Vec::new() };
        let all_last = times.iter().all(|time| time.day() == time.date().days_in_month());
        let largest = if all_last { 31 } else { times.iter().map(|time| time.day()).max().unwrap_or(1) };
        let common = most_common(times.iter().map(|time| i64::from(time.day()))).map_or(1, |(day, _)| day as i8);
        let days = [Day::On(largest), Day::On(common), Day::LastWorking, Day::FirstWorking];
        days.into_iter().map(|day| Self { count, day }).collect()
    }

    /// Returns the pattern of times that occur once in each month, quarter or year, but on varying days of the month.
    /// The pattern uses the median day. Returns `None` if the most common number of months between consecutive times
    /// is 0, or if at most 90 % of the steps have this number.
    pub fn of_irregular_days(times: &[DateTime]) -> Option<Self> {
        let count = usual_months(times, 0.9)?;
        let mut days: Vec<i8> = times.iter().map(|time| time.day()).collect();
        days.sort_unstable();
        Some(Self { count, day: Day::On(days[days.len() / 2]) })
    }

    /// Returns the time that is `number` steps after `time`.
    pub fn after(&self, time: DateTime, number: i64) -> Option<DateTime> {
        let months = jiff::Span::new().try_months(self.count.checked_mul(number)?).ok()?;
        let first = time.date().first_of_month().checked_add(months).ok()?;
        Some(self.day.of_month(first)?.to_datetime(time.time()))
    }

    /// Returns whether the day of `time` is the day that the pattern has in this month.
    pub fn contains(&self, time: DateTime) -> bool {
        self.after(time, 0) == Some(time)
    }

    /// Returns the number of times that the pattern has in a year; `None` if the number is below two.
    pub fn in_year(&self) -> Option<usize> {
        Some(12 / self.count as usize).filter(|times| *times > 1)
    }
}

impl Day {
    /// Returns the date of this day in the month whose first date is `first`.
    fn of_month(self, first: Date) -> Option<Date> {
        let day = |day: i8| first.with().day(day).build().ok();
        match self {
            Self::On(number) => day(number.min(first.days_in_month())),
            Self::FirstWorking => (1..=3).filter_map(day).find(is_working),
            Self::LastWorking => (1..=first.days_in_month()).rev().filter_map(day).find(is_working),
        }
    }
}

impl fmt::Display for Months {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => write!(formatter, "1 month")?,
            12 => write!(formatter, "1 year")?,
            count if count % 12 == 0 => write!(formatter, "{} years", count / 12)?,
            count => write!(formatter, "{count} months")?,
        }
        match self.day {
            Day::On(31) => write!(formatter, ", on the last day"),
            Day::On(_) => Ok(()),
            Day::FirstWorking => write!(formatter, ", on the first working day"),
            Day::LastWorking => write!(formatter, ", on the last working day"),
        }
    }
}

fn is_working(date: &Date) -> bool {
    date.weekday().to_monday_zero_offset() < 5
}

/// Returns the number of a month: 12 × year + month of the year.
fn month(time: DateTime) -> i64 {
    12 * i64::from(time.year()) + i64::from(time.month())
}

/// Returns the most common number of calendar months between consecutive times. The number must be at least 1, and more
/// than the share `fraction` of the steps between consecutive times must have it. Returns `None` in all other cases.
fn usual_months(times: &[DateTime], fraction: f64) -> Option<i64> {
    let (count, pairs) = most_common(times.windows(2).map(|pair| month(pair[1]) - month(pair[0])))?;
    (count >= 1 && pairs as f64 > fraction * (times.len() - 1) as f64).then_some(count)
}

/// Returns the most common number, and how often it occurs; `None` if there are no numbers.
fn most_common(numbers: impl Iterator<Item = i64>) -> Option<(i64, usize)> {
    let mut numbers: Vec<i64> = numbers.collect();
    numbers.sort_unstable();
    let group = numbers.chunk_by(|one, other| one == other).max_by_key(|group| group.len())?;
    Some((group[0], group.len()))
}
