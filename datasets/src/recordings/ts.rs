//! Time series in the text format `.ts` of the UEA archive ([Bagnall et al. 2018](https://arxiv.org/abs/1811.00075)).
//!
//! A header specifies the number of channels and the classes. Each line below `@data` is a recording: the values of the
//! first channel, of the second channel and so on, and the class label.
//!
//! ```text
//! @problemName Steps
//! @timeStamps false
//! @univariate false
//! @dimensions 2
//! @classLabel true walk run
//! @data
//! 0.1,0.2,?,0.3:1.5,1.25,1,0.5:walk
//! 0.4,0.1:0,-2:run
//! ```

use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Recording, RecordingNote, Recordings, fill};
use crate::error::{DataError, RecordingError, Result};
use crate::source::described;
use crate::text_file;

/// Reads a `.ts` file in [any usual encoding](crate::text_file), which may be compressed with gzip or zstd.
///
/// The recordings may have different lengths. Missing values (`?` or `NaN`) are interpolated, and a [`RecordingNote`]
/// reports their number. The file has no names for the channels, so they are called `dim_0`, `dim_1` and so on, as in
/// other readers of the format. The sampling rate is unknown.
///
/// # Errors
///
/// [`DataError::Io`], [`DataError::Unpack`], [`DataError::NotText`], and the errors of [`parse`].
pub fn read(path: &Path) -> Result<Recordings> {
    let bytes = text_file::read(path)?;
    let mut recordings = parse(path, &text_file::text(&bytes, path)?)?;
    recordings.source = described(path, "SHA-256", &Sha256::digest(&bytes));
    recordings.note_single_members();
    Ok(recordings)
}

/// Reads the recordings of a text in the format `.ts`, as [`read`] does. `path` appears in the error messages, and
/// [`Recordings::source`] is empty.
///
/// # Errors
///
/// [`RecordingError::Header`] if the header says that the file has time stamps or lacks classes, or if the line `@data`
/// is missing,
/// [`RecordingError::RowLength`] for a recording with another number of channels or steps than the header specifies,
/// [`RecordingError::UnequalChannels`], [`RecordingError::Value`], [`RecordingError::UnknownLabel`],
/// [`RecordingError::EmptyChannel`] for a channel without any value, and [`DataError::Empty`].
pub fn parse(path: &Path, text: &str) -> Result<Recordings> {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty());
    let mut header = Header::read(path, &mut lines)?;
    let (mut recordings, mut values, mut incomplete) = (Vec::new(), 0, 0);
    for (line, text) in lines.filter(|(_, line)| !line.starts_with('#')) {
        let (recording, filled) = header.recording(path, line, text, recordings.len() + 1)?;
        values += filled;
        incomplete += usize::from(filled > 0);
        recordings.push(recording);
    }
    if recordings.is_empty() {
        return Err(DataError::Empty { path: path.to_path_buf(), what: "recordings" });
    }
    let notes = (values > 0).then_some(RecordingNote::MissingValues { values, recordings: incomplete });
    let channels = (0..header.channels.unwrap_or(0)).map(name).collect();
    Ok(Recordings { channels, recordings, notes: notes.into_iter().collect(), ..Recordings::default() })
}

fn name(channel: usize) -> String {
    format!("dim_{channel}")
}

/// The properties of the recordings that the file header specifies.
#[derive(Default)]
struct Header {
    /// The number of channels. `None` if the header does not specify it; the first recording then sets it.
    channels: Option<usize>,
    /// The number of steps of each recording; `None` if the header has no line `@seriesLength`.
    steps: Option<usize>,
    /// Whether all recordings have the same length; `None` if the header has no line `@equalLength`.
    is_equal: Option<bool>,
    /// The classes. The list is empty if the header says that there are classes but does not list them. `None` if the
    /// header has no line `@classLabel true`.
    labels: Option<Vec<String>>,
}

