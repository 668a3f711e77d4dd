//! Settings of a trained model. The file `manifest.json` of a package (the files of a trained model) contains them.

use std::collections::HashSet;

use inference::settings::Count;
use serde::{Deserialize, Serialize};

use crate::model::NetworkConfig;

/// The settings of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The architecture of the network.
    pub model: NetworkConfig,
    /// The names of the channels, in the order in which the network reads them. A video has no channels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// If the sequences are videos: the side of the square images in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<Count>,
    /// The names of the classes, in the order of the logits.
    pub classes: Vec<String>,
    /// The number of samples per second that the network reads; `None` if the data have no sampling rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// The number of points to which a drawing is reduced; `None` to read all samples: see
    /// [`drawing`](crate::features::drawing).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawing: Option<Count>,
    /// How samples are converted to features.
    pub features: Features,
    /// The windows into which a long sequence is divided. The probabilities of its windows are averaged. `None` to
    /// classify whole sequences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// The number by which the logits are divided before the softmax. Training chooses it on the validation part, so
    /// that probabilities are calibrated ([Guo et al. 2017](https://arxiv.org/abs/1706.04599)).
    pub temperature: f32,
}

impl Settings {
    /// Returns the number of values per sample: one per channel, or one per pixel of an image.
    pub fn values(&self) -> usize {
        self.video.map_or(self.channels.len(), |side| side.get() * side.get())
    }

    /// Returns the number of features per sample.
    pub fn features(&self) -> usize {
        self.features.size(self.values())
    }

    /// Checks that the settings are valid, and that they fit each other.
    ///
    /// # Errors
    ///
    /// A message that names the setting and its value.
    pub fn check(&self) -> Result<(), String> {
        let Self { channels, classes, rate, features, temperature, .. } = self;
        if channels.is_empty() && self.video.is_none() {
            return Err("there are no channels; a model needs at least 1 channel, unless it reads videos".to_owned());
        }
        if self.video.is_some() && !channels.is_empty() {
            return Err(format!("there are {} channels; a model of videos must have no channels", channels.len()));
        }
        if classes.len() < 2 {
            return Err(format!("there are {} classes; at least 2 are needed", classes.len()));
        }
        self.model.check_images(self.video)?;
        if self.video.is_some() && (features.relative || features.deltas) {
            return Err(
                "features.relative and features.deltas cannot be used with videos; set both to false".to_owned()
            );
        }
        if self.drawing.is_some() && channels.len() != 2 {
            return Err(format!(
                "there are {} channels, but a model of drawings must have exactly 2, x and y",
                channels.len()
            ));
        }
        for (names, what) in [(channels, "channel"), (classes, "class")] {
            let mut seen = HashSet::new();
            if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
                return Err(format!("the {what} `{name}` is listed twice"));
            }
        }
        let [means, deviations] = [&features.mean, &features.deviation].map(Vec::len);
        // All pixels of a video have one mean and one standard deviation.
        let size = if self.video.is_some() { 1 } else { self.features() };
        if means != size || deviations != size {
            return Err(format!(
                "features.mean has {means} numbers and features.deviation has {deviations}, but each needs {size}"
            ));
        }
        let is_valid = |mean: f32, deviation: f32| mean.is_finite() && deviation.is_normal() && deviation > 0.0;
        let mut pairs = features.mean.iter().zip(&features.deviation);
        if let Some((mean, deviation)) = pairs.find(|(mean, deviation)| !is_valid(**mean, **deviation)) {
            return Err(format!(
                "a feature has the mean {mean} and the standard deviation {deviation}; both must be finite, and \
                 the standard deviation must be above 0"
            ));
        }
        if !(temperature.is_finite() && *temperature > 0.0) {
            return Err(format!("temperature = {temperature}, but must be a finite number above 0"));
        }
        match rate {
            Some(rate) if !(*rate > 0.0 && *rate <= MAX_RATE) => {
                Err(format!("rate = {rate}, but must be above 0 and at most {MAX_RATE} samples per second"))
            }
            _ => Ok(()),
        }
    }
}

/// How samples are converted to features.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Features {
    /// Whether the first sample of the sequence is subtracted from all samples.
    #[serde(default)]
    pub relative: bool,
    /// Whether the network also reads the change of each channel from the previous sample to this sample.
    pub deltas: bool,
    /// The mean of each feature over the training part: first the means of the channels, then the means of the
    /// differences.
    pub mean: Vec<f32>,
    /// The standard deviation of each feature over the training part.
    pub deviation: Vec<f32>,
}

/// The largest sampling rate in samples per second.
const MAX_RATE: f64 = 1e6;

/// The length and the step of the windows into which a long sequence is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The number of samples of a window.
    pub length: Count,
    /// The number of samples from the start of a window to the start of the next one.
    pub step: Count,
}

impl Window {
    /// Returns the index of the first sample of each window, for a sequence of `samples` samples. The last window ends
    /// with the sequence. A sequence that is not longer than a window is one window.
    pub fn starts(self, samples: usize) -> Vec<usize> {
        let last = samples.saturating_sub(self.length.get());
        let mut starts: Vec<usize> = (0..last).step_by(self.step.get()).collect();
        starts.push(last);
        starts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_whole_sequence() {
        let window = Window { length: 4u64.try_into().unwrap(), step: 3u64.try_into().unwrap() };
        assert_eq!(window.starts(2), [0]);
        assert_eq!(window.starts(4), [0]);
        assert_eq!(window.starts(5), [0, 1]);
        assert_eq!(window.starts(10), [0, 3, 6]);
        assert_eq!(window.starts(11), [0, 3, 6, 7]);
    }
}
