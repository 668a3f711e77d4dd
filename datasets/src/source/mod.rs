//! Published data sets: descriptions of their files, and how to find, download, check and unpack them.

#[cfg(feature = "download")]
mod download;
mod locator;
#[cfg(test)]
mod tests;
mod unpack;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub use locator::{Activity, DATA_VARIABLE, Locator, Progress};

use crate::error::{DataError, Result};

/// A published data set: its files, licence and citation.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The name of the data set, as it appears in messages and in the `source` field of loaded data.
    pub name: &'static str,
    /// The name of the subfolder, inside a data folder, in which the data set is stored.
    pub folder: &'static str,
    /// The files that make up the data set.
    pub files: &'static [PublishedFile],
    /// The terms of use, as the publisher states them.
    pub licence: &'static str,
    /// The URL of the paper to cite, or of the publisher's page.
    pub citation: &'static str,
}

/// One file, or one folder, of a published data set. It may be stored in several forms, such as plain or compressed.
#[derive(Clone, Copy, Debug)]
pub struct PublishedFile {
    /// The name of the unpacked file or folder.
    pub name: &'static str,
    /// SHA-256 of the unpacked content in lower-case hexadecimal digits; `None` if no checksum is known. Without a
    /// checksum, damage is found only if the function that loads the data set cannot parse the content, or counts too
    /// few or too many items.
    pub sha256: Option<&'static str>,
    /// The forms in which the file may be stored, in order of preference.
    pub forms: &'static [Form],
}

/// A form in which a file is stored or downloaded: plain, compressed, or in an archive.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// The name of the file or folder on disk, in this form.
    pub name: &'static str,
    /// How the content is packed in the file: plain, compressed, or in an archive.
    pub packing: Packing,
    /// Size in bytes and SHA-256 (in lower-case hexadecimal digits) of the file as published, before unpacking; `None`
    /// for a folder, and for a file that is not checked before unpacking.
    pub packed: Option<(u64, &'static str)>,
    /// The URL of this form, if it can be downloaded.
    pub url: Option<&'static str>,
}

/// How the content of a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// The file as it is, without packing.
    Plain,
    /// A file that is compressed with gzip.
    Gzip,
    /// One file in a `.zip` archive or in a gzip-compressed tar archive, given by its path in the archive.
    Member(&'static str),
    /// A folder of files, without packing.
    Folder,
    /// A gzip-compressed tar archive of a folder.
    TarGz,
}

/// A file or folder on disk. If a size and a checksum are published for the file, both have been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The path of the file or folder that was found.
    pub path: PathBuf,
    /// How the content of the file is packed.
    pub packing: Packing,
}

impl Form {
    /// Creates the form of a file that is stored without packing.
    pub const fn plain(name: &'static str) -> Self {
        Self { name, packing: Packing::Plain, packed: None, url: None }
    }

    /// Creates the form of a file that is compressed with gzip; `name` ends in `.gz`.
    pub const fn gzip(name: &'static str) -> Self {
        Self { packing: Packing::Gzip, ..Self::plain(name) }
    }

    /// Creates the form of a file in an archive: `name` is the name of the archive, and `member` the path of the file
    /// in it.
    pub const fn member(name: &'static str, member: &'static str) -> Self {
        Self { packing: Packing::Member(member), ..Self::plain(name) }
    }

    /// Sets the URL from which the file can be downloaded in this form (with this name and packing).
    pub const fn at(self, url: &'static str) -> Self {
        Self { url: Some(url), ..self }
    }

    /// Returns an error if the size or the SHA-256 of the file at `path`, before unpacking, differs from the published
    /// value. Does nothing if no values are published.
    fn check(&self, path: &Path) -> Result<()> {
        let Some((bytes, sha256)) = self.packed else { return Ok(()) };
        let differs = |kind, found, wanted| {
            let url = self.url.map(str::to_owned);
            Err(DataError::Checksum { path: path.to_path_buf(), kind, found, wanted, url })
        };
        let mut file = File::open(path).map_err(DataError::io("read", path))?;
        let found = file.metadata().map_err(DataError::io("read", path))?.len();
        // The size is compared before the checksum, because reading a large file takes seconds.
        if found != bytes {
            return differs("size", format!("{found} bytes"), format!("{bytes} bytes"));
        }
        let found = sha256_of(&mut file).map_err(DataError::io("read", path))?;
        if found != sha256 {
            return differs("SHA-256", found, sha256.to_owned());
        }
        Ok(())
    }
}

impl PublishedFile {
    /// Returns the unpacked `content`. Returns an error if its SHA-256 differs from the published checksum. If no
    /// checksum is published, nothing is checked. `path` is for the error message.
    fn check(&self, content: Vec<u8>, path: &Path) -> Result<Vec<u8>> {
        let Some(wanted) = self.sha256 else { return Ok(content) };
        let found = hex(&Sha256::digest(&content));
        if found == wanted {
            return Ok(content);
        }
        let (path, wanted, url) = (path.to_path_buf(), wanted.to_owned(), self.url().map(str::to_owned));
        Err(DataError::Checksum { path, kind: "SHA-256 after unpacking", found, wanted, url })
    }

    /// Returns the URL of the first of the [`forms`](Self::forms) that has a URL; `None` if no form has a URL.
    pub fn url(&self) -> Option<&'static str> {
        self.forms.iter().find_map(|form| form.url)
    }
}

/// Describes a file by its path and the digest of its content, as `PATH (WHAT DIGEST)`, in which `what` names the kind
/// of digest, such as `SHA-256`. An absolute path is shortened to the file name, because the file may be moved later.
pub(crate) fn described(path: &Path, what: &str, digest: &[u8]) -> String {
    let name = path.file_name().map(Path::new).filter(|_| path.is_absolute()).unwrap_or(path);
    format!("{} ({what} {})", name.display(), hex(digest))
}

/// Formats the bytes of a digest as lower-case hexadecimal digits.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256_of(file: &mut File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}