impl Header {
    /// Reads the header lines up to and including `@data`.
    fn read<'a>(path: &Path, lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<Self> {
        let mut header = Self::default();
        let mut last = 1;
        for (line, text) in lines.filter(|(_, line)| !line.starts_with('#')) {
            last = line;
            let mut words = text.split_whitespace();
            let tag = words.next().unwrap_or_default().to_ascii_lowercase();
            if tag == "@data" {
                return match header.labels {
                    Some(_) => Ok(header),
                    None => Err(wrong(
                        path,
                        line,
                        "the line `@classLabel true` is missing",
                        "add the line `@classLabel true NAME1 NAME2 …`, with the names of the classes, before `@data`",
                    )),
                };
            }
            header.add(&tag, &words.collect::<Vec<_>>()).map_err(|advice| wrong(path, line, text, advice))?;
        }
        Err(wrong(path, last, "the file ends without `@data`", "use a complete file in the format .ts"))
    }

    /// Reads the setting in a header line. `tag` is the first word of the line in lower case, and `words` are the other
    /// words. If the setting is not supported, returns advice for the user as the error.
    fn add(&mut self, tag: &str, words: &[&str]) -> std::result::Result<(), &'static str> {
        const COUNT: &str = "write a whole number above 0";
        let is_true = words.first().is_some_and(|word| word.eq_ignore_ascii_case("true"));
        let count = || words.first().and_then(|word| word.parse().ok()).filter(|count| *count > 0).ok_or(COUNT);
        match tag {
            "@timestamps" if is_true => {
                return Err("use a file without time stamps, because only equal time steps are supported");
            }
            "@univariate" if is_true => self.channels = Some(1),
            "@dimensions" | "@dimension" => self.channels = Some(count()?),
            "@equallength" => self.is_equal = Some(is_true),
            "@serieslength" => self.steps = Some(count()?),
            "@classlabel" if is_true => self.labels = Some(words[1..].iter().map(|word| (*word).to_owned()).collect()),
            "@classlabel" | "@targetlabel" => {
                return Err("use a file with class labels, because only classification is supported");
            }
            _ if !tag.starts_with('@') => return Err("put `@data` before the first recording"),
            _ => {}
        }
        Ok(())
    }

    /// Reads the recording in a line of the file. `number` becomes its identifier. Returns the recording, and the
    /// number of missing values that were interpolated.
    fn recording(&mut self, path: &Path, line: usize, text: &str, number: usize) -> Result<(Recording, usize)> {
        let path_buf = || path.to_path_buf();
        let (series, label) = text.rsplit_once(':').map_or(("", text), |(series, label)| (series, label.trim()));
        let channels: Vec<&str> = series.split(':').filter(|_| !series.is_empty()).collect();
        let wanted = *self.channels.get_or_insert(channels.len().max(1));
        if channels.len() != wanted {
            let (what, found) = ("channels", channels.len());
            return Err(RecordingError::RowLength { path: path_buf(), line, what, found, wanted }.into());
        }
        if let Some(labels) = self.labels.as_ref().filter(|labels| !labels.iter().any(|known| known == label))
            && (!labels.is_empty() || label.is_empty())
        {
            let (label, labels) = (label.to_owned(), labels.clone());
            return Err(RecordingError::UnknownLabel { path: path_buf(), line, label, labels }.into());
        }
        let channels = channels.iter().map(|texts| values(path, line, texts)).collect::<Result<Vec<_>>>()?;
        let steps = channels[0].len();
        if let Some((place, other)) = channels.iter().enumerate().find(|(_, values)| values.len() != steps) {
            let (channel, found) = (name(place), other.len());
            return Err(
                RecordingError::UnequalChannels { path: path_buf(), line, channel, found, wanted: steps }.into()
            );
        }
        if let Some(wanted) = self.steps.filter(|wanted| self.is_equal == Some(true) && *wanted != steps) {
            let (what, found) = ("values in a channel", steps);
            return Err(RecordingError::RowLength { path: path_buf(), line, what, found, wanted }.into());
        }
        let mut values: Vec<f32> = (0..steps).flat_map(|step| channels.iter().map(move |all| all[step])).collect();
        let id = number.to_string();
        let filled = fill::missing(&mut values, wanted, None).map_err(|channel| RecordingError::EmptyChannel {
            path: path_buf(),
            line,
            id: id.clone(),
            channel: name(channel),
        })?;
        Ok((Recording { id, group: None, label: label.to_owned(), values }, filled))
    }
}

/// Parses the values of a channel, which are separated by commas. A missing value is NaN.
fn values(path: &Path, line: usize, texts: &str) -> Result<Vec<f32>> {
    let value = |text: &str| match text.trim() {
        "?" => Some(f32::NAN),
        text if text.eq_ignore_ascii_case("nan") => Some(f32::NAN),
        text => text.parse().ok().filter(|value: &f32| value.is_finite()),
    };
    let wrong = |text: &str| RecordingError::Value { path: path.to_path_buf(), line, value: text.trim().to_owned() };
    texts.split(',').map(|text| value(text).ok_or_else(|| wrong(text).into())).collect()
}

