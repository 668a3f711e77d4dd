//! Finds the pattern in a list of times, such as every 10 minutes or every working day, and continues it: [`Rhythm`].
//! All times are `jiff::civil::DateTime`, without a time zone. The crate also resamples samples that are at equal
//! distances in time ([`resample`]), and numbers the rows of series that have no times ([`time_of_step`]).
//!
//! The reader of CSV files uses this crate to count and fill missing times, forecasts use it to continue a series, and
//! recordings are resampled with it.
//!
//! ```
//! use jiff::civil::date;
//!
//! let friday = date(2020, 1, 3).at(0, 0, 0, 0);
//! let times = [date(2020, 1, 2).at(0, 0, 0, 0), friday];
//! // A daily series without weekends continues on Monday.
//! assert_eq!(timesteps::next_times(&times, 1), [date(2020, 1, 6).at(0, 0, 0, 0)]);
//! ```

mod clock;
mod months;
mod numbered;
mod opening;
mod samples;
mod step;

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::DateTime;

pub use clock::Clock;
use months::Months;
pub use numbered::{step_of_time, time_of_step};
use opening::Opening;
pub use samples::{between, mix, resample};
pub use step::{most_common_step, written};

/// The length of a day.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The number of days at the end of a series from which its pattern is learned.
const RECENT_DAYS: i64 = 84;
/// The smallest and the largest number of rows at the end of a series from which its pattern is learned.
const RECENT_ROWS: [usize; 2] = [60, 150_000];

/// The pattern that the times of a series follow: a constant step, a day in each month, quarter or year, or the times
/// of day and days of the week at which there are rows.
///
/// [`Rhythm::of`] chooses the pattern that predicts the most steps between recent rows. If several patterns predict
/// almost the same number of steps, [`Rhythm::of`] chooses the simplest of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Rhythm {
    /// The usual difference between consecutive times; 0 if there are fewer than two times.
    step: SignedDuration,
    /// The pattern that predicts the times after a row.
    pattern: Pattern,
    /// Whether the pattern predicts at least half of the recent times.
    is_regular: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Pattern {
    /// A constant step. The predicted times are rounded to multiples of `resolution`.
    Constant { step: SignedDuration, resolution: SignedDuration },
    /// A day in each month, quarter or year.
    Months(Months),
    /// Times of day on certain days of the week.
    Opening(Opening),
}

/// Returns the `count` times that follow the last time of `past`, which must be in ascending order. Returns fewer times
/// if the later times are beyond [`DateTime::MAX`], and no times if `past` is empty.
pub fn next_times(past: &[DateTime], count: usize) -> Vec<DateTime> {
    past.last().map_or(Vec::new(), |last| Rhythm::of(past).following(*last).take(count).collect())
}

impl Rhythm {
    /// Detects the pattern of the times, which must be in ascending order. Equal times count once.
    pub fn of(times: &[DateTime]) -> Self {
        let step = step::usual(times);
        let mut recent = recent(times).to_vec();
        recent.dedup();
        let (pattern, errors) = best_pattern(&recent, step);
        let is_regular = 2 * errors < recent.len().max(1);
        match Months::of_irregular_days(&recent) {
            Some(months) if !is_regular => Self { step, pattern: Pattern::Months(months), is_regular },
            _ if !is_regular => Self { step, pattern: Pattern::constant(&recent, step), is_regular },
            _ => Self { step, pattern, is_regular },
        }
    }

    /// Returns the usual difference between consecutive times; 0 if there are fewer than two times.
    pub fn step(&self) -> SignedDuration {
        self.step
    }

    /// Returns whether the pattern predicts at least half of the recent times from the times before them. If not, the
    /// times that [`following`](Self::following) returns are guesses.
    pub fn is_regular(&self) -> bool {
        self.is_regular
    }

    /// Returns the times that follow `time` in the pattern, up to [`DateTime::MAX`]. The pattern knows no public
    /// holidays, so the result includes times on public holidays.
    pub fn following(&self, time: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let mut previous = time;
        (1..).map_while(move |number| {
            previous = self.pattern.after(time, number, previous)?;
            Some(previous)
        })
    }

    /// Counts the times that the pattern predicts between `one` and `other`, both excluded. If `one` and `other` are
    /// the times of consecutive rows of a series, the result is the number of missing rows.
    pub fn count_between(&self, one: DateTime, other: DateTime) -> usize {
        let (between, step) = (other.duration_since(one), self.step);
        if step <= SignedDuration::ZERO {
            return 0;
        }
        match self.pattern {
            Pattern::Constant { .. } => {
                (between.as_nanos() + step.as_nanos() / 2).div_euclid(step.as_nanos()).saturating_sub(1).max(0) as usize
            }
            // A row that is a little late stands for the time that the pattern predicts, so that time is not missing.
            _ => self.following(one).take_while(|time| 2 * other.duration_since(*time) > step).count(),
        }
    }

