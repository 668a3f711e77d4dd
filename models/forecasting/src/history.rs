//! The known past of a series, which a caller passes to a forecaster.

use std::collections::BTreeMap;

use inference::PredictError;
use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use timesteps::{Clock, Rhythm};

use crate::scaler::{Scaler, Scalers};

/// The known rows of a series: the input of [`Forecaster`](crate::Forecaster).
///
/// With the cargo feature `table`, a history can also be read from the JSON object `{"table": TEXT}`, where TEXT is the
/// content of a CSV file with a time column. In this object, the optional key `columns` lists the columns to read
/// (default: all columns of numbers), and the optional key `known` lists the columns whose future values are known,
/// such as holidays.
///
/// Pass more rows than the network reads for one forecast, because the intervals are calibrated on the forecasts of
/// past windows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "table", serde(remote = "Self"))]
pub struct History {
    /// The time of each row in ascending order, such as `2020-12-31T23:00:00`. The times are local times or UTC, as in
    /// the training data.
    pub times: Vec<DateTime>,
    /// Whether the rows are identified by step numbers instead of times. `times` then holds step number `n` as the time
    /// `n` seconds after 1970-01-01T00:00:00, and all calendar features are 0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub numbered: bool,
    /// The conversion of `times` to local times, from which the calendar features are computed. With the default clock,
    /// local times equal `times`. With any other clock, `times` must be standard times (without daylight saving time).
    #[serde(skip)]
    pub clock: Clock,
    /// The columns by name. A column has one value per row, in the unit of the training data. Columns that the model
    /// does not read are ignored.
    pub columns: BTreeMap<String, Vec<f64>>,
    /// The identifier of the series, for a model of several series; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub series: String,
    /// The known values of covariates in the steps after the last row.
    #[serde(default, skip_serializing_if = "Future::is_empty")]
    pub future: Future,
}

/// The values of known covariates, such as prices or holidays, in the steps after the last row of a [`History`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Future {
    /// The time of each step, in ascending order. If empty, the times continue the pattern of the times of the history,
    /// such as one row per hour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<DateTime>,
    /// The known covariates by name. A covariate has one value per step.
    pub columns: BTreeMap<String, Vec<f64>>,
}

impl Future {
    /// Returns whether there are no times and no known values.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty() && self.columns.is_empty()
    }

    /// Returns all future values of the known covariate with this name. The first `steps` values belong to the steps to
    /// forecast.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if there are fewer than `steps` values, or one of them is not finite.
    pub fn column(&self, name: &str, steps: usize) -> Result<&[f64], PredictError> {
        let values = self.columns.get(name).map_or(&[][..], Vec::as_slice);
        if values.len() < steps {
            let (known, lacking) = (values.len(), steps - values.len());
            let reason = format!(
                "a forecast of {steps} steps needs {steps} future values of the known column `{name}`, but there are \
                 only {known}; add {lacking} values"
            );
            return Err(PredictError::bad_input("future", reason));
        }
        match values.iter().take(steps).position(|value| !value.is_finite()) {
            Some(step) => {
                let reason = format!(
                    "`{name}` has the value {} in step {} of the future; give a finite number",
                    values[step],
                    step + 1
                );
                Err(PredictError::bad_input("future", reason))
            }
            None => Ok(values),
        }
    }

    /// Checks that the times continue the times of the `past` in ascending order, and that no gap between two times is
    /// longer than the longest gap in `past`.
    fn check(&self, past: &[DateTime]) -> Result<(), PredictError> {
        let Some(last) = past.last().filter(|_| !self.times.is_empty()) else { return Ok(()) };
        let rhythm = Rhythm::of(past);
        let missing = |pair: &[DateTime]| rhythm.count_between(pair[0], pair[1]);
        let most = past.windows(2).map(missing).max().unwrap_or_default();
        let times: Vec<DateTime> = [*last].into_iter().chain(self.times.iter().copied()).collect();
        match times.windows(2).find(|pair| pair[0] >= pair[1] || missing(pair) > most) {
            Some(pair) => {
                let reason = format!(
                    "the time {} is listed directly after {}, but is not the next time step of the series; list the \
                     time steps that follow the series in ascending order and without gaps",
                    pair[1], pair[0]
                );
                Err(PredictError::bad_input("future", reason))
            }
            None => Ok(()),
        }
    }
}

