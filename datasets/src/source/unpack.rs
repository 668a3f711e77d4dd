//! Decompression of files and extraction from archives.

use std::fs::File;
use std::io::{Error, Read, Result as IoResult};
use std::path::Path;

use flate2::read::GzDecoder;

use super::Packing;
use crate::error::{DataError, Result};

impl Packing {
    /// Reads and unpacks the content of the file at `path`. `name` is the published file name. Its ending distinguishes
    /// a `.zip` archive from a tar archive; the ending of `path` may be different, because a download is first stored
    /// as `NAME.part`.
    pub(crate) fn unpack(self, path: &Path, name: &str) -> Result<Vec<u8>> {
        let mut file = File::open(path).map_err(DataError::io("read", path))?;
        let mut bytes = Vec::new();
        let unpacked = match self {
            Self::Plain => return file.read_to_end(&mut bytes).map(|_| bytes).map_err(DataError::io("read", path)),
            Self::Gzip => GzDecoder::new(file).read_to_end(&mut bytes).map(drop),
            Self::Member(member) if name.ends_with(".zip") => unzip(file, member, &mut bytes),
            Self::Member(member) => untar(file, member, &mut bytes),
            Self::Folder | Self::TarGz => {
                Err(Error::other("the data set is a folder of several files, which cannot be read as a single file"))
            }
        };
        unpacked.map(|()| bytes).map_err(DataError::unpack(path))
    }
}

fn unzip(file: File, member: &str, bytes: &mut Vec<u8>) -> IoResult<()> {
    let mut archive = zip::ZipArchive::new(file)?;
    archive.by_name(member)?.read_to_end(bytes)?;
    Ok(())
}

fn untar(file: File, member: &str, bytes: &mut Vec<u8>) -> IoResult<()> {
    for entry in tar::Archive::new(GzDecoder::new(file)).entries()? {
        let mut entry = entry?;
        // Paths in some archives begin with `./`.
        if entry.path()?.strip_prefix(".").unwrap_or(&entry.path()?) == Path::new(member) {
            entry.read_to_end(bytes)?;
            return Ok(());
        }
    }
    Err(Error::other(format!("the archive has no file {member}")))
}