    /// Returns the number of rows per season. The season is a day, a week or a year: the shortest of them that has at
    /// least two rows. If the step is constant, a day or a week is only used if it is a whole number of steps. Returns
    /// 1 if no period is suitable, or if steps are shorter than a second.
    pub fn season(&self) -> usize {
        const YEAR: f64 = 31_557_600.0;
        let step = self.step;
        let of_year = || Some((YEAR / step.as_secs_f64()).round() as usize).filter(|rows| *rows > 1);
        let whole = |span: SignedDuration| {
            let fits = span > step && span.as_nanos() % step.as_nanos() == 0;
            fits.then(|| (span.as_nanos() / step.as_nanos()) as usize)
        };
        let rows = match &self.pattern {
            _ if step < SignedDuration::from_secs(1) => None,
            Pattern::Months(months) => months.in_year(),
            Pattern::Opening(opening) => opening.in_day_or_week().or_else(of_year),
            Pattern::Constant { .. } => whole(DAY).or_else(|| whole(7 * DAY)).or_else(of_year),
        };
        rows.unwrap_or(1)
    }
}

/// The pattern in words: `10 min`, `1 month, on the last working day`, `1 d, except Saturday and Sunday`.
impl fmt::Display for Rhythm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pattern {
            Pattern::Constant { .. } => formatter.write_str(&written(self.step)),
            Pattern::Months(months) => months.fmt(formatter),
            Pattern::Opening(opening) => write!(formatter, "{}{opening}", written(self.step)),
        }
    }
}

impl Pattern {
    fn constant(times: &[DateTime], step: SignedDuration) -> Self {
        let step = if step > SignedDuration::ZERO { step } else { SignedDuration::from_secs(1) };
        Self::Constant { step, resolution: step::resolution(times) }
    }

    /// Returns the time that is `number` steps after `start`. `previous` must be the time that is `number − 1` steps
    /// after `start`. Returns `None` if there is no such time.
    fn after(&self, start: DateTime, number: i64, previous: DateTime) -> Option<DateTime> {
        match self {
            Self::Constant { step, resolution } => {
                let time = start.checked_add(step.checked_mul(i32::try_from(number).ok()?)?).ok()?;
                step::rounded(time, *resolution)
            }
            Self::Months(months) => months.after(start, number),
            Self::Opening(opening) => opening.after(previous),
        }
    }

    /// Returns whether `next` is the time that the pattern predicts after `time`. For a constant step, `next` may
    /// deviate from the predicted time by 2 % of the step, but at most by a minute; or by the resolution, if that is
    /// larger.
    fn predicts(&self, time: DateTime, next: DateTime) -> bool {
        match self {
            Self::Constant { step, resolution } => {
                let deviation = (next.duration_since(time) - *step).abs();
                deviation <= (*step / 50).min(SignedDuration::from_mins(1)).max(*resolution)
            }
            _ => self.after(time, 1, time) == Some(next),
        }
    }

    /// Returns the number of prediction errors: the number of times that the pattern does not predict from the previous
    /// time. For a monthly pattern, the first time also counts as an error if it is not on the day of the pattern.
    fn errors(&self, times: &[DateTime]) -> usize {
        let first = times.first().filter(|first| matches!(self, Self::Months(months) if !months.contains(**first)));
        times.windows(2).filter(|pair| !self.predicts(pair[0], pair[1])).count() + usize::from(first.is_some())
    }
}

/// Returns the end of a series: the rows of the last twelve weeks. If this number of rows is outside the limits in
/// [`RECENT_ROWS`], returns the nearest allowed number of rows, or all rows if there are fewer.
fn recent(times: &[DateTime]) -> &[DateTime] {
    let Some(last) = times.last() else { return times };
    let start = last.saturating_sub(SignedDuration::from_hours(24 * RECENT_DAYS));
    let [fewest, most] = RECENT_ROWS.map(|rows| times.len().saturating_sub(rows));
    let first = times.partition_point(|time| *time < start);
    &times[first.min(fewest).max(most)..]
}

/// Returns the pattern that predicts the most steps, and the number of steps that it does not predict. A pattern that
/// is tried later replaces an earlier pattern only if it at least halves the number of errors. Without this rule, a few
/// missing rows in a series with a constant step would look like opening hours.
fn best_pattern(times: &[DateTime], step: SignedDuration) -> (Pattern, usize) {
    let opening = |by_weekday| Opening::of(times, by_weekday).map(Pattern::Opening);
    // In a short daily series without weekends, a constant step predicts about as many times as working days do, so
    // working days are tried first.
    let days = if step == DAY { opening(false) } else { None };
    let simple = Months::candidates(times).into_iter().map(Pattern::Months).chain(days);
    let mut best: Option<(Pattern, usize)> = None;
    let mut consider = |pattern: Pattern| {
        let errors = pattern.errors(times);
        if best.as_ref().is_none_or(|(_, fewest)| errors < *fewest && 2 * errors <= *fewest) {
            best = Some((pattern, errors));
        }
    };
    simple.for_each(&mut consider);
    let constant = Pattern::constant(times, step);
    consider(constant.clone());
    if constant.errors(times) > 0 {
        [false, true].into_iter().filter_map(opening).for_each(consider);
    }
    best.unwrap_or((constant, 0))
}
