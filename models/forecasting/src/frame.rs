//! A series as a network reads it: standardised, with the calendar beside it, cut into windows that are never copied.
//!
//! ```text
//! rows      0 ............ train ............│...... valid ......│...... test ......
//! origin o  reads o−L .. o, forecasts o .. o+H; those of the validation part read back into the training part
//! ```

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use datasets::Series;
use jiff::civil::DateTime;

/// Numbers of the calendar at a row: see [`calendar`].
pub const CALENDAR: usize = 8;

/// A series, standardised by its training part.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Standardised values of the targets and then of the covariates, `[rows, columns]`.
    values: Vec<f32>,
    /// `[rows, CALENDAR]`
    calendar: Vec<f32>,
    /// The time of each row.
    pub times: Vec<DateTime>,
    /// How values were standardised.
    pub scaler: Scaler,
    /// How many of the columns are forecast.
    pub targets: usize,
    /// Rows of the training part.
    pub train: usize,
    /// Rows of the validation part.
    pub valid: usize,
    /// Steps after which things repeat themselves.
    pub season: usize,
}

/// What is fitted to the training part: mean and standard deviation of each column, and whether there are years to learn from.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaler {
    /// The names of the columns, targets first.
    pub columns: Vec<String>,
    /// Their means.
    pub means: Vec<f32>,
    /// Their standard deviations; 1 where a column never changes.
    pub deviations: Vec<f32>,
    /// Whether the course of the year is read: one that was not seen twice cannot be told from chance.
    pub yearly: bool,
    /// The seconds from row to row; absent of models from before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<i64>,
}

impl Scaler {
    /// Of the first rows of some columns of a series.
    pub fn fit(series: &Series, columns: &[usize], rows: usize) -> Self {
        let of = |&column: &usize| {
            let values = (0..rows).map(|row| f64::from(series.row(row)[column]));
            let mean = values.clone().sum::<f64>() / rows as f64;
            let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / rows as f64;
            let deviation = variance.sqrt();
            // Of a column that never changes only the rounding of its mean would be left.
            let deviation = if deviation > 1e-6 * mean.abs().max(1e-6) { deviation } else { 1.0 };
            (mean as f32, deviation as f32)
        };
        let (means, deviations) = columns.iter().map(of).unzip();
        let columns = columns.iter().map(|&column| series.columns[column].clone()).collect();
        let covered = series.times[..rows].first().zip(series.times[..rows].last());
        let yearly = covered.is_some_and(|(first, last)| last.duration_since(*first).as_hours() >= 24 * (2 * 365 - 1));
        Self { columns, means, deviations, yearly, step: Some(series.step()) }
    }

    /// Whether there is a mean and a deviation above zero of each column.
    pub fn is_valid(&self) -> bool {
        let count = self.columns.len();
        let finite = self.means.iter().chain(&self.deviations).all(|value| value.is_finite());
        finite
            && self.means.len() == count
            && self.deviations.len() == count
            && self.deviations.iter().all(|d| *d > 0.0)
    }

    /// A value of a column in its own units, standardised.
    pub fn standardise(&self, column: usize, value: f32) -> f32 {
        (value - self.means[column]) / self.deviations[column]
    }

    /// And back.
    pub fn restore(&self, column: usize, value: f32) -> f32 {
        value * self.deviations[column] + self.means[column]
    }
}

impl Frame {
    /// Some columns of a series, the first `targets` of which are forecast, without parts or a season.
    pub fn new(series: &Series, columns: &[usize], targets: usize, scaler: Scaler) -> Self {
        let row = |row: usize| {
            let scaler = &scaler;
            let values = series.row(row);
            columns.iter().enumerate().map(move |(index, &column)| scaler.standardise(index, values[column]))
        };
        Self {
            values: (0..series.len()).flat_map(row).collect(),
            calendar: series.times.iter().flat_map(|time| calendar(*time, scaler.yearly)).collect(),
            times: series.times.clone(),
            targets,
            train: 0,
            valid: 0,
            season: 1,
            scaler,
        }
    }

    /// With training and validation parts of so many rows, and a season of so many steps.
    pub fn with_parts(self, train: usize, valid: usize, season: usize) -> Self {
        Self { train, valid, season, ..self }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.scaler.columns.len()
    }

    /// A standardised value.
    pub fn value(&self, row: usize, column: usize) -> f32 {
        self.values[row * self.columns() + column]
    }

    /// The standardised values of a column.
    pub fn column(&self, column: usize) -> Vec<f32> {
        self.values.iter().skip(column).step_by(self.columns()).copied().collect()
    }

