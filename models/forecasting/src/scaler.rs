//! Standardisation of columns by mean and standard deviation.

use inference::PredictError;
use serde::{Deserialize, Serialize};

use crate::history::History;

/// The content of `scaler.json`: mean and standard deviation of each column, fitted to the training part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaler {
    /// The names of the columns, targets first.
    pub columns: Vec<String>,
    /// The mean of each column.
    pub means: Vec<f32>,
    /// The standard deviation of each column; 1 for a constant column.
    pub deviations: Vec<f32>,
    /// Whether the network gets calendar features of the time of year. True only if the training part covers two years.
    pub yearly: bool,
    /// The number of seconds between consecutive rows; absent in older packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
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
            let values = history.column(name)?[..rows].iter().map(|value| f64::from(*value));
            let mean = values.clone().sum::<f64>() / rows as f64;
            let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / rows as f64;
            let deviation = variance.sqrt();
            // In a constant column the computed deviation is only the rounding error of the mean; 1 takes its place.
            let deviation = if deviation > 1e-6 * mean.abs().max(1e-6) { deviation } else { 1.0 };
            means.push(mean as f32);
            deviations.push(deviation as f32);
        }
        let covered = history.times[..rows].first().zip(history.times[..rows].last());
        let yearly = !history.numbered
            && covered.is_some_and(|(first, last)| last.duration_since(*first).as_hours() >= 24 * (2 * 365 - 1));
        let step = Some(history.rhythm().step().as_secs_f64());
        Ok(Self { columns: columns.to_vec(), means, deviations, yearly, step })
    }

    /// Whether each column has a finite mean and a finite deviation above zero.
    pub fn is_valid(&self) -> bool {
        let count = self.columns.len();
        let finite = self.means.iter().chain(&self.deviations).all(|value| value.is_finite());
        finite
            && self.means.len() == count
            && self.deviations.len() == count
            && self.deviations.iter().all(|deviation| *deviation > 0.0)
    }

    /// Standardises a value of a column: subtracts the mean and divides by the standard deviation.
    pub fn standardise(&self, column: usize, value: f32) -> f32 {
        (value - self.means[column]) / self.deviations[column]
    }

    /// Converts a standardised value of a column back to the column's unit.
    pub fn restore(&self, column: usize, value: f32) -> f32 {
        value * self.deviations[column] + self.means[column]
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
        approx::assert_relative_eq!(scaler.deviations[0], 8.25f32.sqrt());
        approx::assert_relative_eq!(scaler.restore(1, scaler.standardise(1, 7.0)), 7.0);
        let missing = Scaler::fit(&hours(100), &["c".to_owned()], 10).unwrap_err();
        assert!(matches!(missing, PredictError::BadInput { field: "columns", .. }));
    }
}
