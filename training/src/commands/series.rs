//! `train --seeds N`: one recipe with several seeds, and how much the results differ.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::train::train;
use super::{print_json, print_line, quoted};
use crate::error::{Result, TrainingError};
use crate::files;
use crate::recipe::RecipeText;
use crate::rules::Rules;
use crate::run::Run;
use crate::task::{Context, Metrics, RecipeOf, Task};

/// `series.json`: what the runs of a folder, `seed-1`, `seed-2`, …, have in common.
#[derive(Debug, Serialize, Deserialize)]
pub struct Series {
    /// As TOML.
    recipe: String,
    seeds: Vec<u64>,
}

const FILE: &str = "series.json";

impl Series {
    /// Whether there is a series in a folder.
    pub fn is_in(dir: &Path) -> bool {
        dir.join(FILE).is_file()
    }

    /// A new one, with `count` seeds from the recipe's on.
    pub fn create<T: Task>(dir: Option<PathBuf>, recipe: &RecipeOf<T>, count: usize) -> Result<(Self, PathBuf)> {
        let (run, _lock) = Run::claim(dir, &recipe.name)?;
        let dir = run.dir().to_path_buf();
        let text = toml::to_string(recipe).map_err(|error| TrainingError::Task(error.into()))?;
        let series = Self { recipe: text, seeds: (0..count as u64).map(|index| recipe.seed + index).collect() };
        files::write(&dir.join(FILE), &files::json(&series)?)?;
        Ok((series, dir))
    }

    /// The one in a folder.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(TrainingError::io("read", &path))?;
        serde_json::from_str(&text)
            .map_err(|error| TrainingError::damaged(&path, format!("does not say which runs there are: {error}")))
    }

    /// Makes the runs that have not come to their end, and reports.
    pub fn run<T: Task>(&self, dir: &Path, rules: Rules, context: &Context) -> Result<ExitCode> {
        let again = format!("train --resume {}", quoted(dir));
        let mut outcomes = Vec::new();
        for seed in &self.seeds {
            let mut recipe: RecipeOf<T> = RecipeText::embedded(&self.recipe).parse()?;
            recipe.seed = *seed;
            match train::<T>(recipe, &dir.join(format!("seed-{seed}")), &again, rules, context)? {
                Some(outcome) => outcomes.push(outcome.test),
                None => return Ok(ExitCode::from(1)),
            }
        }
        self.report(dir, &outcomes, context)?;
        Ok(ExitCode::SUCCESS)
    }

    fn report(&self, dir: &Path, outcomes: &[Metrics], context: &Context) -> Result<()> {
        let spreads = spreads(outcomes);
        let path: PathBuf = dir.join("report.md");
        let mut report = format!("# Seeds {}\n\n| | mean | standard deviation |\n|---|---|---|\n", list(&self.seeds));
        for (name, [mean, deviation]) in &spreads {
            let _ = writeln!(report, "| test {name} | {mean:.4} | {deviation:.4} |");
        }
        files::write(&path, report.as_bytes())?;
        if context.json {
            let (mean, deviation): (BTreeMap<_, _>, BTreeMap<_, _>) =
                spreads.iter().map(|(name, [mean, deviation])| ((name, mean), (name, deviation))).unzip();
            return print_json(&json!({ "run": dir, "seeds": self.seeds, "mean": mean, "sd": deviation }));
        }
        print_line(&format!("\ntest, mean and standard deviation of {} seeds:", outcomes.len()))?;
        for (name, [mean, deviation]) in &spreads {
            print_line(&format!("  {name} {mean:.4} ± {deviation:.4}"))?;
        }
        print_line(&format!("  report  {}", path.display()))
    }
}

fn list(seeds: &[u64]) -> String {
    seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// Mean and standard deviation (of a sample) of each metric; NaN is that of one value.
fn spreads(outcomes: &[Metrics]) -> BTreeMap<String, [f64; 2]> {
    let names = outcomes.first().into_iter().flat_map(|metrics| metrics.keys());
    let spread = |name: &String| {
        let values: Vec<f64> = outcomes.iter().filter_map(|metrics| metrics.get(name).copied()).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (name.clone(), [mean, (squares / (count - 1.0)).sqrt()])
    };
    names.map(spread).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_deviations_of_a_sample() {
        let metrics = |accuracy: f64| Metrics::from([("accuracy".to_owned(), accuracy)]);
        let [mean, deviation] = spreads(&[metrics(0.5), metrics(0.6), metrics(0.7)])["accuracy"];
        approx::assert_relative_eq!(mean, 0.6);
        approx::assert_relative_eq!(deviation, 0.1, epsilon = 1e-12);
        assert!(spreads(&[metrics(0.5)])["accuracy"][1].is_nan());
    }
}
