//! Errors of training. Each message is one line that names the file or setting, and says what to do.

use std::path::{Path, PathBuf};

use datasets::DataError;
use inference::{PackageError, PredictError};

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, TrainingError>;

/// The result of a task's functions.
pub type TaskResult<T> = std::result::Result<T, TaskError>;

/// Why a function of a task failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// A stop was requested: see [`Interrupt`](crate::Interrupt).
    #[error("interrupted")]
    Interrupted,
    /// A setting of the recipe is not valid, or excludes another setting.
    #[error("{setting}: {message}")]
    Setting {
        /// The key, such as `data.valid`.
        setting: &'static str,
        /// What is wrong, with the value, and what to change.
        message: String,
    },
    /// The data could not be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A package could not be read.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A prediction failed.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// A function of this crate failed.
    #[error(transparent)]
    Training(#[from] Box<TrainingError>),
    /// Another failure, described in one line.
    #[error("{0}")]
    Other(String),
}

impl TaskError {
    /// The error of a setting that is not valid.
    pub fn setting(setting: &'static str, message: impl Into<String>) -> Self {
        Self::Setting { setting, message: message.into() }
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

/// Why a training failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The action as a verb: "read", "write", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The text of a recipe is not valid.
    #[error("recipe {origin}, line {line} (`{text}`): {message}")]
    Recipe {
        /// The recipe's name or file.
        origin: String,
        /// The number of the line, from 1.
        line: usize,
        /// The text of the line.
        text: String,
        /// What is wrong with the line.
        message: String,
    },
    /// The settings of a recipe exclude each other.
    #[error("recipe {recipe}: {message}")]
    Settings {
        /// The recipe's name.
        recipe: String,
        /// Which settings exclude each other, and what to change.
        message: String,
    },
    /// There is no recipe with this name, and no file with this path.
    #[error("no recipe `{name}`; known recipes: {known}; or use the path of a TOML file")]
    UnknownRecipe {
        /// The requested name.
        name: String,
        /// The names of the embedded recipes.
        known: String,
    },
    /// An override has no `=`, or its key is not in a table.
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
        /// The backend, which is also the name of the feature.
        name: &'static str,
    },
    /// The backend has fewer devices than requested.
    #[error("backend `{backend}` has no device {index}; devices on this machine: {found}, numbered from 0")]
    NoSuchDevice {
        /// The requested device number, from 0.
        index: usize,
        /// The backend.
        backend: &'static str,
        /// The number of devices of the backend.
        found: usize,
    },
    /// The folder is not a run folder.
    #[error("{} is not a run folder: {missing} is missing", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// The missing file.
        missing: &'static str,
    },
    /// The folder of a new run is not empty.
    #[error("{} is not empty; choose another folder, or resume that run", path.display())]
    RunExists {
        /// The folder.
        path: PathBuf,
    },
    /// The network needs more memory than the machine has.
    #[error(
        "a network of {parameters:e} parameters needs at least {needed:.0} GiB of memory, but only {available:.1} GiB \
         are free; reduce the sizes under [model]"
    )]
    TooLarge {
        /// The number of parameters.
        parameters: f64,
        /// Required memory in GiB.
        needed: f64,
        /// Free memory in GiB.
        available: f64,
    },
    /// The folder contains a run with another recipe.
    #[error("{} contains a run with other settings; choose another folder, or delete this one", path.display())]
    OtherRecipe {
        /// The folder.
        path: PathBuf,
    },
    /// Another process is training in the folder.
    #[error("another process is training in {}; wait until it ends, or stop it", path.display())]
    RunInUse {
        /// The folder.
        path: PathBuf,
    },
    /// The target folder of an export contains a file that does not belong to a package.
    #[error("{} contains {holds}, which does not belong to a package; choose another folder", path.display())]
    NotAPackage {
        /// The folder.
        path: PathBuf,
        /// The name of the file.
        holds: String,
    },
    /// The run has no package yet, because no epoch is finished.
    #[error("{} has no finished epoch yet; resume it first", path.display())]
    NoEpoch {
        /// The folder.
        path: PathBuf,
    },
    /// The content of a file is not valid.
    #[error("{} {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// The data have changed since the run was started.
    #[error(
        "the data have changed since {} was started (they were {was}, and are now {now}); use the original data",
        path.display()
    )]
    DataChanged {
        /// The run folder.
        path: PathBuf,
        /// The fingerprint of the data when the run was started.
        was: String,
        /// The fingerprint of the data now.
        now: String,
    },
    /// The loss or the gradient is NaN or infinite.
    #[error(
        "the {what} is {value} at step {step}, in {batch} of epoch {epoch} (previous gradient norms: {norms}); lower \
         optimizer.lr or training.clip_norm in a new run, or skip such steps. {checkpoint}"
    )]
    NonFinite {
        /// The quantity that is not finite: "loss" or "gradient norm".
        what: &'static str,
        /// The value of the quantity: NaN or infinity.
        value: f64,
        /// Optimizer step, from 1.
        step: usize,
        /// The batches of the step, counted from 1 within the epoch.
        batch: String,
        /// Epoch, from 1.
        epoch: usize,
        /// The gradient norms of the previous steps.
        norms: String,
        /// A sentence about the last checkpoint.
        checkpoint: String,
    },
    /// The package has no test metrics to verify.
    #[error("{name} has no recorded test metrics to verify against; export it from a finished run")]
    NothingToVerify {
        /// The name of the model.
        name: String,
    },
    /// A function of the task failed.
    #[error(transparent)]
    Task(#[from] TaskError),
}

impl From<PackageError> for TrainingError {
    fn from(error: PackageError) -> Self {
        Self::Task(error.into())
    }
}

impl TrainingError {
    /// Converts an I/O error, for `map_err`: `.map_err(TrainingError::io("read", path))`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// The error of a file with invalid content.
    pub(crate) fn damaged(path: &Path, message: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_path_buf(), message: message.into() }
    }

    /// The error of a value that cannot be serialized.
    pub(crate) fn serialize(error: impl std::fmt::Display) -> Self {
        Self::Task(TaskError::Other(format!("cannot serialize: {error}")))
    }

    /// Whether the error is a file that does not exist.
    pub(crate) fn is_missing_file(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }
}
