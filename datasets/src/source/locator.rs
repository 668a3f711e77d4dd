//! Search for data files in folders, and download of the files that no folder contains.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Form, Found, Packing, PublishedFile, Source};
use crate::error::{DataError, Result};

/// The name of the environment variable that holds the path of the data folder.
pub const DATA_VARIABLE: &str = "RNN_ZOO_DATA";

/// Finds published files: in a given folder, in the folder that [`DATA_VARIABLE`] names, in the user's cache, or by
/// download into the cache.
///
/// A locator is cheap to clone and can be shared between threads.
///
/// ```no_run
/// use datasets::{Locator, imdb};
///
/// let locator = Locator::new(None).with_progress(|progress| eprintln!("{} bytes", progress.received));
/// let reviews = imdb::load(&locator)?;
/// # Ok::<(), datasets::DataError>(())
/// ```
#[derive(Clone)]
pub struct Locator {
    /// The folders to search, in this order.
    places: Vec<PathBuf>,
    /// The folder for downloads; `None` if downloads are not allowed, because the caller gave a data folder.
    cache: Option<PathBuf>,
    progress: Option<Arc<Callback>>,
    /// Whether the locator has searched its folders for a published file, or has found one of the user's own files in
    /// them. Clones of the locator share this value.
    used: Arc<AtomicBool>,
}

/// A function that is called with the progress of a download or of reading a file.
type Callback = dyn Fn(Progress<'_>) + Send + Sync;

/// The state of a download, or of reading a large file, for a progress display.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The activity whose progress is reported.
    pub activity: Activity<'a>,
    /// While a file is read: the number of bytes read so far. During a download: the number of bytes on disk, including
    /// the bytes of an earlier, interrupted download.
    pub received: u64,
    /// The size of the whole file in bytes, if it is known.
    pub total: Option<u64>,
}

/// The activity that a [`Progress`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity<'a> {
    /// A file is downloaded.
    Download {
        /// The name of the data set.
        set: &'a str,
        /// The URL of the download.
        url: &'a str,
    },
    /// A file is read.
    Read {
        /// The path of the file.
        path: &'a Path,
    },
}

