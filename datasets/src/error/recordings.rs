//! Errors of recordings: time series with several channels and a class label.

use std::path::PathBuf;

/// Why recordings cannot be read, split or resampled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The recordings have no channel with the requested name.
    #[error("there is no channel `{channel}`; the channels are `{}`", channels.join("`, `"))]
    NoChannel {
        /// The name of the missing channel.
        channel: String,
        /// The names of all channels.
        channels: Vec<String>,
    },
    /// A channel is selected twice.
    #[error("the channel `{channel}` is named twice; name each channel once")]
    DuplicateChannel {
        /// The name of the channel.
        channel: String,
    },
    /// The given sampling rate is not a finite number above 0, or is too high for resampling the recordings.
    #[error(
        "`{setting}` = {hz} Hz is not possible for these recordings; choose a rate above 0 Hz{}",
        most.map_or(String::new(), |most| format!(" and up to {most} Hz"))
    )]
    Rate {
        /// The given rate in samples per second.
        hz: f64,
        /// The highest possible rate in samples per second, if there is such a limit.
        most: Option<f64>,
        /// The setting that gives the sampling rate: `rate` or `resample`.
        setting: &'static str,
    },
    /// Recordings cannot be resampled, because their sampling rate is unknown.
    #[error(
        "the sampling rate of {data} is unknown; set `time` to the column of the times, or set `rate` to the sampling \
         rate in Hz"
    )]
    UnknownRate {
        /// The [`source`](crate::recordings::Recordings::source) of the recordings.
        data: String,
    },
    /// Recordings cannot be cut into windows, because the requested length or stride is 0, or because all recordings
    /// are shorter than a window.
    #[error(
        "cannot cut windows of {length} steps with a stride of {step} steps; choose a length from 1 to {longest} (the \
         longest recording) and a stride of at least 1"
    )]
    Window {
        /// The requested length of a window in steps.
        length: usize,
        /// The requested stride: the number of steps from the start of a window to the start of the next window.
        step: usize,
        /// The length of the longest recording in steps.
        longest: usize,
    },
    /// A file with the extension `png` cannot be read as a PNG image.
    #[error("cannot read {} as a PNG image: {reason}; replace the file with a valid PNG image", path.display())]
    Image {
        /// The path of the file.
        path: PathBuf,
        /// The message of the decoder.
        reason: String,
    },
    /// The fraction of recordings to hold out is not between 0 and 1.
    #[error(
        "cannot hold out the fraction {fraction} of the recordings; choose a number above 0 and below 1, such as 0.2"
    )]
    Fraction {
        /// The requested fraction.
        fraction: f64,
    },
    /// Recordings cannot be divided into fewer than two folds.
    #[error("cannot divide the recordings into {folds} folds; choose at least 2 folds")]
    Folds {
        /// The requested number of folds.
        folds: usize,
    },
    /// There are too few groups, such as persons, for a split that keeps all recordings of a group in one part.
    #[error(
        "{data} has recordings of {groups} groups (such as persons), but the split needs at least {needed} groups; add \
         recordings of more groups, or leave `group` unset"
    )]
    TooFewGroups {
        /// The [`source`](crate::recordings::Recordings::source) of the recordings.
        data: String,
        /// The number of groups.
        groups: usize,
        /// The minimum number of groups.
        needed: usize,
    },
    /// There are too few recordings for a split.
    #[error(
        "cannot split {data}: the split needs at least {needed} recordings, but can use only {recordings} (a hold-out \
         split uses only classes with two or more recordings); add recordings of each class"
    )]
    TooFewRecordings {
        /// The [`source`](crate::recordings::Recordings::source) of the recordings.
        data: String,
        /// The number of recordings that the split can use. Cross-validation folds use all recordings; a hold-out split
        /// uses the recordings of classes with at least two recordings.
        recordings: usize,
        /// The minimum number of such recordings.
        needed: usize,
    },
    /// The header of a `.ts` file is malformed or incomplete, or says that the file has time stamps or lacks class
    /// labels.
    #[error("{}, line {line}: {found}; {advice}", path.display())]
    Header {
        /// The path of the file.
        path: PathBuf,
        /// The line number, counted from 1.
        line: usize,
        /// The header line, or what is wrong with the header.
        found: String,
        /// What the user can do.
        advice: &'static str,
    },
    /// A row of a file has too many or too few values or channels. The expected number comes from the file header, from
    /// the first row or from the published format of the data set.
    #[error(
        "{}, line {line}: the line has {found} {what}, but {wanted} are expected; correct the line, or replace the \
         file",
        path.display()
    )]
    RowLength {
        /// The path of the file.
        path: PathBuf,
        /// The line number, counted from 1.
        line: usize,
        /// What was counted, such as `channels`.
        what: &'static str,
        /// The number of these items in the line.
        found: usize,
        /// The expected number of these items.
        wanted: usize,
    },
    /// The channels of a recording have different lengths.
    #[error(
        "{}, line {line}: the channel `{channel}` has {found} values, but the first channel has {wanted}; correct the \
         line, and write ? for each missing value",
        path.display()
    )]
    UnequalChannels {
        /// The path of the file.
        path: PathBuf,
        /// The line number, counted from 1.
        line: usize,
        /// The name of the channel.
        channel: String,
        /// The number of values in the channel.
        found: usize,
        /// The number of values in the first channel.
        wanted: usize,
    },
    /// A value is not a finite number, or is outside of the range of valid values of the data set.
    #[error(
        "{}, line {line}: `{value}` is not a valid value; write a finite number (in the data set pendigits, a number \
         from 0 to 100), or remove the line",
        path.display()
    )]
    Value {
        /// The path of the file.
        path: PathBuf,
        /// The line number, counted from 1.
        line: usize,
        /// The text of the value.
        value: String,
    },
    /// The class label of a recording is not one of the known classes of the data set or of the file header.
    #[error(
        "{}, line {line}: `{label}` is not one of the classes `{}`; correct the class",
        path.display(),
        labels.join("`, `")
    )]
    UnknownLabel {
        /// The path of the file.
        path: PathBuf,
        /// The line number, counted from 1.
        line: usize,
        /// The class label in the file.
        label: String,
        /// The known classes.
        labels: Vec<String>,
    },
    /// A row of a table has an empty field in a column that identifies the recording, or in the column with the class
    /// or the time.
    #[error("{}, line {line}: no value in column `{column}`; add the value, or remove the row", path.display())]
    NoField {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number, counted from 1.
        line: usize,
        /// The name of the column.
        column: String,
    },
    /// Two rows of one recording have different classes or groups.
    #[error(
        "{}, line {line}: the value in column `{column}` is `{}`, but the same recording `{id}` has `{}` in line \
         {other_line}; correct one of the values, or set `id` to columns that identify each recording",
        path.display(),
        values[1],
        values[0]
    )]
    TwoValues {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the later row, counted from 1.
        line: usize,
        /// The line number of the earlier row, counted from 1.
        other_line: usize,
        /// The identifier of the recording.
        id: String,
        /// The name of the column with the class or the group.
        column: String,
        /// The value in the earlier row, and the value in the later row.
        values: Box<[String; 2]>,
    },
    /// Two rows of one recording have the same time.
    #[error(
        "{}, line {line}: the time is the same as in line {other_line} of the same recording `{id}`; set `id` to \
         columns that identify each recording, or remove one of the rows",
        path.display()
    )]
    EqualTimes {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the later row, counted from 1.
        line: usize,
        /// The line number of the earlier row, counted from 1.
        other_line: usize,
        /// The identifier of the recording.
        id: String,
    },
    /// A recording has no value at all in a channel.
    #[error(
        "{}, line {line}: the recording `{id}` has no value in channel `{channel}`; remove the recording, or set \
         `channels` to other columns",
        path.display()
    )]
    EmptyChannel {
        /// The path of the file.
        path: PathBuf,
        /// The number of the first line of the recording, counted from 1.
        line: usize,
        /// The identifier of the recording.
        id: String,
        /// The name of the channel.
        channel: String,
    },
    /// The times between the samples of a recording are too irregular for a single sampling rate.
    #[error(
        "{}, line {line}: this sample of the recording `{id}` is {found} s after the previous sample, but the usual \
         time step is {usual} s; the time steps are too irregular for one sampling rate; to resample all recordings, \
         set `resample` to a rate in Hz",
        path.display()
    )]
    UnevenSteps {
        /// The path of the CSV file.
        path: PathBuf,
        /// The line number of the first sample that comes too early or too late after the previous sample, counted from
        /// 1.
        line: usize,
        /// The identifier of the recording.
        id: String,
        /// The seconds between this sample and the sample before it.
        found: f64,
        /// The usual (median) number of seconds between two samples of the recording.
        usual: f64,
    },
    /// Two recordings have different sampling rates.
    #[error(
        "{}, line {line}: the recording `{id}` has {rate} samples per second, but `{other_id}` has {other_rate}; set \
         `resample` to a rate in Hz",
        path.display()
    )]
    DifferentRates {
        /// The path of the CSV file.
        path: PathBuf,
        /// The number of the first line of the recording, counted from 1.
        line: usize,
        /// The identifier of the recording.
        id: String,
        /// The rate of the recording in samples per second.
        rate: f64,
        /// The identifier of the other recording: the first one that has at least two samples.
        other_id: String,
        /// The rate of the other recording in samples per second.
        other_rate: f64,
    },
    /// A recording would have more than 1,000 times as many samples after resampling as before.
    #[error(
        "{}, line {line}: the recording `{id}` would grow from {samples} to {resampled} samples by resampling; set \
         `time_unit` to the unit of the times, set `resample` to a lower rate, or correct the times",
        path.display()
    )]
    ResampledLength {
        /// The path of the CSV file.
        path: PathBuf,
        /// The number of the first line of the recording, counted from 1.
        line: usize,
        /// The identifier of the recording.
        id: String,
        /// The number of samples of the recording before resampling.
        samples: usize,
        /// The number of samples after resampling.
        resampled: usize,
    },
    /// A line of a file of pen strokes is neither a point nor one of the marks `START` and `BREAK`.
    #[error(
        "{}, line {line}: `{text}` is neither a point such as `12.5,-7.25,340` nor START or BREAK; correct the line",
        path.display()
    )]
    Stroke {
        /// The path of the archive, followed by the path of the file in the archive.
        path: PathBuf,
        /// The line number in the file, counted from 1.
        line: usize,
        /// The text of the line.
        text: String,
    },
}

impl RecordingError {
    /// Returns the name of the setting that can resolve the error: see
    /// [`DataError::setting`](super::DataError::setting).
    pub(super) fn setting(&self) -> Option<&'static str> {
        match self {
            Self::NoChannel { .. } | Self::DuplicateChannel { .. } | Self::EmptyChannel { .. } => Some("channels"),
            Self::Rate { setting, .. } => Some(setting),
            Self::UnevenSteps { .. } | Self::DifferentRates { .. } => Some("resample"),
            Self::UnknownRate { .. } => Some("rate"),
            Self::Window { .. } => Some("length"),
            Self::Fraction { .. } => Some("fraction"),
            Self::Folds { .. } => Some("folds"),
            Self::TooFewGroups { .. } => Some("group"),
            Self::TwoValues { .. } | Self::EqualTimes { .. } => Some("id"),
            Self::ResampledLength { .. } => Some("time_unit"),
            Self::TooFewRecordings { .. }
            | Self::Header { .. }
            | Self::RowLength { .. }
            | Self::UnequalChannels { .. }
            | Self::Value { .. }
            | Self::UnknownLabel { .. }
            | Self::NoField { .. }
            | Self::Image { .. }
            | Self::Stroke { .. } => None,
        }
    }
}
