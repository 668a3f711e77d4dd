//! Loads the recordings of the training, validation and test parts, according to the table `[data]` of a recipe.

use std::path::PathBuf;

use datasets::recordings::{
    RecordingFormat, Recordings, TrainTest, archive, ecg5000, gestures, omniglot, pendigits, ts, video, watch,
};
use inference::settings::{Count, Fraction, Positive};
use serde::{Deserialize, Serialize};
use training::{Fold, LoadContext, Splits, TaskError, TaskResult};

use crate::features::drawing;
use crate::model::MAX_SIDE;
use crate::settings::Window;
use crate::train::augmentation::Augmentation;

/// The table `[data]` of a recipe (the TOML file of a training run), which selects the recordings and their
/// preprocessing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The data set to load.
    pub set: Set,
    /// For the sets `table` and `ts`: the path of the file. For the sets `folder` and `videos`: the path of the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// For the set `ts`: the path of the file with the test part. If absent, a part of `file` is held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_file: Option<PathBuf>,
    /// For the set `table`: the columns that together identify a recording.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id: Vec<String>,
    /// For the set `table`: the column with the class of a recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// For the sets `table` and `folder`: the columns of channels, person and time, and the format of the CSV files.
    #[serde(default)]
    pub format: RecordingFormat,
    /// The number of samples per second to which the recordings are resampled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Positive>,
    /// If set, recordings are drawings of a pen, which are scaled and resampled to this number of points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawing: Option<Count>,
    /// If set, the sequences are videos: the videos of the set `videos`, or drawings that are rendered as videos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<Video>,
    /// Whether the first sample of a sequence is subtracted from all its samples.
    #[serde(default)]
    pub relative: bool,
    /// Whether the network also reads the change of each channel from the previous sample to this sample.
    #[serde(default)]
    pub deltas: bool,
    /// If set, the recordings are divided into windows, which are classified one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// The share of the training part that is held out for validation, from 0 to 1. All recordings of a person are in
    /// the same part, if the data name the persons. The set `gestures` has a separate validation part; for this set,
    /// the share is used only if `fold` is set.
    pub valid: Fraction,
    /// The share of the recordings that is held out as the test part, from 0 to 1. It is used if the data have no
    /// published test part and `fold` is absent. All recordings of a person are in the same part, if the data name the
    /// persons.
    #[serde(default)]
    pub test: Fraction,
    /// The fold that is used as the test part instead of the test part of the data, for cross-validation by person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<Fold>,
    /// The seed of the random choice of the recordings or persons that are held out.
    #[serde(default)]
    pub split_seed: u64,
    /// Random changes of the training sequences.
    #[serde(default)]
    pub augmentation: Augmentation,
    /// The label smoothing: the share of the target probability that is divided equally among all classes.
    #[serde(default)]
    pub label_smoothing: Fraction,
}

/// The channels that are read from the data set Omniglot: the position of the pen, `x` and `y`, and `pen_up`, which is
/// 1 at the last point of a stroke.
const STROKES: [&str; 3] = ["x", "y", "pen_up"];

/// The size of the images (frames) of a video, and the number of images if the video is rendered from a drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Video {
    /// The height and the width of an image in pixels. Images of other sizes are scaled.
    pub side: Count,
    /// The number of images per video, if the videos are rendered from drawings; absent for the data set `videos`, whose
    /// files already contain the images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Count>,
}

/// The data set of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// Pen gestures that the program generates with a fixed seed.
    Gestures,
    /// Pen-based digits (UCI).
    Pendigits,
    /// Japanese vowels of nine men; the class is the speaker (UCI, UEA archive).
    JapaneseVowels,
    /// Four activities with a watch (UEA archive).
    BasicMotions,
    /// Seven shoulder exercises with a watch (Burns et al. 2018).
    WatchExercises,
    /// Characters of five alphabets, with several strokes each (Omniglot).
    Omniglot,
    /// Heartbeats of one person (UCR archive). Only the published training part is used.
    Ecg5000,
    /// The user's own CSV file with the samples of all recordings.
    Table,
    /// The user's own folder, with a folder per class and a CSV file per recording.
    Folder,
    /// The user's own file of time series in the text format `.ts` (UEA archive).
    Ts,
    /// The user's own videos, with a folder per class and a folder of PNG files per video.
    Videos,
}

/// The training, validation or test part.
#[derive(Debug)]
pub struct Part {
    /// The sequences of the part.
    pub examples: Vec<Example>,
}

/// A sequence with its class.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The samples, `[samples, channels]`.
    pub samples: Vec<f32>,
    /// The index of the class; the number of classes if the training part does not have the class.
    pub class: usize,
    /// The index, in this part, of the recording that contains the sequence.
    pub recording: usize,
    /// The person of the recording, if the person is known.
    pub group: Option<String>,
}

