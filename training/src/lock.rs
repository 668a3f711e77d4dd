//! The lock on a run folder: only one process at a time can train in the folder.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::{Result, TrainingError};
use crate::files;
use crate::run::{RECIPE, START};

/// The name of the lock file in a run folder.
pub const LOCK: &str = "lock";

/// An exclusive lock on a run folder. The operating system releases the lock when the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    /// The run folder.
    dir: PathBuf,
    /// Whether the run folder was created for this run, just before it was locked.
    created: bool,
    /// Whether the lock keeps other processes out. It is `false` if the file system does not support locks, as on some
    /// clusters.
    pub exclusive: bool,
    /// The lock file, which is open as long as the lock is held.
    _file: File,
}

impl Lock {
    /// Locks the folder `dir`. `created` says whether the folder was created for the run.
    ///
    /// # Errors
    ///
    /// [`TrainingError::RunInUse`] if another process has the lock; [`TrainingError::Io`] if the lock file cannot be
    /// written or locked.
    pub fn new(dir: &Path, created: bool) -> Result<Self> {
        let path = dir.join(LOCK);
        let file = File::create(&path).map_err(TrainingError::io("write", &path))?;
        let locked = file.try_lock();
        if let Err(TryLockError::WouldBlock) = locked {
            return Err(TrainingError::RunInUse { path: dir.to_path_buf() });
        }
        let mut lock = Self { dir: dir.to_path_buf(), created, exclusive: true, _file: file };
        match locked {
            Err(TryLockError::Error(error)) if files::is_unsupported(&error) => lock.exclusive = false,
            Err(TryLockError::Error(error)) => return Err(TrainingError::io("lock", &path)(error)),
            _ => {}
        }
        Ok(lock)
    }
}

impl Drop for Lock {
    /// Cleans up if training never started: if the folder contains no `recipe.toml`, removes the lock file and
    /// `run.json`, and also the folder if it was created for the run.
    fn drop(&mut self) {
        if !self.dir.join(RECIPE).exists() {
            let _ = std::fs::remove_file(self.dir.join(START));
            let _ = std::fs::remove_file(self.dir.join(LOCK));
            if self.created {
                let _ = std::fs::remove_dir(&self.dir);
            }
        }
    }
}
