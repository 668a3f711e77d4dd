//! Metrics of a model, such as its accuracy, and comparisons with baselines.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// The values of metrics by name, as in `metrics.jsonl` and other JSON output.
pub type Metrics = BTreeMap<String, f64>;

/// One metric and its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// The name of the metric: `accuracy`, `perplexity`, `mse`, …
    pub name: String,
    /// The value of the metric; NaN if it is undefined. NaN and infinity are written as `null` in JSON.
    #[serde(deserialize_with = "number")]
    pub value: f64,
    /// The bounds of the 95 % confidence interval, if one was estimated.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "interval")]
    pub interval: Option<[f64; 2]>,
    /// The unit of the value, such as `MW`; absent for dimensionless metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Whether a larger value of the metric is better.
    #[serde(default)]
    pub higher_is_better: bool,
}

impl Metric {
    /// Makes a metric for which lower values are better, such as a loss.
    pub fn lower(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, interval: None, unit: None, higher_is_better: false }
    }

    /// Makes a metric for which higher values are better, such as an accuracy.
    pub fn higher(name: impl Into<String>, value: f64) -> Self {
        Self { higher_is_better: true, ..Self::lower(name, value) }
    }

    /// Adds a 95 % confidence interval to the metric.
    pub fn with_interval(self, interval: [f64; 2]) -> Self {
        Self { interval: Some(interval), ..self }
    }

    /// Adds the unit of the value, such as `MW`.
    pub fn with_unit(self, unit: impl Into<String>) -> Self {
        Self { unit: Some(unit.into()), ..self }
    }
}

/// A comparison of a model with a baseline, on the same data and with the same metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The name of the metric.
    pub metric: String,
    /// The name of the baseline, such as `seasonal persistence`.
    pub baseline: String,
    /// The value of the metric for the baseline.
    #[serde(deserialize_with = "number")]
    pub value: f64,
    /// The skill of the model relative to the baseline, if it was estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<Skill>,
}

/// The skill of a model relative to a baseline: 1 − error of the model / error of the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skill {
    /// The estimated skill.
    #[serde(deserialize_with = "number")]
    pub value: f64,
    /// The bounds of the 95 % confidence interval of the skill.
    #[serde(deserialize_with = "numbers")]
    pub interval: [f64; 2],
    /// The p-value of the hypothesis that model and baseline have the same error.
    #[serde(deserialize_with = "number")]
    pub p: f64,
}

impl Comparison {
    /// Returns the name of the baseline in JSON keys, such as `seasonal_persistence` for `seasonal persistence`.
    pub fn key(&self) -> String {
        self.baseline.to_lowercase().replace([' ', '-'], "_")
    }
}

/// All metrics of a model on one part of the data, and its comparisons with baselines.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Measured {
    /// The metrics of the model.
    pub metrics: Vec<Metric>,
    /// Comparisons with baselines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<Comparison>,
}

impl Measured {
    /// Returns the value of the metric with this name; `None` if it was not measured.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.metrics.iter().find(|metric| metric.name == name).map(|metric| metric.value)
    }

    /// Returns the comparison with this baseline by this metric; `None` if there is no such comparison.
    pub fn comparison(&self, metric: &str, baseline: &str) -> Option<&Comparison> {
        self.comparisons.iter().find(|comparison| comparison.metric == metric && comparison.baseline == baseline)
    }

    /// Adds the metrics and comparisons of another evaluation of the same model.
    pub fn extend(&mut self, other: Self) {
        self.metrics.extend(other.metrics);
        self.comparisons.extend(other.comparisons);
    }

    /// Returns all values by name, for JSON. For example, `mae` is a metric of the model, `mae_persistence` is the same
    /// metric of the baseline `persistence`, `skill_mae_persistence` is the skill relative to this baseline, and
    /// `p_mae_persistence` is its p-value. The suffixes `_low` and `_high` mark the bounds of confidence intervals.
    pub fn flat(&self) -> Metrics {
        let mut flat = Metrics::new();
        let mut add = |name: &str, value: f64, interval: Option<[f64; 2]>| {
            flat.insert(name.to_owned(), value);
            if let Some([low, high]) = interval {
                flat.insert(format!("{name}_low"), low);
                flat.insert(format!("{name}_high"), high);
            }
        };
        for Metric { name, value, interval, .. } in &self.metrics {
            add(name, *value, *interval);
        }
        for comparison in &self.comparisons {
            let name = format!("{}_{}", comparison.metric, comparison.key());
            add(&name, comparison.value, None);
            if let Some(Skill { value, interval, p }) = comparison.skill {
                add(&format!("skill_{name}"), value, Some(interval));
                add(&format!("p_{name}"), p, None);
            }
        }
        flat
    }

    /// Formats the metrics as text: `accuracy 0.9012, loss 0.2511`. Metrics of only a part of the data, such as
    /// `mae[north]` for the series `north`, are left out.
    pub fn list(&self) -> String {
        let of_all = self.metrics.iter().filter(|metric| !metric.name.ends_with(']'));
        let metrics = of_all.map(|metric| format!("{} {}", metric.name, decimal(metric.value)));
        metrics.collect::<Vec<_>>().join(", ")
    }
}