impl DataConfig {
    /// Loads the recordings, and divides them into training, validation and test part.
    pub fn load(&self, cx: &mut LoadContext) -> TaskResult<Splits<Recordings>> {
        self.check_files()?;
        let seed = self.split_seed;
        let locator = &cx.locator;
        let (train, test) = match self.set {
            Set::Gestures => {
                let gestures::Gestures { train, valid, test } = gestures::load();
                if self.fold.is_none() {
                    return self.prepared(Splits { train, valid, test }, cx);
                }
                (joined(train, valid)?, Some(test))
            }
            Set::Pendigits => published(pendigits::load(locator)?),
            Set::JapaneseVowels => published(archive::japanese_vowels(locator)?),
            Set::BasicMotions => published(archive::basic_motions(locator)?),
            Set::WatchExercises => (watch::load(locator)?, None),
            Set::Omniglot => (omniglot::load(locator)?.recordings().select(&STROKES.map(str::to_owned))?, None),
            Set::Ecg5000 => (ecg5000::load(locator)?, None),
            Set::Table => {
                let missing =
                    |key| TaskError::setting(key, "the setting is missing; set it to the column with the classes");
                let label = self.label.as_deref().ok_or_else(|| missing("data.label"))?;
                (Recordings::from_csv(&locator.own_file(self.own_path()?), &self.id, Some(label), &self.format)?, None)
            }
            Set::Folder => (Recordings::from_folder(&locator.own_file(self.own_path()?), &self.format)?, None),
            Set::Videos => {
                let missing = || {
                    TaskError::setting(
                        "data.video",
                        "the setting is missing; set data.video to { side = 28 } for images of 28 × 28 pixels",
                    )
                };
                let side = self.video.ok_or_else(missing)?.side.get();
                (Recordings::from_videos(&locator.own_file(self.own_path()?), side)?, None)
            }
            Set::Ts => {
                let test = self.test_file.as_deref().map(|file| ts::read(&locator.own_file(file))).transpose()?;
                (ts::read(&locator.own_file(self.own_path()?))?, test)
            }
        };
        let (rest, test) = match (self.fold, test) {
            (Some(Fold { number, of }), test) => {
                let all = match test {
                    Some(test) => joined(train, test)?,
                    None => train,
                };
                let folds = all.folds(of.get())?;
                let held = folds.get(number.get() - 1).ok_or_else(|| {
                    TaskError::setting(
                        "data.fold",
                        format!(
                            "there are {of} folds, but the number of the fold is {number}; choose a number from 1 to \
                             {of}"
                        ),
                    )
                })?;
                let others: Vec<usize> = folds.iter().filter(|fold| *fold != held).flatten().copied().collect();
                (all.subset(&others), all.subset(held))
            }
            (None, Some(test)) => (train, test),
            (None, None) if self.test.get() > 0.0 => train.hold_out_groups(self.test.get(), seed)?,
            (None, None) => {
                return Err(TaskError::setting(
                    "data.test",
                    "the data have no test part; set data.test to the fraction of the recordings to hold out, such as \
                     0.2",
                ));
            }
        };
        let (train, valid) = rest.hold_out_groups(self.valid.get(), seed.wrapping_add(1))?;
        self.prepared(Splits { train, valid, test }, cx)
    }

    /// Preprocesses the training, validation and test part. All parts keep the channels of the training part, in the
    /// same order. Also resamples the recordings if `rate` is set, reduces drawings to a number of points if `drawing`
    /// is set, and renders drawings as videos if `video.images` is set.
    fn prepared(&self, splits: Splits<Recordings>, cx: &mut LoadContext) -> TaskResult<Splits<Recordings>> {
        let Splits { train, valid, test } = splits;
        let channels = self.channels(&train)?;
        let rendered = self.video.and_then(|video| Some((video.side.get(), video.images?.get())));
        let [train, valid, test] = [train, valid, test].map(|part| -> TaskResult<Recordings> {
            let mut part = part.select(&channels)?;
            if let Some(rate) = self.rate {
                part = part.resample(rate.get())?;
            }
            if let Some(points) = self.drawing {
                for recording in &mut part.recordings {
                    recording.values = drawing(&recording.values, points.get());
                }
            }
            Ok(match rendered {
                Some((side, images)) => video::render(&part, side, images),
                None => part,
            })
        });
        let splits = Splits { train: train?, valid: valid?, test: test? };
        splits.train.notes.iter().for_each(|note| cx.note(&note.to_string()));
        Ok(splits)
    }

