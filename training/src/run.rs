//! A run: the folder that says all that happened.
//!
//! `recipe.toml` (every setting), `run.json` ([`Start`]), `metrics.jsonl` (a line an epoch), `curves.svg`, `report.md`,
//! `checkpoints/` (the states to resume from) and `best/` (a package of the best weights).

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Result, TrainingError};
use crate::progress::say;
use crate::recipe::RecipeText;
use crate::task::Metrics;
use crate::{curves, files};

/// A run folder.
#[derive(Debug)]
pub struct Run {
    dir: PathBuf,
}

/// `run.json`: what a run was started with beside its recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Version of the program.
    pub version: String,
    /// Backend by name.
    pub backend: String,
    /// Threads of the CPU backends.
    pub threads: usize,
    /// What identifies the data.
    pub data: String,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

const START: &str = "run.json";
const METRICS: &str = "metrics.jsonl";

/// The right to train in a run folder. The system takes it back from a process that ends, however it ends.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

/// One line of `metrics.jsonl`. It holds no times, so that two runs of one recipe can be compared line for line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Optimiser steps so far.
    pub step: usize,
    /// Learning rate of the last step.
    pub lr: f64,
    /// Mean training loss over the epoch.
    #[serde(deserialize_with = "number")]
    pub train_loss: f64,
    /// Mean global gradient norm over the epoch's steps, before clipping.
    #[serde(deserialize_with = "number")]
    pub gradient_norm: f64,
    /// The largest of them.
    pub largest_norm: f64,
    /// Steps passed over because something was no finite number.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: usize,
    /// Metrics on the validation part.
    #[serde(deserialize_with = "numbers")]
    pub valid: Metrics,
}

/// What is no finite number is written as `null`.
fn number<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<f64, D::Error> {
    Option::deserialize(from).map(|number: Option<f64>| number.unwrap_or(f64::NAN))
}

fn numbers<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Metrics, D::Error> {
    let metrics = BTreeMap::<String, Option<f64>>::deserialize(from)?;
    Ok(metrics.into_iter().map(|(name, number)| (name, number.unwrap_or(f64::NAN))).collect())
}

