//! Writing files so that a reader sees the old content or the new, never half of it.

use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Result, TrainingError};

/// Creates a folder and those above it.
pub fn create_dir(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(TrainingError::io("create", path))
}

/// Writes a file by way of a temporary one beside it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_added_extension("tmp");
    let written = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&temporary);
        TrainingError::io("write", path)(error)
    })
}

/// Fills a folder by `fill`, then puts it in the place of `path`. On failure `path` is as it was.
pub fn replace_dir(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let path = std::path::absolute(path).map_err(TrainingError::io("find", path))?;
    let (Some(parent), Some(_)) = (path.parent(), path.file_name()) else {
        return Err(TrainingError::damaged(&path, "is no name for a new folder; give another"));
    };
    create_dir(parent)?;
    // Beside it, so that moving is renaming. It takes what it holds with it when it is dropped.
    let workshop = tempfile::Builder::new().prefix(".new-").tempdir_in(parent);
    let workshop = workshop.map_err(TrainingError::io("write", &path))?;
    let [new, old] = ["new", "old"].map(|name| workshop.path().join(name));
    create_dir(&new)?;
    fill(&new)?;
    let replaced = path.exists();
    if replaced {
        std::fs::rename(&path, &old).map_err(TrainingError::io("replace", &path))?;
    }
    std::fs::rename(&new, &path).map_err(|error| {
        if replaced {
            let _ = std::fs::rename(&old, &path);
        }
        TrainingError::io("replace", &path)(error)
    })
}

/// A value as indented JSON with a final newline.
pub fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| TrainingError::Task(error.into()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// SHA-256 of a file in lower-case hexadecimal digits.
pub fn sha256(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(TrainingError::io("read", path))?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_replacement_leaves_the_old_folder_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("last");
        replace_dir(&dir, |dir| write(&dir.join("a"), b"1")).unwrap();
        let failed = replace_dir(&dir, |dir| {
            write(&dir.join("a"), b"2")?;
            Err(TrainingError::damaged(dir, "on purpose"))
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read(dir.join("a")).unwrap(), b"1");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
        replace_dir(&dir, |dir| write(&dir.join("a"), b"3")).unwrap();
        assert_eq!(std::fs::read(dir.join("a")).unwrap(), b"3");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
