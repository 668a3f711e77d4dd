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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> Start {
        let [version, backend, device, data] = ["1", "flex", "Flex(0)", "a"].map(str::to_owned);
        Start { version, backend, device, threads: 2, ranks: 1, wire: Wire::Single, data }
    }

    #[test]
    fn changed_data_are_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let (run, _lock) = Run::claim(Some(dir.path().to_path_buf()), "").unwrap();
        run.begin(&toml::Table::new(), &start()).unwrap();
        run.check_start(&start()).unwrap();
        let error = run.check_start(&Start { data: "b".to_owned(), ..start() }).unwrap_err();
        assert!(matches!(error, TrainingError::DataChanged { .. }), "{error}");
    }

    /// Files are identified by the checksums of their content, and not by their names.
    #[test]
    fn data_are_compared_by_their_content() {
        let [one, other] = ["1", "a"].map(|digit| digit.repeat(64));
        let data = |text: &str| Start { data: text.to_owned(), ..start() };
        let was = data(&format!("/home/me/a b (1).csv (SHA-256 {one}), /v (SHA-256 of all files {other})"));
        assert!(was.has_data(&format!("c.csv (SHA-256 {one}), v (SHA-256 of all files {other})")));
        for different in [format!("a b (1).csv (SHA-256 {other}), /v (SHA-256 {one})"), format!("(SHA-256 {one})")] {
            assert!(!was.has_data(&different));
        }
        assert!(data("seed 7").has_data("seed 7") && !data("seed 7").has_data("seed 8") && !data("").has_data(&one));
    }

    proptest! {
        #[test]
        fn data_may_lie_in_any_folder(folders in ["[a-z/ ().,é]{0,20}", "[a-z/ ().,é]{0,20}"], digests in ["[0-9a-f]{64}", "[0-9a-f]{64}"]) {
            let data = |folder: usize, digest: usize| format!("{}.csv (SHA-256 {})", folders[folder], digests[digest]);
            let was = Start { data: data(0, 0), ..start() };
            prop_assert!(was.has_data(&data(1, 0)));
            prop_assert_eq!(was.has_data(&data(0, 1)), digests[0] == digests[1]);
        }
    }

    #[test]
    fn other_machines_are_noted() {
        assert!(start().differences(&start()).is_empty());
        let other = |change: fn(&mut Start)| {
            let mut other = start();
            change(&mut other);
            other
        };
        let device = |start: &mut Start| start.device = "Flex(1)".to_owned();
        assert_eq!(start().differences(&other(|start| start.threads = 8)).len(), 1);
        assert_eq!(start().differences(&other(device)).len(), 1);
        assert_eq!(start().differences(&other(|start| start.backend = "cuda".to_owned())).len(), 1);
        // Runs of older versions do not know their device.
        assert!(other(|start| start.device.clear()).differences(&other(device)).is_empty());
    }

    #[test]
    fn a_folder_that_is_not_empty_is_refused_and_not_changed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine"), "x").unwrap();
        let error = Run::claim(Some(dir.path().to_path_buf()), "").unwrap_err();
        assert!(matches!(error, TrainingError::RunExists { .. }));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_run_that_does_not_begin_leaves_no_folder() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("runs/mine");
        let (_, lock) = Run::claim(Some(dir.clone()), "").unwrap();
        assert!(matches!(Run::claim(Some(dir.clone()), ""), Err(TrainingError::RunInUse { .. })));
        drop(lock);
        assert!(!dir.exists());

        // The files of a process that was killed before it wrote the recipe: the folder can be used again.
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("run.json"), "{").unwrap();
        std::fs::write(dir.join(".new-recipe.toml.AbCdEf.tmp"), "").unwrap();
        let (run, _lock) = Run::claim(Some(dir), "").unwrap();
        run.begin(&toml::Table::new(), &start()).unwrap();
        run.check_start(&start()).unwrap();
    }

    /// A resumed run reads and writes the finished epochs, and the bytes must not change.
    #[test]
    fn epochs_are_written_as_they_were_read() {
        // A parser with inexact rounding would read the neighboring floating-point number.
        let line = concat!(
            r#"{"epoch":5,"step":1760,"lr":0.001,"train_loss":0.3,"gradient_norm":1.0,"largest_norm":2.0,"#,
            r#""valid":{"loss":0.22798732804230581}}"#
        );
        let epoch: Epoch = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&epoch).unwrap(), line);
    }

    #[test]
    fn metrics_that_are_nan_are_written_and_read() {
        let line = concat!(
            r#"{"epoch":5,"step":0,"lr":0.0,"train_loss":null,"gradient_norm":null,"largest_norm":0.0,"#,
            r#""skipped":9,"valid":{"loss":null}}"#
        );
        let epoch: Epoch = serde_json::from_str(line).unwrap();
        assert!(epoch.train_loss.is_nan() && epoch.valid["loss"].is_nan());
        assert_eq!(serde_json::to_string(&epoch).unwrap(), line);
    }

    #[test]
    fn a_folder_without_a_recipe_is_not_a_run() {
        let dir = tempfile::tempdir().unwrap();
        let error = Run::open(dir.path().to_path_buf()).unwrap_err();
        assert!(matches!(error, TrainingError::NotARun { missing: RECIPE, .. }), "{error}");
    }
}
