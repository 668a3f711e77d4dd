//! Recordings: time series with several channels and a class label, such as movements of a wrist, gestures of a pen and
//! heartbeats.
//!
//! | module or function | data |
//! |---|---|
//! | [`gestures`] | generated gestures of a pen, which need no files: 12 symbols as 90 simulated persons draw them |
//! | [`archive`] | BasicMotions (a watch) and JapaneseVowels (voices), from the UEA archive of time series |
//! | [`watch`] | exercises of the shoulder, recorded at the wrist of ten persons |
//! | [`pendigits`] | digits that 44 persons wrote on a tablet |
//! | [`omniglot`] | characters of five alphabets, as strokes of a pen |
//! | [`ecg5000`] | heartbeats in an electrocardiogram |
//! | [`ts`] | any file in the text format `.ts` of the UEA archive |
//! | [`Recordings::from_csv`] | any CSV file with the samples of all recordings |
//! | [`Recordings::from_folder`] | a folder for each class, with a CSV file for each recording |
//! | [`video`] | videos rendered from drawings: each image shows the part that is drawn so far |
//! | [`Recordings::from_videos`] | a folder for each class, with a folder of PNG files for each video |
//!
//! ```
//! use datasets::recordings::{Recordings, gestures};
//!
//! let gestures = gestures::load();
//! let (train, valid): (Recordings, Recordings) = gestures.train.hold_out_groups(0.2, 7)?;
//! assert_eq!(train.classes().len(), 12);
//! assert!(train.groups().is_disjoint(&valid.groups()));
//! # Ok::<(), datasets::DataError>(())
//! ```

pub mod archive;
mod clips;
mod clock;
pub mod ecg5000;
mod fill;
mod folder;
pub mod gestures;
mod note;
pub mod omniglot;
pub mod pendigits;
mod split;
mod table;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;
pub mod ts;
pub mod video;
pub mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sha2::{Digest, Sha256};

pub use clips::read_video;
pub use note::RecordingNote;
pub use table::{RecordingFormat, TimeUnit};

use crate::error::{RecordingError, Result};
use crate::source::{Locator, Source, hex};
use crate::text_file::utf8;

/// The highest sampling rate after resampling, as a multiple of the original rate.
const MOST_RESAMPLED: f64 = 100.0;

/// A time series with several channels and a class label. The names of the channels are in the [`Recordings`] that
/// contain this recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// The identifier of the recording in its data set.
    pub id: String,
    /// The name of the group of similar recordings to which the recording belongs. The recordings of a group are, for
    /// example, from the same person. `None` if the group is unknown.
    pub group: Option<String>,
    /// The class label.
    pub label: String,
    /// All samples in row-major order, `[steps, channels]`. All values are finite.
    pub values: Vec<f32>,
}

/// Recordings with the same channels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recordings {
    /// The names of the channels.
    pub channels: Vec<String>,
    /// The sampling rate in samples per second; `None` if the rate is unknown, or if the samples are not equally spaced
    /// in time.
    pub rate: Option<f64>,
    /// The recordings. Their lengths may differ.
    pub recordings: Vec<Recording>,
    /// The changes that were made to the recordings when they were loaded, and the limitations of the data, such as
    /// classes with a single recording.
    pub notes: Vec<RecordingNote>,
    /// The path or name of the data, and its checksum.
    pub source: String,
}

/// The recordings of a data set that is published in a training and a test part.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainTest {
    /// The training part, from which a validation part can be [held out](Recordings::hold_out_groups).
    pub train: Recordings,
    /// The test part.
    pub test: Recordings,
}

impl Recordings {
    /// Returns a text about the origin of the recordings: their [source](Self::source), with the checksum of the data,
    /// and their number. Two parts of one source that have equal numbers of recordings have equal texts.
    pub fn fingerprint(&self) -> String {
        format!("{} ({})", self.source, self.recordings.len())
    }

    /// Returns the distinct classes in alphabetical order.
    pub fn classes(&self) -> Vec<String> {
        self.class_sizes().into_keys().map(str::to_owned).collect()
    }

    /// Returns the number of recordings of each class.
    pub fn class_sizes(&self) -> BTreeMap<&str, usize> {
        let mut sizes = BTreeMap::new();
        self.recordings.iter().for_each(|recording| *sizes.entry(recording.label.as_str()).or_insert(0) += 1);
        sizes
    }

    /// Returns the distinct groups, such as persons. Recordings of an unknown group are left out.
    pub fn groups(&self) -> BTreeSet<&str> {
        self.recordings.iter().filter_map(|recording| recording.group.as_deref()).collect()
    }

    /// Returns the number of time steps of a recording of this set.
    pub fn steps(&self, recording: &Recording) -> usize {
        recording.values.len().checked_div(self.channels.len()).unwrap_or(0)
    }

    /// Selects the recordings with these indices, in this order. An index may occur several times.
    ///
    /// # Panics
    ///
    /// If an index is not less than the number of recordings.
    #[must_use]
    pub fn subset(&self, indices: &[usize]) -> Self {
        self.with(indices.iter().map(|&index| self.recordings[index].clone()).collect())
    }

