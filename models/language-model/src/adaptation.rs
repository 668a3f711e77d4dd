//! Settings of the methods that adapt a network to the text that it reads: the file `adaptation.json` of a package.
//!
//! The settings are plain data. The methods themselves belong to training and evaluation: `src/train/cache.rs` and
//! `src/train/dynamic.rs`.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// The name of the file with these settings in a package (the files of a trained model).
pub const FILE: &str = "adaptation.json";

/// The largest valid value of [`CacheConfig::places`]. It limits the memory that the cache takes.
const MAX_PLACES: f64 = 100_000.0;
/// The largest valid value of [`CacheConfig::share`]. It must be below 1, because the cache gives probability 0 to
/// words that it does not contain.
const MAX_SHARE: f64 = 0.99;

/// The content of `adaptation.json`: settings of the methods that adapt a network to the text that it reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adaptation {
    /// The settings of the neural cache; `None` if the recipe (the TOML file of the training run) does not use the
    /// cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheConfig>,
    /// The settings of dynamic evaluation; `None` if the recipe does not use dynamic evaluation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic: Option<DynamicConfig>,
}

/// Settings of a neural cache ([Grave et al. 2017](https://arxiv.org/abs/1612.04426)).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheConfig {
    /// The number of most recent tokens whose hidden states are in the cache.
    pub places: usize,
    /// θ: the factor that multiplies the dot products of hidden states before the softmax over the cache.
    pub sharpness: f64,
    /// λ: the weight of the cache in the mixture `(1 − λ) · p_network + λ · p_cache` of the two probabilities.
    pub share: f64,
}

/// Settings of dynamic evaluation ([Krause et al. 2018](https://arxiv.org/abs/1709.07432)).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DynamicConfig {
    /// η: the learning rate of the updates during evaluation.
    pub rate: f64,
    /// λ: the strength of the decay towards the trained weights.
    pub decay: f64,
}

impl Adaptation {
    /// Checks that all settings are in their range.
    ///
    /// # Errors
    ///
    /// A message with the key and the value that is out of range.
    pub fn check(&self) -> Result<(), String> {
        let cache = self.cache.iter().flat_map(CacheConfig::ranges);
        let mut settings = cache.chain(self.dynamic.iter().flat_map(DynamicConfig::ranges));
        match settings.find(|(_, value, range)| !range.contains(value)) {
            None => Ok(()),
            Some((key, value, range)) if *range.end() < f64::MAX => {
                Err(format!("{key} = {value} is out of range; use a number from {} to {}", range.start(), range.end()))
            }
            Some((key, value, range)) => {
                Err(format!("{key} = {value} is out of range; use a number of at least {}", range.start()))
            }
        }
    }
}

type Setting = (&'static str, f64, RangeInclusive<f64>);

impl CacheConfig {
    fn ranges(&self) -> [Setting; 3] {
        [
            ("cache.places", self.places as f64, 1.0..=MAX_PLACES),
            ("cache.sharpness", self.sharpness, 0.0..=f64::MAX),
            ("cache.share", self.share, 0.0..=MAX_SHARE),
        ]
    }
}

impl DynamicConfig {
    fn ranges(&self) -> [Setting; 2] {
        [("dynamic.rate", self.rate, 0.0..=f64::MAX), ("dynamic.decay", self.decay, 0.0..=f64::MAX)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        r#"{"cache": {"places": 500, "sharpness": 0.5, "share": 0.1}, "dynamic": {"rate": 0.1, "decay": 0}}"#;

    fn check(text: &str) -> Result<(), String> {
        serde_json::from_str::<Adaptation>(text).map_err(|error| error.to_string())?.check()
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert_eq!(check(TEXT), Ok(()));
        for (from, to, key) in [
            ("500", "0", "cache.places"),
            ("0.5", "-1", "cache.sharpness"),
            (": 0.1}, ", ": 1.0}, ", "cache.share"),
            ("\"rate\": 0.1", "\"rate\": -1", "dynamic.rate"),
        ] {
            assert!(check(&TEXT.replace(from, to)).unwrap_err().starts_with(key), "{to}");
        }
    }

    #[test]
    fn damaged_files_are_errors() {
        test_support::try_damaged(TEXT.as_bytes(), |bytes| {
            let _ = serde_json::from_slice::<Adaptation>(bytes).map(|adaptation| adaptation.check());
        });
    }
}
