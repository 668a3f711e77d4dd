//! Reads a stream of samples, and predicts a class after every sample.

use burn::tensor::{Tensor, TensorData};
use inference::PredictError;
use rnn::{AttentionPooling, PreparedDense, PreparedRnn, StepState};

use crate::model::Network;
use crate::prediction::Reading;
use crate::predictor::softmax;
use crate::settings::Settings;

/// A pause of more than this number of sampling intervals starts a new sequence.
const PAUSE: f64 = 25.0;

/// A copy of a network for streams, which reads one frame (the samples of one time step) per call. Its weights are
/// packed, which means stored in the order in which a step reads them.
#[derive(Debug)]
pub(crate) struct PreparedNetwork {
    /// The original network, of which only the image convolutions are used.
    network: Network,
    /// The convolutions over frames, as linear layers.
    convolutions: Vec<PreparedDense>,
    /// The recurrent layers.
    rnn: PreparedRnn,
    /// The two linear layers of attention pooling; `None` for other poolings.
    attention: Option<[PreparedDense; 2]>,
    /// The output layer.
    dense: PreparedDense,
    /// Whether the pooling is [`rnn::Pooling::MaxMean`]. If `false`, and if `attention` is `None`, the pooled vector is
    /// the last output.
    max_mean: bool,
}

impl PreparedNetwork {
    /// Packs the weights of a network that reads in one direction.
    pub fn new(network: &Network) -> Self {
        let pack = |linear: &burn::nn::Linear| {
            let weight = linear.weight.val().transpose(); // [outputs, inputs]
            let bias = linear.bias.as_ref().map(|bias| bias.val());
            let zeros = || burn::tensor::Tensor::zeros([weight.dims()[0]], &weight.device());
            PreparedDense::new(weight.clone(), bias.unwrap_or_else(zeros))
        };
        let attention = network.attention.as_ref();
        Self {
            network: network.clone(),
            convolutions: network.convolutions.iter().map(pack).collect(),
            rnn: network.rnn.prepare(),
            attention: attention.map(|AttentionPooling { key, question, .. }| [pack(key), pack(question)]),
            dense: pack(&network.dense),
            max_mean: network.pooling == rnn::Pooling::MaxMean,
        }
    }

    /// Returns the state before the first frame.
    fn start(&self) -> State {
        let convolutions = vec![Vec::new(); self.convolutions.len()];
        State { convolutions, rnn: self.rnn.zero_state(1), pooled: Pooled::default() }
    }

    /// Applies the image convolutions to a frame, if there are any.
    fn convolve_image(&self, frame: Vec<f32>) -> Vec<f32> {
        if self.network.image_convolutions.is_empty() {
            return frame;
        }
        let shape = [1, 1, frame.len()];
        let image = Tensor::from_data(TensorData::new(frame, shape), &self.network.dense.weight.device());
        self.network.convolve_images(image).into_data().iter::<f32>().collect()
    }

    /// Reads a frame, and returns the logits of the classes for all frames so far.
    fn step(&self, frame: Vec<f32>, state: &mut State) -> Vec<f32> {
        let mut frame = self.convolve_image(frame);
        for (convolution, inputs) in self.convolutions.iter().zip(&mut state.convolutions) {
            // The inputs of the last `kernel` frames; zeros before the first frame.
            inputs.extend_from_slice(&frame);
            let missing = convolution.inputs().saturating_sub(inputs.len());
            inputs.splice(0..0, std::iter::repeat_n(0.0, missing));
            inputs.drain(..inputs.len() - convolution.inputs());
            frame = convolution.forward(inputs);
            frame.iter_mut().for_each(|value| *value = value.max(0.0));
        }
        let output = self.rnn.step(&frame, &mut state.rnn);
        self.dense.forward(&match &self.attention {
            Some([key, question]) => {
                let mut key = key.forward(output);
                key.iter_mut().for_each(|value| *value = value.tanh());
                state.pooled.attend(output, question.forward(&key)[0])
            }
            None if self.max_mean => state.pooled.max_and_mean(output),
            None => output.to_vec(),
        })
    }
}

/// What a network remembers of the frames that it has read.
#[derive(Clone, Debug)]
struct State {
    /// For each convolution: its inputs at the last `kernel` frames, oldest frame first.
    convolutions: Vec<Vec<f32>>,
    /// The recurrent state.
    rnn: StepState,
    /// The sums and maxima for the pooling.
    pooled: Pooled,
}

/// Running sums and maxima of the recurrent outputs of all frames so far, from which the pooled vector is computed.
#[derive(Clone, Debug, Default)]
struct Pooled {
    /// The number of frames.
    count: f32,
    /// The sum of the outputs. With attention, each output has the weight `exp(score − largest score)`.
    sum: Vec<f32>,
    /// The maximum of each output.
    largest: Vec<f32>,
    /// The largest attention score.
    score: f32,
    /// The sum of `exp(score − largest score)` over all frames.
    weight: f32,
}

impl Pooled {
    fn max_and_mean(&mut self, output: &[f32]) -> Vec<f32> {
        if self.sum.is_empty() {
            (self.sum, self.largest) = (vec![0.0; output.len()], vec![f32::NEG_INFINITY; output.len()]);
        }
        self.count += 1.0;
        self.sum.iter_mut().zip(output).for_each(|(sum, value)| *sum += value);
        self.largest.iter_mut().zip(output).for_each(|(largest, value)| *largest = largest.max(*value));
        self.largest.iter().copied().chain(self.sum.iter().map(|sum| sum / self.count)).collect()
    }

