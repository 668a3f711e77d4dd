//! Writes packages. A package contains the files of one trained model, in the layout of [`inference::package`].
//!
//! A run stores its best weights as a package. [`Opened::export`] writes a copy of a package with weights in a chosen
//! precision. [`Record::expected`] returns test metrics from the file `training.json` of a package, so that the metrics
//! can be compared with a new evaluation of the model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::Device;
use inference::package::{FORMAT, FileEntry, MANIFEST, WEIGHTS};
use inference::weights::{self, Precision};
use inference::{Files, Folder, Manifest, Package, PackageError, Predictor};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainingError};
use crate::metric::Measured;
use crate::recipe::{Expected, Recipe};
use crate::run::Start;
use crate::task::{Contents, Demonstration, RecipeOf, Task, application};
use crate::{card, files};

/// The file name of the training record of a package: its recipe and results.
const RECORD: &str = "training.json";
/// The name of the file that contains the training record and the manifest in packages of format 1.
const RECORD_1: &str = "config.json";
/// The file name of the training curves, in a package and in a run.
const CURVES: &str = "curves.svg";
/// The file name of the picture with example predictions ([`Demonstration::picture`]), in a package and in a run.
pub(crate) const PICTURE: &str = "demonstration.svg";
/// The allowed difference between a measured test metric and its recorded value: absolute for values up to 1, relative
/// for larger values. Weights in half precision and the rounding of other processors cause differences smaller than
/// this.
const TOLERANCE: f64 = 0.002;
/// The allowed relative difference between a measured test metric and its recorded value if the weights have 8 bits. It
/// is used for metrics for which lower values are better, such as perplexity.
const INT8_TOLERANCE: f64 = 0.01;

/// The content of `training.json`: the recipe and the results of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "D: Serialize + DeserializeOwned, M: Serialize + DeserializeOwned")]
pub struct Record<D, M> {
    /// The results; absent until training is finished.
    pub outcome: Option<Outcome>,
    /// Example predictions of the model, as lines of text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub demonstration: Vec<String>,
    /// The recipe with all overrides.
    pub recipe: Recipe<D, M>,
}

/// The type of the training record of a task.
pub type RecordOf<T> = Record<<T as Task>::Data, <T as Task>::Architecture>;

/// The results of a finished run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The number of the epoch whose weights are stored, counted from 1; 0 for models without a network.
    pub best_epoch: usize,
    /// The metrics of the model on the validation part.
    pub valid: Measured,
    /// The metrics of the model on the test part.
    pub test: Measured,
    /// Metrics of the baselines on the test part, by name of the baseline.
    pub baselines: BTreeMap<String, Measured>,
    /// How and where the model was trained.
    pub provenance: Provenance,
}

/// How and where a model was trained.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Provenance {
    /// How the run was started: the version of the program, the backend and its device, the numbers of threads and
    /// ranks, and the fingerprint of the data.
    #[serde(flatten)]
    pub start: Start,
    /// The time for training and evaluation, in seconds.
    pub seconds: f64,
    /// The number of items, such as sentences or tokens, that the model was trained on. An item counts once per epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<usize>,
    /// Peak resident memory in bytes, if the system reports it.
    pub peak_memory: Option<u64>,
}

/// The results of a finished run, as the model card shows them.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    /// The metrics of the run, and how the model was trained.
    pub outcome: Outcome,
    /// Example predictions of the model, as text and picture.
    pub demonstration: Demonstration,
    /// The plot of the training curves as SVG; `None` if the model was not trained in epochs.
    pub curves: Option<String>,
}

impl<D, M> Record<D, M> {
    /// Returns recorded test metrics by name, each with a tolerance. A verification of the model compares them with the
    /// metrics of a new evaluation. The returned metrics are those that the table `[expected]` of the recipe names, or
    /// only the metric `monitor` if the recipe has no such table.
    pub fn expected(&self, monitor: &str) -> BTreeMap<String, Expected> {
        let wanted = &self.recipe.expected;
        let measured = self.outcome.iter().flat_map(|outcome| outcome.test.flat());
        measured
            .filter(|(name, _)| wanted.contains_key(name) || (wanted.is_empty() && *name == monitor))
            .map(|(name, value)| (name, Expected { value, tolerance: TOLERANCE * value.abs().max(1.0) }))
            .collect()
    }

    /// Does the same as [`expected`](Self::expected), but for a model with quantized weights (int8). Comparisons with
    /// baselines are left out. If lower values of a metric are better, its tolerance is 1 % of the recorded value.
    pub fn expected_int8(&self, monitor: &str) -> BTreeMap<String, Expected> {
        let metrics = || self.outcome.iter().flat_map(|outcome| &outcome.test.metrics);
        let mut all = self.expected(monitor);
        all.retain(|name, expected| {
            let metric = metrics().find(|metric| metric.name == *name);
            if metric.is_some_and(|metric| !metric.higher_is_better) {
                expected.tolerance = INT8_TOLERANCE * expected.value.abs();
            }
            metric.is_some()
        });
        all
    }
}

