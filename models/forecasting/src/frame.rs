//! A time series as a network reads it: standardised values and calendar features, cut into windows. A window is stored
//! as the index of its first forecast row (the origin); its values are copied only when a batch is made. L is the
//! look-back and H the horizon, both in rows. Ranges exclude their end.
//!
//! ```text
//! rows      0 ............ train ............│...... valid ......│...... test ......
//! origin o  reads o−L .. o, forecasts o .. o+H; the first windows of a part also read rows of the part before it
//! ```

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use inference::PredictError;
use jiff::civil::DateTime;
use timesteps::{Clock, Rhythm};

use crate::history::{Future, History};
use crate::scaler::Scaler;

/// The number of calendar features of a row: see [`calendar`].
pub const CALENDAR: usize = 8;

/// A standardised time series with the features whose future values are known: calendar features and known covariates.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The standardised values of the targets and then of the covariates, `[rows, columns]`; NaN in future rows.
    values: Vec<f32>,
    /// The features whose future values are known, `[rows, features]`: calendar features, and then the standardised
    /// values of the known covariates.
    known: Vec<f32>,
    /// The number of known covariates. They are the last columns of the scaler.
    known_columns: usize,
    /// The identifier of the series; empty if the table holds one series.
    pub series: String,
    /// The time of each row.
    pub times: Vec<DateTime>,
    /// Whether the rows have step numbers instead of times: see [`History::numbered`].
    pub numbered: bool,
    /// Converts times to local times, from which the calendar features are computed.
    clock: Clock,
    /// The mean and standard deviation by which each column was standardised.
    pub scaler: Scaler,
    /// The number of columns that are forecast. They come before the covariates.
    pub targets: usize,
    /// The number of rows of the training part, to which baselines are fitted.
    pub train: usize,
    /// The number of rows of the validation part, which follows the training part.
    pub valid: usize,
    /// The number of steps per season (seasonal period), such as 24 for hourly rows, for seasonal baselines.
    pub season: usize,
}

impl Frame {
    /// Standardises the columns that the scaler names. The first `targets` columns are the targets, and the last
    /// `known` columns are the covariates whose future values are known. The training and validation part and the
    /// season are set by [`with_parts`](Self::with_parts) and [`with_season`](Self::with_season).
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the history lacks a column.
    pub fn new(history: &History, targets: usize, known: usize, scaler: Scaler) -> Result<Self, PredictError> {
        let columns: Vec<&[f64]> = scaler.columns.iter().map(|name| history.column(name)).collect::<Result<_, _>>()?;
        let read = columns.len() - known;
        let row = |row: usize| {
            let scaler = &scaler;
            columns[..read].iter().enumerate().map(move |(column, values)| scaler.standardise(column, values[row]))
        };
        let values = (0..history.len()).flat_map(row).collect();
        let mut frame = Self {
            values,
            known: Vec::new(),
            known_columns: known,
            series: history.series.clone(),
            times: Vec::new(),
            numbered: history.numbered,
            clock: history.clock.clone(),
            targets,
            train: 0,
            valid: 0,
            season: 1,
            scaler,
        };
        frame.append_known(&history.times, &columns[read..]);
        Ok(frame)
    }

    /// Appends the times of rows, and the calendar features and known covariates of these rows. `columns` are the
    /// values of the known covariates.
    fn append_known(&mut self, times: &[DateTime], columns: &[&[f64]]) {
        let read = self.columns();
        for (row, time) in times.iter().enumerate() {
            self.known.extend(self.calendar(*time));
            let value = |(column, values): (usize, &&[f64])| self.scaler.standardise(read + column, values[row]);
            self.known.extend(columns.iter().enumerate().map(value));
        }
        self.times.extend(times);
    }

    /// Returns the calendar features of a time, computed from the local time; all zero if the rows have numbers instead
    /// of times.
    fn calendar(&self, time: DateTime) -> [f32; CALENDAR] {
        match self.numbered {
            true => [0.0; CALENDAR],
            false => calendar(self.clock.local(time), self.scaler.yearly),
        }
    }

    /// Sets the number of rows of the training and of the validation part.
    pub fn with_parts(self, train: usize, valid: usize) -> Self {
        Self { train, valid, ..self }
    }

    /// Sets the number of steps per season.
    pub fn with_season(self, season: usize) -> Self {
        Self { season, ..self }
    }