    fn attend(&mut self, output: &[f32], score: f32) -> Vec<f32> {
        if self.sum.is_empty() {
            (self.sum, self.score) = (vec![0.0; output.len()], score);
        }
        let largest = self.score.max(score);
        let (old, new) = ((self.score - largest).exp(), (score - largest).exp());
        self.score = largest;
        self.weight = self.weight * old + new;
        self.sum.iter_mut().zip(output).for_each(|(sum, value)| *sum = *sum * old + new * value);
        self.sum.iter().map(|sum| sum / self.weight).collect()
    }
}

/// A stream of samples that is being read: see [`Recognizer::live`](crate::Recognizer::live). Each stream owns its
/// state, so many streams can share one model.
#[derive(Debug)]
pub struct Live {
    /// The state before the current frame.
    state: State,
    /// The features of the samples of the current frame (time step of the network) so far.
    frame: Vec<f32>,
    /// The first sample of the sequence, at the rate of the model.
    first: Option<Vec<f32>>,
    /// The most recent sample, at the rate of the model.
    before: Option<Vec<f32>>,
    /// The last sample that [`push_at`](Self::push_at) has read, without interpolation; empty at the start.
    raw: Vec<f32>,
    /// Two times in seconds: of the sample in `raw`, and of the last interpolated sample at the rate of the model.
    times: Option<[f64; 2]>,
    /// The number of samples so far, at the rate of the model.
    samples: usize,
    /// The delay of the reports: see [`Options::delay`](crate::Options::delay).
    delay: usize,
    /// The most probable class, and the number of consecutive samples at which this class has been the most probable.
    candidate: (usize, usize),
    /// The index of the reported class; `None` before the first report.
    label: Option<usize>,
}

impl Live {
    pub(crate) fn new(network: &PreparedNetwork, delay: usize) -> Self {
        Self {
            state: network.start(),
            frame: Vec::new(),
            first: None,
            before: None,
            raw: Vec::new(),
            times: None,
            samples: 0,
            delay,
            candidate: (0, 0),
            label: None,
        }
    }

    /// Forgets all samples, so that the next sample starts a new sequence.
    fn restart(&mut self, network: &PreparedNetwork) {
        *self = Self::new(network, self.delay);
    }

    /// Reads the next sample, one value per channel, at the sampling rate of the model. Returns the class of all
    /// samples so far.
    pub(crate) fn push(&mut self, network: &PreparedNetwork, settings: &Settings, sample: &[f32]) -> Reading {
        let first = self.first.get_or_insert_with(|| sample.to_vec());
        self.frame.extend(settings.features.of_sample(sample, self.before.as_deref(), first));
        self.before = Some(sample.to_vec());
        self.samples += 1;
        let width = settings.model.frame.get() * settings.features();
        let mut frame = self.frame.clone();
        frame.resize(width, 0.0);
        let mut state = self.state.clone();
        let logits = network.step(frame, &mut state);
        if self.frame.len() == width {
            self.state = state;
            self.frame.clear();
        }
        let probabilities = softmax(&logits, settings.temperature);
        let best = inference::largest(&probabilities);
        self.candidate = match self.candidate {
            (class, count) if count > 0 && class == best => (class, count + 1),
            _ => (best, 1),
        };
        if self.candidate.1 > self.delay {
            self.label = Some(best);
        }
        let label = self.label.map(|label| settings.classes[label].clone());
        Reading { samples: self.samples, label, probability: probabilities[self.label.unwrap_or(best)] }
    }

    /// Reads one sample that was taken at `time`, in seconds. The network reads samples at the rate of the model, which
    /// are interpolated between the previous sample and this sample. Returns the class after the last of these
    /// interpolated samples; `None` if no interpolated sample is due at or before `time`. After a pause, a new sequence
    /// starts.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the model has no sampling rate, or if the time is not after the time of the last
    /// sample.
    pub(crate) fn push_at(
        &mut self,
        network: &PreparedNetwork,
        settings: &Settings,
        time: f64,
        sample: &[f32],
    ) -> Result<Option<Reading>, PredictError> {
        let rate = settings.rate.ok_or_else(|| {
            PredictError::bad_input("time", "the model has no sampling rate; push samples without times")
        })?;
        let Some([last, mut read]) = self.times.filter(|[last, _]| time - last <= PAUSE / rate) else {
            let later = self.times.is_none_or(|[last, _]| time > last);
            if !(time.is_finite() && later) {
                let reason = format!("the time {time} s must be finite and after the time of the last sample");
                return Err(PredictError::bad_input("time", reason));
            }
            self.restart(network);
            self.times = Some([time; 2]);
            self.raw = sample.to_vec();
            return Ok(Some(self.push(network, settings, sample)));
        };
        if !(time.is_finite() && time > last) {
            return Err(PredictError::bad_input(
                "time",
                format!("the time {time} s must be after the time of the last sample, {last} s"),
            ));
        }
        let before = std::mem::take(&mut self.raw);
        let mut reading = None;
        while read + 1.0 / rate <= time + 1e-9 {
            read += 1.0 / rate;
            let share = ((read - last) / (time - last)).clamp(0.0, 1.0) as f32;
            let between: Vec<f32> =
                before.iter().zip(sample).map(|(before, sample)| before + (sample - before) * share).collect();
            reading = Some(self.push(network, settings, &between));
        }
        self.times = Some([time, read]);
        self.raw = sample.to_vec();
        Ok(reading)
    }
}
