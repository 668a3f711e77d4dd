//! What is chosen by whoever starts the trainer, and is no part of the recipe.

use std::fmt::{Display, Formatter};
use std::str::FromStr;
use std::time::Duration;

/// How often a checkpoint is written within an epoch; at its end there is always one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Interval {
    /// After so many optimiser steps.
    Steps(usize),
    /// After so much time.
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
            _ => Err("write 30s, 5m, or a number of optimiser steps"),
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

/// What to do when the loss or a gradient is no finite number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OnNonFinite {
    /// Stop with an error; the last checkpoint stays.
    #[default]
    Stop,
    /// Pass over the step, and begin the next one without a carried state.
    Skip,
}

/// What is chosen by whoever starts the trainer, and is no part of the recipe.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// How often a checkpoint is written.
    pub interval: Interval,
    /// What to do when something is no finite number.
    pub on_nonfinite: OnNonFinite,
}
