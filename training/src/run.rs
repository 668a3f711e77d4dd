//! The run folder, which contains the recipe, metrics, checkpoints and results of one training run.
//!
//! | file | contents |
//! |---|---|
//! | `recipe.toml` | the recipe with all overrides |
//! | `run.json` | [`Start`]: version, backend and data |
//! | `metrics.jsonl` | one [`Epoch`] per line |
//! | `curves.svg` | training curves |
//! | `checkpoints/` | checkpoints, from which the run can be resumed |
//! | `best/` | package: the model with the best weights, ready for use |
//! | `report.md`, `demonstration.svg` | results, when training is finished |
//! | `baselines.json` | results of the baselines |
//! | `events.out.tfevents.…` | events for TensorBoard |
//! | `lock` | empty file, which the training process locks |

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::collective::Wire;
use crate::error::{Result, TrainingError};
use crate::lock::{LOCK, Lock};
use crate::metric::{self, Metrics, number};
use crate::package::{PICTURE, is_package};
use crate::recipe::{Recipe, RecipeText};
use crate::{curves, files};

/// The folder of a training run.
#[derive(Debug)]
pub struct Run {
    dir: PathBuf,
}

/// The content of `run.json`: program version, backend, device, number of threads and ranks, and data with which a run
/// was started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Version of the program that started the run.
    pub version: String,
    /// Name of the burn backend, such as `flex`.
    pub backend: String,
    /// The device of the backend, such as `Device<Flex(Cpu)>`; empty in runs of older versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub device: String,
    /// The number of threads of the CPU backends.
    pub threads: usize,
    /// The number of ranks (processes) of the training. Each rank computes a part of the rows of every batch.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub ranks: usize,
    /// The number format (f32 or f16) in which the ranks send gradients to each other.
    #[serde(default, skip_serializing_if = "is_single")]
    pub wire: Wire,
    /// The fingerprint of the data, a text that changes whenever the data change: see
    /// [`Task::fingerprint`](crate::Task::fingerprint).
    pub data: String,
}

impl Start {
    /// Returns whether the fingerprint `other` describes the data with which the run was started. Both fingerprints
    /// must contain the same checksums; the file names in them do not matter. Fingerprints without checksums must be
    /// equal as texts.
    pub fn has_data(&self, other: &str) -> bool {
        let (own, others) = (checksums(&self.data), checksums(other));
        if own.is_empty() { self.data == other } else { own == others }
    }

    fn check_data(&self, fingerprint: &str, dir: &Path) -> Result<()> {
        if self.has_data(fingerprint) {
            return Ok(());
        }
        let (path, was, now) = (dir.to_path_buf(), self.data.clone(), fingerprint.to_owned());
        Err(TrainingError::DataChanged { path, was, now })
    }

    /// Compares `self`, which describes the start of the run, with `now`, which describes its resumption. Returns a
    /// note for the user about each difference of backend, device, number of threads, number of ranks, and number
    /// format of the gradients.
    fn differences(&self, now: &Self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.backend != now.backend {
            let (was, now) = (&self.backend, &now.backend);
            notes.push(format!(
                "the run was started on the backend {was} and resumes on {now}: results will not be bit-identical to \
                 those of an uninterrupted run"
            ));
        } else if !self.device.is_empty() && self.device != now.device {
            let (was, now) = (&self.device, &now.device);
            notes.push(format!(
                "the run was started on the device {was} and resumes on {now}: results may not be bit-identical to \
                 those of an uninterrupted run"
            ));
        }
        if self.threads != now.threads {
            let (was, now) = (self.threads, now.threads);
            notes.push(format!(
                "the run was started with {was} threads and resumes with {now}: the results do not depend on the \
                 number of threads"
            ));
        }
        if self.ranks != now.ranks {
            let (was, now) = (self.ranks, now.ranks);
            notes.push(format!(
                "the run was started with {was} ranks (processes) and resumes with {now}: results will not be bit-identical to \
                 those of an uninterrupted run"
            ));
        } else if self.wire != now.wire {
            notes.push(
                "the ranks now send gradients in another number format than when the run was started: results will not \
                 be bit-identical to those of an uninterrupted run"
                    .into(),
            );
        }
        notes
    }
}

/// Returns all SHA-256 checksums (words of 64 hexadecimal digits) in a text, in order.
fn checksums(text: &str) -> Vec<&str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.filter(|word| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit())).collect()
}

fn one() -> usize {
    1
}

fn is_single(wire: &Wire) -> bool {
    *wire == Wire::Single
}

