//! Options of the trainer that are not part of the recipe (the TOML file with the settings of a training run).

use std::fmt::{Display, Formatter};
use std::str::FromStr;
use std::time::Duration;

use crate::collective::Wire;

/// The interval of checkpoints within an epoch. The trainer also writes a checkpoint at the end of every epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Interval {
    /// The trainer writes a checkpoint each time that it has made this number of optimizer steps.
    Steps(usize),
    /// The trainer writes a checkpoint each time that this duration has passed.
    Time(Duration),
}

impl Default for Interval {
    fn default() -> Self {
        Self::Time(Duration::from_secs(60))
    }
}

impl FromStr for Interval {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = &text[digits.len()..];
        match (digits.parse::<u32>(), unit) {
            (Ok(number @ 1..), "") => Ok(Self::Steps(number as usize)),
            (Ok(number @ 1..), "s") => Ok(Self::Time(Duration::from_secs(number.into()))),
            (Ok(number @ 1..), "m") => Ok(Self::Time(Duration::from_secs(60 * u64::from(number)))),
            _ => Err("write a duration, such as 30s or 5m, or a number of optimizer steps; 0 is not valid"),
        }
    }
}

impl Display for Interval {
    fn fmt(&self, formatter: &mut Formatter) -> std::fmt::Result {
        match self {
            Self::Steps(steps) => write!(formatter, "{steps}"),
            Self::Time(time) => write!(formatter, "{}s", time.as_secs()),
        }
    }
}

/// The reaction to a loss or gradient that is NaN or infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnNonFinite {
    /// Training stops with [`TrainingError::NonFinite`](crate::TrainingError::NonFinite). The last checkpoint is kept.
    #[default]
    Stop,
    /// The optimizer step is skipped, and the hidden state that is carried from batch to batch is reset.
    Skip,
}

/// Options of the trainer that are not part of the recipe.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrainerOptions {
    /// The interval between two checkpoints within an epoch.
    pub interval: Interval,
    /// The reaction to a loss or gradient that is NaN or infinite.
    pub on_nonfinite: OnNonFinite,
    /// The format in which the ranks of a data-parallel training send gradients.
    pub wire: Wire,
}
