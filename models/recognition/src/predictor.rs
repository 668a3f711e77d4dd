//! The trained model, [`Recognizer`].

use std::collections::BTreeMap;
use std::f32::consts::TAU;
use std::sync::OnceLock;

use burn::tensor::Device;
use inference::dynamic::AnyStreaming;
use inference::{Package, PackageError, PredictError, Predictor, Schemas, Streaming, by_length};

use crate::features::{self, LARGEST};
use crate::live::{Live, PreparedNetwork};
use crate::model::{Batch, Network, WEIGHT_NAMES};
use crate::prediction::{Options, Prediction, Reading, Sequence};
use crate::settings::Settings;

/// The largest number of windows in a batch.
pub const BATCH: usize = 64;
/// The number of samples of [`Predictor::example`].
const EXAMPLE: usize = 50;

/// A trained model that recognises the class of a multichannel series.
#[derive(Debug)]
pub struct Recognizer {
    network: Network,
    settings: Settings,
    device: Device,
    /// The network with packed weights, for streams. They are packed for the first stream.
    prepared: OnceLock<PreparedNetwork>,
}

impl Predictor for Recognizer {
    const APPLICATION: &'static str = "recognition";
    type Input = Sequence;
    type Options = Options;
    type Output = Prediction;

    fn open(package: &Package<'_>, device: &Device) -> Result<Self, PackageError> {
        let settings: Settings = package.settings()?;
        settings.check().map_err(|message| package.invalid_settings(message))?;
        let (features, classes) = (settings.features.size(settings.channels.len()), settings.classes.len());
        package.check_parameters(settings.model.num_params(features, classes))?;
        let mut network = settings.model.init(features, classes, device);
        package.load_weights(&mut network, WEIGHT_NAMES)?;
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

    /// A circle with one more turn per channel.
    fn example(&self) -> Sequence {
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
    samples: Vec<f32>,
    next: usize,
    live: Live,
}

/// Returns the class after each sample of a sequence. Windows are not used: the class is that of all samples so far.
impl Streaming for Recognizer {
    type Session = Session;
    type Piece = Reading;

    fn begin(&self, input: &Sequence, options: &Options) -> Result<Session, PredictError> {
        let samples = features::samples(input, &self.settings)?;
        Ok(Session { samples, next: 0, live: self.live(options)? })
    }

    fn next(&self, session: &mut Session) -> Result<Option<Reading>, PredictError> {
        let channels = self.settings.channels.len();
        let Some(sample) = session.samples.chunks_exact(channels).nth(session.next) else { return Ok(None) };
        session.next += 1;
        Ok(Some(session.live.push(self.prepared()?, &self.settings, sample)))
    }
}

impl Recognizer {
    /// Creates a model from its parts. The network must be on `device`, and its sizes must match the settings.
    pub fn new(network: Network, settings: Settings, device: Device) -> Self {
        Self { network, settings, device, prepared: OnceLock::new() }
    }

    /// The settings of the model.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The network of the model.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Sets [`Settings::temperature`].
    pub fn set_temperature(&mut self, temperature: f32) {
        self.settings.temperature = temperature;
    }

    /// Starts a stream, whose samples [`push`](Self::push) and [`push_at`](Self::push_at) read.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the network reads in both directions, and so needs whole sequences.
    pub fn live(&self, options: &Options) -> Result<Live, PredictError> {
        Ok(Live::new(self.prepared()?, options.delay))
    }

    /// Reads the next sample of a stream, one value per channel in the order of [`Settings::channels`], at the sampling
    /// rate of the model. Returns the class of all samples so far.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the sample does not have one finite value per channel.
    pub fn push(&self, live: &mut Live, sample: &[f32]) -> Result<Reading, PredictError> {
        self.check(sample)?;
        Ok(live.push(self.prepared()?, &self.settings, sample))
    }

    /// Reads the next sample of a stream, which was taken at a time in seconds. The samples may come at any rate: samples
    /// at the rate of the model are interpolated. Returns the class of all samples so far, or `None` if the time of the
    /// model's next sample has not come. After a pause of more than 25 sampling intervals, a new sequence starts.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the model has no sampling rate, if the time is not after that of the last sample, or
    /// if the sample does not have one finite value per channel.
    pub fn push_at(&self, live: &mut Live, time: f64, sample: &[f32]) -> Result<Option<Reading>, PredictError> {
        self.check(sample)?;
        live.push_at(self.prepared()?, &self.settings, time, sample)
    }

    fn check(&self, sample: &[f32]) -> Result<(), PredictError> {
        let channels = self.settings.channels.len();
        if sample.len() != channels || !sample.iter().all(|value| value.abs() <= LARGEST) {
            let names = self.settings.channels.join(", ");
            let reason = format!("a sample needs {channels} numbers up to {LARGEST:e}: {names}");
            return Err(PredictError::bad_input("sample", reason));
        }
        Ok(())
    }

    /// Checks that the model can read a stream.
    fn check_streaming(&self) -> Result<(), PredictError> {
        if self.settings.drawing.is_some() {
            let reason = "this model reads whole drawings, which it scales; take one without drawing";
            return Err(PredictError::bad_input("model", reason));
        }
        if self.network.rnn.is_bidirectional() {
            let reason =
                "this model reads in both directions, so it needs whole sequences; take one with bidirectional = false";
            return Err(PredictError::bad_input("model", reason));
        }
        Ok(())
    }

    fn prepared(&self) -> Result<&PreparedNetwork, PredictError> {
        self.check_streaming()?;
        Ok(self.prepared.get_or_init(|| PreparedNetwork::new(&self.network)))
    }

    /// Computes the probabilities of the classes, and the number of windows, of sequences of samples, each `[samples,
    /// channels]` at the sampling rate of the model. The probabilities of several windows are averaged.
    pub fn probabilities<S: AsRef<[f32]>>(&self, sequences: &[S]) -> Vec<(Vec<f32>, usize)> {
        let Settings { channels, classes, features, window, model, temperature, .. } = &self.settings;
        let size = channels.len();
        let mut windows = Vec::new(); // the index of the sequence, and the samples of the window
        for (index, samples) in sequences.iter().map(AsRef::as_ref).enumerate() {
            let count = samples.len() / size;
            for start in window.map_or(vec![0], |window| window.starts(count)) {
                let end = window.map_or(count, |window| count.min(start + window.length.get()));
                windows.push((index, &samples[start * size..end * size]));
            }
        }
        let mut answers = vec![(vec![0.0; classes.len()], 0); sequences.len()];
        for indices in by_length(windows.iter().map(|(_, samples)| samples.len()), BATCH) {
            let parts: Vec<Vec<f32>> =
                indices.iter().map(|index| features.of_samples(windows[*index].1, size)).collect();
            let parts: Vec<&[f32]> = parts.iter().map(Vec::as_slice).collect();
            let batch = Batch::new(&parts, features.size(size), model.frame.get(), &self.device);
            let logits: Vec<f32> = self.network.forward(batch).into_data().iter::<f32>().collect(); // [B, K]
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

/// The probabilities of logits that are divided by a temperature.
pub(crate) fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| ((logit - largest) / temperature).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// The index of the largest number; the first of equal numbers.
pub(crate) fn largest(numbers: &[f32]) -> usize {
    (0..numbers.len()).reduce(|best, index| if numbers[index] > numbers[best] { index } else { best }).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rnn::Pooling;

    use super::*;
    use crate::model::tests::{POOLINGS, config};
    use crate::settings::Features;

    fn recognizer(pooling: Pooling, bidirectional: bool, convolutions: bool) -> Recognizer {
        let device = Device::flex();
        let model = config(pooling, bidirectional, convolutions);
        let settings = Settings {
            channels: ["x", "y"].map(str::to_owned).to_vec(),
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            rate: Some(20.0),
            features: Features {
                relative: true,
                deltas: true,
                mean: vec![0.1, 0.2, 0.0, 0.0],
                deviation: vec![1.0, 2.0, 0.5, 0.3],
            },
            drawing: None,
            window: None,
            temperature: 0.7,
            model,
        };
        settings.check().unwrap();
        Recognizer::new(settings.model.init(4, 3, &device), settings, device)
    }

    fn wave(steps: usize, rate: f64) -> Vec<[f32; 2]> {
        (0..steps)
            .map(|step| step as f64 / rate)
            .map(|time| [(3.0 * time).sin() as f32, (2.0 * time).cos() as f32])
            .collect()
    }

    fn sequence(samples: &[[f32; 2]]) -> Sequence {
        Sequence::new(
            [0, 1].map(|channel| (["x", "y"][channel], samples.iter().map(|sample| sample[channel]).collect())),
        )
    }

    #[test]
    fn a_stream_gives_the_class_of_all_samples_so_far() {
        for pooling in POOLINGS {
            for convolutions in [false, true] {
                let model = recognizer(pooling, false, convolutions);
                let (mut live, samples) = (model.live(&Options::default()).unwrap(), wave(13, 20.0));
                for (index, sample) in samples.iter().enumerate() {
                    let reading = model.push(&mut live, sample).unwrap();
                    let whole = model.predict_one(sequence(&samples[..=index])).unwrap();
                    assert_eq!((reading.label, reading.samples), (Some(whole.label), index + 1));
                    approx::assert_abs_diff_eq!(reading.probability, whole.probability, epsilon = 1e-6);
                }
                // The interface for servers returns the same classes.
                let mut session = model.begin(&sequence(&samples), &Options::default()).unwrap();
                let mut count = 0;
                while let Some(reading) = model.next(&mut session).unwrap() {
                    count += 1;
                    assert_eq!(reading.samples, count);
                }
                assert_eq!(count, samples.len());
            }
        }
    }

    #[test]
    fn a_stream_may_stall_restart_and_change_its_rate() {
        let model = recognizer(Pooling::MaxMean, false, true);
        let options = Options::default();
        // Twice the rate of the model: every second sample is one of the model's.
        let mut expected = model.live(&options).unwrap();
        let expected: Vec<Reading> =
            wave(10, 20.0).iter().map(|sample| model.push(&mut expected, sample).unwrap()).collect();
        let mut live = model.live(&options).unwrap();
        let timed = wave(19, 40.0).into_iter().enumerate().map(|(step, sample)| (step as f64 / 40.0, sample));
        let readings: Vec<Reading> =
            timed.filter_map(|(time, sample)| model.push_at(&mut live, 5.0 + time, &sample).unwrap()).collect();
        assert_eq!(readings.len(), expected.len());
        for (one, other) in readings.iter().zip(&expected) {
            approx::assert_abs_diff_eq!(one.probability, other.probability, epsilon = 1e-5);
        }
        // Half the rate: two samples of the model per sample. A short stall is interpolated.
        let before = readings.len();
        let time = 5.0 + 18.0 / 40.0;
        let reading = model.push_at(&mut live, time + 0.1, &[0.0, 0.0]).unwrap().unwrap();
        assert_eq!(reading.samples, before + 2);
        let reading = model.push_at(&mut live, time + 0.6, &[0.0, 0.0]).unwrap().unwrap();
        assert_eq!(reading.samples, before + 12);
        // A long pause starts anew; time that goes back is refused.
        assert!(model.push_at(&mut live, time, &[0.0, 0.0]).is_err());
        assert_eq!(model.push_at(&mut live, time + 60.0, &[0.0, 0.0]).unwrap().unwrap().samples, 1);
        assert!(model.push_at(&mut live, f64::NAN, &[0.0, 0.0]).is_err());
        assert!(model.push(&mut live, &[0.0]).is_err() && model.push(&mut live, &[f32::NAN, 0.0]).is_err());
    }

    #[test]
    fn a_class_is_reported_after_the_delay() {
        let model = recognizer(Pooling::Last, false, false);
        let mut live = model.live(&Options { delay: 3 }).unwrap();
        let labels: Vec<_> =
            [[0.5, 0.5]; 6].iter().map(|sample| model.push(&mut live, sample).unwrap().label).collect();
        assert!(labels[..3].iter().all(Option::is_none), "{labels:?}");
    }

    #[test]
    fn channels_are_matched_by_name_and_other_rates_are_resampled() {
        let model = recognizer(Pooling::Attention, true, true);
        assert!(model.streaming().is_none() && model.live(&Options::default()).is_err());
        let samples = wave(21, 20.0);
        let expected = model.predict_one(sequence(&samples)).unwrap();
        let mut more = sequence(&samples);
        more.channels.insert("a".to_owned(), vec![None; 3]);
        assert_eq!(model.predict_one(more).unwrap(), expected);
        let faster = Sequence { rate: Some(40.0), ..sequence(&wave(41, 40.0)) };
        approx::assert_abs_diff_eq!(
            model.predict_one(faster).unwrap().probability,
            expected.probability,
            epsilon = 1e-4
        );

        let of_rate = |rate| Sequence { rate: Some(rate), ..sequence(&samples) };
        let mut sequences = vec![Sequence::default(), of_rate(0.0), of_rate(f64::NAN), of_rate(1e-9)];
        for (name, column) in [("y", vec![Some(1.0)]), ("x", vec![None; 21]), ("y", vec![Some(f32::INFINITY); 21])] {
            let mut wrong = sequence(&samples);
            wrong.channels.insert(name.to_owned(), column);
            sequences.push(wrong);
        }
        for sequence in sequences {
            assert!(matches!(model.predict_one(sequence), Err(PredictError::BadInput { .. })));
        }
    }

    #[test]
    fn windows_of_a_long_sequence_are_averaged() {
        let mut model = recognizer(Pooling::Last, false, false);
        let samples = wave(30, 20.0);
        let whole = model.predict_one(sequence(&samples[..10])).unwrap();
        model.settings.window =
            Some(crate::settings::Window { length: 10u64.try_into().unwrap(), step: 20u64.try_into().unwrap() });
        let cut = model.predict_one(sequence(&samples)).unwrap();
        let last = model.predict_one(sequence(&samples[20..])).unwrap();
        assert_eq!((cut.windows, whole.windows), (2, 1));
        for (class, probability) in cut.probabilities {
            let mean = (whole.probabilities[&class] + last.probabilities[&class]) / 2.0;
            // The first sample of a window has no sample before it, also within a sequence.
            approx::assert_abs_diff_eq!(probability, mean, epsilon = 1e-6);
        }
    }
}
