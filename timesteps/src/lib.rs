//! The time steps of a series: detects the distance between consecutive times, and continues the times after the last
//! one.
//!
//! The reader of CSV files uses this crate to fill missing times, and forecasts use it to continue a series.
//!
//! ```
//! use jiff::civil::date;
//!
//! let friday = date(2020, 1, 3).at(0, 0, 0, 0);
//! let times = [date(2020, 1, 2).at(0, 0, 0, 0), friday];
//! let rhythm = timesteps::Rhythm::of(&times);
//! assert_eq!(rhythm.seconds(), 86_400);
//! // A daily series without weekends continues on Monday.
//! assert_eq!(rhythm.following(friday).next(), Some(date(2020, 1, 6).at(0, 0, 0, 0)));
//! ```

use jiff::SignedDuration;
use jiff::civil::DateTime;

/// The number of seconds in a day.
const DAY: i64 = 86_400;

/// The distance between consecutive times of a series: a number of seconds, of calendar months, or of working days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// The most common difference between consecutive times, in seconds.
    seconds: i64,
    /// The number of calendar months per step; 0 if steps are not calendar months.
    months: i64,
    /// For monthly steps: the largest day of the month among the times of the series, from 1 to 31. In a shorter month,
    /// a step falls on the last day of the month.
    day: i8,
    /// Whether at least one time is on a Saturday or a Sunday.
    weekends: bool,
}

impl Rhythm {
    /// Detects the distance between consecutive times, which must be in ascending order.
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
        let weekends = times.iter().any(|time| is_weekend(*time));
        Self { seconds, months: if on_the_day { months } else { 0 }, day, weekends }
    }

    /// The most common difference between consecutive times, in seconds; 0 for fewer than two times.
    pub fn seconds(&self) -> i64 {
        self.seconds
    }

    /// Whether the times are those of working days: one per day, and none on a Saturday or a Sunday.
    pub fn is_working_days(&self) -> bool {
        self.seconds == DAY && !self.weekends
    }

    /// Returns the time that is `number` steps after `time`; `None` beyond the last representable time. Saturdays and
    /// Sundays count as steps, even if the series has only working days.
    pub fn after(&self, time: DateTime, number: i64) -> Option<DateTime> {
        if self.months == 0 {
            return time.checked_add(SignedDuration::from_secs(self.seconds.max(1).checked_mul(number)?)).ok();
        }
        let months = jiff::Span::new().try_months(self.months.checked_mul(number)?).ok()?;
        let month = time.date().first_of_month().checked_add(months).ok()?;
        let date = month.with().day(self.day.min(month.days_in_month())).build().ok()?;
        Some(date.to_datetime(time.time()))
    }

    /// The times that follow `last`. If the series has working days only, weekends are left out.
    pub fn following(self, last: DateTime) -> impl Iterator<Item = DateTime> {
        let times = (1..).map_while(move |number| self.after(last, number));
        times.filter(move |time| !(self.is_working_days() && is_weekend(*time)))
    }
}

/// The most common difference between consecutive times, in seconds: the smallest if several are equally common, and 0
/// for fewer than two times.
pub fn most_common_step(times: impl Iterator<Item = DateTime> + Clone) -> i64 {
    let pairs = times.clone().zip(times.skip(1));
    let mut steps: Vec<i64> = pairs.map(|(one, other)| other.duration_since(one).as_secs()).collect();
    steps.sort_unstable();
    let groups = steps.chunk_by(|one, other| one == other);
    groups.max_by_key(|group| (group.len(), -group[0])).map_or(0, |group| group[0])
}

fn is_weekend(time: DateTime) -> bool {
    time.date().weekday().to_monday_zero_offset() >= 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_followed(times: &[&str], expected: &[&str]) {
        let parse = |times: &[&str]| -> Vec<DateTime> {
            let parsed: Result<_, _> = times.iter().map(|time| time.parse()).collect();
            parsed.unwrap_or_default()
        };
        let (times, expected) = (parse(times), parse(expected));
        let found: Vec<_> = Rhythm::of(&times).following(times[times.len() - 1]).take(expected.len()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn times_are_continued() {
        assert_followed(&["2020-01-01T00:00", "2020-01-01T01:00"], &["2020-01-01T02:00", "2020-01-01T03:00"]);
        assert_followed(&["2020-01-02", "2020-01-03"], &["2020-01-06", "2020-01-07"]);
        assert_followed(&["2020-01-01", "2020-02-01", "2020-03-01"], &["2020-04-01", "2020-05-01", "2020-06-01"]);
        assert_followed(&["2020-10-31", "2020-11-30", "2020-12-31"], &["2021-01-31", "2021-02-28", "2021-03-31"]);
        assert_followed(&["2020-01-01", "2020-01-29", "2020-02-26"], &["2020-03-25"]);
        assert_followed(&["2019-07-01", "2020-07-01"], &["2021-07-01"]);
        assert_followed(&["2020-01-01"], &["2020-01-01T00:00:01"]);
    }

    #[test]
    fn times_end_with_the_calendar() {
        let last = DateTime::MAX;
        assert_eq!(Rhythm::of(&[last]).following(last).count(), 0);
    }
}
