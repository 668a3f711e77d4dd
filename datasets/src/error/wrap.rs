//! Converts errors of the operating system and of archive readers to a [`DataError`] with the path of the file.

use std::path::Path;

use super::DataError;

impl DataError {
    /// Returns a function that converts an input/output error to [`DataError::Io`] with the attempted action, such as
    /// `read`, and the path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// Returns a function that converts an error of a decompressor or archive reader to [`DataError::Unpack`] with the
    /// path.
    pub(crate) fn unpack(path: &Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Unpack { path: path.clone(), source }
    }
}
