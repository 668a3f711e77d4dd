//! ECG5000: single heartbeats in an electrocardiogram of a patient with heart failure, from the
//! [BIDMC database](https://physionet.org/content/chfdb/), published in the UCR archive of time series.

use std::path::Path;

use super::archive::check_count;
use super::{Recording, RecordingNote, Recordings, texts};
use crate::error::{RecordingError, Result};
use crate::source::{Form, Locator, PublishedFile, Source};

/// The published file with the training part, which [`load`] reads.
pub const SOURCE: Source = Source {
    name: "ECG5000",
    folder: "anomaly",
    files: &[PublishedFile {
        name: "ECG5000_TRAIN.txt",
        sha256: Some("0d96aff193311a6dc6111bf0dbd2f7d2313987fbf7a1da4a383d92563876057b"),
        forms: &[Form::plain("ECG5000_TRAIN.txt"), Form::gzip("ECG5000_TRAIN.txt.gz")],
    }],
    licence: "UCR archive, to be cited; ODC-By",
    citation: "https://www.timeseriesclassification.com/description.php?Dataset=ECG5000",
};

/// The number of values of a heartbeat.
const STEPS: usize = 140;
/// The number of classes.
const CLASSES: u8 = 5;

/// Loads the training part of the data set, which has 500 heartbeats. The 4,500 heartbeats of the test part are not
/// loaded. To evaluate a model, hold out some of the 500 heartbeats; the results are not comparable with results in the
/// literature.
///
/// A heartbeat has 140 steps and the channel `ecg`, scaled to the mean 0 and the standard deviation 1. All heartbeats
/// were resampled to the same length, so the recordings have no sampling rate. The classes are `1` (normal, 292 beats),
/// `2` (177), `3` (10), `4` (19) and `5` (2); classes `2` to `4` are kinds of premature beats, and `5` is unclassified.
/// All beats are of one person.
///
/// # Errors
///
/// The errors of [`Locator::read`], [`RecordingError::RowLength`], [`RecordingError::Value`],
/// [`RecordingError::UnknownLabel`] and [`DataError::Count`](crate::DataError::Count).
pub fn load(locator: &Locator) -> Result<Recordings> {
    let (texts, source) = texts(&SOURCE, locator)?;
    let mut recordings = Vec::new();
    for (path, text) in &texts {
        recordings = parse(path, text)?;
        check_count(path, recordings.len(), 500)?;
    }
    let (channels, notes) = (vec!["ecg".to_owned()], vec![RecordingNote::TrainingPartOnly]);
    Ok(Recordings { channels, rate: None, recordings, notes, source })
}

/// Reads one heartbeat per line: the class and 140 values.
fn parse(path: &Path, text: &str) -> Result<Vec<Recording>> {
    let mut recordings = Vec::new();
    for (text, line) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        if fields.len() != STEPS + 1 {
            let (path, what, found) = (path.to_path_buf(), "numbers", fields.len());
            return Err(RecordingError::RowLength { path, line, what, found, wanted: STEPS + 1 }.into());
        }
        let value = |field: &&str| {
            let value = field.parse().ok().filter(|value: &f32| value.is_finite());
            let wrong = || RecordingError::Value { path: path.to_path_buf(), line, value: (*field).to_owned() };
            value.ok_or_else(|| wrong().into())
        };
        let values = fields[1..].iter().map(value).collect::<Result<_>>()?;
        // The file has the class in scientific notation, such as `1.0000000e+00`.
        let class = (1..=CLASSES).find(|class| fields[0].parse() == Ok(f32::from(*class)));
        let Some(class) = class else {
            let (path, label) = (path.to_path_buf(), fields[0].to_owned());
            let labels = (1..=CLASSES).map(|class| class.to_string()).collect();
            return Err(RecordingError::UnknownLabel { path, line, label, labels }.into());
        };
        let id = (recordings.len() + 1).to_string();
        recordings.push(Recording { id, group: None, label: class.to_string(), values });
    }
    Ok(recordings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataError;

    fn row(class: &str, last: &str) -> String {
        format!("   {class}{}  {last}\n", "  -1.1252183e-01".repeat(STEPS - 1))
    }

    #[test]
    fn beats_are_read() {
        let beats = parse(Path::new("own"), &(row("1.0000000e+00", "2") + "\n" + &row("5", "0"))).unwrap();
        assert_eq!([&beats[0].label, &beats[1].label, &beats[1].id], ["1", "5", "2"]);
        assert_eq!((beats[0].values.len(), beats[0].values[0], beats[0].values[139]), (140, -0.11252183, 2.0));
    }

    #[test]
    fn malformed_lines_are_named() {
        let error = |text: String| match parse(Path::new("own"), &(row("1", "0") + &text)) {
            Err(DataError::Recordings(error)) => error,
            other => panic!("{other:?}"),
        };
        assert!(matches!(error(row("1", "0 1")), RecordingError::RowLength { line: 2, found: 142, wanted: 141, .. }));
        for value in ["x", "inf"] {
            let found = error(row("1", value));
            assert!(matches!(&found, RecordingError::Value { line: 2, value: wrong, .. } if wrong == value), "{found}");
        }
        for class in ["0", "6", "1.5", "normal"] {
            let found = error(row(class, "0"));
            assert!(
                matches!(&found, RecordingError::UnknownLabel { line: 2, label, labels, .. } if label == class && labels.len() == 5)
            );
        }
    }

    #[test]
    fn damaged_files_are_beats_or_errors() {
        test_support::try_damaged((row("1", "0") + &row("2", "1")).as_bytes(), |bytes| {
            for beat in parse(Path::new("own"), &String::from_utf8_lossy(bytes)).into_iter().flatten() {
                assert!(beat.values.len() == STEPS && beat.values.iter().all(|value| value.is_finite()));
            }
        });
    }
}
