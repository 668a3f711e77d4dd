//! The trained model, [`Recognizer`].

use std::collections::BTreeMap;
use std::f32::consts::TAU;
use std::sync::OnceLock;

use burn::tensor::Device;
use inference::dynamic::AnyStreaming;
use inference::settings::Count;
use inference::{Package, PackageError, PredictError, Predictor, Schemas, Streaming, by_length, largest};

use crate::features::{self, LARGEST};
use crate::live::{Live, PreparedNetwork};
use crate::model::{Batch, Network, WEIGHT_NAMES};
use crate::prediction::{Options, Prediction, Reading, Sequence};
use crate::settings::Settings;

/// The largest number of windows (whole sequences, or parts of long sequences) in a batch.
pub const BATCH: usize = 64;
/// The largest number of values in a batch of several windows. It limits the memory for batches of videos.
const MAX_VALUES: usize = 1 << 22;
/// The number of samples of [`Predictor::example`].
const EXAMPLE: usize = 50;
/// The number of images of [`Predictor::example`], if the model reads videos.
const IMAGES: usize = 6;

/// A trained model that recognises the class of a multichannel series.
#[derive(Debug)]
pub struct Recognizer {
    network: Network,
    settings: Settings,
    device: Device,
    /// The copy of the network for streams, whose weights are stored in the order in which a step reads them. The copy
    /// is made when the first stream starts.
    prepared: OnceLock<PreparedNetwork>,
}

impl Predictor for Recognizer {
    const APPLICATION: &'static str = "recognition";
    type Input = Sequence;
    type Options = Options;
    type Output = Prediction;

    fn open(package: &Package<'_>, device: &Device) -> Result<Self, PackageError> {
        let settings = package.checked_settings(Settings::check)?;
        let (features, classes) = (settings.features(), settings.classes.len());
        let init = || settings.model.init(features, classes, device);
        let mut network = package.load_network(settings.model.num_params(features, classes), init, WEIGHT_NAMES)?;
        network.rnn = network.rnn.keep_packed();
        Ok(Self::new(network, settings, device.clone()))
    }

    fn predict(&self, inputs: &[Sequence], _options: &Options) -> Result<Vec<Prediction>, PredictError> {
        let samples: Result<Vec<_>, _> = inputs.iter().map(|input| features::samples(input, &self.settings)).collect();
        let answers = self.probabilities(&samples?).into_iter().map(|(probabilities, windows)| {
            let best = largest(&probabilities);
            Prediction {
                label: self.settings.classes[best].clone(),
                probability: probabilities[best],
                probabilities: self.settings.classes.iter().cloned().zip(probabilities).collect::<BTreeMap<_, _>>(),
                windows,
            }
        });
        Ok(answers.collect())
    }

    /// Returns an artificial sequence: a sine wave in each channel, with 1 period in the first channel, 2 in the
    /// second, and so on. For a model of videos: a video of a square that grows.
    fn example(&self) -> Sequence {
        if let Some(side) = self.settings.video.map(Count::get) {
            let grey = |image: usize, pixel: usize| if (pixel / side).max(pixel % side) <= image { 255.0 } else { 0.0 };
            let image = |image: usize| (0..side * side).map(|pixel| grey(image, pixel)).collect();
            return Sequence::video((0..IMAGES).map(image).collect());
        }
        let wave =
            |turns: usize| (0..EXAMPLE).map(|step| (TAU * (turns * step) as f32 / EXAMPLE as f32).sin()).collect();
        Sequence::new(
            self.settings.channels.iter().enumerate().map(|(channel, name)| (name.as_str(), wave(channel + 1))),
        )
    }

    fn streaming(&self) -> Option<&dyn AnyStreaming> {
        self.check_streaming().is_ok().then_some(self as &dyn AnyStreaming)
    }

    fn schemas(&self) -> Schemas {
        crate::schemas::schemas(&self.settings)
    }
}

/// A sequence whose samples are read one by one.
#[derive(Debug)]
pub struct Session {
    /// All samples, `[samples, values]`.
    samples: Vec<f32>,
    /// The index of the sample to read next.
    next: usize,
    /// The stream that reads the samples.
    live: Live,
}

/// Returns a class after each sample of a sequence: the class of all samples so far. A sequence is not divided into
/// windows: [`Settings::window`] has no effect.
impl Streaming for Recognizer {
    type Session = Session;
    type Piece = Reading;

    fn begin(&self, input: &Sequence, options: &Options) -> Result<Session, PredictError> {
        let samples = features::samples(input, &self.settings)?;
        Ok(Session { samples, next: 0, live: self.live(options)? })
    }

    fn next(&self, session: &mut Session) -> Result<Option<Reading>, PredictError> {
        let Some(sample) = session.samples.chunks_exact(self.settings.values()).nth(session.next) else {
            return Ok(None);
        };
        session.next += 1;
        Ok(Some(session.live.push(self.prepared()?, &self.settings, sample)))
    }
}

impl Recognizer {
    /// Creates a model from its parts. The network must be on `device`, and its sizes must match the settings.
    pub fn new(network: Network, settings: Settings, device: Device) -> Self {
        Self { network, settings, device, prepared: OnceLock::new() }
    }

