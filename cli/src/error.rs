//! Errors of the command line, and their exit codes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use datasets::DataError;
use inference::{PackageError, PredictError};
use onnx::OnnxError;
use training::{TaskError, TrainingError};

use crate::output::quoted;

/// The result type of functions that run a verb (a subcommand such as `train`).
pub type Result<T> = std::result::Result<T, CliError>;

/// The reason why a verb failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// The options or arguments are not valid. The text names the invalid value and says what to change.
    #[error("{0}")]
    Usage(String),
    /// The user stopped the program with Ctrl-C or a signal. If the work can be resumed, a message has said how.
    #[error("interrupted")]
    Interrupted,
    /// The program that reads standard output, such as `head`, has closed standard output. The exit code is 0.
    #[error("standard output is closed")]
    ClosedOutput,
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The attempted action, such as `read`.
        action: &'static str,
        /// The path of the file, or the text `standard input` or `standard output`.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The outputs of shards (processes that each predict for a part of the inputs) cannot be merged.
    #[error("{}: {message}", path.display())]
    Shards {
        /// The file with the output of the shard that the message describes.
        path: PathBuf,
        /// What is wrong, and what to do.
        message: String,
    },
    /// There is no trained model that `verify` could measure.
    #[error("no trained model of {application} was found; the subcommand `models` prints the searched folders")]
    NoModel {
        /// The name of the application.
        application: &'static str,
    },
    /// New measurements of shipped models differ from the recorded metrics by more than the tolerance.
    #[error(
        "{failed} of {total} metrics differ from their recorded values by more than the tolerance; see the lines above"
    )]
    Unverified {
        /// The number of metrics that differ by more than their tolerance.
        failed: usize,
        /// The number of all measured metrics.
        total: usize,
    },
    /// One or more backends of this program have no working device.
    #[error("these backends have no working device: {backends}; see the lines above")]
    NoWorkingDevice {
        /// The names of the backends without a working device, separated by commas.
        backends: String,
    },
    /// Some trainings of a grid search (`train --grid`) failed. All its other trainings are finished.
    #[error(
        "{failed} of {total} trainings failed; read the log {}, fix the cause, and repeat the command",
        log.display()
    )]
    Grid {
        /// The number of trainings that failed.
        failed: usize,
        /// The number of all trainings.
        total: usize,
        /// The file with the output of the first training that failed.
        log: PathBuf,
    },
    /// Training or evaluation failed.
    #[error(transparent)]
    Training(TrainingError),
    /// The server could not start.
    #[error(transparent)]
    Serve(Box<serving::ServeError>),
    /// A package (the files of a trained model) could not be opened.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A model could not be written as ONNX graphs.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// A prediction failed.
    #[error(transparent)]
    Predict(#[from] PredictError),
}

impl From<TrainingError> for CliError {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::Task(TaskError::Interrupted) => Self::Interrupted,
            TrainingError::Task(TaskError::Package(error)) => Self::Package(error),
            TrainingError::Task(TaskError::Predict(error)) => Self::Predict(error),
            TrainingError::Task(TaskError::Training(error)) => (*error).into(),
            other => Self::Training(other),
        }
    }
}

impl From<TaskError> for CliError {
    fn from(error: TaskError) -> Self {
        TrainingError::Task(error).into()
    }
}

impl From<DataError> for CliError {
    fn from(error: DataError) -> Self {
        TaskError::Data(error).into()
    }
}

impl CliError {
    /// Returns the exit code of the program: 2 for wrong usage, 130 after an interruption, 0 if standard output was
    /// closed, and 1 for all other errors.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::ClosedOutput => ExitCode::SUCCESS,
            Self::Interrupted => ExitCode::from(130),
            error if error.is_usage() => ExitCode::from(2),
            _ => ExitCode::from(1),
        }
    }

    /// Whether the error is reported to the user. All errors are reported, except a stop that the user requested and a
    /// closed standard output.
    pub(crate) fn is_failure(&self) -> bool {
        !matches!(self, Self::Interrupted | Self::ClosedOutput)
    }

    fn is_usage(&self) -> bool {
        match self {
            Self::Usage(_) | Self::Serve(_) | Self::Predict(PredictError::BadInput { .. }) => true,
            Self::Onnx(OnnxError::NoGraph { .. } | OnnxError::NoLengths { .. }) => true,
            Self::Package(
                PackageError::NotFound { .. } | PackageError::NotAFolder { .. } | PackageError::Application { .. },
            ) => true,
            Self::Training(error) => matches!(
                error,
                TrainingError::Recipe { .. }
                    | TrainingError::Settings { .. }
                    | TrainingError::UnknownRecipe { .. }
                    | TrainingError::Override { .. }
                    | TrainingError::BackendNotCompiled { .. }
                    | TrainingError::NoSuchDevice { .. }
                    | TrainingError::NotARun { .. }
                    | TrainingError::RunExists { .. }
                    | TrainingError::OtherRecipe { .. }
                    | TrainingError::NotAPackage { .. }
                    | TrainingError::NoEpoch { .. }
                    | TrainingError::TooLarge { .. }
                    | TrainingError::Task(TaskError::Setting { .. })
            ),
            _ => false,
        }
    }

    /// Returns advice to append to the message: the option or setting that resolves the error, as a user types it.
    /// `data_options` are the application's [`DATA_OPTIONS`](crate::Application::DATA_OPTIONS).
    pub fn advice(&self, data_options: &[(&str, &str)]) -> Option<String> {
        let Self::Training(error) = self else { return None };
        Some(match error {
            TrainingError::Task(TaskError::Data(DataError::Io { source, .. }))
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                "if the file was moved, give its folder with --data-dir".to_owned()
            }
            TrainingError::Task(TaskError::Data(error)) => {
                let setting = error.setting()?;
                let mut options = [("data_dir", "--data-dir or RNN_ZOO_DATA")].iter().chain(data_options);
                let (_, option) = options.find(|(name, _)| *name == setting)?;
                format!("see {option} in the help (--help)")
            }
            TrainingError::Task(TaskError::Setting { setting, .. }) if setting.contains('.') => {
                format!("to change this setting, use --set {setting}=VALUE")
            }
            TrainingError::NonFinite { .. } => "to skip such steps, resume with --on-nonfinite skip".to_owned(),
            TrainingError::RunExists { path } => format!("to resume the run, use --resume {}", quoted(path)),
            TrainingError::NoEpoch { path } => format!("to resume the run, use train --resume {}", quoted(path)),
            TrainingError::OtherRecipe { path, .. } => {
                let setting = format!("start_from={}", path.join("best").display());
                format!("for example with --set {}", quoted(Path::new(&setting)))
            }
            TrainingError::Io { action: "create", .. } => "see --out".to_owned(),
            TrainingError::DataChanged { .. } => "to give the folder of the data, use --data-dir".to_owned(),
            TrainingError::BackendNotCompiled { name } => {
                format!("for example: cargo run -p sentiment --features {name}")
            }
            TrainingError::Override { .. } => "see --set in the help (--help)".to_owned(),
            TrainingError::NoSuchDevice { .. } => {
                "to list the devices, use the subcommand `backends`; to compute on the CPU, leave out --backend"
                    .to_owned()
            }
            _ => return None,
        })
    }
}
