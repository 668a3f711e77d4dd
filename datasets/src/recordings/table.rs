//! Recordings in CSV files. One table holds the samples of all recordings, with one row per sample.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::clock;
use super::{Recording, RecordingNote, Recordings, fill};
use crate::error::{DataError, RecordingError, Result};
use crate::series::{CsvFormat, Decimal, Keys, SampleTable, Sentinel, Separator};
use crate::source::described;
use crate::text_file;

/// How to read recordings from CSV files. The default reads all columns of numbers as channels, and the rows as equally
/// spaced samples of an unknown rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingFormat {
    /// The names of the columns to read as channels, in the order of the channels. If the list is empty, all columns of
    /// numbers become channels, except the columns that other settings name, such as the time column.
    pub channels: Vec<String>,
    /// The name of the column with the group of each recording, such as the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The name of the column with the time of each sample: numbers, or dates with times. If `None`, the samples of a
    /// recording are in the order of their rows and equally spaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The unit of the numbers in the time column. If this setting is `None`, the unit is recognised from the name of
    /// the column, such as `time_ms`. If the name does not contain a unit, the unit of Unix times (since 1970) is
    /// recognised from the magnitude of the numbers. If neither is possible, the unit is seconds, and the recordings
    /// have a [`RecordingNote::TimeUnitAssumed`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_unit: Option<TimeUnit>,
    /// The number of samples per second, if it is known and the file has no column of times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// The number of samples per second to which all recordings are resampled by linear interpolation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resample: Option<f64>,
    /// The separator of the columns. If this setting is `None`, the separator is recognised from the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<Separator>,
    /// The decimal mark (point or comma) of columns in which it is ambiguous: `1,234` can mean 1.234 or 1234.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<Decimal>,
    /// A number or a word that marks a missing value, in addition to empty fields, `NA` and similar words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentinel: Option<Sentinel>,
}

/// The unit of times that are written as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeUnit {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Microseconds.
    #[serde(rename = "us")]
    Microseconds,
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
}

impl std::str::FromStr for TimeUnit {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "s" => Ok(Self::Seconds),
            "ms" => Ok(Self::Milliseconds),
            "us" => Ok(Self::Microseconds),
            "ns" => Ok(Self::Nanoseconds),
            _ => Err(format!("`{text}` is not a unit of time; choose s, ms, us or ns")),
        }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
        })
    }
}

impl Recordings {
    /// Reads recordings from a CSV file in [any usual encoding](crate::text_file), which may be compressed with gzip or
    /// zstd. Each row is a sample. `id` holds the names of the columns that together identify the recording of a
    /// sample, and `label` is the name of the column with the class. If `id` is empty, all rows belong to one
    /// recording. If `label` is `None`, for example because a model is to predict the classes, the class of each
    /// recording is an empty text.
    ///
    /// The rows of different recordings may be interleaved. Missing values are interpolated, and so are missing samples
    /// if there is a time column; [`Recordings::notes`] report how many. Rows that are not in the order of their times
    /// are sorted.
    ///
    /// # Errors
    ///
    /// A [`DataError`] that names the file and, if possible, the line, such as [`DataError::NoColumn`] or
    /// [`DataError::NotANumber`]. [`DataError::Recordings`] contains one of the following errors, among others:
    ///
    /// - [`RecordingError::NoField`] for an empty field in an identifier column, the class column or the time column
    /// - [`RecordingError::TwoValues`] if a recording has two classes or two groups
    /// - [`RecordingError::EqualTimes`] if two samples of a recording have the same time
    /// - [`RecordingError::EmptyChannel`] if a recording has no value in a channel
    /// - [`RecordingError::UnevenSteps`] or [`RecordingError::DifferentRates`] if the samples have no common sampling
    ///   rate and [`RecordingFormat::resample`] is not set
    pub fn from_csv(path: &Path, id: &[String], label: Option<&str>, format: &RecordingFormat) -> Result<Self> {
        let bytes = text_file::read(path)?;
        let mut recordings = Self::from_csv_text(path, &text_file::text(&bytes, path)?, id, label, format)?;
        recordings.source = described(path, "SHA-256", &Sha256::digest(&bytes));
        if label.is_some() {
            recordings.note_single_members();
        }
        Ok(recordings)
    }

