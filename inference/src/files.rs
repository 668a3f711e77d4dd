//! Sources of named bytes, from which packages are read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::PackageError;

/// A source of named files: a folder, bytes compiled into the program, or a download of a browser.
pub trait Files {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`PackageError::Missing`] if the file does not exist, [`PackageError::Io`] if it cannot be read.
    fn read(&self, name: &str) -> Result<Cow<'_, [u8]>, PackageError>;

    /// The name or path of a file for error messages.
    fn display(&self, name: &str) -> String {
        name.to_owned()
    }
}

/// Files in memory.
///
/// ```
/// use inference::{Files, MemoryFiles};
///
/// let files = MemoryFiles::from([("vocab.txt", &b"<pad>\n<unk>\n"[..])]);
/// assert_eq!(&*files.read("vocab.txt")?, b"<pad>\n<unk>\n");
/// assert!(files.read("model.safetensors").is_err());
/// # Ok::<(), inference::PackageError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles<'a>(BTreeMap<String, Cow<'a, [u8]>>);

impl MemoryFiles<'_> {
    /// Adds or replaces a file.
    pub fn insert(&mut self, name: impl Into<String>, content: Vec<u8>) {
        self.0.insert(name.into(), Cow::Owned(content));
    }
}

impl<'a, const N: usize> From<[(&str, &'a [u8]); N]> for MemoryFiles<'a> {
    fn from(files: [(&str, &'a [u8]); N]) -> Self {
        Self(files.into_iter().map(|(name, content)| (name.to_owned(), Cow::Borrowed(content))).collect())
    }
}

impl Files for MemoryFiles<'_> {
    fn read(&self, name: &str) -> Result<Cow<'_, [u8]>, PackageError> {
        let content = self.0.get(name).ok_or_else(|| PackageError::Missing { file: name.to_owned() })?;
        Ok(Cow::Borrowed(content))
    }
}

/// The files in a folder.
#[cfg(feature = "folder")]
#[derive(Clone, Debug)]
pub struct Folder(std::path::PathBuf);

#[cfg(feature = "folder")]
impl Folder {
    /// The folder at a path. It need not exist; reading a file of it then fails.
    pub fn new(path: impl Into<std::path::PathBuf>) -> Self {
        Self(path.into())
    }
}

#[cfg(feature = "folder")]
impl Files for Folder {
    fn read(&self, name: &str) -> Result<Cow<'_, [u8]>, PackageError> {
        let file = self.display(name);
        match std::fs::read(self.0.join(name)) {
            Ok(content) => Ok(Cow::Owned(content)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(PackageError::Missing { file }),
            Err(source) => Err(PackageError::Io { file, source }),
        }
    }

    fn display(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}
