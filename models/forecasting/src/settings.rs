//! The settings in a package (the files of a trained model): those keys of the training settings `[data]` and `[model]`
//! that a forecast needs.

use inference::settings::{Count, Fraction};
use serde::{Deserialize, Serialize};

use crate::frame::CALENDAR;
use crate::model::{Architecture, Sizes};

/// The settings in the manifest of a package. Packages of the older format 1 store all settings of the training
/// instead, so keys that are not fields of this struct are ignored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The lengths of the windows, and which columns the network reads and forecasts.
    pub data: WindowSettings,
    /// The architecture of the network and the loss.
    pub model: Architecture,
}

/// What the network reads and forecasts, and on which past windows its intervals are calibrated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WindowSettings {
    /// The number of steps that the network reads.
    pub look_back: Count,
    /// The number of steps that the network forecasts.
    pub horizon: Count,
    /// The number of steps from the start of one window to the start of the next.
    #[serde(default = "one")]
    pub stride: Count,
    /// The names of the columns that the network reads but does not forecast.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covariates: Vec<String>,
    /// The names of the columns whose future values are known. The network reads these columns, in the past and in the
    /// steps to forecast, but does not forecast them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<String>,
    /// How the series is split into parts. Intervals are calibrated on as many past windows as fit into the validation
    /// part.
    pub split: Split,
}

/// How the rows are split into training, validation and test part, in order of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "write split = [0.7, 0.1, 0.2], the fractions of the training, validation and test part, or whole \
                 numbers of rows"
)]
pub enum Split {
    /// The number of rows of each part. The rows after the test part are not used.
    Rows([Count; 3]),
    /// The fraction of the rows for each part. The training and the test part are rounded down to whole rows, and the
    /// validation part gets the rows that this rounding leaves.
    Fractions([Fraction; 3]),
}

impl Split {
    /// Returns where the training, the validation and the test part end: for each, the index of the first row after the
    /// part. `rows` is the number of rows of the series.
    pub fn bounds(self, rows: usize) -> [usize; 3] {
        let sizes = match self {
            Self::Rows(sizes) => sizes.map(Count::get),
            Self::Fractions(fractions) => {
                let [train, _, test] = fractions.map(|fraction| (fraction.get() * rows as f64) as usize);
                let used =
                    (fractions.iter().map(|fraction| fraction.get()).sum::<f64>() * rows as f64).round() as usize;
                [train, used.min(rows).saturating_sub(train + test), test]
            }
        };
        let [train, valid, test] = sizes;
        [train, train + valid, train + valid + test]
    }
}

/// The error of a setting that does not fit the other settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetting {
    /// The key of the setting, such as `model.loss`.
    pub setting: &'static str,
    /// What is wrong and what to change.
    pub message: String,
}

impl BadSetting {
    /// Creates the error from the key of the setting and a message that says what is wrong and what to change.
    pub fn new(setting: &'static str, message: impl Into<String>) -> Self {
        Self { setting, message: message.into() }
    }
}

impl Settings {
    /// Returns the sizes of the network. `columns` are the names of all columns that the network reads, targets first.
    ///
    /// # Errors
    ///
    /// [`BadSetting`] if the settings cannot be combined.
    pub fn sizes(&self, columns: &[String]) -> Result<Sizes, BadSetting> {
        let (look_back, horizon) = (self.data.look_back.get(), self.data.horizon.get());
        let columns = columns.len().saturating_sub(self.data.known.len());
        let targets = columns.saturating_sub(self.data.covariates.len());
        if targets == 0 {
            return Err(BadSetting::new(
                "data.target",
                "all columns are in data.covariates or data.known, so no column is left to forecast; take at \
                 least one column out of data.covariates or data.known",
            ));
        }
        let sizes = Sizes { look_back, horizon, columns, targets, known: CALENDAR + self.data.known.len() };
        self.model.check(sizes)?;
        Ok(sizes)
    }
}

fn one() -> Count {
    Count::ONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_split_as_in_the_papers() {
        let fractions: Split = serde_json::from_str("[0.7, 0.1, 0.2]").unwrap();
        assert_eq!(fractions.bounds(52_696), [36_887, 42_157, 52_696]);
        let hours: Split = serde_json::from_str("[8640, 2880, 2880]").unwrap();
        assert_eq!(hours.bounds(17_420), [8640, 11_520, 14_400]);
        assert!(serde_json::from_str::<Split>("[1.5, 1, 2]").is_err());
    }
}
