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

pub use locator::{DATA_VARIABLE, Locator, Progress};

use crate::error::{DataError, Result};

/// A published data set.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Name of the set, as it appears in messages and in the `source` field of loaded data.
    pub name: &'static str,
    /// Subfolder of a data folder that holds the set.
    pub folder: &'static str,
    /// The files that make up the set.
    pub files: &'static [PublishedFile],
    /// Terms of use, as the publisher states them.
    pub licence: &'static str,
    /// The paper to cite or the publisher's page.
    pub citation: &'static str,
}

/// One file, or one folder, of a published data set. It may be stored in several forms.
#[derive(Clone, Copy, Debug)]
pub struct PublishedFile {
    /// Name of the unpacked file or folder.
    pub name: &'static str,
    /// SHA-256 of the unpacked content in lower-case hexadecimal digits. `None` if unknown; the parser then validates
    /// the content.
    pub sha256: Option<&'static str>,
    /// The accepted forms, in the order of preference.
    pub forms: &'static [Form],
}

/// A form in which a file is stored or downloaded.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Name of the file or folder on disk.
    pub name: &'static str,
    /// How the content is packed.
    pub packing: Packing,
    /// Size in bytes and SHA-256 (in lower-case hexadecimal digits) of the file as published, before unpacking; `None`
    /// for a folder.
    pub packed: Option<(u64, &'static str)>,
    /// The published address, if this form can be downloaded.
    pub url: Option<&'static str>,
}

/// How the content of a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// The file as it is, without packing.
    Plain,
    /// gzip.
    Gzip,
    /// A member of a `.zip` or a gzip-compressed tar archive, given by its path in the archive.
    Member(&'static str),
    /// A folder.
    Folder,
    /// A gzip-compressed tar archive of a folder.
    TarGz,
}

/// A file or folder on disk that passed the check of its packed size and checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The path of the file or folder.
    pub path: PathBuf,
    /// How its content is packed.
    pub packing: Packing,
}

impl Form {
    /// The file itself.
    pub const fn plain(name: &'static str) -> Self {
        Self { name, packing: Packing::Plain, packed: None, url: None }
    }

    /// The file compressed with gzip; `name` ends in `.gz`.
    pub const fn gzip(name: &'static str) -> Self {
        Self { packing: Packing::Gzip, ..Self::plain(name) }
    }

    /// A member of an archive: `name` is the archive's, `member` the path in it.
    pub const fn member(name: &'static str, member: &'static str) -> Self {
        Self { packing: Packing::Member(member), ..Self::plain(name) }
    }

    /// Adds the address from which this form can be downloaded.
    pub const fn at(self, url: &'static str) -> Self {
        Self { url: Some(url), ..self }
    }

    /// Compares the size and the checksum of a packed file with the published ones.
    fn check(&self, path: &Path) -> Result<()> {
        let Some((bytes, sha256)) = self.packed else { return Ok(()) };
        let differs = |kind, found, wanted| {
            let url = self.url.map(str::to_owned);
            Err(DataError::Checksum { path: path.to_path_buf(), kind, found, wanted, url })
        };
        let mut file = File::open(path).map_err(DataError::io("read", path))?;
        let found = file.metadata().map_err(DataError::io("read", path))?.len();
        // The size is compared first because reading a large file takes seconds.
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
    /// Returns the unpacked content if its checksum is the published one.
    fn check(&self, content: Vec<u8>, path: &Path) -> Result<Vec<u8>> {
        let Some(wanted) = self.sha256 else { return Ok(content) };
        let found = hex(&Sha256::digest(&content));
        if found == wanted {
            return Ok(content);
        }
        let (path, wanted, url) = (path.to_path_buf(), wanted.to_owned(), self.url().map(str::to_owned));
        Err(DataError::Checksum { path, kind: "SHA-256 of the content", found, wanted, url })
    }

    /// The published address of the first form that can be downloaded.
    pub fn url(&self) -> Option<&'static str> {
        self.forms.iter().find_map(|form| form.url)
    }
}

/// The bytes of a digest as lower-case hexadecimal digits.
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