    /// Returns the channels of the training part, in the order in which the network reads them. Checks that the
    /// channels fit the settings.
    fn channels(&self, train: &Recordings) -> TaskResult<Vec<String>> {
        let channels = train.channels.clone();
        if !self.augmentation.fits(channels.len()) {
            let count = channels.len();
            let message = format!(
                "the angle is {}, and the data have {count} channels; the angle must be from 0 to 180 degrees, and the \
                 data must have 2 channels or a multiple of 3 channels (x, y, z); correct the angle, or set it to 0",
                self.augmentation.rotation
            );
            return Err(TaskError::setting("data.augmentation.rotation", message));
        }
        if let Some(name) = self.augmentation.mirror.iter().find(|name| !channels.contains(name)) {
            let message = format!("there is no channel `{name}`; the channels are {}", channels.join(", "));
            return Err(TaskError::setting("data.augmentation.mirror", message));
        }
        let is_rendered = self.video.is_some_and(|video| video.images.is_some());
        for (setting, is_set) in [("data.drawing", self.drawing.is_some()), ("data.video", is_rendered)] {
            let pen = ["x", "y"].map(str::to_owned).to_vec();
            if is_set && !(channels.len() == 2 && pen.iter().all(|name| channels.contains(name))) {
                let found = channels.join(", ");
                let message = format!(
                    "the recordings can be drawn only if their channels are exactly x and y, but the channels are {found}; select x and y, or remove this setting"
                );
                return Err(TaskError::setting(setting, message));
            }
            if is_set {
                return Ok(pen);
            }
        }
        Ok(channels)
    }

    fn own_path(&self) -> TaskResult<&std::path::Path> {
        let missing =
            || TaskError::setting("data.file", "the setting is missing; set data.file to the path of your recordings");
        self.file.as_deref().ok_or_else(missing)
    }

    /// Checks that the settings fit the selected data set and `video`. For example, `file` is an error for a built-in
    /// data set.
    fn check_files(&self) -> TaskResult<()> {
        let own = matches!(self.set, Set::Table | Set::Folder | Set::Ts | Set::Videos);
        let table = self.set == Set::Table;
        let rendered = self.video.is_some_and(|video| video.images.is_some());
        let settings = [
            ("data.file", self.file.is_some() && !own),
            ("data.test_file", self.test_file.is_some() && self.set != Set::Ts),
            ("data.id", !self.id.is_empty() && !table),
            ("data.label", self.label.is_some() && !table),
            ("data.video", self.video.is_some() && rendered == (self.set == Set::Videos)),
            ("data.drawing", self.drawing.is_some() && self.video.is_some()),
            ("data.test", self.test.get() > 0.0 && self.set == Set::Gestures),
            ("data.format", self.format != RecordingFormat::default() && !(table || self.set == Set::Folder)),
        ];
        if let Some(side) = self.video.map(|video| video.side).filter(|side| side.get() > MAX_SIDE) {
            let message = format!("{side} is too large; images have at most {MAX_SIDE} × {MAX_SIDE} pixels");
            return Err(TaskError::setting("data.video.side", message));
        }
        let Augmentation { rotation, mirror, .. } = &self.augmentation;
        if self.video.is_some() && (*rotation > 0.0 || !mirror.is_empty()) {
            let message = "videos can be neither rotated nor mirrored; remove rotation and mirror";
            return Err(TaskError::setting("data.augmentation", message));
        }
        match settings.into_iter().find(|(_, wrong)| *wrong) {
            Some((setting, _)) => Err(TaskError::setting(
                setting,
                "the setting cannot be used together with data.set and data.video of this recipe; remove it. In \
                 data.video, set images to render drawings, and leave images out for data.set = \"videos\"",
            )),
            None => Ok(()),
        }
    }

    /// Returns the sequences of a part: its recordings or, with [`window`](Self::window), their windows.
    pub fn examples(&self, part: &Recordings, classes: &[String]) -> Vec<Example> {
        let width = part.channels.len();
        let mut examples = Vec::new();
        for (recording, item) in part.recordings.iter().enumerate() {
            let class = classes.iter().position(|class| *class == item.label).unwrap_or(classes.len());
            let count = item.values.len() / width;
            let starts = self.window.map_or(vec![0], |window| window.starts(count));
            examples.extend(starts.into_iter().map(|start| {
                let end = self.window.map_or(count, |window| count.min(start + window.length.get()));
                let samples = item.values[start * width..end * width].to_vec();
                Example { samples, class, recording, group: item.group.clone() }
            }));
        }
        examples
    }
}

/// Appends the recordings of `other` to the recordings of `one`. Channels are matched by name.
fn joined(mut one: Recordings, other: Recordings) -> TaskResult<Recordings> {
    if one.rate != other.rate {
        let rate = |rate: Option<f64>| rate.map_or("unknown".to_owned(), |rate| rate.to_string());
        let message = format!(
            "data.file and data.test_file have the sampling rates {} and {}; both files need the same sampling rate",
            rate(one.rate),
            rate(other.rate)
        );
        return Err(TaskError::setting("data.test_file", message));
    }
    one.recordings.extend(other.select(&one.channels)?.recordings);
    Ok(one)
}

fn published(TrainTest { train, test }: TrainTest) -> (Recordings, Option<Recordings>) {
    (train, Some(test))
}
