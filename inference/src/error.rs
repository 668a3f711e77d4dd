//! Errors when packages are opened and when predictions are made.

use std::path::PathBuf;

/// Why a package (the files of a trained model) could not be opened. Each message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// None of the searched folders contains the model.
    #[error(
        "no model `{name}` for {application}; searched: {}; set RNN_ZOO_MODELS, or use the path of a package",
        join(searched)
    )]
    NotFound {
        /// The application, such as `sentiment`.
        application: &'static str,
        /// The requested name of a model.
        name: String,
        /// Every folder that was searched, in order.
        searched: Vec<PathBuf>,
    },
    /// The given path of a model is the path of a file, and not of a folder.
    #[error(
        "{} is a file, but a model is a folder; give the folder that contains the file",
        path.display()
    )]
    NotAFolder {
        /// The path of the file.
        path: PathBuf,
    },
    /// A file of the package does not exist.
    #[error("{file} does not exist; the folder is not a package, or the package is incomplete")]
    Missing {
        /// The name of the file, with its folder if the package is a folder.
        file: String,
    },
    /// The operating system could not read a file.
    #[error("cannot read {file}: {source}")]
    Io {
        /// The name or path of the file.
        file: String,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The content of a file does not match the manifest.
    #[error(
        "{file} has SHA-256 {found}, but the manifest expects {expected}; copy or download the whole package again"
    )]
    Checksum {
        /// The name or path of the file.
        file: String,
        /// The SHA-256 of the file's content.
        found: String,
        /// The SHA-256 that the manifest lists for the file.
        expected: String,
    },
    /// The content of a file is not valid.
    #[error(
        "{file}{}: {message}; copy, download or export the package again",
        line.map_or(String::new(), |line| format!(", line {line}"))
    )]
    Invalid {
        /// The name or path of the file.
        file: String,
        /// The line number of the error, counted from 1; `None` if no line is known.
        line: Option<usize>,
        /// What is wrong with the content, including the invalid value.
        message: String,
    },
    /// The package belongs to another application than the application that opens it.
    #[error(
        "{file} describes a model of the application {found}, not {expected}; open this model with the program {found}"
    )]
    Application {
        /// The name or path of the manifest.
        file: String,
        /// The application that the manifest names.
        found: String,
        /// The application that tried to open the package.
        expected: &'static str,
    },
    /// The package belongs to an application that this program does not have.
    #[error(
        "the package has a model of the application {found}, but this program only has the applications {}; update the \
         program",
        known.join(", ")
    )]
    UnknownApplication {
        /// The application that the manifest names.
        found: String,
        /// The applications of the program.
        known: Vec<&'static str>,
    },
    /// Several applications have a model with the requested name.
    #[error(
        "the applications {} each have a model named `{name}`; give the path of the model's folder instead of the name",
        applications.join(" and ")
    )]
    Ambiguous {
        /// The requested name of a model.
        name: String,
        /// The applications that have a model with this name.
        applications: Vec<&'static str>,
    },
    /// The format version of the package is newer than the versions that this program reads.
    #[error(
        "{file} has format version {found}, but this program reads only versions up to {supported}; update the program"
    )]
    Format {
        /// The name or path of the manifest.
        file: String,
        /// The version of the package format that the manifest names.
        found: u32,
        /// The newest version of the package format that this program reads.
        supported: u32,
    },
}

impl PackageError {
    /// Creates the error for a file whose content is not valid.
    pub fn invalid(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { file: file.into(), line: None, message: message.into() }
    }
}

fn join(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Why a prediction failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictError {
    /// An input or option is not valid: exit code 2, HTTP status 400.
    #[error("{field}: {reason}")]
    BadInput {
        /// The name of the field, in the input or in the options, that is not valid.
        field: &'static str,
        /// What is wrong with the field, and what to change.
        reason: String,
    },
    /// The prediction failed because of the program, not because of the input: exit code 1, HTTP status 500.
    #[error("internal error: {0}")]
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl PredictError {
    /// Creates the error for a field, in the input or in the options, that is not valid.
    pub fn bad_input(field: &'static str, reason: impl Into<String>) -> Self {
        Self::BadInput { field, reason: reason.into() }
    }
}
