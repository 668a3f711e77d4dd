//! Data sets of the UEA archive of multivariate time series ([Bagnall et al. 2018](https://arxiv.org/abs/1811.00075)),
//! in their published training and test parts.
//!
//! Download the files from <https://www.timeseriesclassification.com>, and put them into the subfolder `motion` of a
//! folder that the [`Locator`] searches.

use std::path::Path;

use super::{Recordings, TrainTest, texts, ts};
use crate::error::{DataError, Result};
use crate::source::{Form, Locator, PublishedFile, Source};

/// Describes one part of a data set: a `.ts` file.
macro_rules! part {
    ($name:literal, $sha256:literal) => {
        PublishedFile {
            name: $name,
            sha256: Some($sha256),
            forms: &[Form::plain($name), Form::gzip(concat!($name, ".gz"))],
        }
    };
}

/// The published files that [`basic_motions`] loads.
pub const BASIC_MOTIONS: Source = Source {
    name: "BasicMotions",
    folder: "motion",
    files: &[
        part!("BasicMotions_TRAIN.ts", "8dc43cc6306cb679c888c01e26f91772ac4441a916da43bac8b79734a538b9d6"),
        part!("BasicMotions_TEST.ts", "79213102bc6fca1a398ad98ce1185dff0208fa3d1465e687f48288946b0ff8dc"),
    ],
    licence: "UEA archive, to be cited",
    citation: "https://www.timeseriesclassification.com/description.php?Dataset=BasicMotions",
};

/// The published files that [`japanese_vowels`] loads.
pub const JAPANESE_VOWELS: Source = Source {
    name: "JapaneseVowels",
    folder: "motion",
    files: &[
        part!("JapaneseVowels_TRAIN.ts", "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd"),
        part!("JapaneseVowels_TEST.ts", "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462"),
    ],
    licence: "CC BY 4.0",
    citation: "https://archive.ics.uci.edu/dataset/128/japanese+vowels",
};

/// Loads BasicMotions: 40 training and 40 test recordings of a smart watch while its wearer stands, walks, runs or
/// plays badminton (`Standing`, `Walking`, `Running`, `Badminton`).
///
/// Each recording has 100 steps at 10 Hz and six channels: the acceleration along three axes (`ax`, `ay`, `az`) and the
/// angular rate about them (`wx`, `wy`, `wz`). The recordings are from four students. The files do not say which
/// student wore the watch, so the same person may be in the training part and in the test part.
pub fn basic_motions(locator: &Locator) -> Result<TrainTest> {
    let channels = ["ax", "ay", "az", "wx", "wy", "wz"].map(str::to_owned).to_vec();
    published(&BASIC_MOTIONS, locator, [40, 40], channels, 10.0)
}

/// Loads JapaneseVowels: 270 training and 370 test recordings. In each recording, one of nine men says the Japanese
/// vowels "a" and "e" one after the other. The class is the speaker, `1` to `9`.
///
/// Each recording has 7 to 29 steps. A step is a frame of 25.6 ms, with one frame every 6.4 ms (156.25 Hz). The 12
/// channels are the cepstrum coefficients of a linear prediction of the frame (`c1` to `c12`).
pub fn japanese_vowels(locator: &Locator) -> Result<TrainTest> {
    let channels = (1..=12).map(|number| format!("c{number}")).collect();
    published(&JAPANESE_VOWELS, locator, [270, 370], channels, 156.25)
}

fn published(
    source: &Source,
    locator: &Locator,
    counts: [usize; 2],
    channels: Vec<String>,
    rate: f64,
) -> Result<TrainTest> {
    let (texts, description) = texts(source, locator)?;
    let mut parts = Vec::with_capacity(2);
    for (((path, text), part), wanted) in texts.iter().zip(["train", "test"]).zip(counts) {
        let mut recordings = ts::parse(path, text)?;
        check_count(path, recordings.recordings.len(), wanted)?;
        recordings.recordings.iter_mut().for_each(|recording| recording.id = format!("{part}/{}", recording.id));
        parts.push(Recordings {
            channels: channels.clone(),
            rate: Some(rate),
            source: description.clone(),
            ..recordings
        });
    }
    let mut parts = parts.into_iter();
    let mut next = || parts.next().unwrap_or_default();
    Ok(TrainTest { train: next(), test: next() })
}

/// Returns [`DataError::Count`] if the number of recordings in a file is not the published number `wanted`.
pub(super) fn check_count(path: &Path, found: usize, wanted: usize) -> Result<()> {
    match found == wanted {
        true => Ok(()),
        false => Err(DataError::Count { path: path.to_path_buf(), what: "recordings".to_owned(), found, wanted }),
    }
}
