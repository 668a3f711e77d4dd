//! Writing files so that a reader sees the old content or the new, never half of it.

use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

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
    })?;
    sync_parent(path)
}

/// Fills a new folder by `fill`; it appears as `path` when all of it is on the disk. What lies at `path` already must be an
/// empty folder.
pub fn new_dir(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (_workshop, new, path) = filled(path, fill)?;
    std::fs::rename(&new, &path).map_err(TrainingError::io("write", &path))?;
    sync_parent(&path)
}

/// Fills a folder by `fill`, then puts it in the place of `path`. On failure `path` is as it was; if the program is killed
/// between the two, [`finish_replacing`] mends it.
pub fn replace_dir(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (workshop, new, path) = filled(path, fill)?;
    let old = workshop.path().join(OLD);
    let replaced = path.exists();
    if replaced {
        std::fs::rename(&path, &old).map_err(TrainingError::io("replace", &path))?;
    }
    std::fs::rename(&new, &path).map_err(|error| {
        if replaced {
            let _ = std::fs::rename(&old, &path);
        }
        TrainingError::io("replace", &path)(error)
    })?;
    sync_parent(&path)
}

/// Ends what [`replace_dir`] had begun when the program was killed, and removes what it left beside `path`.
///
/// For a folder in which no other process works.
pub fn finish_replacing(path: &Path) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(parent).map_err(TrainingError::io("read", parent))?;
    for workshop in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED)) {
        let [old, new] = [OLD, NEW].map(|name| workshop.path().join(name));
        // The old one is moved when the new one is whole.
        if !path.exists() && old.exists() && new.exists() {
            std::fs::rename(&new, path).map_err(TrainingError::io("replace", path))?;
        }
        std::fs::remove_dir_all(workshop.path()).map_err(TrainingError::io("remove", &workshop.path()))?;
    }
    Ok(())
}

const OLD: &str = "old";
const NEW: &str = "new";

/// The start of the names of folders that are being filled. A killed program leaves them behind.
pub const UNFINISHED: &str = ".new-";

/// A filled folder beside `path`, as moving is then renaming; in one that takes it along when it is dropped. And `path`,
/// absolute.
fn filled(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<(TempDir, PathBuf, PathBuf)> {
    let path = std::path::absolute(path).map_err(TrainingError::io("find", path))?;
    let (Some(parent), Some(_)) = (path.parent(), path.file_name()) else {
        return Err(TrainingError::damaged(&path, "is no name for a new folder; give another"));
    };
    create_dir(parent)?;
    let workshop = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(parent);
    let workshop = workshop.map_err(TrainingError::io("write", &path))?;
    let new = workshop.path().join(NEW);
    create_dir(&new)?;
    fill(&new)?;
    sync_dir(&new)?;
    Ok((workshop, new, path))
}

/// Has the name of a file or folder written to the disk.
fn sync_parent(path: &Path) -> Result<()> {
    sync_dir(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Has the names in a folder written to the disk, where folders can be opened for that.
fn sync_dir(path: &Path) -> Result<()> {
    match cfg!(unix) {
        true => std::fs::File::open(path).and_then(|dir| dir.sync_all()).map_err(TrainingError::io("write", path)),
        false => Ok(()),
    }
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

/// As `sha256sum -c` reads it.
const SUMS: &str = "SHA256SUMS";

/// Writes the checksums of all files of a folder into it.
pub fn write_sums(dir: &Path) -> Result<()> {
    let entries = std::fs::read_dir(dir).map_err(TrainingError::io("read", dir))?;
    let mut lines = Vec::new();
    for entry in entries.flatten() {
        lines.push(format!("{}  {}\n", sha256(&entry.path())?, entry.file_name().display()));
    }
    lines.sort();
    write(&dir.join(SUMS), lines.concat().as_bytes())
}

/// Whether the files of a folder are those of which [`write_sums`] wrote the checksums.
pub fn check_sums(dir: &Path) -> Result<()> {
    let sums = dir.join(SUMS);
    let text = std::fs::read_to_string(&sums).map_err(TrainingError::io("read", &sums))?;
    let damaged = |name: &str| TrainingError::damaged(&dir.join(name), "is damaged");
    let mut listed = Vec::new();
    for line in text.lines() {
        let (sum, name) = line.split_once("  ").ok_or_else(|| damaged(SUMS))?;
        if sha256(&dir.join(name))? != sum {
            return Err(damaged(name));
        }
        listed.push(name);
    }
    let entries = std::fs::read_dir(dir).map_err(TrainingError::io("read", dir))?;
    let unknown = entries
        .flatten()
        .map(|entry| entry.file_name())
        .find(|name| name != SUMS && !listed.iter().any(|listed| name == *listed));
    if unknown.is_some() {
        return Err(damaged(SUMS));
    }
    Ok(())
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

    #[test]
    fn a_replacement_that_was_killed_is_ended() {
        let root = tempfile::tempdir().unwrap();
        let best = root.path().join("best");
        for (name, text) in [(".new-a/old", "1"), (".new-a/new", "2"), (".new-b/new", "half")] {
            std::fs::create_dir_all(root.path().join(name)).unwrap();
            std::fs::write(root.path().join(name).join("a"), text).unwrap();
        }
        finish_replacing(&best).unwrap();
        assert_eq!(std::fs::read(best.join("a")).unwrap(), b"2");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
