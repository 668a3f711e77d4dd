//! Rows at certain times of day on certain days of the week: opening hours, trading sessions, working days.

use std::collections::HashMap;
use std::fmt;

use jiff::civil::{Date, DateTime, Time};

/// The largest number of different times of day in an [`Opening`]: one per second of a day.
const MOST_TIMES: usize = 86_400;
/// The smallest number of dates with rows from which several times of day are learned. A day of the week with fewer
/// such dates does not get its own times of day.
const FEWEST_DAYS: usize = 3;

/// For each day of the week, from Monday: the times of day at which there are rows, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    times: [Vec<Time>; 7],
}

/// Counts of days and of times of day, for each day of the week.
#[derive(Default)]
struct Counts {
    /// For each day of the week, from Monday: the number of dates that have at least one row.
    open: [usize; 7],
    /// For each day of the week: the number of dates from the first to the last row, with or without rows.
    all: [usize; 7],
    /// For each time of day and each day of the week: the number of dates that have a row at this time of day.
    times: HashMap<Time, [usize; 7]>,
}

impl Opening {
    /// Learns the pattern from times, which must be in ascending order and distinct. All days of the week that
    /// usually have rows get the same times of day. But if `by_weekday` is true, each of these days that has enough
    /// dates gets its own times of day. Returns `None` if there are too few dates or too many different times of day.
    pub fn of(times: &[DateTime], by_weekday: bool) -> Option<Self> {
        let counts = Counts::of(times)?;
        let days: usize = counts.open.iter().sum();
        if days < 2 || (days < FEWEST_DAYS && counts.times.len() > 1) {
            return None;
        }
        let of_any: Vec<Time> = counts.sorted_times(|days_of| 2 * days_of.iter().sum::<usize>() >= days);
        let of_day = |day: usize| match counts.open[day] {
            _ if !counts.is_open(day) => Vec::new(),
            open if by_weekday && open >= FEWEST_DAYS => counts.sorted_times(|days_of| 2 * days_of[day] >= open),
            _ => of_any.clone(),
        };
        Some(Self { times: std::array::from_fn(of_day) })
    }

    /// Returns the first time of the pattern after `time`; `None` if there is no such time.
    pub fn after(&self, time: DateTime) -> Option<DateTime> {
        let (mut date, mut weekday) = (time.date(), weekday(time.date()));
        let today = &self.times[weekday];
        if let Some(next) = today.get(today.partition_point(|other| *other <= time.time())) {
            return Some(date.to_datetime(*next));
        }
        for _ in 0..7 {
            (date, weekday) = (date.tomorrow().ok()?, (weekday + 1) % 7);
            if let Some(first) = self.times[weekday].first() {
                return Some(date.to_datetime(*first));
            }
        }
        None
    }

    /// Returns the number of rows that the pattern has on the day of the week with the most rows. If no day has more
    /// than one row, returns the number of rows per week. Returns `None` if the pattern has at most one row per week.
    pub fn in_day_or_week(&self) -> Option<usize> {
        let rows = self.times.iter().map(Vec::len);
        let [day, week] = [rows.clone().max().unwrap_or(0), rows.sum()];
        [day, week].into_iter().find(|rows| *rows > 1)
    }
}

impl Counts {
    fn of(times: &[DateTime]) -> Option<Self> {
        let mut counts = Self::default();
        for time in times {
            counts.times.entry(time.time()).or_default()[weekday(time.date())] += 1;
            if counts.times.len() > MOST_TIMES {
                return None;
            }
        }
        let dates = || times.iter().map(|time| time.date());
        let is_new_day = times.chunk_by(|one, other| one.date() == other.date());
        is_new_day.for_each(|rows| counts.open[weekday(rows[0].date())] += 1);
        let (first, last) = dates().next().zip(dates().next_back())?;
        let days = first.until(last).ok()?.get_days() as usize + 1;
        (0..days).for_each(|day| counts.all[(weekday(first) + day) % 7] += 1);
        Some(counts)
    }

    /// Returns whether the pattern has rows on a day of the week; 0 is Monday. This is so if at least half of the dates
    /// with this day of the week have rows.
    ///
    /// If the series covers at most one date with this day of the week, that rule does not apply. Then Monday to Friday
    /// have rows, and Saturday and Sunday have rows only if any row of the series is on a weekend.
    fn is_open(&self, day: usize) -> bool {
        match self.all[day] {
            0 | 1 if day < 5 => true,
            0 | 1 => self.open[5] + self.open[6] > 0,
            all => 2 * self.open[day] >= all,
        }
    }

    fn sorted_times(&self, is_kept: impl Fn(&[usize; 7]) -> bool) -> Vec<Time> {
        let kept = self.times.iter().filter(|(_, days)| is_kept(days));
        let mut times: Vec<Time> = kept.map(|(time, _)| *time).collect();
        times.sort_unstable();
        times
    }
}

/// The days without rows, in words, such as `, except Saturday and Sunday`; or `, at opening hours` if a day has
/// several rows.
impl fmt::Display for Opening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        if self.times.iter().any(|times| times.len() > 1) {
            return write!(formatter, ", at opening hours");
        }
        let closed: Vec<&str> =
            DAYS.into_iter().zip(&self.times).filter(|(_, times)| times.is_empty()).map(|(day, _)| day).collect();
        match closed.split_last() {
            None => Ok(()),
            Some((last, [])) => write!(formatter, ", except {last}"),
            Some((last, others)) => write!(formatter, ", except {} and {last}", others.join(", ")),
        }
    }
}

/// Returns the number of the day of the week; Monday is 0.
fn weekday(date: Date) -> usize {
    date.weekday().to_monday_zero_offset() as usize
}