    /// Appends `rows` future rows, with NaN values. Their times and known covariates come from `future`. If `future`
    /// has fewer than `rows` times, the other times continue the pattern of the series, such as one row per hour.
    /// Appends fewer rows if the times would continue after the year 9999.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if `future` has too few values of the known covariates.
    pub fn extended(mut self, rows: usize, future: &Future) -> Result<Self, PredictError> {
        let names = &self.scaler.columns[self.columns()..];
        let columns = names.iter().map(|name| future.column(name, rows)).collect::<Result<Vec<_>, _>>()?;
        let mut times: Vec<DateTime> = future.times.iter().copied().take(rows).collect();
        if let Some(last) = times.last().or(self.times.last()).copied() {
            let more = rows - times.len();
            times.extend(Rhythm::of(&self.times).following(last).take(more));
        }
        self.append_known(&times, &columns);
        self.values.resize(self.len() * self.columns(), f32::NAN);
        Ok(self)
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Returns the number of targets and covariates, without the covariates whose future values are known.
    pub fn columns(&self) -> usize {
        self.scaler.columns.len() - self.known_columns
    }

    /// Returns the number of features per row whose future values are known: calendar features and known covariates.
    pub fn features(&self) -> usize {
        CALENDAR + self.known_columns
    }

    /// Returns the standardised value in a row and column.
    pub fn value(&self, row: usize, column: usize) -> f32 {
        self.values[row * self.columns() + column]
    }

    /// Returns the standardised values of a column.
    pub fn column(&self, column: usize) -> Vec<f32> {
        self.values.iter().skip(column).step_by(self.columns()).copied().collect()
    }
}

/// Returns the calendar features of a time: the time of day, of week and of year as sine and cosine, so that there is
/// no jump at midnight or New Year; the elapsed part of the year; and whether the day is on a weekend. The features of
/// the year are zero unless `yearly` is true.
pub fn calendar(time: DateTime, yearly: bool) -> [f32; CALENDAR] {
    let date = time.date();
    let seconds = f32::from(time.second()) + time.subsec_nanosecond() as f32 * 1e-9;
    let day = (f32::from(time.hour()) + f32::from(time.minute()) / 60.0 + seconds / 3600.0) / 24.0;
    let weekday = f32::from(date.weekday().to_monday_zero_offset());
    let year = (f32::from(date.day_of_year()) - 1.0 + day) / f32::from(date.days_in_year());
    let circle = |part: f32| (std::f32::consts::TAU * part).sin_cos();
    let [(day_sin, day_cos), (week_sin, week_cos), (year_sin, year_cos)] =
        [circle(day), circle((weekday + day) / 7.0), circle(year)];
    let of_year = if yearly { [year_sin, year_cos, year - 0.5] } else { [0.0; 3] };
    let weekend = if weekday >= 5.0 { 0.5 } else { -0.5 };
    [day_sin, day_cos, week_sin, week_cos, of_year[0], of_year[1], of_year[2], weekend]
}

/// Windows of a [`Frame`], each given by its origin: the first row that is forecast.
#[derive(Clone, Debug)]
pub struct Windows {
    /// The series that the windows are cut from.
    pub frame: Arc<Frame>,
    /// The index of the first forecast row of each window, in ascending order.
    pub origins: Vec<usize>,
    /// The number of rows that the network reads in a window, L.
    pub look_back: usize,
    /// The number of rows that the network forecasts in a window, H.
    pub horizon: usize,
    /// The number of rows from the origin of one window to the origin of the next.
    pub stride: usize,
}

/// A batch of windows as tensors.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The origin of each window in the batch: the index of the first row that is forecast.
    pub origins: Vec<usize>,
    /// The standardised values that the network reads, `[B, L, columns]`, where L is the look-back in rows.
    pub inputs: Tensor<3>,
    /// The standardised values to forecast, `[B, H, targets]`, where H is the horizon in rows; NaN in future rows.
    pub targets: Tensor<3>,
    /// The K features whose future values are known, of the L rows that are read and the H rows that are forecast,
    /// `[B, L + H, K]`: calendar features and known covariates.
    pub known: Tensor<3>,
}

impl Batch {
    /// Returns a batch that contains only the windows at the positions `rows` of this batch.
    pub fn rows(self, rows: Range<usize>) -> Self {
        let (start, count) = (rows.start, rows.len());
        Self {
            origins: self.origins[rows].to_vec(),
            inputs: self.inputs.narrow(0, start, count),
            targets: self.targets.narrow(0, start, count),
            known: self.known.narrow(0, start, count),
        }
    }

