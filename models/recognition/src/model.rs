//! The network: features → frames → convolutions → recurrent layers → one vector per sequence → one logit per class.
//!
//! ```text
//! features [B, S, F] ─► frames [B, T, n·F] ─► convolutions [B, T, C] ─► locked dropout ─► rnn [B, T, D·H]
//!     ─► locked dropout ─► pooling [B, P] ─► dropout ─► dense [B, K]
//! ```
//!
//! B is the number of sequences, S the number of samples, F the number of features per sample, n the number of samples per
//! frame, T the number of frames, H the hidden size, D the number of directions, and K the number of classes.
//!
//! Without convolutions this is a recurrent classifier; with convolutions it is the CRNN of [Burns et al.
//! 2018](https://doi.org/10.1088/1361-6579/aacfd9). Convolutions read the past only, so that a network with one direction
//! can also read a stream.
//!
//! ```sh
//! cargo run -p recognition -- train --recipe pendigits
//! ```

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use inference::settings::{Count, Fraction};
use inference::weights::WeightNames;
use rnn::{AttentionPooling, Cell, Init, LockedDropout, Pooling, Rnn, RnnConfig, dense};
use serde::{Deserialize, Serialize};

/// The rules that convert the names of the network's weights to PyTorch's names and back.
pub const WEIGHT_NAMES: WeightNames =
    WeightNames { to_pytorch: &rnn::pytorch_names(), from_pytorch: &rnn::from_pytorch_names() };

/// The architecture of the network: the table `[model]` of a recipe, and the field `model` in the settings of a package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// The number of samples that form one time step of the network.
    #[serde(default = "one")]
    pub frame: Count,
    /// The convolutions over the frames, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub convolutions: Vec<Convolution>,
    /// The recurrent cell.
    pub cell: Cell,
    /// The hidden size, H.
    pub hidden_size: Count,
    /// The number of stacked recurrent layers.
    #[serde(default = "one")]
    pub layers: Count,
    /// Whether the network reads in both directions. It can then not read a stream.
    #[serde(default)]
    pub bidirectional: bool,
    /// How the recurrent outputs become one vector.
    pub pooling: Pooling,
    /// The probability of locked dropout, with one mask for all steps, of the inputs of the recurrent layers.
    #[serde(default)]
    pub input_dropout: Fraction,
    /// The probability of dropout of the recurrent outputs (locked, also between layers) and of the pooled vector.
    #[serde(default)]
    pub output_dropout: Fraction,
}

/// The largest number of inputs of the recurrent layers.
const MAX_INPUTS: f64 = 1e6;

fn one() -> Count {
    Count::ONE
}

/// A convolution over frames, followed by a ReLU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convolution {
    /// The number of output features.
    pub features: Count,
    /// The number of frames that an output depends on: its own frame and those before it.
    pub kernel: Count,
}

/// The network that classifies a sequence. The [module documentation](self) shows its layers.
#[derive(Module, Debug)]
pub struct Network {
    /// The convolutions as linear layers, which read the features of `kernel` frames, oldest frame first.
    pub convolutions: Vec<Linear>,
    /// Locked dropout of the inputs of the recurrent layers.
    pub input_dropout: LockedDropout,
    /// The recurrent layers.
    pub rnn: Rnn,
    /// Locked dropout of the recurrent outputs.
    pub output_dropout: LockedDropout,
    /// The attention layer of [`Pooling::Attention`]; `None` for other poolings.
    pub attention: Option<AttentionPooling>,
    /// Dropout of the pooled vector.
    pub dropout: Dropout,
    /// The output layer: one logit per class.
    pub dense: Linear,
    /// How the recurrent outputs become one vector.
    #[module(skip)]
    pub pooling: Pooling,
}

/// A batch of sequences, divided into frames and padded to the longest one.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The features, zero in the padding: `[batch, frames, samples per frame × features]`.
    pub frames: Tensor<3>,
    /// The number of frames of each sequence, at least 1.
    pub lengths: Vec<usize>,
}

impl Batch {
    /// Makes a batch from the features of sequences, each `[samples, features]`. The last frame of a sequence is filled
    /// with zeros.
    pub fn new(sequences: &[&[f32]], features: usize, frame: usize, device: &Device) -> Self {
        let width = frame * features;
        let lengths: Vec<usize> = sequences.iter().map(|sequence| sequence.len().div_ceil(width).max(1)).collect();
        let time = lengths.iter().copied().max().unwrap_or(1);
        let mut values = vec![0.0; sequences.len() * time * width];
        for (row, sequence) in values.chunks_mut(time * width).zip(sequences) {
            row[..sequence.len()].copy_from_slice(sequence);
        }
        let frames = Tensor::from_data(TensorData::new(values, [sequences.len(), time, width]), device);
        Self { frames, lengths }
    }
}

impl NetworkConfig {
    /// Creates the network with random weights, for a number of features per sample and a number of classes.
    pub fn init(&self, features: usize, classes: usize, device: &Device) -> Network {
        let rnn = self.rnn(features).init(device);
        let linear = |inputs: usize, outputs: usize| LinearConfig::new(inputs, outputs).init(device);
        let sizes = self.convolution_sizes(features).into_iter();
        Network {
            convolutions: sizes.map(|(inputs, outputs)| linear(inputs as usize, outputs as usize)).collect(),
            input_dropout: LockedDropout::new(self.input_dropout.get()),
            output_dropout: LockedDropout::new(self.output_dropout.get()),
            attention: self.pooling.attention(rnn.output_size(), device),
            dropout: DropoutConfig::new(self.output_dropout.get()).init(),
            dense: linear(self.pooling.features(rnn.output_size()), classes),
            pooling: self.pooling,
            rnn,
        }
    }