    /// The column of a name, in its own units.
    pub fn named(&self, name: &str) -> Option<Vec<f64>> {
        let column = self.scaler.columns.iter().position(|column| column == name)?;
        Some(self.column(column).into_iter().map(|value| f64::from(self.scaler.restore(column, value))).collect())
    }
}

/// Year's, week's and day's course as points on circles, the share of the year, and whether it is a weekend: what repeats
/// itself, without jumps at midnight and New Year. Zeros for the year unless it is read.
pub fn calendar(time: DateTime, yearly: bool) -> [f32; CALENDAR] {
    let date = time.date();
    let day = (f32::from(time.hour()) + f32::from(time.minute()) / 60.0) / 24.0;
    let weekday = f32::from(date.weekday().to_monday_zero_offset());
    let year = (f32::from(date.day_of_year()) - 1.0 + day) / f32::from(date.days_in_year());
    let circle = |share: f32| (std::f32::consts::TAU * share).sin_cos();
    let [(day_sin, day_cos), (week_sin, week_cos), (year_sin, year_cos)] =
        [circle(day), circle((weekday + day) / 7.0), circle(year)];
    let of_year = if yearly { [year_sin, year_cos, year - 0.5] } else { [0.0; 3] };
    let weekend = if weekday >= 5.0 { 0.5 } else { -0.5 };
    [day_sin, day_cos, week_sin, week_cos, of_year[0], of_year[1], of_year[2], weekend]
}

/// Windows of a [`Frame`]: one for each origin, the first row that is forecast. Tensors are made of them when they are needed.
#[derive(Clone, Debug)]
pub struct Windows {
    /// What they look at.
    pub frame: Arc<Frame>,
    /// Where they begin to forecast, in order.
    pub origins: Vec<usize>,
    /// Rows that are read, L.
    pub look_back: usize,
    /// Rows that are forecast, H.
    pub horizon: usize,
    /// Rows from one origin to the next.
    pub stride: usize,
}

