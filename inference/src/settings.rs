//! Number types that refuse invalid values when a file is read, so that the error message names the line of the value.
//! The files are recipes (training settings) and the manifests of packages (trained models).

use serde::{Deserialize, Serialize};

/// A finite number greater than zero.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Positive(f64);

/// A number x with 0 ≤ x < 1, such as a dropout probability or a momentum.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Fraction(f64);

/// An integer from 1 to 1,000,000, such as a size or a number of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Count(u32);

impl Count {
    /// The number 1 as a `Count`.
    pub const ONE: Self = Self(1);
    /// The largest valid value.
    const MAX: u32 = 1_000_000;

    /// Returns the value as an integer.
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

impl TryFrom<u64> for Count {
    type Error = String;

    fn try_from(value: u64) -> Result<Self, String> {
        match u32::try_from(value) {
            Ok(count @ 1..=Self::MAX) => Ok(Self(count)),
            _ => Err(format!("{value} is not an integer from 1 to {}", Self::MAX)),
        }
    }
}

impl std::str::FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<u64>().map_err(|error| error.to_string())?.try_into()
    }
}

impl From<Count> for u64 {
    fn from(value: Count) -> u64 {
        value.0.into()
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Positive {
    /// The number 1 as a `Positive`.
    pub const ONE: Self = Self(1.0);

    /// Returns the value as a float.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Fraction {
    /// Returns the value as a float.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Positive {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if value.is_finite() && value > 0.0 {
            Ok(Self(value))
        } else {
            Err(format!("{value} is not a number greater than 0"))
        }
    }
}

impl TryFrom<f64> for Fraction {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if (0.0..1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(format!("{value} is not allowed; give a number that is at least 0 and below 1"))
        }
    }
}

impl From<Positive> for f64 {
    fn from(value: Positive) -> f64 {
        value.0
    }
}

impl From<Fraction> for f64 {
    fn from(value: Fraction) -> f64 {
        value.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_refused() {
        assert_eq!(Positive::try_from(0.5).map(f64::from), Ok(0.5));
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Positive::try_from(bad).is_err(), "{bad}");
        }
        assert_eq!(Fraction::try_from(0.0).map(f64::from), Ok(0.0));
        for bad in [1.0, -0.1, f64::NAN] {
            assert!(Fraction::try_from(bad).is_err(), "{bad}");
        }
        assert_eq!(Count::try_from(1_000_000).map(Count::get), Ok(1_000_000));
        for bad in [0, 1_000_001, u64::MAX] {
            assert!(Count::try_from(bad).is_err(), "{bad}");
        }
    }
}
