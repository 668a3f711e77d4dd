//! A trained model in a folder, in the layout of model hubs.
//!
//! `model.safetensors` (PyTorch's names and layouts), `config.json` ([`Config`]), the task's own files (vocabulary,
//! scaler), and a model card `README.md`. A run keeps its best weights in this form; `export` copies it in half
//! precision; `verify` measures it again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Result, TrainingError};
use crate::machine::check_memory;
use crate::recipe::{Expected, Recipe};
use crate::run::{Start, numbers};
use crate::task::{Demonstration, Metrics, RecipeOf, Task};
use crate::weights::{self, Precision};
use crate::{card, files};

/// The version of the package layout that this crate writes.
const FORMAT: u32 = 1;
/// The name of the curves in a package, as in a run folder.
const CURVES: &str = "curves.svg";
/// The name of the picture of the model at work.
pub(crate) const PICTURE: &str = "demonstration.svg";
/// How far a shipped model's measurement may lie from its card, of values above 1 as a share of them: half precision and another
/// machine's rounding.
const TOLERANCE: f64 = 0.002;

/// `config.json` of a package.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "D: Serialize + DeserializeOwned, M: Serialize + DeserializeOwned")]
pub struct Config<D, M> {
    /// Version of the layout.
    pub format: u32,
    /// The application's cargo package.
    pub application: String,
    /// Number of trained parameters.
    pub parameters: usize,
    /// SHA-256 of `model.safetensors`, checked when the package is read.
    pub weights_sha256: String,
    /// What was measured when training ended; absent while it goes on.
    pub outcome: Option<Outcome>,
    /// The model at work, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub demonstration: Vec<String>,
    /// The recipe, with all that the command line changed.
    pub recipe: Recipe<D, M>,
}

/// What a finished run measured, and under which circumstances.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The epoch whose weights these are, from 1; 0 for none.
    pub best_epoch: usize,
    /// On the validation part, with those weights.
    #[serde(deserialize_with = "numbers")]
    pub valid: Metrics,
    /// On the test part.
    #[serde(deserialize_with = "numbers")]
    pub test: Metrics,
    /// Baselines on the test part.
    #[serde(deserialize_with = "tables")]
    pub baselines: BTreeMap<String, Metrics>,
    /// The circumstances.
    pub provenance: Provenance,
}

/// What is no finite number, such as an error over one that is zero, is written as `null`.
fn tables<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<BTreeMap<String, Metrics>, D::Error> {
    #[derive(Deserialize)]
    struct Table(#[serde(deserialize_with = "numbers")] Metrics);
    let tables = BTreeMap::<String, Table>::deserialize(from)?;
    Ok(tables.into_iter().map(|(name, Table(metrics))| (name, metrics)).collect())
}

/// What a package has of a run that came to its end.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What was measured.
    pub outcome: Outcome,
    /// The model at work.
    pub demonstration: Demonstration,
    /// The run's curves, as SVG, if it had epochs.
    pub curves: Option<String>,
}

/// The circumstances of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Provenance {
    /// How the run was started.
    #[serde(flatten)]
    pub start: Start,
    /// Time spent training and evaluating, in seconds.
    pub seconds: f64,
    /// Items that were learned from, as often as they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<usize>,
    /// Largest resident memory, in bytes, where the system tells.
    pub peak_memory: Option<u64>,
}

impl<D, M> Config<D, M> {
    /// What to verify, each with its tolerance: the outcome on the test part of those metrics that the recipe expects,
    /// or of `monitor` if it expects none.
    pub fn expected(&self, monitor: &str) -> BTreeMap<String, Expected> {
        let wanted = &self.recipe.expected;
        let measured = self.outcome.iter().flat_map(|outcome| &outcome.test);
        measured
            .filter(|(name, _)| wanted.contains_key(*name) || (wanted.is_empty() && *name == monitor))
            .map(|(name, value)| {
                (name.clone(), Expected { value: *value, tolerance: TOLERANCE * value.abs().max(1.0) })
            })
            .collect()
    }
}

/// Writes what a task fitted without gradients into its package, as JSON.
pub fn save_fitted(value: &impl Serialize, path: &Path) -> Result<()> {
    files::write(path, &files::json(value)?)
}

/// Reads what [`save_fitted`] wrote.
pub fn load_fitted<F: DeserializeOwned>(path: &Path) -> Result<F> {
    let text = std::fs::read_to_string(path).map_err(TrainingError::io("read", path))?;
    serde_json::from_str(&text)
        .map_err(|error| TrainingError::damaged(path, format!("cannot be read: {error}; export the package again")))
}

/// A package that has been read: what it takes to use a model.
pub struct Package<T: Task> {
    /// Its folder.
    pub dir: PathBuf,
    /// Its configuration.
    pub config: Config<T::Data, T::Architecture>,
    /// What was fitted without gradients.
    pub task: T,
    /// The network, without gradients.
    pub model: T::Model,
}