    /// The number of parameters that [`init`](Self::init) creates.
    pub fn num_params(&self, features: usize, classes: usize) -> f64 {
        let linear = |(inputs, outputs): (u64, u64)| (inputs as f64 + 1.0) * outputs as f64;
        let convolutions: f64 = self.convolution_sizes(features).into_iter().map(linear).sum();
        let inputs = self
            .convolutions
            .last()
            .map_or(features as f64 * self.frame.get() as f64, |last| last.features.get() as f64);
        let outputs = self.hidden_size.get() * if self.bidirectional { 2 } else { 1 };
        // Frames with more samples would need more inputs than the recurrent layers can have.
        let rnn = if inputs <= MAX_INPUTS { self.rnn(features).num_params() } else { f64::INFINITY };
        let dense = linear((self.pooling.features(outputs) as u64, classes as u64));
        convolutions + rnn + self.pooling.num_params(outputs) + dense
    }

    /// The number of inputs and outputs of the linear layer of each convolution. With 64 bits, the settings of a damaged
    /// package do not overflow.
    fn convolution_sizes(&self, features: usize) -> Vec<(u64, u64)> {
        let mut inputs = features as u64 * u64::from(self.frame);
        let size = |Convolution { features, kernel }: &Convolution| {
            let sizes = (u64::from(*kernel) * inputs, u64::from(*features));
            inputs = sizes.1;
            sizes
        };
        self.convolutions.iter().map(size).collect()
    }

    fn rnn(&self, features: usize) -> RnnConfig {
        let inputs = self.convolutions.last().map_or(features * self.frame.get(), |last| last.features.get());
        RnnConfig::new(self.cell, inputs, self.hidden_size.get())
            .with_num_layers(self.layers.get())
            .with_bidirectional(self.bidirectional)
            .with_locked_dropout(self.output_dropout.get())
            .with_initializer(Init::Orthogonal)
    }
}

impl Network {
    /// Computes the logits of the classes, `[batch, classes]`.
    pub fn forward(&self, batch: Batch) -> Tensor<2> {
        let Batch { mut frames, lengths } = batch; // [B, T, n·F]
        for convolution in &self.convolutions {
            frames = relu(dense(convolution, windows(frames, convolution))); // [B, T, C]
        }
        let (outputs, state) = self.rnn.forward(self.input_dropout.forward(frames), Some(&lengths), None);
        let outputs = self.output_dropout.forward(outputs); // [B, T, D·H]
        let pooled = self.pooling.forward(&self.rnn, self.attention.as_ref(), (outputs, state), &lengths); // [B, P]
        self.dense.forward(self.dropout.forward(pooled))
    }
}

/// Concatenates each step with the steps before it that a convolution reads, oldest first: `[B, T, F]` → `[B, T, k·F]`.
/// The steps before the first one are zeros.
fn windows(steps: Tensor<3>, convolution: &Linear) -> Tensor<3> {
    let [batch, time, features] = steps.dims();
    let kernel = convolution.weight.dims()[0] / features;
    let before = Tensor::zeros([batch, kernel - 1, features], &steps.device());
    let padded = Tensor::cat(vec![before, steps], 1); // [B, k − 1 + T, F]
    Tensor::cat((0..kernel).map(|first| padded.clone().narrow(1, first, time)).collect(), 2)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn config(pooling: Pooling, bidirectional: bool, convolutions: bool) -> NetworkConfig {
        let convolutions = if convolutions {
            serde_json::json!([{ "features": 6, "kernel": 3 }, { "features": 5, "kernel": 2 }])
        } else {
            serde_json::json!([])
        };
        serde_json::from_value(serde_json::json!({
            "frame": 2, "convolutions": convolutions, "cell": "gru", "hidden_size": 7, "layers": 2,
            "bidirectional": bidirectional, "pooling": pooling,
        }))
        .unwrap()
    }

    pub(crate) const POOLINGS: [Pooling; 3] = [Pooling::Last, Pooling::MaxMean, Pooling::Attention];

    fn rows(network: &Network, sequences: &[&[f32]]) -> Vec<f32> {
        let batch = Batch::new(sequences, 3, 2, &Device::flex());
        network.forward(batch).into_data().try_to_vec().unwrap()
    }

    #[test]
    fn padding_changes_no_answer_and_num_params_is_the_number_that_init_creates() {
        let values: Vec<f32> = (0..60).map(|index| (index as f32 * 0.7).sin()).collect();
        for pooling in POOLINGS {
            for (bidirectional, convolutions) in [(false, false), (true, false), (false, true), (true, true)] {
                let config = config(pooling, bidirectional, convolutions);
                let network = config.init(3, 4, &Device::flex());
                assert_eq!(config.num_params(3, 4), network.num_params() as f64);
                let sequences = [&values[..60], &values[..3], &values[6..33]];
                let together = rows(&network, &sequences);
                for (sequence, expected) in sequences.into_iter().zip(together.chunks(4)) {
                    for (found, expected) in rows(&network, &[sequence]).iter().zip(expected) {
                        approx::assert_abs_diff_eq!(*found, *expected, epsilon = 1e-5);
                    }
                }
            }
        }
    }
}
