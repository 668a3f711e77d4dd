//! Exercises of the shoulder, recorded by a watch at the wrist
//! ([Burns et al. 2018](https://doi.org/10.1088/1361-6579/aacfd9)).

use super::archive::check_count;
use super::{RecordingFormat, Recordings, texts};
use crate::error::Result;
use crate::source::{Form, Locator, PublishedFile, Source};

/// The CSV file with the recordings, from the Python package seglearn.
pub const SOURCE: Source = Source {
    name: "the wrist exercises",
    folder: "motion",
    files: &[PublishedFile {
        name: "watch-exercises.csv",
        sha256: Some("e9a2a6261d8786d465e889d3ec3a623c6fcb3da331e723ed4a29f69710291400"),
        forms: &[Form::plain("watch-exercises.csv"), Form::gzip("watch-exercises.csv.gz")],
    }],
    licence: "BSD-3-Clause",
    citation: "https://doi.org/10.1088/1361-6579/aacfd9",
};

/// The number of samples per second.
const RATE: f64 = 50.0;

/// Loads 140 recordings of 947 to 2,618 steps at 50 Hz: one recording for each combination of person (ten), exercise
/// (seven) and arm (two). The person, `1` to `10`, is the [group](super::Recording::group).
///
/// The classes are pendulum (`PEN`), abduction (`ABD`), forward elevation (`FEL`), internal and external rotation with
/// an elastic band (`IR`, `ER`), trapezius extension (`TRAP`) and upright row (`ROW`). The channels are the
/// acceleration in g (`ax`, `ay`, `az`) and the angular rate in rad/s (`wx`, `wy`, `wz`).
///
/// A recording has many repetitions of the exercise. Cut it into [windows](Recordings::windows) of a few seconds, and
/// split the windows by person, because windows of one person are similar.
pub fn load(locator: &Locator) -> Result<Recordings> {
    let (texts, source) = texts(&SOURCE, locator)?;
    let channels = ["ax", "ay", "az", "wx", "wy", "wz"].map(str::to_owned).to_vec();
    let format =
        RecordingFormat { channels, group: Some("subject".to_owned()), rate: Some(RATE), ..Default::default() };
    let mut recordings = Recordings::default();
    for (path, text) in &texts {
        recordings = Recordings::from_csv_text(path, text, &["recording".to_owned()], Some("exercise"), &format)?;
        check_count(path, recordings.recordings.len(), 140)?;
    }
    Ok(Recordings { source, ..recordings })
}