    /// Selects channels by their names, in the order of `names`.
    ///
    /// # Errors
    ///
    /// [`RecordingError::NoChannel`] if a channel does not exist, and [`RecordingError::DuplicateChannel`] if a channel
    /// is named twice.
    pub fn select(&self, names: &[String]) -> Result<Self> {
        if names == self.channels {
            return Ok(self.clone());
        }
        let mut places = Vec::with_capacity(names.len());
        for name in names {
            let Some(place) = self.channels.iter().position(|channel| channel == name) else {
                let (channel, channels) = (name.clone(), self.channels.clone());
                return Err(RecordingError::NoChannel { channel, channels }.into());
            };
            if places.contains(&place) {
                return Err(RecordingError::DuplicateChannel { channel: name.clone() }.into());
            }
            places.push(place);
        }
        let width = self.channels.len().max(1);
        let selected = self.map_values(|values| {
            values.chunks_exact(width).flat_map(|row| places.iter().map(|&place| row[place])).collect()
        });
        Ok(Self { channels: names.to_vec(), ..selected })
    }

    /// Resamples all recordings to `hz` samples per second by linear interpolation. The first sample does not change.
    /// If `hz` is lower than the rate of the recordings, movements with frequencies above half of `hz` appear as slower
    /// movements (aliasing), so smooth the recordings before you reduce the rate much.
    ///
    /// # Errors
    ///
    /// [`RecordingError::UnknownRate`] if the recordings have no rate, and [`RecordingError::Rate`] if `hz` is 0,
    /// negative or NaN, or if it is more than 100 times the rate of the recordings.
    pub fn resample(&self, hz: f64) -> Result<Self> {
        let rate = self.rate.ok_or_else(|| RecordingError::UnknownRate { data: self.source.clone() })?;
        let most = MOST_RESAMPLED * rate;
        if !(hz > 0.0 && hz <= most) {
            return Err(RecordingError::Rate { hz, most: Some(most), setting: "resample" }.into());
        }
        if hz == rate {
            return Ok(self.clone());
        }
        let width = self.channels.len();
        let mut resampled = self.map_values(|values| timesteps::resample(values, width, rate, hz));
        resampled.rate = Some(hz);
        resampled.notes.push(RecordingNote::Resampled { from: rate, to: hz });
        Ok(resampled)
    }

    /// Cuts windows of `length` steps out of each recording. A window begins every `step` steps. The last steps of a
    /// recording are left out if they do not fill a window.
    ///
    /// The identifier of a window consists of the identifier of its recording and the range of steps in the window,
    /// such as `ID[0..100]`. A window has the group of its recording. If the recording has no group, the recording
    /// itself is the group of its windows, so that no [split](Self::hold_out_groups) puts overlapping windows into
    /// different parts.
    ///
    /// # Errors
    ///
    /// [`RecordingError::Window`] if `length` or `step` is 0, or if all recordings are shorter than `length`.
    pub fn windows(&self, length: usize, step: usize) -> Result<Self> {
        let longest = self.recordings.iter().map(|recording| self.steps(recording)).max().unwrap_or(0);
        if length == 0 || step == 0 || length > longest {
            return Err(RecordingError::Window { length, step, longest }.into());
        }
        let (width, mut windows, mut short) = (self.channels.len(), Vec::new(), 0);
        for recording in &self.recordings {
            let steps = self.steps(recording);
            if steps < length {
                short += 1;
                continue;
            }
            for start in (0..=steps - length).step_by(step) {
                let end = start + length;
                windows.push(Recording {
                    id: format!("{}[{start}..{end}]", recording.id),
                    group: Some(recording.group.clone().unwrap_or_else(|| recording.id.clone())),
                    label: recording.label.clone(),
                    values: recording.values[start * width..end * width].to_vec(),
                });
            }
        }
        let mut windows = self.with(windows);
        if short > 0 {
            windows.notes.push(RecordingNote::ShorterThanWindow { recordings: short, length });
        }
        Ok(windows)
    }

    /// Creates a set of the given recordings, with the channels, rate, notes and source of this set.
    fn with(&self, recordings: Vec<Recording>) -> Self {
        let (channels, notes, source) = (self.channels.clone(), self.notes.clone(), self.source.clone());
        Self { channels, rate: self.rate, recordings, notes, source }
    }

    /// Returns a copy of this set, in which the function `values` has converted the values of each recording.
    fn map_values(&self, values: impl Fn(&[f32]) -> Vec<f32>) -> Self {
        let map = |recording: &Recording| Recording {
            id: recording.id.clone(),
            group: recording.group.clone(),
            label: recording.label.clone(),
            values: values(&recording.values),
        };
        self.with(self.recordings.iter().map(map).collect())
    }

    /// If some classes have only one recording, adds a note with their names.
    fn note_single_members(&mut self) {
        let sizes = self.class_sizes().into_iter();
        let single: Vec<String> = sizes.filter(|(_, size)| *size == 1).map(|(label, _)| label.to_owned()).collect();
        if !single.is_empty() {
            self.notes.push(RecordingNote::SingleMember { labels: single });
        }
    }
}

/// Returns the path (for error messages) and the text of each file of a published data set, and a description of the
/// data set with a checksum of all files.
fn texts(source: &Source, locator: &Locator) -> Result<(Vec<(PathBuf, String)>, String)> {
    let (mut hash, mut texts) = (Sha256::new(), Vec::with_capacity(source.files.len()));
    for file in source.files {
        let path: PathBuf = [source.folder, file.name].iter().collect();
        let bytes = locator.read(source, file)?;
        hash.update(&bytes);
        texts.push((path.clone(), utf8(bytes, &path)?));
    }
    let what = if source.files.len() == 1 { "SHA-256" } else { "SHA-256 of all files" };
    Ok((texts, format!("{} ({what} {})", source.name, hex(&hash.finalize()))))
}