impl From<Vec<Metric>> for Measured {
    fn from(metrics: Vec<Metric>) -> Self {
        Self { metrics, comparisons: Vec::new() }
    }
}

impl<'de> Deserialize<'de> for Measured {
    /// Reads the current JSON format, or a map from metric names to values, as in the old package format 1.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Stored {
            Typed {
                metrics: Vec<Metric>,
                #[serde(default)]
                comparisons: Vec<Comparison>,
            },
            Flat(BTreeMap<String, Option<f64>>),
        }
        Ok(match Stored::deserialize(from)? {
            Stored::Typed { metrics, comparisons } => Self { metrics, comparisons },
            Stored::Flat(values) => {
                let metric = |(name, value): (String, Option<f64>)| Metric::lower(name, value.unwrap_or(f64::NAN));
                values.into_iter().map(metric).collect::<Vec<_>>().into()
            }
        })
    }
}

/// Formats the value of a metric with four decimals; `–` if the value is undefined.
pub fn decimal(value: f64) -> String {
    if value.is_finite() { format!("{value:.4}") } else { "–".to_owned() }
}

/// The metric that determines the best epoch. It is measured on the validation part of the data.
#[derive(Clone, Copy, Debug)]
pub struct Monitor {
    /// The name of the metric.
    pub metric: &'static str,
    /// Whether a larger value of the metric is better.
    pub higher_is_better: bool,
}

impl Monitor {
    /// Returns whether `value` is better than `best`, the best value so far. If `best` is `None`, every finite value is
    /// better. NaN and infinity are never better.
    pub fn improves(&self, value: f64, best: Option<f64>) -> bool {
        value.is_finite() && best.is_none_or(|best| if self.higher_is_better { value > best } else { value < best })
    }
}

/// Reads a number. `null`, which replaces NaN and infinity in JSON, becomes NaN.
pub(crate) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Option::deserialize(from).map(|number: Option<f64>| number.unwrap_or(f64::NAN))
}

fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<[f64; 2], D::Error> {
    <[Option<f64>; 2]>::deserialize(from).map(|numbers| numbers.map(|number| number.unwrap_or(f64::NAN)))
}

fn interval<'de, D: Deserializer<'de>>(from: D) -> Result<Option<[f64; 2]>, D::Error> {
    let interval = Option::<[Option<f64>; 2]>::deserialize(from)?;
    Ok(interval.map(|bounds| bounds.map(|bound| bound.unwrap_or(f64::NAN))))
}

/// Reads a map from metric names to values. `null`, which replaces NaN and infinity in JSON, becomes NaN.
pub(crate) fn metrics<'de, D: Deserializer<'de>>(from: D) -> Result<Metrics, D::Error> {
    let metrics = BTreeMap::<String, Option<f64>>::deserialize(from)?;
    Ok(metrics.into_iter().map(|(name, number)| (name, number.unwrap_or(f64::NAN))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> Measured {
        let skill = Skill { value: 0.2, interval: [0.1, f64::NAN], p: 0.01 };
        let comparison =
            |skill| Comparison { metric: "mae".to_owned(), baseline: "Holt-Winters".to_owned(), value: 2.0, skill };
        Measured {
            metrics: vec![
                Metric::lower("mae", 1.6).with_unit("MW"),
                Metric::higher("r2", 0.5).with_interval([0.4, 0.6]),
            ],
            comparisons: vec![comparison(Some(skill))],
        }
    }

    #[test]
    fn flat_keys_combine_metric_and_baseline() {
        let flat = measured().flat();
        let names: Vec<_> = flat.keys().map(String::as_str).collect();
        let expected = [
            "mae",
            "mae_holt_winters",
            "p_mae_holt_winters",
            "r2",
            "r2_high",
            "r2_low",
            "skill_mae_holt_winters",
            "skill_mae_holt_winters_high",
            "skill_mae_holt_winters_low",
        ];
        assert_eq!(names, expected);
        assert_eq!((flat["mae_holt_winters"], flat["r2_low"], flat["skill_mae_holt_winters"]), (2.0, 0.4, 0.2));
    }

    #[test]
    fn json_is_written_and_read_and_format_1_is_read() {
        let text = serde_json::to_string(&measured()).unwrap();
        let again: Measured = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        let old: Measured = serde_json::from_str(r#"{"accuracy": 0.5, "loss": null}"#).unwrap();
        assert!(old.get("accuracy") == Some(0.5) && old.get("loss").is_some_and(f64::is_nan));
    }

    #[test]
    fn undefined_values_are_dashes() {
        assert_eq!([0.25, -2.0, f64::NAN, f64::INFINITY].map(decimal), ["0.2500", "-2.0000", "–", "–"]);
    }

    #[test]
    fn only_finite_better_values_improve() {
        let accuracy = Monitor { metric: "accuracy", higher_is_better: true };
        let perplexity = Monitor { metric: "perplexity", higher_is_better: false };
        assert!(accuracy.improves(0.6, Some(0.5)) && !accuracy.improves(0.5, Some(0.5)));
        assert!(perplexity.improves(90.0, Some(91.0)) && !perplexity.improves(92.0, Some(91.0)));
        assert!(perplexity.improves(90.0, None));
        assert!(!perplexity.improves(f64::NAN, None) && !perplexity.improves(f64::INFINITY, None));
    }
}
