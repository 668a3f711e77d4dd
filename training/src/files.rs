//! Atomic writes of files and folders: a reader sees the old content or the new content, and never a part of it.

use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempDir};

use crate::error::{Result, TrainingError};

/// The ending of the names of temporary files.
pub(crate) const TEMPORARY: &str = ".tmp";

/// Creates a folder and its parent folders.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(TrainingError::io("create", path))
}

/// Writes a file atomically: writes a temporary file in the same folder, flushes it to disk, and renames it.
///
/// If several processes write the same file at the same time, the file has the content that was written last.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = NewFile::create(path)?;
    file.write_all(bytes).map_err(TrainingError::io("write", path))?;
    file.finish()
}

/// A file that is written piece by piece. When it is [finished](Self::finish), it replaces the old file at its path. If
/// it is dropped before that, the old file stays.
pub struct NewFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl NewFile {
    /// Creates a temporary file in the folder of `path`.
    pub fn create(path: &Path) -> Result<Self> {
        let file = temporary(path).map_err(TrainingError::io("write", path))?;
        Ok(Self { path: path.to_path_buf(), file: BufWriter::new(file) })
    }

    /// Flushes the file to disk, and renames it to its path.
    pub fn finish(self) -> Result<()> {
        let Self { path, file } = self;
        let rename = || {
            let file = file.into_inner()?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        rename().map_err(TrainingError::io("write", &path))?;
        sync_dir(parent(&path))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Creates a temporary file with a unique name beside `path`. It is deleted when it is dropped.
fn temporary(path: &Path) -> std::io::Result<NamedTempFile> {
    let mut prefix = std::ffi::OsString::from(UNFINISHED);
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(TEMPORARY);
    // The file gets the permissions of ordinary new files, which the umask restricts. By default only the owner could
    // read a temporary file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(parent(path))
}

/// Creates a folder atomically: `fill` writes the files into a temporary folder, which is then renamed to `path`. If
/// `path` exists, it must be an empty folder.
pub(crate) fn new_dir(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (_temporary, new, path) = filled(path, fill)?;
    std::fs::rename(&new, &path).map_err(TrainingError::io("write", &path))?;
    sync_dir(parent(&path))
}

/// Creates or replaces a folder: `fill` writes the files into a temporary folder. Then the old folder is moved away,
/// and the temporary folder is renamed to `path`.
///
/// If `fill` fails, the old folder stays. If the process is killed between the two renames, there is no folder at
/// `path`. If `path` is the folder `best/` of a run, the replacement is completed when the run is resumed.
pub fn replace_dir(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (temporary, new, path) = filled(path, fill)?;
    let old = temporary.path().join(OLD);
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
    sync_dir(parent(&path))
}

/// Completes a call of [`replace_dir`] that ended early because its process was killed. Removes all temporary files and
/// folders beside `path`.
///
/// No other process may write in the parent folder at the same time.
pub(crate) fn finish_replacing(path: &Path) -> Result<()> {
    let parent = parent(path);
    let entries = std::fs::read_dir(parent).map_err(TrainingError::io("read", parent))?;
    for entry in entries.flatten() {
        let (name, entry) = (entry.file_name(), entry.path());
        if !name.to_string_lossy().starts_with(UNFINISHED) {
            continue;
        }
        if entry.is_file() {
            std::fs::remove_file(&entry).map_err(TrainingError::io("remove", &entry))?;
            continue;
        }
        let [old, new] = [OLD, NEW].map(|name| entry.join(name));
        // The new folder is complete if `replace_dir` has already moved the old folder away.
        if !path.exists() && old.exists() && new.exists() {
            std::fs::rename(&new, path).map_err(TrainingError::io("replace", path))?;
        }
        std::fs::remove_dir_all(&entry).map_err(TrainingError::io("remove", &entry))?;
    }
    Ok(())
}

/// The name of the old folder inside a temporary folder, after [`replace_dir`] has moved it there.
const OLD: &str = "old";
/// The name of the new folder inside a temporary folder, before it is renamed.
const NEW: &str = "new";

/// The prefix of the names of temporary files and folders. A killed process may leave such files behind.
pub(crate) const UNFINISHED: &str = ".new-";

/// Creates a temporary folder beside `path`, and thus on the same file system. Calls `fill` with a new folder inside
/// this temporary folder. Returns three values: the temporary folder, the filled folder inside it, and `path` as an
/// absolute path. Dropping the temporary folder deletes it.
fn filled(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<(TempDir, PathBuf, PathBuf)> {
    let path = std::path::absolute(path).map_err(TrainingError::io("find", path))?;
    let (Some(parent), Some(_)) = (path.parent(), path.file_name()) else {
        return Err(TrainingError::damaged(&path, "does not end with the name of a folder; choose another path"));
    };
    create_dir(parent)?;
    let temporary = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(parent);
    let temporary = temporary.map_err(TrainingError::io("write", &path))?;
    let new = temporary.path().join(NEW);
    create_dir(&new)?;
    fill(&new)?;
    sync_dir(&new)?;
    Ok((temporary, new, path))
}

/// Returns the folder that contains a file or folder.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Flushes the entries of a folder to disk, so that a renamed file survives a power failure. Does nothing on systems
/// other than Unix, and on file systems that cannot flush a folder.
fn sync_dir(path: &Path) -> Result<()> {
    let synced = match cfg!(unix) {
        true => std::fs::File::open(path).and_then(|dir| dir.sync_all()),
        false => Ok(()),
    };
    synced.or_else(|error| if is_unsupported(&error) { Ok(()) } else { Err(TrainingError::io("write", path)(error)) })
}

/// Returns whether an error says that the file system does not have the requested function, such as locks.
pub(crate) fn is_unsupported(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    let has_no_lock_server = error.raw_os_error() == Some(libc::ENOLCK);
    #[cfg(not(unix))]
    let has_no_lock_server = false;
    has_no_lock_server || matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput)
}

/// Serializes a value as indented JSON with a final newline.
pub fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(TrainingError::serialize)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Returns the SHA-256 checksum of a file, in lower-case hexadecimal digits.
fn sha256(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(TrainingError::io("read", path))?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The name of the checksum file, which `sha256sum -c` can check.
const SUMS: &str = "SHA256SUMS";

/// Writes the checksums of all files in a folder to `SHA256SUMS`.
pub(crate) fn write_sums(dir: &Path) -> Result<()> {
    let entries = std::fs::read_dir(dir).map_err(TrainingError::io("read", dir))?;
    let mut lines = Vec::new();
    for entry in entries.flatten() {
        lines.push(format!("{}  {}\n", sha256(&entry.path())?, entry.file_name().display()));
    }
    lines.sort();
    write(&dir.join(SUMS), lines.concat().as_bytes())
}

/// Checks that a folder has exactly the files that [`write_sums`] listed, with the same content.
pub(crate) fn check_sums(dir: &Path) -> Result<()> {
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
    fn an_interrupted_replacement_is_completed() {
        let root = tempfile::tempdir().unwrap();
        let best = root.path().join("best");
        for (name, text) in [(".new-a/old", "1"), (".new-a/new", "2"), (".new-b/new", "half")] {
            std::fs::create_dir_all(root.path().join(name)).unwrap();
            std::fs::write(root.path().join(name).join("a"), text).unwrap();
        }
        std::fs::write(root.path().join(".new-metrics.jsonl.AbCdEf.tmp"), "half").unwrap();
        finish_replacing(&best).unwrap();
        assert_eq!(std::fs::read(best.join("a")).unwrap(), b"2");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn concurrent_writers_of_one_file_do_not_collide() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        std::thread::scope(|scope| {
            for writer in 0..4u8 {
                let path = &path;
                scope.spawn(move || (0..20).for_each(|_| write(path, &[writer; 10_000]).unwrap()));
            }
        });
        let content = std::fs::read(&path).unwrap();
        assert!(content.len() == 10_000 && content.iter().all(|byte| *byte == content[0]));
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
        assert!(matches!(write(&root.path().join("absent/file"), b""), Err(TrainingError::Io { action: "write", .. })));
    }

    /// The files of a run can be read by everyone who can read files that other programs create.
    #[cfg(unix)]
    #[test]
    fn files_have_ordinary_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let [written, ordinary] = ["written", "ordinary"].map(|name| root.path().join(name));
        write(&written, b"1").unwrap();
        std::fs::write(&ordinary, b"1").unwrap();
        let [written, ordinary] = [written, ordinary].map(|path| std::fs::metadata(path).unwrap().permissions().mode());
        assert_eq!(written, ordinary);
    }
}
