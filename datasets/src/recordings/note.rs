//! Descriptions of the changes that are made to recordings, and of limitations of the recordings.

use std::fmt;

use crate::series::Note;

use super::TimeUnit;

/// A change that was made to recordings when they were loaded, or a limitation of the data.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RecordingNote {
    /// A note on the CSV table with the recordings, such as columns that were left out when the table was read.
    Table(Note),
    /// Missing values were interpolated. Missing values before the first value of a channel were replaced by the first
    /// value, and missing values after the last value by the last value.
    MissingValues {
        /// The number of missing values.
        values: usize,
        /// The number of recordings in which values were missing.
        recordings: usize,
    },
    /// Missing samples were interpolated. Samples are missing where the time between two samples is longer than usual.
    MissingSteps {
        /// The number of missing samples.
        steps: usize,
        /// The number of recordings in which samples were missing.
        recordings: usize,
    },
    /// The rows of some recordings were not in the order of their times, and were sorted.
    Sorted {
        /// The number of these recordings.
        recordings: usize,
    },
    /// The unit of the numbers in the time column was assumed, because neither the settings, nor the name of the
    /// column, nor the size of the numbers determine it.
    TimeUnitAssumed {
        /// The name of the time column.
        column: String,
        /// The assumed unit.
        unit: TimeUnit,
    },
    /// The recordings were resampled by linear interpolation.
    Resampled {
        /// The number of samples per second before resampling.
        from: f64,
        /// The number of samples per second after resampling.
        to: f64,
    },
    /// Recordings that are shorter than a window were left out.
    ShorterThanWindow {
        /// The number of these recordings.
        recordings: usize,
        /// The length of a window in steps.
        length: usize,
    },
    /// Some classes have a single recording, which cannot be used for both training and evaluation.
    SingleMember {
        /// The classes.
        labels: Vec<String>,
    },
    /// Some classes occur only in the groups that were held out. The remaining recordings have no examples of these
    /// classes.
    OnlyHeldOut {
        /// The classes.
        labels: Vec<String>,
    },
    /// Files or folders in a folder of recordings or videos were skipped, because they belong to no recording. Examples
    /// are a text file among the PNG files of a video, and an image among the CSV files.
    FilesSkipped {
        /// The number of skipped files and folders.
        files: usize,
        /// The name of the first skipped file or folder.
        example: String,
    },
    /// Only the training part of the published data was loaded, and not its test part.
    TrainingPartOnly,
}

impl fmt::Display for RecordingNote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(note) => note.fmt(formatter),
            Self::MissingValues { values, recordings } => {
                write!(formatter, "interpolated {values} missing values in {recordings} recordings")
            }
            Self::MissingSteps { steps, recordings } => {
                write!(formatter, "interpolated {steps} missing samples in {recordings} recordings")
            }
            Self::Sorted { recordings } => write!(formatter, "sorted the samples of {recordings} recordings by time"),
            Self::TimeUnitAssumed { column, unit } => {
                write!(
                    formatter,
                    "the times in column `{column}` were assumed to be in {unit}; set time_unit if the unit is different"
                )
            }
            Self::Resampled { from, to } => {
                write!(formatter, "resampled the recordings from {from} Hz to {to} Hz by linear interpolation")
            }
            Self::ShorterThanWindow { recordings, length } => {
                write!(formatter, "left out {recordings} recordings with fewer than {length} steps")
            }
            Self::SingleMember { labels } => {
                write!(
                    formatter,
                    "classes with a single recording, which cannot be used for both training and evaluation: {}",
                    labels.join(", ")
                )
            }
            Self::OnlyHeldOut { labels } => {
                write!(formatter, "classes that occur only in the held-out groups: {}", labels.join(", "))
            }
            Self::FilesSkipped { files, example } => {
                write!(formatter, "skipped {files} files or folders that belong to no recording, such as {example}")
            }
            Self::TrainingPartOnly => write!(formatter, "loaded only the published training part, not the test part"),
        }
    }
}