    /// Reads recordings from the text of a CSV file, as [`from_csv`](Self::from_csv) does. `path` appears in errors.
    pub(super) fn from_csv_text(
        path: &Path,
        text: &str,
        id: &[String],
        label: Option<&str>,
        format: &RecordingFormat,
    ) -> Result<Self> {
        Drafts::read(path, text, id, label, format, &format.channels)?.finish(format)
    }
}

/// The samples of a recording while it is read.
#[derive(Default)]
pub(super) struct Draft {
    /// The path of the file.
    pub path: PathBuf,
    /// The recording, with the values of the samples that have been read so far.
    pub recording: Recording,
    /// The line number of each sample in the file, counted from 1.
    pub lines: Vec<usize>,
    /// The time of each sample in seconds; empty if the table has no times.
    pub times: Vec<f64>,
    /// The line number of the row that set the group of the recording: the first row with a non-empty group field.
    group_line: usize,
}

/// The recordings of a table while they are read.
#[derive(Default)]
pub(super) struct Drafts {
    pub channels: Vec<String>,
    pub drafts: Vec<Draft>,
    pub notes: Vec<RecordingNote>,
}

impl Drafts {
    /// Reads the rows of a table and groups them by recording, in the order in which the recordings begin. If `id` is
    /// empty, all rows belong to one recording. If `label` is `None`, the class of each recording is an empty text.
    pub fn read(
        path: &Path,
        text: &str,
        id: &[String],
        label: Option<&str>,
        format: &RecordingFormat,
        channels: &[String],
    ) -> Result<Self> {
        let csv = CsvFormat {
            separator: format.separator,
            decimal: format.decimal,
            sentinel: format.sentinel.clone(),
            ..CsvFormat::default()
        };
        let group = format.group.as_deref();
        let texts = id.iter().map(|name| (name.as_str(), "id")).chain(label.map(|name| (name, "label")));
        let texts = texts.chain(group.map(|name| (name, "group"))).collect();
        let keys = Keys { texts, time: format.time.as_deref(), channels };
        let table = SampleTable::open(text, path, &csv, &keys)?;
        let (mut drafts, mut places) = (Vec::<Draft>::new(), HashMap::new());
        table.for_each(|sample| {
            let no_field = |column: &str| -> DataError {
                let (path, column) = (path.to_path_buf(), column.to_owned());
                RecordingError::NoField { path, line: sample.line, column }.into()
            };
            let (ids, others) = sample.texts.split_at(id.len());
            let class = label.and_then(|_| others.first()).copied().unwrap_or_default();
            let person = group.and_then(|_| others.last()).copied().filter(|person| !person.is_empty());
            if let Some((name, _)) = id.iter().zip(ids).find(|(_, text)| text.is_empty()) {
                return Err(no_field(name));
            }
            if let Some(label) = label.filter(|_| class.is_empty()) {
                return Err(no_field(label));
            }
            if let Some(time) = format.time.as_deref().filter(|_| sample.time.is_none()) {
                return Err(no_field(time));
            }
            let place = *places.entry(joined(ids)).or_insert_with_key(|id| {
                let recording = Recording { id: id.clone(), label: class.to_owned(), ..Recording::default() };
                drafts.push(Draft { path: path.to_path_buf(), recording, ..Draft::default() });
                drafts.len() - 1
            });
            let draft = &mut drafts[place];
            let first = draft.lines.first().copied().unwrap_or(sample.line);
            let two_values = |other_line, column: Option<&str>, before: &str, now: &str| -> DataError {
                let (path, column, id) = (path.to_path_buf(), column.unwrap_or_default().to_owned(), joined(ids));
                let values = Box::new([before.to_owned(), now.to_owned()]);
                RecordingError::TwoValues { path, line: sample.line, other_line, id, column, values }.into()
            };
            if draft.recording.label != class {
                return Err(two_values(first, label, &draft.recording.label, class));
            }
            match (&draft.recording.group, person) {
                (Some(before), Some(now)) if before != now => {
                    return Err(two_values(draft.group_line, group, before, now));
                }
                (None, Some(now)) => {
                    draft.recording.group = Some(now.to_owned());
                    draft.group_line = sample.line;
                }
                _ => {}
            }
            draft.lines.push(sample.line);
            draft.times.extend(sample.time);
            for (value, channel) in sample.values.iter().zip(&table.channels) {
                draft.recording.values.push(in_range(*value).ok_or_else(|| DataError::NotANumber {
                    path: path.to_path_buf(),
                    line: sample.line,
                    column: channel.clone(),
                    value: value.to_string(),
                })?);
            }
            Ok(())
        })?;
        if drafts.is_empty() {
            return Err(DataError::Empty { path: path.to_path_buf(), what: "rows" });
        }
        let mut notes: Vec<RecordingNote> = table.notes.iter().cloned().map(RecordingNote::Table).collect();
        if let Some(column) = format.time.as_deref().filter(|_| table.has_numbers_as_times) {
            let unit = unit(column, format, &drafts, &mut notes);
            drafts.iter_mut().flat_map(|draft| &mut draft.times).for_each(|time| *time /= unit.per_second());
        }
        Ok(Self { channels: table.channels.clone(), drafts, notes })
    }