impl Windows {
    /// The windows whose forecasts lie in `rows`: the last one, and one every `stride` rows before it.
    pub fn new(frame: Arc<Frame>, rows: Range<usize>, look_back: usize, horizon: usize, stride: usize) -> Self {
        let start = rows.start.max(look_back);
        let mut origins: Vec<usize> = (start..(rows.end + 1).saturating_sub(horizon)).rev().step_by(stride).collect();
        origins.reverse();
        Self { frame, origins, look_back, horizon, stride }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.origins.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// How many windows forecast one and the same step.
    pub fn overlap(&self) -> usize {
        self.horizon.div_ceil(self.stride)
    }

    /// The origins of windows that are over before the first of these begins: as many as lie in a validation part, or as there are.
    pub fn before(&self) -> Vec<usize> {
        let Some(&first) = self.origins.first() else { return Vec::new() };
        let count = self.frame.valid / self.stride;
        let over = (1..).map_while(|number| first.checked_sub(number * self.stride));
        let over = over.filter(|origin| origin + self.horizon <= first).take_while(|origin| *origin >= self.look_back);
        let mut origins: Vec<usize> = over.take(count).collect();
        origins.reverse();
        origins
    }

    /// What is read, `[B, L, columns]`.
    pub fn inputs(&self, origins: &[usize], device: &Device) -> Tensor<3> {
        let columns = self.frame.columns();
        let rows = |origin: usize| &self.frame.values[(origin - self.look_back) * columns..origin * columns];
        tensor(origins.iter().map(|&origin| rows(origin)), [origins.len(), self.look_back, columns], device)
    }

    /// What is to be forecast, `[B, H, targets]`.
    pub fn targets(&self, origins: &[usize], device: &Device) -> Tensor<3> {
        let (columns, targets) = (self.frame.columns(), self.frame.targets);
        let row = |row: usize| &self.frame.values[row * columns..row * columns + targets];
        let rows = origins.iter().flat_map(|&origin| (origin..origin + self.horizon).map(row));
        tensor(rows, [origins.len(), self.horizon, targets], device)
    }

    /// The calendar of the rows that are read and of those that are forecast, which is known beforehand,
    /// `[B, L + H, CALENDAR]`.
    pub fn calendar(&self, origins: &[usize], device: &Device) -> Tensor<3> {
        let rows = |origin: usize| {
            &self.frame.calendar[(origin - self.look_back) * CALENDAR..(origin + self.horizon) * CALENDAR]
        };
        let shape = [origins.len(), self.look_back + self.horizon, CALENDAR];
        tensor(origins.iter().map(|&origin| rows(origin)), shape, device)
    }
}

fn tensor<'a>(parts: impl Iterator<Item = &'a [f32]>, shape: [usize; 3], device: &Device) -> Tensor<3> {
    let mut values = Vec::with_capacity(shape.iter().product());
    parts.for_each(|part| values.extend_from_slice(part));
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[cfg(test)]
pub(crate) mod tests {
    use datasets::CsvFormat;

    use super::*;

    /// `rows` hours of `a = 0, 1, 2, …` and `b = −a`.
    pub fn series(rows: usize) -> Series {
        let mut text = "time,a,b\n".to_owned();
        for row in 0..rows {
            text += &format!("2020-01-{:02} {:02}:00,{row},-{row}\n", 1 + row / 24, row % 24);
        }
        Series::from_bytes(text.as_bytes(), std::path::Path::new("test.csv"), &CsvFormat::default()).unwrap()
    }

    /// A day for each value, the first so many of which are learned from.
    pub fn days(values: &[i32], train: usize, season: usize) -> Arc<Frame> {
        let row = |(day, value): (usize, &i32)| format!("2020-01-{:02},{value}\n", day + 1);
        let text = values.iter().enumerate().map(row).fold("date,a\n".to_owned(), |text, row| text + &row);
        let path = std::path::Path::new("test.csv");
        let series = Series::from_bytes(text.as_bytes(), path, &CsvFormat::default()).unwrap();
        Arc::new(Frame::new(&series, &[0], 1, Scaler::fit(&series, &[0], train)).with_parts(train, 0, season))
    }

    fn frame(rows: usize) -> Arc<Frame> {
        let series = series(rows);
        let scaler = Scaler::fit(&series, &[0, 1], 10);
        Arc::new(Frame::new(&series, &[0, 1], 1, scaler).with_parts(10, 8, 24))
    }

    /// Windows of 6 and 4 steps over the same rows, of which the first so many columns are forecast.
    pub fn windows(rows: usize, targets: usize) -> Windows {
        let frame = Arc::new(Frame { targets, ..Arc::unwrap_or_clone(frame(rows)) });
        Windows::new(frame, 0..rows, 6, 4, 1)
    }

    #[test]
    fn the_scaler_sees_the_training_part_alone() {
        let scaler = Scaler::fit(&series(100), &[1, 0], 10);
        assert_eq!((scaler.columns.join(""), &scaler.means[..]), ("ba".to_owned(), &[-4.5, 4.5][..]));
        approx::assert_relative_eq!(scaler.deviations[0], 8.25f32.sqrt());
        approx::assert_relative_eq!(scaler.restore(1, scaler.standardise(1, 7.0)), 7.0);
    }

    #[test]
    fn windows_read_what_is_before_and_forecast_what_is_after() {
        let (frame, device) = (frame(40), Device::flex());
        let windows = Windows::new(frame.clone(), 10..30, 6, 4, 1);
        assert_eq!(windows.origins, (10..27).collect::<Vec<_>>());
        let numbers = |tensor: Tensor<3>, column: usize| -> Vec<f32> {
            let [_, _, columns] = tensor.dims();
            let values: Vec<f32> = tensor.into_data().try_to_vec().unwrap();
            values.chunks(columns).map(|row| frame.scaler.restore(column, row[column]).round()).collect()
        };
        assert_eq!(numbers(windows.inputs(&[10, 26], &device), 1)[..6], [-4.0, -5.0, -6.0, -7.0, -8.0, -9.0]);
        assert_eq!(numbers(windows.targets(&[10, 26], &device), 0), [10.0, 11.0, 12.0, 13.0, 26.0, 27.0, 28.0, 29.0]);
        assert_eq!(windows.calendar(&[10, 26], &device).dims(), [2, 10, CALENDAR]);
        // The first look back no further than the first row.
        assert_eq!(Windows::new(frame.clone(), 0..10, 6, 4, 1).origins, [6]);
        assert!(Windows::new(frame.clone(), 0..8, 6, 4, 1).is_empty());
        assert_eq!(windows.before(), [6], "and is over before the first");
        let later = Windows::new(frame.clone(), 30..40, 6, 4, 2);
        assert_eq!((later.before(), later.overlap()), (vec![20, 22, 24, 26], 2));
        // The last one ends with the part.
        assert_eq!(Windows::new(frame, 10..30, 6, 4, 5).origins, [11, 16, 21, 26]);
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
