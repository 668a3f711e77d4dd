//! A run: the folder that says all that happened.
//!
//! `recipe.toml` (every setting), `run.json` ([`Start`]), `metrics.jsonl` (a line an epoch), `curves.svg`, `demonstration.svg`, `report.md`,
//! `events.out.tfevents.…` (every step, for TensorBoard), `checkpoints/` (the states to resume from), `best/` (a package of the
//! best weights) and `lock` (held by the process that trains).

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Result, TrainingError};
use crate::package::PICTURE;
use crate::progress::say;
use crate::recipe::{Recipe, RecipeText};
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

const RECIPE: &str = "recipe.toml";
const LOCK: &str = "lock";
const START: &str = "run.json";
const METRICS: &str = "metrics.jsonl";

/// The right to train in a run folder. The system takes it back from a process that ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    dir: PathBuf,
    /// Whether the folder was made for it.
    made: bool,
    _file: File,
}

impl Lock {
    fn new(dir: &Path, made: bool) -> Result<Self> {
        let path = dir.join(LOCK);
        let file = File::create(&path).map_err(TrainingError::io("write", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_path_buf(), made, _file: file }),
            Err(TryLockError::WouldBlock) => Err(TrainingError::RunInUse { path: dir.to_path_buf() }),
            Err(TryLockError::Error(error)) => Err(TrainingError::io("lock", &path)(error)),
        }
    }
}

impl Drop for Lock {
    /// Of a run that has not begun nothing is left.
    fn drop(&mut self) {
        if !self.dir.join(RECIPE).exists() {
            let _ = std::fs::remove_file(self.dir.join(START));
            let _ = std::fs::remove_file(self.dir.join(LOCK));
            if self.made {
                let _ = std::fs::remove_dir(&self.dir);
            }
        }
    }
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

/// Metrics; likewise.
pub(crate) fn numbers<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Metrics, D::Error> {
    let metrics = BTreeMap::<String, Option<f64>>::deserialize(from)?;
    Ok(metrics.into_iter().map(|(name, number)| (name, number.unwrap_or(f64::NAN))).collect())
}

impl Run {
    /// Takes a folder for a new run: `dir`, which must not hold anything, or `runs/<recipe>/<time>`.
    ///
    /// Before the data are read, which takes a while. If the run does not [begin](Self::begin), nothing is left of it.
    pub fn claim(dir: Option<PathBuf>, recipe: &str) -> Result<(Self, Lock)> {
        let Some(dir) = dir else { return Self::claim_default(recipe) };
        Self::check_free(&dir)?;
        let made = !dir.exists();
        files::create_dir(&dir)?;
        let lock = Lock::new(&dir, made)?;
        Self::check_free(&dir)?; // of what another process has begun since
        Ok((Self { dir }, lock))
    }

    /// With a number where the second is taken.
    fn claim_default(recipe: &str) -> Result<(Self, Lock)> {
        let time = jiff::Zoned::now().strftime("%Y-%m-%dT%H-%M-%S").to_string();
        let base = Path::new("runs").join(recipe).join(time);
        files::create_dir(base.parent().unwrap_or(&base))?;
        let mut dir = base.clone();
        for number in 2.. {
            match std::fs::create_dir(&dir) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    dir = base.with_added_extension(number.to_string());
                }
                made => {
                    made.map_err(TrainingError::io("create", &dir))?;
                    break;
                }
            }
        }
        let lock = Lock::new(&dir, true)?;
        Ok((Self { dir }, lock))
    }

    /// Refuses a folder that holds anything but what a run leaves that was stopped before it began.
    pub fn check_free(dir: &Path) -> Result<()> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let ours = |name: &str| [LOCK, START].contains(&name) || name.ends_with(".tmp");
        match entries.map(|entry| entry.file_name()).any(|name| !name.to_str().is_some_and(ours)) {
            true => Err(TrainingError::RunExists { path: dir.to_path_buf() }),
            false => Ok(()),
        }
    }

    /// Makes the folder a run.
    pub fn begin(&self, recipe: &impl Serialize, start: &Start) -> Result<()> {
        let text = toml::to_string(recipe).map_err(|error| TrainingError::Task(error.into()))?;
        files::write(&self.dir.join(START), &files::json(start)?)?;
        // The recipe last: the folder is a run when it is there.
        files::write(&self.recipe(), text.as_bytes())
    }

    /// The run in `dir`.
    pub fn open(dir: PathBuf) -> Result<Self> {
        let run = Self { dir };
        if run.recipe().is_file() { Ok(run) } else { Err(TrainingError::NotARun { path: run.dir, missing: RECIPE }) }
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

    /// Keeps other processes from training in this folder, and puts right what a killed one left.
    pub fn lock(&self) -> Result<Lock> {
        let lock = Lock::new(&self.dir, false)?;
        files::finish_replacing(&self.best())?;
        Ok(lock)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The recipe, with all that the command line changed.
    pub fn recipe(&self) -> PathBuf {
        self.dir.join(RECIPE)
    }

    /// Reads the recipe.
    pub fn recipe_text(&self) -> Result<RecipeText> {
        RecipeText::read(&self.recipe())
    }

    /// Whether it is a run of this recipe, with all that was changed of it.
    pub fn is_of<D, M>(&self, recipe: &Recipe<D, M>) -> Result<bool>
    where
        D: Serialize + DeserializeOwned,
        M: Serialize + DeserializeOwned,
    {
        let own: Recipe<D, M> = self.recipe_text()?.parse()?;
        Ok(files::json(&own)? == files::json(recipe)?)
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

    /// The model at work, as a picture; there when training has ended, of applications that draw one.
    pub fn picture(&self) -> PathBuf {
        self.dir.join(PICTURE)
    }

    /// Writes it.
    pub fn write_picture(&self, svg: Option<&str>) -> Result<()> {
        svg.map_or(Ok(()), |svg| files::write(&self.picture(), svg.as_bytes()))
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

    /// The report; there when training has ended.
    pub fn report(&self) -> PathBuf {
        self.dir.join("report.md")
    }

    /// Writes it.
    pub fn write_report(&self, text: &str) -> Result<()> {
        files::write(&self.report(), text.as_bytes())
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
        let (run, _lock) = Run::claim(Some(dir.path().to_path_buf()), "").unwrap();
        run.begin(&toml::Table::new(), &start()).unwrap();
        run.check_start(&start()).unwrap();
        let error = run.check_start(&Start { data: "b".to_owned(), ..start() }).unwrap_err();
        assert!(matches!(error, TrainingError::DataChanged { .. }), "{error}");
    }

    #[test]
    fn a_folder_in_use_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine"), "x").unwrap();
        let error = Run::claim(Some(dir.path().to_path_buf()), "").unwrap_err();
        assert!(matches!(error, TrainingError::RunExists { .. }));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn of_a_run_that_does_not_begin_nothing_is_left() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("runs/mine");
        let (_, lock) = Run::claim(Some(dir.clone()), "").unwrap();
        assert!(matches!(Run::claim(Some(dir.clone()), ""), Err(TrainingError::RunInUse { .. })));
        drop(lock);
        assert!(!dir.exists());

        // Killed before the recipe was written: the folder can be taken again.
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("run.json"), "{").unwrap();
        std::fs::write(dir.join("recipe.toml.tmp"), "").unwrap();
        let (run, _lock) = Run::claim(Some(dir), "").unwrap();
        run.begin(&toml::Table::new(), &start()).unwrap();
        run.check_start(&start()).unwrap();
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