fn is_one(count: &usize) -> bool {
    *count == 1
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

pub(crate) const RECIPE: &str = "recipe.toml";
pub(crate) const START: &str = "run.json";
const METRICS: &str = "metrics.jsonl";

/// The metrics of one epoch: a line of `metrics.jsonl`. A line contains no times, so that two runs of one recipe write
/// equal files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// The number of the epoch, counted from 1.
    pub epoch: usize,
    /// The number of optimizer steps since the start of the run.
    pub step: usize,
    /// The learning rate of the last optimizer step in the epoch.
    pub lr: f64,
    /// The mean training loss over the items of the epoch.
    #[serde(deserialize_with = "number")]
    pub train_loss: f64,
    /// The mean of the global gradient norms of all steps in the epoch, before clipping.
    #[serde(deserialize_with = "number")]
    pub gradient_norm: f64,
    /// Largest global gradient norm of the epoch, before clipping.
    pub largest_norm: f64,
    /// The number of steps that were skipped because the loss or the gradient was NaN or infinite.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: usize,
    /// The metrics on the validation part.
    #[serde(deserialize_with = "metric::metrics")]
    pub valid: Metrics,
}

impl Run {
    /// Creates and locks the folder of a new run: `dir`, which must be empty if it exists, or `runs/RECIPE/TIME` if
    /// `dir` is `None`. `recipe` is the name of the recipe.
    ///
    /// Call this function before the data are read, so that a folder in use is reported at once. If the lock is dropped
    /// before [`begin`](Self::begin) is called, a folder that this function has created is removed.
    pub(crate) fn claim(dir: Option<PathBuf>, recipe: &str) -> Result<(Self, Lock)> {
        let Some(dir) = dir else { return Self::claim_default(recipe) };
        Self::check_free(&dir)?;
        let created = !dir.exists();
        files::create_dir(&dir)?;
        let lock = Lock::new(&dir, created)?;
        // Another process may have started a run between the check and the lock.
        Self::check_free(&dir)?;
        Ok((Self { dir }, lock))
    }