/// A trained model that was opened from its package, for evaluation or export.
pub struct Opened<T: Task> {
    /// The folder of the package.
    pub dir: PathBuf,
    /// The training record of the package: recipe and results.
    pub record: RecordOf<T>,
    /// The trained model of the package.
    pub predictor: T::Predictor,
}

impl<T: Task> Opened<T> {
    /// Opens the package in a folder.
    pub fn open(dir: &Path, device: &Device) -> Result<Self> {
        let files = Folder::new(dir);
        let package = Package::open(&files, application::<T>())?;
        let predictor = T::Predictor::open(&package, device)?;
        Ok(Self { dir: dir.to_path_buf(), record: read_record::<T>(&package, &files)?, predictor })
    }

    /// Writes the package to another folder, in the current format and with weights in the given precision. A package
    /// that is already in that folder is replaced.
    ///
    /// # Errors
    ///
    /// [`TrainingError::NotAPackage`] if the folder contains a file that does not belong to an older export of this
    /// package.
    pub fn export(&self, to: &Path, precision: Precision) -> Result<()> {
        check_target(to, &self.dir)?;
        let picture = |name: &str| std::fs::read_to_string(self.dir.join(name)).ok();
        let demonstration = Demonstration { lines: self.record.demonstration.clone(), picture: picture(PICTURE) };
        let outcome = self.record.outcome.clone();
        let finished = outcome.map(|outcome| Finished { outcome, demonstration, curves: picture(CURVES) });
        write::<T>(to, &self.predictor, &self.record.recipe, finished.as_ref(), precision)
    }
}

/// Reads the training record of the package in a folder.
pub fn record_in<T: Task>(dir: &Path) -> Result<RecordOf<T>> {
    let files = Folder::new(dir);
    read_record::<T>(&Package::open(&files, application::<T>())?, &files)
}

pub(crate) fn read_record<T: Task>(package: &Package, files: &Folder) -> Result<RecordOf<T>> {
    match package.manifest.format {
        1 => {
            let content = files.read(RECORD_1)?;
            Ok(serde_json::from_slice(&content).map_err(|error| package.invalid(RECORD_1, error.to_string()))?)
        }
        _ => Ok(package.json(RECORD)?),
    }
}

/// Returns whether a folder holds a package.
pub fn is_package(dir: &Path) -> bool {
    [MANIFEST, RECORD_1].iter().any(|name| dir.join(name).is_file())
}

/// Checks that the folder `to` contains only files of a package, because an export to this folder replaces it. `from`
/// is the folder of the package that is exported; files with the same names as its files are also allowed in `to`.
fn check_target(to: &Path, from: &Path) -> Result<()> {
    let entries = match std::fs::read_dir(to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(TrainingError::io("export to", to))?,
    };
    let known =
        |name: &str| is_package(to) && ([MANIFEST, RECORD, RECORD_1].contains(&name) || from.join(name).is_file());
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    match names.into_iter().find(|name| !known(name)) {
        Some(holds) => Err(TrainingError::NotAPackage { path: to.to_path_buf(), holds }),
        None => Ok(()),
    }
}

/// Writes a package to the folder `dir`. If the folder exists, it is replaced. `finished` has the results of the run;
/// `None` before training is finished.
pub(crate) fn write<T: Task>(
    dir: &Path,
    predictor: &T::Predictor,
    recipe: &RecipeOf<T>,
    finished: Option<&Finished>,
    precision: Precision,
) -> Result<()> {
    let Contents { settings, network, files: own } = T::contents(predictor)?;
    let parameters = network.map_or(0, Module::num_params);
    let record = Record {
        outcome: finished.map(|finished| finished.outcome.clone()),
        demonstration: finished.map_or(Vec::new(), |finished| finished.demonstration.lines.clone()),
        recipe: recipe.clone(),
    };
    let mut all: Vec<(&str, Vec<u8>)> = own;
    if let Some(network) = network {
        let content = weights::save(network, T::WEIGHT_NAMES, precision)
            .map_err(|message| PackageError::invalid(WEIGHTS, message))?;
        all.push((WEIGHTS, content));
    }
    all.push((RECORD, files::json(&record)?));
    all.push(("README.md", card::text::<T>(recipe, parameters, precision, finished).into_bytes()));
    let pictures = finished.map(|run| [(CURVES, &run.curves), (PICTURE, &run.demonstration.picture)]);
    for (name, picture) in pictures.into_iter().flatten() {
        all.extend(picture.as_ref().map(|picture| (name, picture.clone().into_bytes())));
    }
    let manifest = Manifest {
        format: FORMAT,
        application: application::<T>().to_owned(),
        name: recipe.name.clone(),
        about: recipe.about.clone(),
        parameters,
        settings,
        files: all.iter().map(|(name, content)| ((*name).to_owned(), FileEntry::new(content))).collect(),
    };
    files::replace_dir(dir, |dir| {
        for (name, content) in &all {
            files::write(&dir.join(name), content)?;
        }
        files::write(&dir.join(MANIFEST), &files::json(&manifest)?)
    })
}
