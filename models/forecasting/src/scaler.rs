//! Standardisation of columns by mean and standard deviation.

use std::collections::BTreeMap;

use inference::PredictError;
use serde::{Deserialize, Serialize};

use crate::history::History;

/// The content of `scaler.json`: the scaler of the only series, or a map from the identifier of each series to its
/// scaler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalers {
    /// The scaler of the only series.
    One(Scaler),
    /// The scaler of each series. All scalers have the same columns.
    PerSeries(BTreeMap<String, Scaler>),
}

impl From<Scaler> for Scalers {
    fn from(scaler: Scaler) -> Self {
        Self::One(scaler)
    }
}

impl Scalers {
    /// Returns the scaler of the series with the identifier `series`, which is empty if the model was trained on one
    /// series.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the model was not trained on this series.
    pub fn of(&self, series: &str) -> Result<&Scaler, PredictError> {
        let refused = |reason: String| Err(PredictError::bad_input("series", reason));
        match self {
            Self::One(scaler) if series.is_empty() => Ok(scaler),
            Self::One(_) => {
                refused(format!("the model was trained on one series without a name; leave out the name `{series}`"))
            }
            Self::PerSeries(all) => all.get(series).map_or_else(
                || {
                    let known = all.keys().map(String::as_str).collect::<Vec<_>>().join("`, `");
                    refused(format!(
                        "the model was not trained on the series `{series}`; choose one of the series `{known}`"
                    ))
                },
                Ok,
            ),
        }
    }

    /// Returns the scalers of all series.
    pub fn all(&self) -> impl Iterator<Item = &Scaler> {
        let (one, several) = match self {
            Self::One(scaler) => (Some(scaler), None),
            Self::PerSeries(all) => (None, Some(all.values())),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }

    /// Returns the names of the columns, targets first; none if there is no scaler.
    pub fn columns(&self) -> &[String] {
        self.all().next().map_or(&[], |scaler| &scaler.columns)
    }

    /// Returns whether there is at least one scaler, all scalers are [valid](Scaler::is_valid), and all scalers have
    /// the same columns.
    pub fn is_valid(&self) -> bool {
        self.all().next().is_some() && self.all().all(|scaler| scaler.is_valid() && scaler.columns == self.columns())
    }
}

/// The standardisation of one series: mean and standard deviation of each column, fitted to the training part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaler {
    /// The names of the columns, targets first.
    pub columns: Vec<String>,
    /// The mean of each column.
    pub means: Vec<f64>,
    /// The standard deviation of each column; 1 for a constant column.
    pub deviations: Vec<f64>,
    /// Whether the network gets calendar features of the time of year. This is true only if the training part covers
    /// two years.
    pub yearly: bool,
    /// The number of seconds between consecutive rows; absent if an older version of this crate wrote the scaler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// The names of the columns whose forecasts and interval bounds are never below 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nonnegative: Vec<String>,
}

impl Scaler {
    /// Computes mean and standard deviation of each column over the first `rows` rows.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the history lacks a column.
    pub fn fit(history: &History, columns: &[String], rows: usize) -> Result<Self, PredictError> {
        let (mut means, mut deviations) = (Vec::new(), Vec::new());
        for name in columns {
            let values = &history.column(name)?[..rows];
            // The mean is computed from differences to the first value, so that the sum stays precise if the values are
            // large and their changes are small.
            let first = values.first().copied().unwrap_or_default();
            let mean = first + values.iter().map(|value| value - first).sum::<f64>() / rows as f64;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / rows as f64;
            let is_constant = values.iter().all(|value| *value == first);
            means.push(mean);
            deviations.push(if is_constant || variance == 0.0 { 1.0 } else { variance.sqrt() });
        }
        let covered = history.times[..rows].first().zip(history.times[..rows].last());
        let yearly = !history.numbered
            && covered.is_some_and(|(first, last)| last.duration_since(*first).as_hours() >= 24 * (2 * 365 - 1));
        let step = Some(history.rhythm().step().as_secs_f64());
        Ok(Self { columns: columns.to_vec(), means, deviations, yearly, step, nonnegative: Vec::new() })
    }

    /// Returns the lowest standardised value that a forecast of a column may have: the standardised 0 for a
    /// [nonnegative](Self::nonnegative) column, otherwise −∞.
    pub fn lowest(&self, column: usize) -> f32 {
        let nonnegative = self.nonnegative.contains(&self.columns[column]);
        if nonnegative { self.standardise(column, 0.0) } else { f32::NEG_INFINITY }
    }

    /// Returns whether each column has a finite mean and a finite deviation above zero.
    pub fn is_valid(&self) -> bool {
        let count = self.columns.len();
        let finite = self.means.iter().chain(&self.deviations).all(|value| value.is_finite());
        finite
            && self.means.len() == count
            && self.deviations.len() == count
            && self.deviations.iter().all(|deviation| *deviation > 0.0)
    }

    /// Standardises a value of a column: subtracts the mean and divides by the standard deviation. The result is
    /// computed in double precision, and then rounded to single precision.
    pub fn standardise(&self, column: usize, value: f64) -> f32 {
        ((value - self.means[column]) / self.deviations[column]) as f32
    }

    /// Converts a standardised value of a column back to the column's unit.
    pub fn restore(&self, column: usize, value: f32) -> f64 {
        f64::from(value) * self.deviations[column] + self.means[column]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::hours;

    #[test]
    fn the_scaler_reads_the_training_part_alone() {
        let names = ["b", "a"].map(str::to_owned);
        let scaler = Scaler::fit(&hours(100), &names, 10).unwrap();
        assert_eq!((scaler.columns.join(""), &scaler.means[..]), ("ba".to_owned(), &[-4.5, 4.5][..]));
        approx::assert_relative_eq!(scaler.deviations[0], 8.25f64.sqrt());
        approx::assert_relative_eq!(scaler.restore(1, scaler.standardise(1, 7.0)), 7.0, max_relative = 1e-6);
        let missing = Scaler::fit(&hours(100), &["c".to_owned()], 10).unwrap_err();
        assert!(matches!(missing, PredictError::BadInput { field: "columns", .. }));
    }
}