    /// Copies windows into tensors. Each window is given by the [`Windows`] that contain it and by its origin. The
    /// `Windows` may belong to several series with the same columns. `windows` must not be empty.
    pub fn cut(windows: &[(&Windows, usize)], device: &Device) -> Self {
        let (first, size) = (windows[0].0, windows.len());
        let Windows { look_back, horizon, .. } = *first;
        let (columns, targets, features) = (first.frame.columns(), first.frame.targets, first.frame.features());
        let read =
            windows.iter().map(|(of, origin)| &of.frame.values[(origin - look_back) * columns..origin * columns]);
        let future = windows.iter().flat_map(|(of, origin)| (*origin..origin + horizon).map(move |row| (of, row)));
        let target = future.map(|(of, row)| &of.frame.values[row * columns..row * columns + targets]);
        let known = windows
            .iter()
            .map(|(of, origin)| &of.frame.known[(origin - look_back) * features..(origin + horizon) * features]);
        Self {
            origins: windows.iter().map(|(_, origin)| *origin).collect(),
            inputs: tensor(read, [size, look_back, columns], device),
            targets: tensor(target, [size, horizon, targets], device),
            known: tensor(known, [size, look_back + horizon, features], device),
        }
    }
}

impl Windows {
    /// Cuts windows whose forecast rows all lie in `rows`: the last window that fits, and one window every `stride`
    /// rows before it.
    pub fn new(frame: Arc<Frame>, rows: Range<usize>, look_back: usize, horizon: usize, stride: usize) -> Self {
        let start = rows.start.max(look_back);
        let mut origins: Vec<usize> = (start..(rows.end + 1).saturating_sub(horizon)).rev().step_by(stride).collect();
        origins.reverse();
        Self { frame, origins, look_back, horizon, stride }
    }

    /// Returns the number of windows.
    pub fn len(&self) -> usize {
        self.origins.len()
    }

    /// Returns whether there are no windows.
    pub fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// Returns the largest number of windows that forecast the same row: horizon / stride, rounded up.
    pub fn overlap(&self) -> usize {
        self.horizon.div_ceil(self.stride)
    }

    /// Returns the origins of past windows for the calibration of intervals: their forecasts end before the first
    /// window's forecast begins. The number of past windows is limited to the number that fits into the validation
    /// part.
    pub fn past(&self) -> Vec<usize> {
        let Some(&first) = self.origins.first() else { return Vec::new() };
        let count = self.frame.valid / self.stride;
        let past = (1..).map_while(|number| first.checked_sub(number * self.stride));
        let past = past.filter(|origin| origin + self.horizon <= first).take_while(|origin| *origin >= self.look_back);
        let mut origins: Vec<usize> = past.take(count).collect();
        origins.reverse();
        origins
    }

    /// Returns the standardised observed values of the forecast rows of all windows, `[windows, horizon, targets]`.
    pub fn truth(&self) -> Vec<f32> {
        let frame = &self.frame;
        let rows = self.origins.iter().flat_map(|&origin| origin..origin + self.horizon);
        rows.flat_map(|row| (0..frame.targets).map(move |target| frame.value(row, target))).collect()
    }

    /// Copies the windows with these origins into the tensors of a batch.
    pub fn batch(&self, origins: &[usize], device: &Device) -> Batch {
        Batch::cut(&origins.iter().map(|&origin| (self, origin)).collect::<Vec<_>>(), device)
    }

    /// Returns one pair per window: `self`, and the origin of the window. [`Batch::cut`] takes such pairs.
    pub fn each(&self) -> impl Iterator<Item = (&Self, usize)> {
        self.origins.iter().map(move |&origin| (self, origin))
    }
}

