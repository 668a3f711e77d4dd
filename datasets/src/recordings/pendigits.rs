//! Pen-based digits ([Alimoglu and Alpaydin 1996](https://archive.ics.uci.edu/dataset/81)): 44 persons wrote the digits
//! 0 to 9 on a tablet.

use std::path::Path;

use super::archive::check_count;
use super::{Recording, Recordings, TrainTest, texts};
use crate::error::{RecordingError, Result};
use crate::source::{Form, Locator, PublishedFile, Source};

/// The published files. Copies of the files differ in the spaces between the numbers, so no checksum of the files is
/// checked. The loader checks the number of recordings (one per handwritten digit) instead.
pub const SOURCE: Source = Source {
    name: "the pen-based digits",
    folder: "handwriting",
    files: &[
        PublishedFile {
            name: "pendigits.tra",
            sha256: None,
            forms: &[
                Form::plain("pendigits.tra")
                    .at("https://archive.ics.uci.edu/ml/machine-learning-databases/pendigits/pendigits.tra"),
                Form::gzip("pendigits.tra.gz"),
            ],
        },
        PublishedFile {
            name: "pendigits.tes",
            sha256: None,
            forms: &[
                Form::plain("pendigits.tes")
                    .at("https://archive.ics.uci.edu/ml/machine-learning-databases/pendigits/pendigits.tes"),
                Form::gzip("pendigits.tes.gz"),
            ],
        },
    ],
    licence: "CC BY 4.0",
    citation: "https://archive.ics.uci.edu/dataset/81/pen+based+recognition+of+handwritten+digits",
};

/// The number of points of a digit.
const STEPS: usize = 8;
/// The largest possible value of a coordinate.
const HIGHEST: f32 = 100.0;

/// Loads the data set: 7,494 training digits of 30 persons and 3,498 test digits of 14 other persons. The files do not
/// say which person wrote a digit, so a validation part cannot be split off by person. A validation part from random
/// digits has the same persons as the training part, and is therefore easier than the test part.
///
/// A digit has 8 points at equal distances along the line of the pen; its channels are `x` and `y`, from 0 to 100, and
/// `y` points up. The points are not equally spaced in time. The classes are `0` to `9`.
///
/// # Errors
///
/// The errors of [`Locator::read`], [`RecordingError::RowLength`], [`RecordingError::Value`],
/// [`RecordingError::UnknownLabel`], and [`DataError::Count`](crate::DataError::Count) for an incomplete copy.
pub fn load(locator: &Locator) -> Result<TrainTest> {
    let (texts, source) = texts(&SOURCE, locator)?;
    let mut parts = Vec::with_capacity(2);
    for (((path, text), part), wanted) in texts.iter().zip(["train", "test"]).zip([7494, 3498]) {
        let recordings = parse(path, text, part)?;
        check_count(path, recordings.len(), wanted)?;
        let channels = ["x", "y"].map(str::to_owned).to_vec();
        parts.push(Recordings { channels, recordings, source: source.clone(), ..Recordings::default() });
    }
    let mut parts = parts.into_iter();
    let mut next = || parts.next().unwrap_or_default();
    Ok(TrainTest { train: next(), test: next() })
}

/// Reads one digit per line: 16 coordinates and the class.
fn parse(path: &Path, text: &str, part: &str) -> Result<Vec<Recording>> {
    let mut recordings = Vec::new();
    for (text, line) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let path = || path.to_path_buf();
        let fields: Vec<&str> = text.split(',').map(str::trim).collect();
        let wanted = 2 * STEPS + 1;
        let Some((label, coordinates)) = fields.split_last().filter(|_| fields.len() == wanted) else {
            let (what, found) = ("numbers", fields.len());
            return Err(RecordingError::RowLength { path: path(), line, what, found, wanted }.into());
        };
        let value = |field: &&str| {
            let value = field.parse().ok().filter(|value: &f32| (0.0..=HIGHEST).contains(value));
            value.ok_or_else(|| RecordingError::Value { path: path(), line, value: (*field).to_owned() }.into())
        };
        let values = coordinates.iter().map(value).collect::<Result<_>>()?;
        if label.len() != 1 || !label.as_bytes()[0].is_ascii_digit() {
            let labels = (0..10).map(|digit| digit.to_string()).collect();
            return Err(RecordingError::UnknownLabel { path: path(), line, label: (*label).to_owned(), labels }.into());
        }
        let id = format!("{part}/{}", recordings.len() + 1);
        recordings.push(Recording { id, group: None, label: (*label).to_owned(), values });
    }
    Ok(recordings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataError;

    const ROWS: &str = " 47,100, 27, 81, 57, 37, 26,  0,  0, 23, 56, 53,100, 90, 40, 98, 8\r\n\
        0,89,27,100,42,75,29,45,15,15,37,0,69,2,100,6,2\n";

    fn error(text: &str) -> RecordingError {
        match parse(Path::new("own"), text, "train") {
            Err(DataError::Recordings(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn digits_are_read_with_and_without_blanks() {
        let digits = parse(Path::new("own"), ROWS, "train").unwrap();
        assert_eq!([&digits[0].label, &digits[1].label], ["8", "2"]);
        assert_eq!((digits[0].values.len(), &digits[0].values[..4]), (16, &[47.0, 100.0, 27.0, 81.0][..]));
        assert_eq!(digits[1].id, "train/2");
    }

    #[test]
    fn malformed_lines_are_named() {
        let short = error(&format!("{ROWS}1,2,3\n"));
        assert!(matches!(short, RecordingError::RowLength { line: 3, found: 3, wanted: 17, .. }), "{short}");
        for wrong in ["101", "-1", "x", "NaN", ""] {
            let found = error(&ROWS.replace("69", wrong));
            assert!(matches!(&found, RecordingError::Value { line: 2, value, .. } if value == wrong), "{found}");
        }
        for wrong in ["10", "a", ""] {
            let found = error(&ROWS.replace("6,2\n", &format!("6,{wrong}")));
            assert!(matches!(&found, RecordingError::UnknownLabel { line: 2, label, .. } if label == wrong), "{found}");
        }
    }

    #[test]
    fn an_incomplete_copy_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["pendigits.tra", "pendigits.tes"] {
            std::fs::write(dir.path().join(name), ROWS).unwrap();
        }
        let found = load(&Locator::new(Some(dir.path()))).unwrap_err();
        assert!(matches!(found, DataError::Count { found: 2, wanted: 7494, .. }), "{found}");
    }

    #[test]
    fn damaged_files_are_digits_or_errors() {
        test_support::try_damaged(ROWS.as_bytes(), |bytes| {
            for digit in parse(Path::new("own"), &String::from_utf8_lossy(bytes), "train").into_iter().flatten() {
                assert!(digit.values.len() == 16 && digit.values.iter().all(|value| (0.0..=100.0).contains(value)));
            }
        });
    }
}