impl Locator {
    /// Creates a locator. With `data_dir`, the locator searches only that folder and downloads nothing. Otherwise the
    /// locator searches the folder that [`DATA_VARIABLE`] names and the user's cache, and downloads a file that neither
    /// folder holds.
    ///
    /// `data_dir` may also be the path of the data file itself.
    pub fn new(data_dir: Option<&Path>) -> Self {
        let variable = std::env::var_os(DATA_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = dirs::cache_dir().unwrap_or_else(std::env::temp_dir).join("rnn-zoo");
        Self::with_places(data_dir, variable, cache)
    }

    /// Creates a locator like [`new`](Self::new), but with the folder `variable` in place of the folder that
    /// [`DATA_VARIABLE`] names, and with the folder `cache` in place of the user's cache.
    pub fn with_places(data_dir: Option<&Path>, variable: Option<PathBuf>, cache: PathBuf) -> Self {
        match data_dir {
            Some(dir) => Self { places: vec![dir.to_path_buf()], cache: None, progress: None, used: Arc::default() },
            None => {
                let places = variable.into_iter().chain([cache.clone()]).collect();
                Self { places, cache: Some(cache), progress: None, used: Arc::default() }
            }
        }
    }

    /// Sets a callback for progress. The locator calls it when a download starts, after each received chunk of at most
    /// 64 KiB, and repeatedly while [`csv`](Self::csv) reads a file of 8 MiB or more. A locator without a callback
    /// reports nothing.
    #[must_use]
    pub fn with_progress(self, progress: impl Fn(Progress<'_>) + Send + Sync + 'static) -> Self {
        Self { progress: Some(Arc::new(progress)), ..self }
    }

    /// Returns the data folder that the caller gave; `None` if the caller gave no data folder, so that the locator
    /// searches the folder of [`DATA_VARIABLE`] and the user's cache.
    pub fn data_dir(&self) -> Option<&Path> {
        self.places.first().filter(|_| self.cache.is_none()).map(PathBuf::as_path)
    }

    /// Finds a file or folder of a data set. Downloads the file if no searched folder holds it and the caller gave no
    /// data folder. If the size and the checksum of the packed file are published, checks both. Does not unpack the
    /// file.
    pub fn find(&self, source: &Source, file: &PublishedFile) -> Result<Found> {
        self.used.store(true, Ordering::Relaxed);
        match self.search(source, file) {
            Some((path, form)) => {
                if path.is_file() {
                    form.check(&path)?;
                }
                Ok(Found { path, packing: form.packing })
            }
            None => self.download(source, file),
        }
    }

    /// Returns the path from which to read a user's file. If the caller gave a data folder, and this folder has a file
    /// with the file name of `path`, returns the path of that file; otherwise returns `path`. In this way, a file that
    /// was moved after the training is found in its new folder.
    pub fn own_file(&self, path: &Path) -> PathBuf {
        let name = path.file_name().filter(|_| self.cache.is_none());
        let given = name.and_then(|name| {
            let places = self.places.iter();
            let inside = places.flat_map(|place| [place.join(name), place.clone()]);
            inside.into_iter().find(|found| found.is_file() && found.file_name() == Some(name))
        });
        if given.is_some() {
            self.used.store(true, Ordering::Relaxed);
        }
        given.unwrap_or_else(|| path.to_path_buf())
    }

    /// Returns whether the caller gave a data folder that has not been used so far: the locator has not searched it for
    /// a published file, and has found no file of the user in it.
    pub fn is_ignored(&self) -> bool {
        self.cache.is_none() && !self.used.load(Ordering::Relaxed)
    }

    /// Returns the unpacked content of a file of a data set. Finds the file like [`find`](Self::find), and checks the
    /// SHA-256 of the content if this checksum is published.
    pub fn read(&self, source: &Source, file: &PublishedFile) -> Result<Vec<u8>> {
        let Found { path, packing } = self.find(source, file)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        file.check(packing.unpack(&path, &name)?, &path)
    }

    /// Searches `places` in order for any form of the file (plain, compressed, or in an archive). Returns the path and
    /// the form of the first match. A place may be a folder that contains the subfolder of the data set, a folder that
    /// contains the file, or the file itself.
    fn search(&self, source: &Source, file: &PublishedFile) -> Option<(PathBuf, &'static Form)> {
        self.places.iter().find_map(|place| {
            let inside = [place.join(source.folder), place.clone()].into_iter();
            let inside = inside.flat_map(|folder| file.forms.iter().map(move |form| (folder.join(form.name), form)));
            let named = |form: &&Form| place.file_name().is_some_and(|name| name == form.name);
            let itself = file.forms.iter().filter(named).map(|form| (place.clone(), form));
            inside.chain(itself).find(|(path, form)| match form.packing {
                Packing::Folder => path.is_dir(),
                _ => path.is_file(),
            })
        })
    }

    /// Passes `progress` to the callback of [`with_progress`](Self::with_progress), if there is one.
    pub(crate) fn report(&self, progress: Progress<'_>) {
        if let Some(callback) = &self.progress {
            callback(progress);
        }
    }

    #[cfg(feature = "download")]
    fn download(&self, source: &Source, file: &PublishedFile) -> Result<Found> {
        let remote = file.forms.iter().find_map(|form| form.url.map(|url| (form, url)));
        let (Some(cache), Some((form, url))) = (&self.cache, remote) else { return Err(self.not_found(source, file)) };
        let path = cache.join(source.folder).join(form.name);
        let report = |received, total| {
            self.report(Progress { activity: Activity::Download { set: source.name, url }, received, total });
        };
        let check = |part: &Path| {
            form.check(part)?;
            match form.packing {
                Packing::Folder | Packing::TarGz => Ok(()),
                packing => file.check(packing.unpack(part, form.name)?, part).map(drop),
            }
        };
        super::download::download(url, &path, check, report)?;
        Ok(Found { path, packing: form.packing })
    }

    #[cfg(not(feature = "download"))]
    fn download(&self, source: &Source, file: &PublishedFile) -> Result<Found> {
        Err(self.not_found(source, file))
    }

    fn not_found(&self, source: &Source, file: &PublishedFile) -> DataError {
        let path = |form: &Form| {
            let end = if form.packing == Packing::Folder { "/" } else { "" };
            format!("{}/{}{end}", source.folder, form.name)
        };
        DataError::NotFound {
            set: source.name,
            places: self.places.clone(),
            wanted: file.forms.iter().map(path).collect(),
            url: file.url().map(str::to_owned),
        }
    }
}

impl fmt::Debug for Locator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Locator")
            .field("places", &self.places)
            .field("cache", &self.cache)
            .field("progress", &self.progress.is_some())
            .finish()
    }
}
