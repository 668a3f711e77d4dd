use std::path::{Path, PathBuf};

/// Why a data set could not be had. Each message is one line that names the file and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The set is in none of the places looked at.
    #[error(
        "{set} was not found in {places}; point --data-dir or RNN_ZOO_DATA to a folder that has {wanted}{}",
        address.as_ref().map_or(String::new(), |url| format!(", or leave --data-dir out to download {url}"))
    )]
    NotFound {
        /// The set's name.
        set: &'static str,
        /// The folders that were looked at.
        places: String,
        /// The paths that would have been taken.
        wanted: String,
        /// Where the set can be downloaded, if it can.
        address: Option<String>,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A download failed.
    #[error(
        "cannot download {url}: {reason}; run again, or put the file at {}, or point --data-dir or RNN_ZOO_DATA to a \
         folder that has it",
        path.display()
    )]
    Download {
        /// The address.
        url: String,
        /// What went wrong.
        reason: String,
        /// Where the file would have gone.
        path: PathBuf,
    },
    /// The content of a file is not the published one.
    #[error(
        "{} is damaged or altered: its {kind} is {found}, not {wanted}; {}, or point --data-dir or RNN_ZOO_DATA to a \
         good copy",
        path.display(),
        address.as_ref().map_or("replace it with the published file".to_owned(), |url| format!("replace it with {url}"))
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Which checksum, or the size.
        kind: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        wanted: String,
        /// Where the file is published, if it is.
        address: Option<String>,
    },
    /// The set lacks items.
    #[error(
        "{} has {found} {what}, and the published set has {wanted}; extract the archive again, or point --data-dir or \
         RNN_ZOO_DATA to a whole copy",
        path.display()
    )]
    Count {
        /// The folder or archive.
        path: PathBuf,
        /// What was counted.
        what: String,
        /// How many there are.
        found: usize,
        /// How many there should be.
        wanted: usize,
    },
    /// A value in a file cannot be read.
    #[error("{}{}: {message}", path.display(), line.map_or(String::new(), |line| format!(", line {line}")))]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, from 1, where there are lines.
        line: Option<usize>,
        /// What is wrong, with the value.
        message: String,
    },
}

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, DataError>;

impl DataError {
    /// Wraps an input/output error with what was tried on which path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// A value that cannot be read.
    pub(crate) fn parse(path: &Path, line: Option<usize>, message: impl Into<String>) -> Self {
        Self::Parse { path: path.to_path_buf(), line, message: message.into() }
    }
}