impl History {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Returns the pattern of the times, such as one row per hour. The times of a forecast continue this pattern.
    pub fn rhythm(&self) -> Rhythm {
        Rhythm::of(&self.times)
    }

    /// Returns the values of the column with this name, one per row.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if there is no such column, or if the number of its values differs from the number of
    /// times.
    pub fn column(&self, name: &str) -> Result<&[f64], PredictError> {
        let Some(values) = self.columns.get(name) else {
            let known = self.columns.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(PredictError::bad_input(
                "columns",
                format!(
                    "the history has no column `{name}`, which the model reads; add this column (the history has: {known})"
                ),
            ));
        };
        if values.len() != self.len() {
            let (values, times) = (values.len(), self.len());
            let reason =
                format!("column `{name}` has {values} values, but there are {times} times; give one value per time");
            return Err(PredictError::bad_input("columns", reason));
        }
        Ok(values)
    }

    /// Checks that the times are in ascending order, and that the history has all `columns` that the model reads, with
    /// finite values. Also checks the times of the future steps.
    pub(crate) fn check(&self, columns: &[String]) -> Result<(), PredictError> {
        if let Some(pair) = self.times.windows(2).find(|pair| pair[0] > pair[1]) {
            let reason = format!("{} is listed after {}, but is earlier; sort the rows by time", pair[1], pair[0]);
            return Err(PredictError::bad_input("times", reason));
        }
        for name in columns {
            let values = self.column(name)?;
            if let Some(row) = values.iter().position(|value| !value.is_finite()) {
                let reason = format!(
                    "column `{name}` has the value {} at {}; fill missing values with numbers",
                    values[row], self.times[row]
                );
                return Err(PredictError::bad_input("columns", reason));
            }
        }
        self.future.check(&self.times)
    }

    /// Returns an artificial history of `rows` rows for the first series that a model knows, with the values of the
    /// `known` columns in the next `horizon` steps. Every column is a sine wave with a period of 24 rows around the
    /// column's mean. The amplitude is the column's standard deviation.
    pub(crate) fn example(scalers: &Scalers, rows: usize, known: &[String], horizon: usize) -> Self {
        let series = match scalers {
            Scalers::One(_) => String::new(),
            Scalers::PerSeries(all) => all.keys().next().cloned().unwrap_or_default(),
        };
        let Ok(scaler) = scalers.of(&series) else { return Self::default() };
        let step = scaler.step.and_then(|step| SignedDuration::try_from_secs_f64(step).ok());
        let step = step.unwrap_or(SignedDuration::from_hours(1));
        let start = jiff::civil::date(2024, 1, 1).at(0, 0, 0, 0);
        let times = std::iter::successors(Some(start), |time| time.checked_add(step).ok()).take(rows);
        let columns = |rows: std::ops::Range<usize>, is_wanted: &dyn Fn(&String) -> bool| {
            let names = scaler.columns.iter().enumerate().filter(|(_, name)| is_wanted(name));
            names
                .map(|(column, name)| (name.clone(), rows.clone().map(|row| wave(scaler, column, row)).collect()))
                .collect()
        };
        let future = Future { times: Vec::new(), columns: columns(rows..rows + horizon, &|name| known.contains(name)) };
        Self { times: times.collect(), columns: columns(0..rows, &|_| true), series, future, ..Self::default() }
    }
}

/// Returns the value of a sine wave with the mean and the standard deviation of a column, at a row. The value is
/// rounded to about a hundredth of the standard deviation.
fn wave(scaler: &Scaler, column: usize, row: usize) -> f64 {
    let (mean, deviation) = (scaler.means[column], scaler.deviations[column]);
    let value = mean + deviation * (row as f64 * std::f64::consts::TAU / 24.0).sin();
    let value = if scaler.nonnegative.contains(&scaler.columns[column]) { value.max(0.0) } else { value };
    let scale = 10f64.powf(2.0 - deviation.log10().floor());
    (value * scale).round() / scale
}