impl Run {
    /// Refuses a folder that holds anything. To be asked before the data are read, which takes a while.
    pub fn check_free(dir: &Path) -> Result<()> {
        match std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
            true => Err(TrainingError::RunExists { path: dir.to_path_buf() }),
            false => Ok(()),
        }
    }

    /// A new run in `dir`, which must not hold anything yet.
    pub fn create(dir: PathBuf, recipe: &impl Serialize, start: &Start) -> Result<Self> {
        Self::check_free(&dir)?;
        let existed = dir.exists();
        files::create_dir(&dir)?;
        let run = Self { dir };
        let text = toml::to_string(recipe).map_err(|error| TrainingError::Task(error.into()))?;
        // The recipe last: the folder is a run when it is there.
        let written = files::write(&run.dir.join(START), &files::json(start)?)
            .and_then(|()| files::write(&run.recipe(), text.as_bytes()));
        written.inspect_err(|_| {
            if !existed {
                let _ = std::fs::remove_dir_all(&run.dir);
            }
        })?;
        Ok(run)
    }

    /// `runs/<recipe>/<time>`, with a number where the second is taken.
    pub fn default_dir(recipe: &str) -> PathBuf {
        let time = jiff::Zoned::now().strftime("%Y-%m-%dT%H-%M-%S").to_string();
        let base = Path::new("runs").join(recipe).join(time);
        let mut dir = base.clone();
        for number in 2.. {
            if !dir.exists() {
                break;
            }
            dir = base.with_added_extension(number.to_string());
        }
        dir
    }

    /// The run in `dir`.
    pub fn open(dir: PathBuf) -> Result<Self> {
        let run = Self { dir };
        if run.recipe().is_file() {
            Ok(run)
        } else {
            Err(TrainingError::NotARun { path: run.dir, missing: "recipe.toml" })
        }
    }

    /// What the run was started with. Its data must be those found `now`.
    pub fn check_start(&self, now: &Start) -> Result<()> {
        let path = self.dir.join(START);
        let text = std::fs::read_to_string(&path).map_err(TrainingError::io("read", &path))?;
        let was: Start = serde_json::from_str(&text)
            .map_err(|error| TrainingError::damaged(&path, format!("does not say how the run was started: {error}")))?;
        if was.data != now.data {
            let (path, was, now) = (self.dir.clone(), was.data, now.data.clone());
            return Err(TrainingError::DataChanged { path, was, now });
        }
        if was.backend != now.backend {
            say(&format!("started with --backend {}, going on with {}: not to the bit", was.backend, now.backend));
        }
        Ok(())
    }

    /// Keeps other processes from training in this folder, for as long as the lock is held.
    pub fn lock(&self) -> Result<RunLock> {
        let path = self.dir.join("lock");
        let file = File::create(&path).map_err(TrainingError::io("write", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(RunLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(TrainingError::RunInUse { path: self.dir.clone() }),
            Err(TryLockError::Error(error)) => Err(TrainingError::io("lock", &path)(error)),
        }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The recipe, with all that the command line changed.
    pub fn recipe(&self) -> PathBuf {
        self.dir.join("recipe.toml")
    }

    /// Reads the recipe.
    pub fn recipe_text(&self) -> Result<RecipeText> {
        RecipeText::read(&self.recipe())
    }

    /// The states to resume from.
    pub fn checkpoints(&self) -> PathBuf {
        self.dir.join("checkpoints")
    }

    /// The package of the best weights.
    pub fn best(&self) -> PathBuf {
        self.dir.join("best")
    }

    /// The package of the best weights so far of the run in `dir`.
    pub fn best_of(dir: &Path) -> Result<PathBuf> {
        let best = Self::open(dir.to_path_buf())?.best();
        if best.join("config.json").is_file() {
            Ok(best)
        } else {
            Err(TrainingError::NoEpoch { path: dir.to_path_buf() })
        }
    }

    /// The curves; they are there after the first epoch.
    pub fn curves(&self) -> PathBuf {
        self.dir.join("curves.svg")
    }

    /// The finished epochs, from `metrics.jsonl`.
    pub fn history(&self) -> Result<Vec<Epoch>> {
        let path = self.dir.join(METRICS);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let text = std::fs::read_to_string(&path).map_err(TrainingError::io("read", &path))?;
        let epoch = |(index, line)| {
            serde_json::from_str(line)
                .map_err(|error| TrainingError::damaged(&path, format!("line {}: {error}", index + 1)))
        };
        text.lines().enumerate().map(epoch).collect()
    }

    /// Writes `metrics.jsonl` and `curves.svg` anew.
    pub fn write_history(&self, history: &[Epoch]) -> Result<()> {
        let mut lines = String::new();
        for epoch in history {
            lines += &serde_json::to_string(epoch).map_err(|error| TrainingError::Task(error.into()))?;
            lines.push('\n');
        }
        files::write(&self.dir.join(METRICS), lines.as_bytes())?;
        files::write(&self.curves(), curves::draw(history)?.as_bytes())
    }

    /// Writes `report.md`.
    pub fn write_report(&self, text: &str) -> Result<()> {
        files::write(&self.dir.join("report.md"), text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Start {
        Start { version: "1".to_owned(), backend: "flex".to_owned(), threads: 2, data: "a".to_owned() }
    }

    #[test]
    fn other_data_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let run = Run::create(dir.path().to_path_buf(), &toml::Table::new(), &start()).unwrap();
        run.check_start(&start()).unwrap();
        let error = run.check_start(&Start { data: "b".to_owned(), ..start() }).unwrap_err();
        assert!(matches!(error, TrainingError::DataChanged { .. }), "{error}");
    }

    #[test]
    fn a_folder_in_use_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine"), "x").unwrap();
        let error = Run::create(dir.path().to_path_buf(), &toml::Table::new(), &start()).unwrap_err();
        assert!(matches!(error, TrainingError::RunExists { .. }));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    /// A resumed run writes again what it has read, and must write the same.
    #[test]
    fn an_epoch_read_back_is_the_epoch_written() {
        // A value that a parser which rounds carelessly takes for its neighbour.
        let line = r#"{"epoch":5,"step":1760,"lr":0.001,"train_loss":0.3,"gradient_norm":1.0,"largest_norm":2.0,"valid":{"loss":0.22798732804230581}}"#;
        let epoch: Epoch = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&epoch).unwrap(), line);
    }

    #[test]
    fn an_epoch_that_is_no_number_can_be_read_back() {
        let line = r#"{"epoch":5,"step":0,"lr":0.0,"train_loss":null,"gradient_norm":null,"largest_norm":0.0,"skipped":9,"valid":{"loss":null}}"#;
        let epoch: Epoch = serde_json::from_str(line).unwrap();
        assert!(epoch.train_loss.is_nan() && epoch.valid["loss"].is_nan());
        assert_eq!(serde_json::to_string(&epoch).unwrap(), line);
    }

    #[test]
    fn a_folder_without_a_recipe_is_no_run() {
        let dir = tempfile::tempdir().unwrap();
        let error = Run::open(dir.path().to_path_buf()).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("recipe.toml"), "{error}");
    }
}