fn wrong(path: &Path, line: usize, found: &str, advice: &'static str) -> DataError {
    RecordingError::Header { path: path.to_path_buf(), line, found: found.to_owned(), advice }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: &str = "\u{feff}# A comment\r\n@problemName Steps\r\n@timeStamps false\n@univariate false\n\
        @dimensions 2\n@equalLength false\n@classLabel true walk run\n\n@data\n\
        0.1,?,?,0.4:NaN,1.25,1,? : walk\n# another\n0.4,1e-1:0,-2:run\n";

    fn read(text: &str) -> Result<Recordings> {
        parse(Path::new("own.ts"), text)
    }

    fn error(text: &str) -> RecordingError {
        match read(text) {
            Err(DataError::Recordings(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn recordings_of_several_lengths_are_read_and_gaps_are_filled() {
        let steps = read(STEPS).unwrap();
        assert_eq!(
            (steps.channels.join(" "), steps.classes()),
            ("dim_0 dim_1".to_owned(), vec!["run".into(), "walk".into()])
        );
        let [walk, run] = &steps.recordings[..] else { panic!() };
        let expected = [[0.1, 1.25], [0.2, 1.25], [0.3, 1.0], [0.4, 1.0]];
        assert!(
            walk.values.iter().zip(expected.as_flattened()).all(|(value, expected)| (value - expected).abs() < 1e-6)
        );
        assert_eq!((&run.values[..], &run.label[..], &run.id[..]), (&[0.4, 0.0, 0.1, -2.0][..], "run", "2"));
        assert_eq!([steps.steps(walk), steps.steps(run)], [4, 2]);
        assert_eq!(steps.notes, [RecordingNote::MissingValues { values: 4, recordings: 1 }]);
    }

    #[test]
    fn a_univariate_file_needs_no_number_of_channels() {
        let text =
            "@univariate true\n@equalLength true\n@seriesLength 3\n@classLabel true\n@data\n1,2,3:a b\n4,5,6:c\n";
        let one = read(text).unwrap();
        assert_eq!((one.channels.len(), one.recordings[0].label.as_str()), (1, "a b"));
        assert!(matches!(
            error(&text.replace("4,5", "4")),
            RecordingError::RowLength { line: 7, what: "values in a channel", found: 2, wanted: 3, .. }
        ));
    }

    #[test]
    fn files_of_another_kind_are_refused() {
        for (old, new, line) in [
            ("@timeStamps false", "@timestamps true", 3),
            ("@dimensions 2", "@dimensions none", 5),
            ("@dimensions 2", "@dimension 0", 5),
            ("@classLabel true walk run", "@classLabel false", 7),
            ("@classLabel true walk run", "@targetLabel true", 7),
            ("@classLabel true walk run", "", 9),
            ("@data\n", "", 9),
            ("@data", "@date", 10),
        ] {
            let found = error(&STEPS.replace(old, new));
            assert!(matches!(&found, RecordingError::Header { line: at, .. } if *at == line), "{new}: {found}");
        }
        let ended = error(STEPS.split("@data").next().unwrap());
        assert!(matches!(ended, RecordingError::Header { line: 7, .. }), "{ended}");
        let empty = read(&format!("{}@data\n# nothing", STEPS.split("@data").next().unwrap())).unwrap_err();
        assert!(matches!(empty, DataError::Empty { what: "recordings", .. }), "{empty}");
    }

    #[test]
    fn malformed_recordings_are_named() {
        let with = |row: &str| error(&format!("{STEPS}{row}"));
        for (row, count) in [("1,2:run", 1), ("run", 0), ("1:2:3:run", 3)] {
            let found = with(row);
            assert!(
                matches!(found, RecordingError::RowLength { line: 13, what: "channels", found, wanted: 2, .. } if found == count)
            );
        }
        let found = with("1,2:1,2,3:run");
        assert!(
            matches!(&found, RecordingError::UnequalChannels { line: 13, channel, found: 3, wanted: 2, .. } if channel == "dim_1")
        );
        for value in ["x", "", "inf", "1e99"] {
            let found = with(&format!("1,{value}:1,2:run"));
            assert!(
                matches!(&found, RecordingError::Value { line: 13, value: wrong, .. } if wrong == value),
                "{found}"
            );
        }
        for label in ["jump", ""] {
            let found = with(&format!("1,2:1,2:{label}"));
            assert!(
                matches!(&found, RecordingError::UnknownLabel { line: 13, label: wrong, .. } if wrong == label),
                "{found}"
            );
        }
        let found = with("1,2:?,?:run");
        assert!(
            matches!(&found, RecordingError::EmptyChannel { line: 13, channel, .. } if channel == "dim_1"),
            "{found}"
        );
    }

    #[test]
    fn damaged_files_are_recordings_or_errors() {
        test_support::try_damaged(STEPS.as_bytes(), |bytes| {
            if let Ok(found) = read(&String::from_utf8_lossy(bytes)) {
                for recording in &found.recordings {
                    assert_eq!(recording.values.len(), found.steps(recording) * found.channels.len());
                    assert!(recording.values.iter().all(|value| value.is_finite()), "{recording:?}");
                }
            }
        });
    }
}
