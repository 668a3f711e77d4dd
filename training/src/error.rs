//! Errors of training. Each message is one line that names the file or setting, and says what to do.

use std::path::{Path, PathBuf};

use datasets::DataError;
use inference::{PackageError, PredictError};

use crate::collective::Lost;

/// The result type of this crate's functions.
pub type Result<T> = std::result::Result<T, TrainingError>;

/// The result type of the functions of a [`Task`](crate::Task).
pub type TaskResult<T> = std::result::Result<T, TaskError>;

/// The reason why a function of a task failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// A stop was requested: see [`Interrupt`](crate::Interrupt).
    #[error("interrupted: a stop was requested")]
    Interrupted,
    /// A setting of the recipe is not valid, or cannot be used together with another setting.
    #[error("{setting}: {message}")]
    Setting {
        /// The key of the setting, such as `data.valid`.
        setting: &'static str,
        /// What is wrong with the setting, including its value, and what to change.
        message: String,
    },
    /// The data that the recipe names could not be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A package (the files of a trained model) could not be read.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A prediction failed.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// A computation, such as a baseline, needs more memory than is free.
    #[error(
        "{what} would need more memory than {}; free some memory, or use less data",
        available.map_or("the system gives to this process".to_owned(), |bytes| {
            format!("the {:.1} GiB that are free", bytes as f64 / (1u64 << 30) as f64)
        })
    )]
    Memory {
        /// What is computed, such as `Kneser-Ney 5-grams`.
        what: String,
        /// The free memory in bytes; `None` if the system refused to give the memory to this process.
        available: Option<u64>,
    },
    /// A function of the crate `training` failed.
    #[error(transparent)]
    Training(#[from] Box<TrainingError>),
    /// Another failure, described in one line.
    #[error("{0}")]
    Other(String),
}

impl TaskError {
    /// Makes the error of a setting that is not valid.
    pub fn setting(setting: &'static str, message: impl Into<String>) -> Self {
        Self::Setting { setting, message: message.into() }
    }

    /// Makes the error that [`Task::predictor`](crate::Task::predictor) returns if it gets no network although the task
    /// needs one. Only a bug in the program can cause this error.
    pub fn without_network() -> Self {
        Self::Other("internal error: the network is missing; please report this as a bug of rnn-zoo".to_owned())
    }
}

impl From<String> for TaskError {
    fn from(message: String) -> Self {
        Self::Other(message)
    }
}

impl From<TrainingError> for TaskError {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::Task(error) => error,
            other => Self::Training(Box::new(other)),
        }
    }
}

