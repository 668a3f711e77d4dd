//! The times of samples: units of time, the sampling rate, and conversion to samples at equal time steps.

use super::RecordingNote;
use super::table::{Draft, Drafts, RecordingFormat, TimeUnit};
use crate::error::{DataError, RecordingError, Result};

/// Two sampling rates are different if the greater rate exceeds the smaller rate by more than this fraction of the
/// smaller rate.
const TOLERANCE: f64 = 0.1;
/// At most 1 / `REGULAR` of the time steps of a recording may be much shorter or longer than usual. One such time step
/// is always allowed.
const REGULAR: usize = 10;
/// Resampling may multiply the number of samples of a recording by at most this factor.
const MOST_RESAMPLED: f64 = 1000.0;

impl TimeUnit {
    /// Returns how many of these units are in a second, such as 1,000 for milliseconds.
    pub(super) fn per_second(self) -> f64 {
        match self {
            Self::Seconds => 1.0,
            Self::Milliseconds => 1e3,
            Self::Microseconds => 1e6,
            Self::Nanoseconds => 1e9,
        }
    }
}

/// Returns the unit of time in the name of a column, such as milliseconds for `time_ms` and seconds for `Time (s)`.
/// Returns `None` if the name contains no unit.
pub(super) fn unit_of_name(column: &str) -> Option<TimeUnit> {
    let name = column.to_lowercase();
    name.split(|letter: char| !letter.is_alphanumeric()).find_map(|word| match word {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(TimeUnit::Seconds),
        "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => Some(TimeUnit::Milliseconds),
        "us" | "µs" | "usec" | "micros" | "microsecond" | "microseconds" => Some(TimeUnit::Microseconds),
        "ns" | "nsec" | "nanos" | "nanosecond" | "nanoseconds" => Some(TimeUnit::Nanoseconds),
        _ => None,
    })
}

/// Determines the unit of times since 1970 from the size of the numbers. Returns `None` if the numbers fit no unit.
pub(super) fn since_1970(times: impl Iterator<Item = f64> + Clone) -> Option<TimeUnit> {
    use TimeUnit::{Microseconds, Milliseconds, Nanoseconds, Seconds};
    // These bounds are the years 1973 and 5138.
    let fits = |unit: &TimeUnit| times.clone().all(|time| (1e8..1e11).contains(&(time / unit.per_second())));
    [Seconds, Milliseconds, Microseconds, Nanoseconds].into_iter().find(fits)
}

/// Sorts the samples by time, and interpolates missing values. If the table has a time column and
/// [`RecordingFormat::resample`] is set, also resamples the recordings to this rate. If the table has a time column and
/// this setting is `None`, also interpolates missing samples. Returns the sampling rate of the result, if it is known.
pub(super) fn straighten(all: &mut Drafts, format: &RecordingFormat) -> Result<Option<f64>> {
    let Drafts { channels, drafts, notes } = all;
    let (mut sorted, mut missing, mut incomplete) = (0, 0, 0);
    for draft in drafts.iter_mut() {
        sorted += usize::from(draft.sort(channels.len())?);
        let values = draft.fill(channels)?;
        missing += values;
        incomplete += usize::from(values > 0);
    }
    if sorted > 0 {
        notes.push(RecordingNote::Sorted { recordings: sorted });
    }
    if missing > 0 {
        notes.push(RecordingNote::MissingValues { values: missing, recordings: incomplete });
    }
    let check = |hz: Option<f64>, setting| match hz.filter(|hz| !(*hz > 0.0 && hz.is_finite())) {
        Some(hz) => Err(DataError::from(RecordingError::Rate { hz, most: None, setting })),
        None => Ok(()),
    };
    check(format.rate, "rate")?;
    check(format.resample, "resample")?;
    match (&format.time, format.resample) {
        (None, _) => Ok(format.rate),
        (Some(_), Some(hz)) => resample(drafts, channels.len(), hz).map(Some),
        (Some(_), None) => {
            let (mut steps, mut recordings) = (0, 0);
            for draft in drafts.iter_mut() {
                let filled = draft.fill_gaps(channels.len())?;
                steps += filled;
                recordings += usize::from(filled > 0);
            }
            if steps > 0 {
                notes.push(RecordingNote::MissingSteps { steps, recordings });
            }
            common_rate(drafts)
        }
    }
}

/// Resamples all recordings to `hz` samples per second, by linear interpolation between their samples. Returns `hz`.
fn resample(drafts: &mut [Draft], width: usize, hz: f64) -> Result<f64> {
    for draft in drafts {
        let steps = (draft.duration() * hz + 1e-6).floor() + 1.0;
        let samples = draft.times.len();
        if steps > MOST_RESAMPLED * samples as f64 {
            let (path, id, line) = (draft.path.clone(), draft.recording.id.clone(), draft.first_line());
            return Err(RecordingError::ResampledLength { path, line, id, samples, resampled: steps as usize }.into());
        }
        let Some(&start) = draft.times.first() else { continue };
        let times: Vec<f64> = (0..steps as usize).map(|step| start + step as f64 / hz).collect();
        draft.interpolate(times, width);
    }
    Ok(hz)
}