fn tensor<'a>(parts: impl Iterator<Item = &'a [f32]>, shape: [usize; 3], device: &Device) -> Tensor<3> {
    let mut values = Vec::with_capacity(shape.iter().product());
    parts.for_each(|part| values.extend_from_slice(part));
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::civil::date;

    use super::*;

    /// A series of `rows` hourly rows with the columns `a = 0, 1, 2, …` and `b = −a`.
    pub fn hours(rows: usize) -> History {
        let start = date(2020, 1, 1).at(0, 0, 0, 0);
        let a: Vec<f64> = (0..rows).map(|row| row as f64).collect();
        let b = a.iter().map(|value| -value).collect();
        History {
            times: (0..rows as i64).map(|row| start + jiff::Span::new().hours(row)).collect(),
            columns: [("a".to_owned(), a), ("b".to_owned(), b)].into(),
            ..History::default()
        }
    }

    /// A daily series with one column, `a`, that has the given values. The first `train` days are the training part.
    pub fn days(values: &[i32], train: usize, season: usize) -> Arc<Frame> {
        let start = date(2020, 1, 1).at(0, 0, 0, 0);
        let history = History {
            times: (0..values.len() as i64).map(|day| start + jiff::Span::new().days(day)).collect(),
            columns: [("a".to_owned(), values.iter().map(|value| f64::from(*value)).collect())].into(),
            ..History::default()
        };
        let scaler = Scaler::fit(&history, &["a".to_owned()], train).unwrap();
        Arc::new(Frame::new(&history, 1, 0, scaler).unwrap().with_parts(train, 0).with_season(season))
    }

    fn frame(rows: usize) -> Arc<Frame> {
        let history = hours(rows);
        let scaler = Scaler::fit(&history, &["a", "b"].map(str::to_owned), 10).unwrap();
        Arc::new(Frame::new(&history, 1, 0, scaler).unwrap().with_parts(10, 8).with_season(24))
    }

    /// Windows with a look-back of 6 and a horizon of 4 over `rows` hourly rows; the first `targets` columns are
    /// forecast.
    pub fn windows(rows: usize, targets: usize) -> Windows {
        let frame = Arc::new(Frame { targets, ..Arc::unwrap_or_clone(frame(rows)) });
        Windows::new(frame, 0..rows, 6, 4, 1)
    }

    #[test]
    fn windows_read_what_is_before_and_forecast_what_is_after() {
        let (frame, device) = (frame(40), Device::flex());
        let windows = Windows::new(frame.clone(), 10..30, 6, 4, 1);
        assert_eq!(windows.origins, (10..27).collect::<Vec<_>>());
        let restored = |tensor: Tensor<3>, column: usize| -> Vec<f64> {
            let [_, _, columns] = tensor.dims();
            let values: Vec<f32> = tensor.into_data().try_to_vec().unwrap();
            values.chunks(columns).map(|row| frame.scaler.restore(column, row[column]).round()).collect()
        };
        let batch = windows.batch(&[10, 26], &device);
        assert_eq!(restored(batch.inputs, 1)[..6], [-4.0, -5.0, -6.0, -7.0, -8.0, -9.0]);
        assert_eq!(restored(batch.targets, 0), [10.0, 11.0, 12.0, 13.0, 26.0, 27.0, 28.0, 29.0]);
        assert_eq!(batch.known.dims(), [2, 10, CALENDAR]);
        // The first possible origin is row 6, because the window reads rows 0 to 5.
        assert_eq!(Windows::new(frame.clone(), 0..10, 6, 4, 1).origins, [6]);
        assert!(Windows::new(frame.clone(), 0..8, 6, 4, 1).is_empty());
        assert_eq!(windows.past(), [6], "the past window ends before the first window begins");
        let later = Windows::new(frame.clone(), 30..40, 6, 4, 2);
        assert_eq!((later.past(), later.overlap()), (vec![20, 22, 24, 26], 2));
        // The last window forecasts rows 26 to 29, the last rows of the range `10..30`.
        assert_eq!(Windows::new(frame, 10..30, 6, 4, 5).origins, [11, 16, 21, 26]);
    }

    #[test]
    fn future_rows_have_times_and_no_values() {
        let frame = Arc::unwrap_or_clone(frame(40)).extended(3, &Future::default()).unwrap();
        assert_eq!((frame.len(), frame.times[42].to_string()), (43, "2020-01-02T18:00:00".to_owned()));
        assert!((40..43).all(|row| frame.value(row, 0).is_nan() && frame.value(row, 1).is_nan()));
    }

    /// If local time is an hour ahead from the third row on, the calendar features are the features of times an hour
    /// later, also after the end of the series.
    #[test]
    fn calendar_features_are_those_of_local_time() {
        let mut history = hours(20);
        history.clock =
            Clock::of(history.times.iter().enumerate().map(|(row, time)| (*time, 3600 * i32::from(row >= 2))));
        let scaler = Scaler::fit(&history, &["a".to_owned()], 10).unwrap();
        let frame = Frame::new(&history, 1, 0, scaler).unwrap().extended(4, &Future::default()).unwrap();
        for (row, time) in frame.times.iter().enumerate() {
            let local = if row < 2 { *time } else { *time + jiff::Span::new().hours(1) };
            assert_eq!(frame.known[row * CALENDAR..][..CALENDAR], calendar(local, false), "row {row}");
        }
    }

    #[test]
    fn the_calendar_has_no_jump_at_midnight_and_new_year() {
        let [before, after] =
            ["2019-12-31 23:59:00", "2020-01-01 00:01:00"].map(|time| calendar(time.parse().unwrap(), true));
        for (index, (before, after)) in before.iter().zip(&after).enumerate().filter(|(index, _)| *index != 6) {
            assert!((before - after).abs() < 0.05, "number {index}: {before} {after}");
        }
        let saturday = calendar("2020-01-04 12:00:00".parse().unwrap(), false);
        assert!(saturday[7] > 0.0 && saturday[4..7] == [0.0; 3]);
    }
}
