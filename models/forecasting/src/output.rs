//! Options and result of a forecast. The types are serialised to JSON on the command line, over HTTP and in the
//! browser.

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::calibration::Forecasts;
use crate::frame::Windows;
use crate::likelihood::{Likelihood, Quantity};

/// The options of a forecast, as the caller of a [`Forecaster`](crate::Forecaster) gives them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The first time to forecast, such as `2020-12-01T06:00:00`. The forecast begins at the first row that is not
    /// earlier than this time. From this row on, the model reads only calendar features and the covariates whose future
    /// values are known. If absent or `null`, the forecast begins after the last row.
    pub at: Option<DateTime>,
}

/// The forecasts of all target columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// One forecast per target column, in the order in which the training settings name the columns.
    pub columns: Vec<ColumnForecast>,
    /// The number of past windows in the history whose forecast errors are available for the calibration of the
    /// intervals.
    pub past_windows: usize,
    /// Whether the intervals are calibrated on past windows. If not, the intervals come from the network's output
    /// distribution, or are `null` if there is no distribution.
    pub calibrated: bool,
}

/// The forecast of one column. All lists have one item per future step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnForecast {
    /// The name of the column.
    pub name: String,
    /// What the forecast values are: `value` (values in the column's own unit), `volatility-percent-per-day`, or
    /// `rise-probability` (probabilities from 0 to 1).
    pub quantity: Quantity,
    /// The time of each step; absent if the rows of the series have step numbers instead of times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub time: Vec<DateTime>,
    /// The number of each step, if the rows of the series have step numbers instead of times; absent otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub step: Vec<f64>,
    /// The point forecast of each step, in the unit of `quantity`: the median or the mean of the output distribution.
    /// For rise probabilities: the probability of a rise.
    pub forecast: Vec<f64>,
    /// Lower bound of the 80 % interval, in the unit of `forecast`; `null` if the bound is unknown.
    pub low_80: Vec<Option<f64>>,
    /// Upper bound of the 80 % interval, in the unit of `forecast`; `null` if the bound is unknown.
    pub high_80: Vec<Option<f64>>,
    /// Lower bound of the 95 % interval, in the unit of `forecast`; `null` if the bound is unknown.
    pub low_95: Vec<Option<f64>>,
    /// Upper bound of the 95 % interval, in the unit of `forecast`; `null` if the bound is unknown.
    pub high_95: Vec<Option<f64>>,
    /// The observed value in the unit of `forecast`; `null` if the history does not contain the step. For rise
    /// probabilities: 1 if the value is above 0 (a rise), else 0.
    pub observed: Vec<Option<f64>>,
}

impl ColumnForecast {
    /// Converts the first window in `forecasts` to the result for the target column with the index `target`. `origin`
    /// is the index of the first row that is forecast in this window.
    pub(crate) fn new(
        likelihood: Likelihood,
        windows: &Windows,
        origin: usize,
        forecasts: &Forecasts,
        target: usize,
    ) -> Self {
        let frame = &windows.frame;
        let to_units = |value: f32| likelihood.to_units(&frame.scaler, target, value);
        let places = || (0..windows.horizon).map(|step| step * frame.targets + target);
        let bound = |bound: usize| {
            let known = |place: usize| Some(to_units(forecasts.bounds[place][bound])).filter(|bound| bound.is_finite());
            places().map(known).collect()
        };
        let observed = |row: usize| {
            let value = frame.value(row, target);
            (!value.is_nan()).then(|| likelihood.observed(&frame.scaler, target, value))
        };
        let times = &frame.times[origin..origin + windows.horizon];
        Self {
            name: frame.scaler.columns[target].clone(),
            quantity: likelihood.quantity(),
            time: if frame.numbered { Vec::new() } else { times.to_vec() },
            step: times.iter().filter(|_| frame.numbered).map(|time| timesteps::step_of_time(*time)).collect(),
            forecast: places().map(|place| to_units(forecasts.points[place])).collect(),
            low_95: bound(0),
            low_80: bound(1),
            high_80: bound(2),
            high_95: bound(3),
            observed: (origin..origin + windows.horizon).map(observed).collect(),
        }
    }
}