/// Returns the common sampling rate of all recordings; `None` if no recording has two or more samples.
///
/// # Errors
///
/// [`RecordingError::DifferentRates`] if the recordings have different sampling rates.
fn common_rate(drafts: &[Draft]) -> Result<Option<f64>> {
    let timed: Vec<&Draft> = drafts.iter().filter(|draft| draft.times.len() > 1).collect();
    let Some(first) = timed.first() else { return Ok(None) };
    let (rate, bounds) = (first.rate(), |rate: f64| (rate / (1.0 + TOLERANCE))..=(rate * (1.0 + TOLERANCE)));
    if let Some(other) = timed.iter().find(|draft| !bounds(rate).contains(&draft.rate())) {
        return Err(RecordingError::DifferentRates {
            path: other.path.clone(),
            line: other.first_line(),
            id: other.recording.id.clone(),
            rate: rounded(other.rate()),
            other_id: first.recording.id.clone(),
            other_rate: rounded(rate),
        }
        .into());
    }
    let steps: usize = timed.iter().map(|draft| draft.times.len() - 1).sum();
    let seconds: f64 = timed.iter().map(|draft| draft.duration()).sum();
    Ok(Some(rounded(steps as f64 / seconds)))
}

/// Rounds to five significant digits, because the times in a file are seldom more precise.
fn rounded(number: f64) -> f64 {
    format!("{number:.4e}").parse().unwrap_or(number)
}

impl Draft {
    /// Returns the number of seconds from the first to the last sample.
    fn duration(&self) -> f64 {
        self.times.last().zip(self.times.first()).map_or(0.0, |(last, first)| last - first)
    }

    /// Returns the mean number of samples per second of a recording with at least two samples.
    fn rate(&self) -> f64 {
        (self.times.len() - 1) as f64 / self.duration()
    }

    /// Sorts the samples by time. Returns whether the samples were in another order before.
    ///
    /// # Errors
    ///
    /// [`RecordingError::EqualTimes`] if two samples have the same time.
    fn sort(&mut self, width: usize) -> Result<bool> {
        let is_sorted = self.times.is_sorted();
        if !is_sorted {
            let mut order: Vec<usize> = (0..self.times.len()).collect();
            order.sort_by(|one, other| self.times[*one].total_cmp(&self.times[*other]));
            let values = &self.recording.values;
            self.recording.values = order.iter().flat_map(|row| values[row * width..][..width].to_vec()).collect();
            self.times = order.iter().map(|&row| self.times[row]).collect();
            self.lines = order.iter().map(|&row| self.lines[row]).collect();
        }
        match self.times.windows(2).position(|pair| pair[0] == pair[1]) {
            Some(row) => {
                let (one, other) = (self.lines[row], self.lines[row + 1]);
                Err(RecordingError::EqualTimes {
                    path: self.path.clone(),
                    line: one.max(other),
                    other_line: one.min(other),
                    id: self.recording.id.clone(),
                }
                .into())
            }
            None => Ok(!is_sorted),
        }
    }

    /// Adds interpolated samples where the time between two samples is at least 1.5 times the usual (median) time.
    /// Returns the number of added samples.
    ///
    /// # Errors
    ///
    /// [`RecordingError::UnevenSteps`] if the time between samples is irregular for more than 1 / [`REGULAR`] of the
    /// samples, or if more samples are missing than the recording has.
    fn fill_gaps(&mut self, width: usize) -> Result<usize> {
        let steps: Vec<f64> = self.times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mut sorted = steps.clone();
        sorted.sort_by(f64::total_cmp);
        let Some(&usual) = sorted.get(sorted.len() / 2) else { return Ok(0) };
        let is_uneven = |step: &f64| !(0.6..1.5).contains(&(step / usual));
        let uneven = steps.iter().filter(|step| is_uneven(step)).count();
        let missing = |step: f64| ((step / usual).round() - 1.0).max(0.0);
        let total: f64 = steps.iter().map(|&step| missing(step)).sum();
        if uneven * REGULAR > steps.len().max(REGULAR) || total > self.times.len() as f64 {
            let row = steps.iter().position(is_uneven).unwrap_or(0);
            return Err(self.uneven(row + 1, usual));
        }
        if total == 0.0 {
            return Ok(0);
        }
        let mut times = Vec::with_capacity(self.times.len() + total as usize);
        for (&start, &step) in self.times.iter().zip(&steps) {
            let parts = missing(step) + 1.0;
            times.extend((0..parts as usize).map(|part| start + step * part as f64 / parts));
        }
        times.extend(self.times.last());
        self.interpolate(times, width);
        Ok(total as usize)
    }

    /// Replaces the samples by linearly interpolated samples at `times`, which are in ascending order.
    fn interpolate(&mut self, times: Vec<f64>, width: usize) {
        let (mut row, last) = (0, self.times.len() - 1);
        let mut values = Vec::with_capacity(times.len() * width);
        for &time in &times {
            while row < last && self.times[row + 1] <= time {
                row += 1;
            }
            let share = match self.times.get(row + 1) {
                Some(next) => ((time - self.times[row]) / (next - self.times[row])).clamp(0.0, 1.0 - f64::EPSILON),
                None => 0.0,
            };
            values.extend(timesteps::between(&self.recording.values, width, row as f64 + share));
        }
        self.times = times;
        self.recording.values = values;
    }

    fn uneven(&self, row: usize, usual: f64) -> DataError {
        RecordingError::UnevenSteps {
            path: self.path.clone(),
            line: self.lines[row],
            id: self.recording.id.clone(),
            found: rounded(self.times[row] - self.times[row - 1]),
            usual: rounded(usual),
        }
        .into()
    }
}