    /// Creates and locks the folder `runs/RECIPE/TIME`, with a number appended if another run has started in the same
    /// second.
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
                created => {
                    created.map_err(TrainingError::io("create", &dir))?;
                    break;
                }
            }
        }
        let lock = Lock::new(&dir, true)?;
        Ok((Self { dir }, lock))
    }

    /// Returns the run in a folder that rank 0 has created or opened. The other ranks call this function.
    pub(crate) fn followed(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Checks that a folder is empty. Ignores the lock file, `run.json` and temporary files: a process leaves them
    /// behind if it is killed before its training starts.
    fn check_free(dir: &Path) -> Result<()> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let leftover = |name: &str| [LOCK, START].contains(&name) || name.ends_with(files::TEMPORARY);
        match entries.map(|entry| entry.file_name()).any(|name| !name.to_str().is_some_and(leftover)) {
            true => Err(TrainingError::RunExists { path: dir.to_path_buf() }),
            false => Ok(()),
        }
    }

    /// Writes `run.json` and `recipe.toml`, which make the folder a run that can be resumed.
    pub(crate) fn begin(&self, recipe: &impl Serialize, start: &Start) -> Result<()> {
        files::write(&self.dir.join(START), &files::json(start)?)?;
        // The recipe is written last, because its presence makes the folder a run.
        self.write_recipe(recipe)
    }

    fn write_recipe(&self, recipe: &impl Serialize) -> Result<()> {
        let text = toml::to_string(recipe).map_err(TrainingError::serialize)?;
        files::write(&self.recipe(), text.as_bytes())
    }

    /// Replaces the saved recipe of the run by `recipe`, if the two recipes differ. If the number of epochs changes,
    /// the run is no longer finished, and its report is removed. Returns whether the number of epochs has changed.
    pub(crate) fn replace_recipe<D, M>(&self, recipe: &Recipe<D, M>) -> Result<bool>
    where
        D: Serialize + DeserializeOwned,
        M: Serialize + DeserializeOwned,
    {
        let own: Recipe<D, M> = self.recipe_text()?.parse()?;
        let more = own.training.epochs != recipe.training.epochs;
        if more && self.report().exists() {
            std::fs::remove_file(self.report()).map_err(TrainingError::io("remove", &self.report()))?;
        }
        if files::json(&own)? != files::json(recipe)? {
            self.write_recipe(recipe)?;
        }
        Ok(more)
    }

    /// Opens the run in a folder, which must contain a recipe.
    pub fn open(dir: PathBuf) -> Result<Self> {
        let run = Self { dir };
        if run.recipe().is_file() { Ok(run) } else { Err(TrainingError::NotARun { path: run.dir, missing: RECIPE }) }
    }

    /// Checks that the data have not changed since the run was started. Returns notes for the user if the run was
    /// started on another backend or device, or with another number of threads or ranks.
    pub(crate) fn check_start(&self, now: &Start) -> Result<Vec<String>> {
        let was = self.start()?;
        was.check_data(&now.data, &self.dir)?;
        Ok(was.differences(now))
    }

    /// Checks that the run was started with the same data as now. `fingerprint` is the
    /// [fingerprint](crate::Task::fingerprint) of the data now.
    pub(crate) fn check_data(&self, fingerprint: &str) -> Result<()> {
        self.start()?.check_data(fingerprint, &self.dir)
    }

    fn start(&self) -> Result<Start> {
        let path = self.dir.join(START);
        let text = std::fs::read_to_string(&path).map_err(TrainingError::io("read", &path))?;
        serde_json::from_str(&text)
            .map_err(|error| TrainingError::damaged(&path, format!("is not valid ({error}); start a new run")))
    }

    /// Locks the folder for training. If a process was killed while it replaced `best/`, completes the replacement if
    /// all new files are written, and removes the temporary files.
    pub(crate) fn lock(&self) -> Result<Lock> {
        let lock = Lock::new(&self.dir, false)?;
        files::finish_replacing(&self.best())?;
        Ok(lock)
    }

    /// Returns the path of the run folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the path of `recipe.toml`, the recipe with all overrides.
    pub fn recipe(&self) -> PathBuf {
        self.dir.join(RECIPE)
    }

    /// Reads the recipe of the run.
    pub fn recipe_text(&self) -> Result<RecipeText> {
        RecipeText::read(&self.recipe())
    }

    /// Returns the folder that contains the checkpoints of the run.
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.dir.join("checkpoints")
    }

    /// Returns the path of `best/`, the package (the files of the trained model) with the best weights.
    pub fn best(&self) -> PathBuf {
        self.dir.join("best")
    }

    /// Returns the path of `best/`, the package with the best weights so far, in the run folder `dir`.
    ///
    /// # Errors
    ///
    /// [`TrainingError::NotARun`] if `dir` is not a run folder; [`TrainingError::NoEpoch`] before the end of the first
    /// epoch.
    pub fn best_of(dir: &Path) -> Result<PathBuf> {
        let best = Self::open(dir.to_path_buf())?.best();
        if is_package(&best) { Ok(best) } else { Err(TrainingError::NoEpoch { path: dir.to_path_buf() }) }
    }

    /// Returns the path of the plot of the training curves, which exists after the first epoch.
    pub fn curves(&self) -> PathBuf {
        self.dir.join("curves.svg")
    }

    /// Returns the path of the demonstration picture: example predictions as SVG. The file exists when training is
    /// finished, if the application draws such a picture.
    pub fn picture(&self) -> PathBuf {
        self.dir.join(PICTURE)
    }

    /// Writes the demonstration picture, an SVG; writes nothing if `svg` is `None`.
    pub(crate) fn write_picture(&self, svg: Option<&str>) -> Result<()> {
        svg.map_or(Ok(()), |svg| files::write(&self.picture(), svg.as_bytes()))
    }

    /// Returns the metrics of the finished epochs, from `metrics.jsonl`.
    pub fn history(&self) -> Result<Vec<Epoch>> {
        let path = self.dir.join(METRICS);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let text = std::fs::read_to_string(&path).map_err(TrainingError::io("read", &path))?;
        let epoch = |(index, line)| {
            serde_json::from_str(line).map_err(|error| {
                TrainingError::damaged(
                    &path,
                    format!("has an invalid line {} ({error}); resume the run to write the file again", index + 1),
                )
            })
        };
        text.lines().enumerate().map(epoch).collect()
    }

    /// Writes the metrics of all finished epochs to `metrics.jsonl`, and plots them in `curves.svg`.
    pub(crate) fn write_history(&self, history: &[Epoch]) -> Result<()> {
        let mut lines = String::new();
        for epoch in history {
            lines += &serde_json::to_string(epoch).map_err(TrainingError::serialize)?;
            lines.push('\n');
        }
        files::write(&self.dir.join(METRICS), lines.as_bytes())?;
        files::write(&self.curves(), curves::draw(history)?.as_bytes())
    }

    /// Returns the path of the report, which exists when training is finished.
    pub fn report(&self) -> PathBuf {
        self.dir.join("report.md")
    }

    /// Writes the report of the finished run to `report.md`.
    pub(crate) fn write_report(&self, text: &str) -> Result<()> {
        files::write(&self.report(), text.as_bytes())
    }
}

#[cfg(test)]
mod tests;