    /// Sorts the samples by time, interpolates missing values and samples, resamples the recordings if
    /// [`RecordingFormat::resample`] is set, and returns the recordings.
    pub fn finish(mut self, format: &RecordingFormat) -> Result<Recordings> {
        let rate = clock::straighten(&mut self, format)?;
        let recordings = self.drafts.into_iter().map(|draft| draft.recording).collect();
        let (channels, notes) = (self.channels, self.notes);
        let recordings = Recordings { channels, rate, recordings, notes, source: String::new() };
        match format.resample {
            Some(hz) if format.time.is_none() => recordings.resample(hz),
            _ => Ok(recordings),
        }
    }
}

/// Returns the unit of the numbers in the time column `column`. The unit comes from the settings, the name of the
/// column or the size of the numbers. If none of these determines the unit, returns seconds and adds a note.
fn unit(column: &str, format: &RecordingFormat, drafts: &[Draft], notes: &mut Vec<RecordingNote>) -> TimeUnit {
    let times = drafts.iter().flat_map(|draft| draft.times.iter().copied());
    let known = format.time_unit.or_else(|| clock::unit_of_name(column)).or_else(|| clock::since_1970(times));
    let unit = known.unwrap_or(TimeUnit::Seconds);
    if known.is_none() {
        notes.push(RecordingNote::TimeUnitAssumed { column: column.to_owned(), unit });
    }
    unit
}

impl Draft {
    /// Interpolates the missing values of the samples, which are sorted by time. Returns the number of missing values.
    pub fn fill(&mut self, channels: &[String]) -> Result<usize> {
        let times = Some(self.times.as_slice()).filter(|times| !times.is_empty());
        fill::missing(&mut self.recording.values, channels.len(), times).map_err(|channel| {
            let (path, line) = (self.path.clone(), self.first_line());
            let (id, channel) = (self.recording.id.clone(), channels[channel].clone());
            RecordingError::EmptyChannel { path, line, id, channel }.into()
        })
    }

    /// Returns the line number of the first row of the recording.
    pub fn first_line(&self) -> usize {
        self.lines.iter().copied().min().unwrap_or_default()
    }
}

/// Returns the identifier of a recording: the fields of its identifier columns, joined by `/`.
fn joined(fields: &[&str]) -> String {
    match fields {
        [field] => (*field).to_owned(),
        fields => fields.iter().map(|field| field.replace('/', "\\/")).collect::<Vec<_>>().join("/"),
    }
}

/// Returns a value in single precision; `None` if the value is too large for single precision.
fn in_range(value: f64) -> Option<f32> {
    let single = value as f32;
    (single.is_finite() || value.is_nan()).then_some(single)
}