    /// Returns the settings of the model.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the network of the model.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Sets [`Settings::temperature`], by which the logits are divided before the softmax.
    pub fn set_temperature(&mut self, temperature: f32) {
        self.settings.temperature = temperature;
    }

    /// Starts a stream, whose samples [`push`](Self::push) and [`push_at`](Self::push_at) read.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the model needs whole sequences, because its network is bidirectional or because
    /// it scales whole drawings.
    pub fn live(&self, options: &Options) -> Result<Live, PredictError> {
        Ok(Live::new(self.prepared()?, options.delay))
    }

    /// Reads the next sample of a stream, one value per channel in the order of [`Settings::channels`], at the sampling
    /// rate of the model. The sample of a video is an image: its grey values, row by row. Returns the class of all
    /// samples so far.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the sample does not have one finite value per channel.
    pub fn push(&self, live: &mut Live, sample: &[f32]) -> Result<Reading, PredictError> {
        self.check(sample)?;
        Ok(live.push(self.prepared()?, &self.settings, sample))
    }

    /// Reads the next sample of a stream, which was taken at `time`, in seconds. The samples may come at any rate: the
    /// network reads samples at the rate of the model, which are interpolated from them. Returns the class of all
    /// interpolated samples so far; `None` if the next interpolated sample is due only after `time`. After a pause of
    /// more than 25 sampling intervals of the model, a new sequence starts.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the model has no sampling rate, if the time is not after the time of the last
    /// sample, or if the sample does not have one finite value per channel.
    pub fn push_at(&self, live: &mut Live, time: f64, sample: &[f32]) -> Result<Option<Reading>, PredictError> {
        self.check(sample)?;
        live.push_at(self.prepared()?, &self.settings, time, sample)
    }

    fn check(&self, sample: &[f32]) -> Result<(), PredictError> {
        if let Some(side) = self.settings.video {
            return features::check_image(sample, side.get())
                .map_err(|reason| PredictError::bad_input("sample", reason));
        }
        let values = self.settings.values();
        if sample.len() != values || !sample.iter().all(|value| value.abs() <= LARGEST) {
            let names = self.settings.channels.join(", ");
            let reason =
                format!("a sample needs {values} numbers from -{LARGEST:e} to {LARGEST:e}, for the channels {names}");
            return Err(PredictError::bad_input("sample", reason));
        }
        Ok(())
    }

    /// Checks that the model can read a stream.
    fn check_streaming(&self) -> Result<(), PredictError> {
        if self.settings.drawing.is_some() {
            let reason = "this model scales whole drawings, so it cannot read a stream; use a model that was trained \
                          without data.drawing";
            return Err(PredictError::bad_input("model", reason));
        }
        if self.network.rnn.is_bidirectional() {
            let reason = "this model is bidirectional, so it needs whole sequences and cannot read a stream; use a \
                          model with bidirectional = false";
            return Err(PredictError::bad_input("model", reason));
        }
        Ok(())
    }

    fn prepared(&self) -> Result<&PreparedNetwork, PredictError> {
        self.check_streaming()?;
        Ok(self.prepared.get_or_init(|| PreparedNetwork::new(&self.network)))
    }

    /// Returns, for each sequence, the probabilities of the classes and the number of windows that were read. The
    /// probabilities of several windows are averaged. Each sequence is `[samples, values]`, at the sampling rate of the
    /// model.
    pub fn probabilities<S: AsRef<[f32]>>(&self, sequences: &[S]) -> Vec<(Vec<f32>, usize)> {
        let Settings { classes, features, window, model, temperature, .. } = &self.settings;
        let size = self.settings.values();
        let mut windows = Vec::new(); // the index of the sequence, and the samples of the window
        for (index, samples) in sequences.iter().map(AsRef::as_ref).enumerate() {
            let count = samples.len() / size;
            for start in window.map_or(vec![0], |window| window.starts(count)) {
                let end = window.map_or(count, |window| count.min(start + window.length.get()));
                windows.push((index, &samples[start * size..end * size]));
            }
        }
        let mut answers = vec![(vec![0.0; classes.len()], 0); sequences.len()];
        let longest = windows.iter().map(|(_, samples)| samples.len()).max().unwrap_or(1);
        let size_of_batch = (MAX_VALUES / longest.max(1)).clamp(1, BATCH);
        for indices in by_length(windows.iter().map(|(_, samples)| samples.len()), size_of_batch) {
            let parts: Vec<Vec<f32>> =
                indices.iter().map(|index| features.of_samples(windows[*index].1, size)).collect();
            let parts: Vec<&[f32]> = parts.iter().map(Vec::as_slice).collect();
            let batch = Batch::new(&parts, features.size(size), model.frame.get(), &self.device);
            let logits: Vec<f32> = self.network.infer(batch).into_data().iter::<f32>().collect(); // [B, K]
            for (index, logits) in indices.iter().zip(logits.chunks(classes.len())) {
                let (sum, count) = &mut answers[windows[*index].0];
                sum.iter_mut().zip(softmax(logits, *temperature)).for_each(|(sum, value)| *sum += value);
                *count += 1;
            }
        }
        for (sum, count) in &mut answers {
            sum.iter_mut().for_each(|sum| *sum /= *count as f32);
        }
        answers
    }
}

/// Divides the logits by the temperature, and returns their softmax: the probabilities of the classes.
pub(crate) fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| ((logit - largest) / temperature).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests;
