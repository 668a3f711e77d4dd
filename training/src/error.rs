//! What can go wrong, each as one line that names the thing and says what to do.

use std::path::{Path, PathBuf};

/// The error type of a task's own functions: loading data, assets, prediction.
pub type TaskError = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong between a recipe and a result.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb: "read", "write", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The text of a recipe is not a recipe.
    #[error("recipe {origin}, line {line} (`{text}`): {message}")]
    Recipe {
        /// The recipe's name or file, and "with --set" where the command line changed it.
        origin: String,
        /// Line number, from 1.
        line: usize,
        /// That line.
        text: String,
        /// What is wrong with it.
        message: String,
    },
    /// Settings of a recipe that do not go together.
    #[error("recipe {recipe}: {message}")]
    Settings {
        /// The recipe's name.
        recipe: String,
        /// Which, and what to do.
        message: String,
    },
    /// No recipe has this name and no file this path.
    #[error("no recipe `{name}`; the recipes are {known}, or give the path of a TOML file")]
    UnknownRecipe {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// `--set` without `key=value`, or with a key that names no table.
    #[error("--set {given}: {message}; write it as --set optimizer.lr=0.001")]
    Override {
        /// The argument.
        given: String,
        /// What is wrong with it.
        message: String,
    },
    /// A backend this program was built without.
    #[error(
        "backend `{name}` is not compiled in; build with its cargo feature: cargo run -p {package} --features {name} -- …"
    )]
    BackendNotCompiled {
        /// The backend, which is also the feature's name.
        name: &'static str,
        /// The application's package.
        package: &'static str,
    },
    /// A device number that the backend does not have.
    #[error("--device {index}: backend `{backend}` finds {found} devices on this machine, numbered from 0")]
    NoSuchDevice {
        /// The number asked for.
        index: usize,
        /// The backend.
        backend: &'static str,
        /// How many the backend finds.
        found: usize,
    },
    /// The folder given to `--resume` or `--run` holds no run.
    #[error("{} is not a run folder: it has no {missing}; runs are made by `train` under runs/", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// The file that a run would have.
        missing: &'static str,
    },
    /// No run in the folders given to `runs`.
    #[error("there is no run of {package} in {}; runs are made by `train` under runs/", path.display())]
    NoRuns {
        /// The first of them.
        path: PathBuf,
        /// The application.
        package: &'static str,
    },
    /// `--resume` together with options that change the recipe.
    #[error("{} is gone on with as it was begun; leave out the options that change its recipe", path.display())]
    ResumedOtherwise {
        /// The run folder.
        path: PathBuf,
    },
    /// The folder given to `train --run` is in use.
    #[error("{} already holds files; choose a new folder, or go on with that run by --resume {}", path.display(), path.display())]
    RunExists {
        /// The folder.
        path: PathBuf,
    },
    /// A network that this machine has not the memory for.
    #[error(
        "a network of {parameters:e} parameters takes at least {needed:.0} GiB, and {available:.1} GiB are free; lower the sizes under [model]"
    )]
    TooLarge {
        /// How many it would have.
        parameters: f64,
        /// What they take, in GiB.
        needed: f64,
        /// What could be had, in GiB.
        available: f64,
    },
    /// A run that would be taken for another one.
    #[error("{} holds a run of another recipe or other settings; give another --run, or delete the folder", path.display())]
    OtherRecipe {
        /// The folder.
        path: PathBuf,
    },
    /// Another process trains in the folder.
    #[error("another process trains in {}; wait for it, or stop it", path.display())]
    RunInUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder given to `export --to` holds something else.
    #[error("{} holds {holds}, which is no part of a package that could be replaced; choose a new folder", path.display())]
    NotAPackage {
        /// The folder.
        path: PathBuf,
        /// A file or folder in it.
        holds: String,
    },
    /// A run that has not come to the end of its first epoch has no weights to use.
    #[error("{} has no finished epoch yet; go on with it: … train --resume {}", path.display(), path.display())]
    NoEpoch {
        /// The folder.
        path: PathBuf,
    },
    /// A checkpoint, package or configuration file that does not hold what it should.
    #[error("{} {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// No shipped model has this name and no folder this path.
    #[error("no pretrained model `{name}`; there are {known}, or give the folder of a package")]
    UnknownPackage {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A verb that needs a trained model was given none.
    #[error("which model? give --run DIR, or --pretrained with the folder of a package or one of: {known}")]
    NoModelChosen {
        /// The names there are.
        known: String,
    },
    /// The data are not those the run was started with.
    #[error("{} was trained on {was}, the data found now are {now}; point --data-dir to the former", path.display())]
    DataChanged {
        /// The run folder.
        path: PathBuf,
        /// Checksums in the run.
        was: String,
        /// Checksums now.
        now: String,
    },
    /// The loss or the gradient left the numbers.
    #[error(
        "{what} is {value} at step {step}, in {batch} of epoch {epoch} (gradient norms before it: {norms}); start a new run with a lower optimizer.lr or training.clip_norm, or go on by --on-nonfinite skip, which passes over such steps. {kept}"
    )]
    NonFinite {
        /// "the loss" or "the gradient's norm".
        what: &'static str,
        /// Its value.
        value: f64,
        /// Optimiser step, from 1.
        step: usize,
        /// Which batches of the epoch, from 1.
        batch: String,
        /// Epoch, from 1.
        epoch: usize,
        /// The norms of the steps before.
        norms: String,
        /// Where the last checkpoint is.
        kept: String,
    },
    /// A model that gives nothing to compare with.
    #[error("{name} says of no metric what was measured; export it from a run that came to its end")]
    NothingToVerify {
        /// The model.
        name: String,
    },
    /// Shipped models did not measure what their cards say.
    #[error("{failed} of {total} measurements are outside their tolerance")]
    Unverified {
        /// How many.
        failed: usize,
        /// Of how many.
        total: usize,
    },
    /// A task's own error.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, TrainingError>;

impl TrainingError {
    /// Wraps an input/output error with what was tried on which path.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// A file that does not hold what it should.
    pub fn damaged(path: &Path, message: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_path_buf(), message: message.into() }
    }

    /// Whether a file was not there.
    pub fn is_missing_file(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }

    /// Whether the command line was at fault (exit code 2) rather than the work (exit code 1).
    pub fn is_usage(&self) -> bool {
        if let Self::Task(error) = self {
            return error.downcast_ref::<Self>().is_some_and(Self::is_usage);
        }
        matches!(
            self,
            Self::Recipe { .. }
                | Self::Settings { .. }
                | Self::UnknownRecipe { .. }
                | Self::Override { .. }
                | Self::BackendNotCompiled { .. }
                | Self::NoSuchDevice { .. }
                | Self::NotARun { .. }
                | Self::RunExists { .. }
                | Self::NoRuns { .. }
                | Self::ResumedOtherwise { .. }
                | Self::NotAPackage { .. }
                | Self::NoEpoch { .. }
                | Self::TooLarge { .. }
                | Self::UnknownPackage { .. }
                | Self::NoModelChosen { .. }
        )
    }
}
