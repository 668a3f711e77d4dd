//! Several trainings of one recipe with different seeds: the mean and the standard deviation of the test metrics.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Result, TaskError, TrainingError};
use crate::files;
use crate::fit::{Fitted, Training};
use crate::metric::Metrics;
use crate::recipe::RecipeText;
use crate::resume;
use crate::run::Run;
use crate::session::Session;
use crate::task::{RecipeOf, Task};

/// The runs of one recipe with several seeds, in the folders `seed-1`, `seed-2`, … beside `series.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Seeds {
    /// The recipe as TOML.
    recipe: String,
    /// The seeds, in the order of training.
    pub seeds: Vec<u64>,
    /// The folder that contains the runs of all seeds.
    #[serde(skip)]
    dir: PathBuf,
}

/// The mean and the sample standard deviation of each test metric over the seeds, by name of the metric.
pub type Spreads = BTreeMap<String, [f64; 2]>;

const FILE: &str = "series.json";

impl Seeds {
    /// Returns whether a folder holds runs with several seeds.
    pub fn is_in(dir: &Path) -> bool {
        dir.join(FILE).is_file()
    }

    /// Creates the folder for `count` runs with consecutive seeds. The first seed is the seed of the recipe. If `dir`
    /// is `None`, the folder is `runs/RECIPE/TIME`.
    pub fn create<T: Task>(dir: Option<PathBuf>, recipe: &RecipeOf<T>, count: usize) -> Result<Self> {
        // TOML has only signed integers, so the seeds must fit an `i64`.
        if i64::try_from(recipe.seed).ok().and_then(|seed| seed.checked_add(i64::try_from(count).ok()?)).is_none() {
            let message = format!(
                "{} is too large as the first of {count} consecutive seeds; choose a smaller seed",
                recipe.seed
            );
            return Err(TaskError::setting("seed", message).into());
        }
        let (run, _lock) = Run::claim(dir, &recipe.name)?;
        let dir = run.dir().to_path_buf();
        let text = toml::to_string(recipe).map_err(TrainingError::serialize)?;
        let seeds = (0..count as u64).map(|index| recipe.seed + index).collect();
        let all = Self { recipe: text, seeds, dir };
        files::write(&all.dir.join(FILE), &files::json(&all)?)?;
        Ok(all)
    }

    /// Opens a folder that [`create`](Self::create) made, to resume its runs.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(TrainingError::io("read", &path))?;
        let all: Self = serde_json::from_str(&text).map_err(|error| {
            TrainingError::damaged(&path, format!("is not a list of seeds ({error}); start new runs in another folder"))
        })?;
        Ok(Self { dir: dir.to_path_buf(), ..all })
    }

    /// Applies overrides, such as `training.epochs=20`, to the recipe of all runs. Only the overrides that
    /// [`Training::resume_with`] allows are valid.
    pub fn changed<T: Task>(self, overrides: &[String]) -> Result<Self> {
        if overrides.is_empty() {
            return Ok(self);
        }
        let recipe = resume::changed::<T>(&self.dir, RecipeText::embedded(&self.recipe), overrides)?;
        let all = Self { recipe: toml::to_string(&recipe).map_err(TrainingError::serialize)?, ..self };
        files::write(&all.dir.join(FILE), &files::json(&all)?)?;
        Ok(all)
    }

    /// Returns the folder that contains the runs of all seeds.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Trains a model for every seed whose run is not finished, and writes the report. Calls `each` after each of these
    /// trainings, with its result. Returns the mean and the standard deviation of each test metric over the seeds;
    /// `None` if a stop was requested, or if this process is not rank 0 of a training by several processes.
    pub fn fit<T: Task>(
        &self,
        session: &mut Session,
        mut each: impl FnMut(&Fitted<T>) -> Result<()>,
    ) -> Result<Option<Spreads>> {
        let mut outcomes = Vec::new();
        for seed in &self.seeds {
            if session.interrupt.is_requested() {
                return Ok(None);
            }
            let mut recipe: RecipeOf<T> = RecipeText::embedded(&self.recipe).parse()?;
            recipe.seed = *seed;
            let run = self.dir.join(format!("seed-{seed}"));
            let training = Training::<T>::new(recipe).in_folder_or_resume(run)?.with_baselines_in(&self.dir);
            if let Some(outcome) = training.outcome()? {
                outcomes.push(outcome.test.flat());
                continue;
            }
            let fitted = training.fit(session)?;
            each(&fitted)?;
            match fitted {
                Fitted::Trained(trained) => outcomes.push(trained.outcome.test.flat()),
                Fitted::Interrupted | Fitted::Followed => return Ok(None),
            }
        }
        let spreads = spreads(&outcomes);
        files::write(&self.report(), self.report_text(&spreads).as_bytes())?;
        Ok(Some(spreads))
    }

    /// Returns the path of the report, which exists when the runs of all seeds are finished.
    pub fn report(&self) -> PathBuf {
        self.dir.join("report.md")
    }

    fn report_text(&self, spreads: &Spreads) -> String {
        let seeds = self.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let mut report = format!("# Seeds {seeds}\n\n| | mean | standard deviation |\n|---|---|---|\n");
        for (name, [mean, deviation]) in spreads {
            let _ = writeln!(report, "| test {name} | {mean:.4} | {deviation:.4} |");
        }
        report
    }
}

/// Computes the mean and the standard deviation of each metric over the runs. The standard deviation of a single value
/// is NaN.
fn spreads(outcomes: &[Metrics]) -> Spreads {
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
    fn spreads_are_means_and_sample_standard_deviations() {
        let metrics = |accuracy: f64| Metrics::from([("accuracy".to_owned(), accuracy)]);
        let [mean, deviation] = spreads(&[metrics(0.5), metrics(0.6), metrics(0.7)])["accuracy"];
        approx::assert_relative_eq!(mean, 0.6);
        approx::assert_relative_eq!(deviation, 0.1, epsilon = 1e-12);
        assert!(spreads(&[metrics(0.5)])["accuracy"][1].is_nan());
    }
}
