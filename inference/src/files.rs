//! Sources of named files, such as a folder. A package (the files of one trained model) is read from such a source.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::PackageError;

/// A source of named files: a folder, bytes compiled into the program, or files that a browser has downloaded.
pub trait Files {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`PackageError::Missing`] if the file does not exist, [`PackageError::Io`] if the file cannot be read.
    fn read(&self, name: &str) -> Result<Cow<'_, [u8]>, PackageError>;

    /// Returns the name or path of a file, as error messages display it.
    fn display(&self, name: &str) -> String {
        name.to_owned()
    }
}

/// The files of a package in memory, by name.
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
    /// Adds a file, or replaces the file with this name.
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

/// The files of a package in a folder on disk.
#[cfg(feature = "folder")]
#[derive(Clone, Debug)]
pub struct Folder(std::path::PathBuf);

#[cfg(feature = "folder")]
impl Folder {
    /// Creates a source of the files in the folder `path`. Reading a file fails if the folder does not exist.
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
