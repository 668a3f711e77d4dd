//! Adds the path of the file to errors of the operating system and to errors in archives.

use std::path::Path;

use super::DataError;

impl DataError {
    /// Adds the attempted action and the path to an input/output error.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// Adds the path to an error of a decompressor or archive reader.
    pub(crate) fn unpack(path: &Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Unpack { path: path.clone(), source }
    }
}