/// The reason why a training failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The action that failed, as a verb, such as "read", "write" or "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The text of a recipe is not valid.
    #[error("recipe {origin}, line {line} (`{text}`): {message}")]
    Recipe {
        /// The name or the file of the recipe.
        origin: String,
        /// The number of the invalid line in the recipe, counted from 1.
        line: usize,
        /// The text of the invalid line.
        text: String,
        /// What is wrong with the invalid line.
        message: String,
    },
    /// Settings of a recipe cannot be used together, or a setting is missing or has no effect.
    #[error("recipe {recipe}: {message}")]
    Settings {
        /// The recipe's name.
        recipe: String,
        /// Which settings are wrong and why, and what to change.
        message: String,
    },
    /// There is no recipe with this name, and no file with this path.
    #[error("there is no recipe `{name}`; use one of {known}, or the path of a TOML file")]
    UnknownRecipe {
        /// The requested name or path of a recipe.
        name: String,
        /// The names of the recipes that are compiled into the program.
        known: String,
    },
    /// An override `KEY=VALUE` of a setting is not valid: for example, the `=` is missing.
    #[error("setting {given}: {message}; an example of a setting is optimizer.lr=0.001")]
    Override {
        /// The override as the user typed it.
        given: String,
        /// What is wrong with the override.
        message: String,
    },
    /// The program was built without this backend.
    #[error("backend `{name}` is not compiled in; build the program with the cargo feature `{name}`")]
    BackendNotCompiled {
        /// The name of the backend, which is also the name of the cargo feature.
        name: &'static str,
    },
    /// The backend has fewer devices than requested.
    #[error(
        "backend `{backend}` has no device {index}; number of devices on this machine: {found}; device numbers start \
         at 0"
    )]
    NoSuchDevice {
        /// The requested device number, counted from 0.
        index: usize,
        /// The name of the backend.
        backend: &'static str,
        /// The number of devices of the backend.
        found: usize,
    },
    /// The folder is not a run folder.
    #[error("{} is not the folder of a training run: {missing} is missing; use another folder", path.display())]
    NotARun {
        /// The folder that is not a run folder.
        path: PathBuf,
        /// The name of the file that is missing in the folder.
        missing: &'static str,
    },
    /// The folder of a new run is not empty.
    #[error("{} is not empty; choose another folder, or resume the run in this folder", path.display())]
    RunExists {
        /// The folder that is not empty.
        path: PathBuf,
    },
    /// The network needs more memory than is free.
    #[error(
        "a network of {parameters:e} parameters needs at least {needed:.0} GiB of memory, but only {available:.1} GiB \
         are free; reduce the sizes under [model]"
    )]
    TooLarge {
        /// The number of parameters.
        parameters: f64,
        /// The required memory in GiB.
        needed: f64,
        /// The free memory in GiB.
        available: f64,
    },
    /// The folder contains a run whose recipe differs from the requested recipe in settings that a resumed run cannot
    /// change.
    #[error(
        "the run in {} was started with other values of {settings}; a resumed run can only change the paths of the data and \
         increase training.epochs; start a new run in another folder, which can begin with the weights of this run",
        path.display()
    )]
    OtherRecipe {
        /// The folder that contains the run.
        path: PathBuf,
        /// The keys of the settings that differ, such as `optimizer.lr`, separated by commas.
        settings: String,
    },
    /// Another process is training in the folder.
    #[error("another process is training in {}; wait until it ends, or stop it", path.display())]
    RunInUse {
        /// The folder in which another process is training.
        path: PathBuf,
    },
    /// The target folder of an export contains a file that does not belong to an older export of the same package.
    #[error("cannot export to {}: the folder contains {holds}, which does not belong to an older export of this package; choose another folder", path.display())]
    NotAPackage {
        /// The target folder of the export.
        path: PathBuf,
        /// The name of this file.
        holds: String,
    },
    /// The run has no package yet, because no epoch is finished.
    #[error("the run in {} has no finished epoch yet; resume the run first", path.display())]
    NoEpoch {
        /// The run folder.
        path: PathBuf,
    },
    /// The content of a file is not valid.
    #[error("{} {message}", path.display())]
    Damaged {
        /// The file whose content is not valid.
        path: PathBuf,
        /// What is wrong with the file, and what to do.
        message: String,
    },
    /// The data have changed since the run was started.
    #[error(
        "the data have changed since the run in {} was started (then: {was}; now: {now}); use the original data",
        path.display()
    )]
    DataChanged {
        /// The folder of the run.
        path: PathBuf,
        /// The [fingerprint](crate::Task::fingerprint) of the data, such as a checksum, when the run was started.
        was: String,
        /// The fingerprint of the data now.
        now: String,
    },
    /// The loss or the gradient is NaN or infinite.
    #[error(
        "the {what} is {value} at step {step}, in {batch} of epoch {epoch} (previous gradient norms: {norms}); start a \
         new run with a lower optimizer.lr or training.clip_norm, or skip such steps. {checkpoint}"
    )]
    NonFinite {
        /// The quantity that is not finite: "loss" or "gradient norm".
        what: &'static str,
        /// The value of the quantity: NaN or infinity.
        value: f64,
        /// The number of the optimizer step, counted from 1.
        step: usize,
        /// The numbers of the batches in the step, as text, such as `batches 3 to 4`. The batches are counted from 1 in
        /// each epoch.
        batch: String,
        /// The number of the epoch, counted from 1.
        epoch: usize,
        /// The gradient norms of the most recent steps, separated by commas.
        norms: String,
        /// A sentence that names the last checkpoint, or says that there is no checkpoint.
        checkpoint: String,
    },
    /// A GPU has failed during training: the device was lost, or its memory is too small.
    #[error(
        "the backend `{backend}` has failed: {message}; {checkpoint}; resume the run on another backend (the results are \
         then not bit-identical to those of an uninterrupted run), or start a new run with a smaller model or batch"
    )]
    Device {
        /// The name of the backend.
        backend: &'static str,
        /// The message of the driver, as one line.
        message: String,
        /// A clause that names the last checkpoint, or says that there is no checkpoint.
        checkpoint: String,
    },
    /// Two ranks of a data-parallel training have different weights, or are at different positions of the training.
    #[error(
        "the ranks {one} and {other} have different weights or checkpoints; start the same program with the same \
         backend on the same kind of processor on all machines, and use a run folder that all machines share"
    )]
    RanksDiffer {
        /// The rank that reports this error, counted from 0.
        one: usize,
        /// A rank whose weights or position differ from those of the rank `one`.
        other: usize,
    },
    /// Another rank of a data-parallel training has ended before the end of the training.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The training has several ranks, but the program has no code for several ranks.
    #[error(
        "this program was compiled without data-parallel training; compile it with the cargo feature `ranks` of the \
         crate `training`, or with `mpi`"
    )]
    NoRanks,
    /// The package has no test metrics to verify.
    #[error("the package {name} has no recorded test metrics to compare with; export the package from a finished run")]
    NothingToVerify {
        /// The name of the model.
        name: String,
    },
    /// A function of the [`Task`](crate::Task) (the data, the model and the loss of an application) failed, or a model
    /// package or a value could not be read or converted.
    #[error(transparent)]
    Task(#[from] TaskError),
}

impl From<PackageError> for TrainingError {
    fn from(error: PackageError) -> Self {
        Self::Task(error.into())
    }
}

impl TrainingError {
    /// Converts an I/O error to a [`TrainingError`] with action and path, for `map_err`:
    /// `.map_err(TrainingError::io("read", path))`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// Makes the error of a file with invalid content.
    pub(crate) fn damaged(path: &Path, message: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_path_buf(), message: message.into() }
    }

    /// Makes the error of a value that cannot be converted to or from JSON or TOML.
    pub fn serialize(error: impl std::fmt::Display) -> Self {
        Self::Task(TaskError::Other(format!(
            "internal error: a value cannot be converted to or from JSON or TOML: {error}; please report this as a bug"
        )))
    }

    /// Returns whether the error says that a file does not exist.
    pub(crate) fn is_missing_file(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }
}
