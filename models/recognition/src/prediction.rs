//! Input, options and result of a prediction. The types are serialized to JSON on the command line, over HTTP and in
//! the browser.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A multichannel series, or a video.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    /// The samples of each channel, by the name of the channel. All channels have the same number of samples; `null` is
    /// a missing sample, which is interpolated. Channels that the model does not read are ignored.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, Vec<Option<f32>>>,
    /// The number of samples per second. If absent, it is the rate of the model. Samples at another rate are resampled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// For models of videos, instead of channels: the grey values of each image, from 0 (black) to 255 (white), row by
    /// row from the top.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Vec<f32>>,
}

impl Sequence {
    /// Creates a sequence without missing samples.
    pub fn new<'a>(channels: impl IntoIterator<Item = (&'a str, Vec<f32>)>) -> Self {
        let channels = channels.into_iter();
        let channels = channels.map(|(name, samples)| (name.to_owned(), samples.into_iter().map(Some).collect()));
        Self { channels: channels.collect(), ..Self::default() }
    }

    /// Creates a video from the grey values of its images.
    pub fn video(images: Vec<Vec<f32>>) -> Self {
        Self { images, ..Self::default() }
    }
}

/// The options of a prediction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// For streams: a class is reported after it has been the most probable class at `delay + 1` consecutive samples.
    /// With 0, it is reported immediately. A larger delay gives fewer changes of the class.
    pub delay: usize,
}

/// The class of a sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The most probable class.
    pub label: String,
    /// The probability of this class, from 0 to 1.
    pub probability: f32,
    /// The probabilities of all classes. The probabilities sum to 1.
    pub probabilities: BTreeMap<String, f32>,
    /// The number of windows whose probabilities were averaged; 1 if the sequence was read as a whole.
    pub windows: usize,
}

/// The class of the samples of a stream that have been read so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The number of samples that have been read since the start of the sequence.
    pub samples: usize,
    /// The reported class; `None` until a class has been the most probable at [delay](Options::delay) + 1
    /// consecutive samples.
    pub label: Option<String>,
    /// The probability of the reported class. Before the first report: the probability of the most probable class.
    pub probability: f32,
}