impl<T: Task> Package<T> {
    /// Reads the package in a folder.
    pub fn open(dir: &Path, device: &Device) -> Result<Self> {
        let config = Self::read_config(dir)?;
        let task = T::open(&config.recipe, dir)?;
        check_memory(task.num_params(), 1.0)?;
        let mut model = task.init(device);
        let weights = dir.join("model.safetensors");
        weights::load(&mut model, &weights, T::WEIGHT_NAMES)?;
        if files::sha256(&weights)? != config.weights_sha256 {
            let message = "is not the file that config.json gives the SHA-256 of; take both from one source";
            return Err(TrainingError::damaged(&weights, message));
        }
        Ok(Self { dir: dir.to_path_buf(), config, task, model })
    }

    /// Reads the configuration of the package in a folder.
    pub fn read_config(dir: &Path) -> Result<Config<T::Data, T::Architecture>> {
        let path = dir.join("config.json");
        let text = std::fs::read_to_string(&path).map_err(TrainingError::io("read", &path))?;
        let refuse = |message: String| TrainingError::damaged(&path, message);
        let config: Config<T::Data, T::Architecture> = serde_json::from_str(&text)
            .map_err(|error| refuse(format!("is not the configuration of a {} package: {error}", T::PACKAGE)))?;
        if config.application != T::PACKAGE {
            return Err(refuse(format!("is of a {} package, not of {}", config.application, T::PACKAGE)));
        }
        if config.format > FORMAT {
            let format = config.format;
            return Err(refuse(format!(
                "has format {format}, and this version reads up to {FORMAT}; update the program"
            )));
        }
        Ok(config)
    }

    /// The folder of a package: a shipped one by name, or a path.
    pub fn find(name: &str) -> Result<PathBuf> {
        let shipped = Path::new(T::PRETRAINED).join(name);
        let given = Path::new(name);
        if shipped.join("config.json").is_file() {
            Ok(shipped)
        } else if given.join("config.json").is_file() {
            Ok(given.to_path_buf())
        } else {
            let known = Self::shipped().join(", ");
            let known = if known.is_empty() { "none".to_owned() } else { known };
            Err(TrainingError::UnknownPackage { name: name.to_owned(), known })
        }
    }

    /// The folder of the package that a recipe starts from, if it does, and what that has learned from.
    pub fn start_of(recipe: &RecipeOf<T>) -> Result<Option<(PathBuf, T::Data)>> {
        let Some(name) = &recipe.start_from else { return Ok(None) };
        let dir = Self::find(name)?;
        let data = Self::read_config(&dir)?.recipe.data;
        Ok(Some((dir, data)))
    }

    /// The names of the shipped packages, sorted.
    pub fn shipped() -> Vec<String> {
        let entries = std::fs::read_dir(T::PRETRAINED).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries
            .filter(|entry| entry.path().join("config.json").is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Writes a package in the place of `dir`, in one move.
    pub fn write(
        dir: &Path,
        task: &T,
        model: &T::Model,
        recipe: &RecipeOf<T>,
        finished: Option<&Finished>,
        precision: Precision,
    ) -> Result<()> {
        files::replace_dir(dir, |dir| {
            let weights = dir.join("model.safetensors");
            weights::save(model, &weights, T::WEIGHT_NAMES, precision)?;
            let config = Config {
                format: FORMAT,
                application: T::PACKAGE.to_owned(),
                parameters: burn::module::Module::num_params(model),
                weights_sha256: files::sha256(&weights)?,
                outcome: finished.map(|finished| finished.outcome.clone()),
                demonstration: finished.map_or(Vec::new(), |finished| finished.demonstration.lines.clone()),
                recipe: recipe.clone(),
            };
            files::write(&dir.join("config.json"), &files::json(&config)?)?;
            let card = card::text::<T>(&config, precision, finished);
            files::write(&dir.join("README.md"), card.as_bytes())?;
            let [curves, picture] = [
                finished.and_then(|run| run.curves.as_ref()),
                finished.and_then(|run| run.demonstration.picture.as_ref()),
            ];
            for (name, picture) in [(CURVES, curves), (PICTURE, picture)] {
                if let Some(picture) = picture {
                    files::write(&dir.join(name), picture.as_bytes())?;
                }
            }
            Ok(task.save(dir)?)
        })
    }

    /// Writes this package elsewhere, in another precision.
    pub fn export(&self, dir: &Path, precision: Precision) -> Result<()> {
        let picture = |name: &str| std::fs::read_to_string(self.dir.join(name)).ok();
        let demonstration = Demonstration { lines: self.config.demonstration.clone(), picture: picture(PICTURE) };
        let outcome = self.config.outcome.clone();
        let finished = outcome.map(|outcome| Finished { outcome, demonstration, curves: picture(CURVES) });
        Self::write(dir, &self.task, &self.model, &self.config.recipe, finished.as_ref(), precision)
    }
}
