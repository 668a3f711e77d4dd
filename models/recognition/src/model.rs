//! The network: features → frames → convolutions → recurrent layers → one vector per sequence → one logit per class.
//!
//! ```text
//! features [B, S, F] ─► frames [B, T, n·F] ─► convolutions [B, T, C] ─► locked dropout ─► rnn [B, T, D·H]
//!     ─► locked dropout ─► pooling [B, P] ─► dropout ─► dense [B, K]
//! ```
//!
//! B is the number of sequences, S the number of samples, F the number of features per sample, n the number of samples
//! per frame, T the number of frames, C the number of output features of the last convolution, H the hidden size, D the
//! number of directions, P the size of the pooled vector, and K the number of classes.
//!
//! Without convolutions this is a recurrent classifier; with convolutions it is the CRNN of [Burns et al.
//! 2018](https://doi.org/10.1088/1361-6579/aacfd9). Convolutions read only the past, so that a network with one
//! direction can also read a stream.
//!
//! The samples of a video are its images. Two-dimensional convolutions over each image then come first. In the diagram
//! below, S and C have other meanings than above: S is the height and the width of an image in pixels, and C the number
//! of channels after the image convolutions. h and w are the height and the width after the image convolutions.
//!
//! ```text
//! pixels [B, T, S²] ─► images [B·T, 1, S, S] ─► image convolutions [B·T, C, h, w] ─► features [B, T, C·h·w] ─► as above
//! ```
//!
//! ```sh
//! cargo run -p recognition -- train --recipe pendigits
//! ```

use std::ops::Range;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use inference::settings::{Count, Fraction};
use inference::weights::WeightNames;
use rnn::{AttentionPooling, Cell, Dropout, Init, LockedDropout, Pooling, Rnn, RnnConfig, dense};
use serde::{Deserialize, Serialize};

/// The rules that convert the names of the network's weights to PyTorch's names and back.
pub const WEIGHT_NAMES: WeightNames =
    WeightNames { to_pytorch: &rnn::pytorch_names(), from_pytorch: &rnn::from_pytorch_names() };

/// The architecture of the network: the table `[model]` of a recipe (the TOML file of a training run), and the field
/// `model` in the settings of a package (the files of a trained model).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// The number of samples that form one time step of the network.
    #[serde(default = "one")]
    pub frame: Count,
    /// The convolutions over each image of a video, in their order. Other sequences have no such convolutions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_convolutions: Vec<ImageConvolution>,
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
    /// Whether the network reads in both directions. Such a network cannot read a stream.
    #[serde(default)]
    pub bidirectional: bool,
    /// How the recurrent outputs of a sequence are reduced to one vector.
    pub pooling: Pooling,
    /// The dropout probability of the inputs of the recurrent layers. The dropout is locked (variational): all time
    /// steps of a sequence have the same mask.
    #[serde(default)]
    pub input_dropout: Fraction,
    /// The dropout probability of the recurrent outputs (locked dropout, also between layers) and of the pooled vector.
    #[serde(default)]
    pub output_dropout: Fraction,
}

/// The largest valid number of input features of the recurrent layers.
const MAX_INPUTS: u64 = 1_000_000;

/// The largest height and width of an image in pixels.
pub(crate) const MAX_SIDE: usize = 1024;

fn one() -> Count {
    Count::ONE
}

/// A convolution over frames, followed by a ReLU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convolution {
    /// The number of output features.
    pub features: Count,
    /// The number of frames that an output depends on: its own frame and the frames before it.
    pub kernel: Count,
}

/// A convolution over an image, followed by a ReLU. The border is padded with zeros, so that an image of S × S pixels
/// becomes an image of ⌈S / stride⌉ × ⌈S / stride⌉ pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageConvolution {
    /// The number of output channels.
    pub features: Count,
    /// The height and the width of the kernel in pixels, an odd number.
    pub kernel: Count,
    /// The number of pixels from one output to the next, in both directions.
    pub stride: Count,
}

impl ImageConvolution {
    fn init(&self, channels: usize, device: &Device) -> Conv2d {
        let [kernel, stride] = [self.kernel.get(), self.stride.get()];
        let border = kernel / 2;
        Conv2dConfig::new([channels, self.features.get()], [kernel; 2])
            .with_stride([stride; 2])
            .with_padding(PaddingConfig2d::Explicit(border, border, border, border))
            .init(device)
    }

    fn num_params(&self, channels: f64) -> f64 {
        ((self.kernel.get() as f64).powi(2) * channels + 1.0) * self.features.get() as f64
    }
}

/// The network that classifies a sequence. The [module documentation](self) shows its layers.
#[derive(Module, Debug)]
pub struct Network {
    /// The convolutions over each image of a video.
    pub image_convolutions: Vec<Conv2d>,
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

/// A batch of sequences, divided into frames and padded to the longest sequence.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The features, zero in the padding: `[batch, frames, samples per frame × features]`.
    pub frames: Tensor<3>,
    /// The number of frames of each sequence, at least 1.
    pub lengths: Vec<usize>,
}

impl Batch {
    /// Makes a batch from the features of sequences, each `[samples, features]`. `frame` is the number of samples per
    /// frame. If the last frame of a sequence has fewer samples, it is padded with zeros.
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

    /// Returns the sequences with the indices `rows`. They keep the padding of the whole batch.
    pub fn rows(self, rows: Range<usize>) -> Self {
        Self { frames: self.frames.narrow(0, rows.start, rows.len()), lengths: self.lengths[rows].to_vec() }
    }
}

impl NetworkConfig {
    /// Creates the network with random weights, for a number of features per sample and a number of classes.
    pub fn init(&self, features: usize, classes: usize, device: &Device) -> Network {
        let rnn = self.rnn(features).init(device);
        let linear = |inputs: usize, outputs: usize| LinearConfig::new(inputs, outputs).init(device);
        let sizes = self.convolution_sizes(features).into_iter();
        let images = self.image_convolutions.iter().zip(self.image_channels());
        Network {
            image_convolutions: images.map(|(image, channels)| image.init(channels, device)).collect(),
            convolutions: sizes.map(|(inputs, outputs)| linear(inputs as usize, outputs as usize)).collect(),
            input_dropout: LockedDropout::new(self.input_dropout.get()),
            output_dropout: LockedDropout::new(self.output_dropout.get()),
            attention: self.pooling.attention(rnn.output_size(), device),
            dropout: Dropout::new(self.output_dropout.get()),
            dense: linear(self.pooling.features(rnn.output_size()), classes),
            pooling: self.pooling,
            rnn,
        }
    }

    /// Checks the settings for videos. If `video` is given, the settings must be valid for images of `video` × `video`
    /// pixels. If it is `None`, there must be no image convolutions.
    ///
    /// # Errors
    ///
    /// A message that names the setting and its value.
    pub fn check_images(&self, video: Option<Count>) -> Result<(), String> {
        let Some(side) = video else {
            return match self.image_convolutions.len() {
                0 => Ok(()),
                _ => {
                    Err("image_convolutions are only valid for a model of videos; remove image_convolutions".to_owned())
                }
            };
        };
        if side.get() > MAX_SIDE {
            return Err(format!("video = {side} is too large; images may have at most {MAX_SIDE} × {MAX_SIDE} pixels"));
        }
        if self.frame != Count::ONE {
            return Err(format!("frame = {} is not valid for videos; a model of videos needs frame = 1", self.frame));
        }
        let mut kernels = self.image_convolutions.iter().map(|image| image.kernel);
        match kernels.find(|kernel| kernel.get().is_multiple_of(2)) {
            Some(kernel) => Err(format!("an image convolution has kernel = {kernel}, which must be an odd number")),
            None => Ok(()),
        }
    }

    /// Returns the number of parameters that [`init`](Self::init) creates.
    pub fn num_params(&self, features: usize, classes: usize) -> f64 {
        let images = self.image_convolutions.iter().zip(self.image_channels());
        let images: f64 = images.map(|(image, channels)| image.num_params(channels as f64)).sum();
        let linear = |(inputs, outputs): (u64, u64)| (inputs as f64 + 1.0) * outputs as f64;
        let convolutions: f64 = self.convolution_sizes(features).into_iter().map(linear).sum();
        let outputs = self.hidden_size.get() * if self.bidirectional { 2 } else { 1 };
        // The settings of a damaged package may name more inputs than the recurrent layers can have.
        let is_possible = self.rnn_inputs(features) <= MAX_INPUTS;
        let rnn = if is_possible { self.rnn(features).num_params() } else { f64::INFINITY };
        let dense = linear((self.pooling.features(outputs) as u64, classes as u64));
        images + convolutions + rnn + self.pooling.num_params(outputs) + dense
    }

    /// Returns the number of input channels of each image convolution.
    fn image_channels(&self) -> impl Iterator<Item = usize> {
        std::iter::once(1).chain(self.image_convolutions.iter().map(|image| image.features.get()))
    }

    /// Returns the number of features per frame after the image convolutions. The number is a `u64`, so that the
    /// computation does not overflow for the settings of a damaged package.
    fn frame_features(&self, features: usize) -> u64 {
        let Some(last) = self.image_convolutions.last() else { return features as u64 * u64::from(self.frame) };
        let side = |side: u64, image: &ImageConvolution| side.div_ceil(image.stride.into());
        let side = self.image_convolutions.iter().fold(features.isqrt() as u64, side);
        side * side * u64::from(last.features)
    }

    /// Returns, for each convolution, the number of inputs and the number of outputs of its linear layer.
    fn convolution_sizes(&self, features: usize) -> Vec<(u64, u64)> {
        let mut inputs = self.frame_features(features);
        let size = |Convolution { features, kernel }: &Convolution| {
            let sizes = (u64::from(*kernel) * inputs, u64::from(*features));
            inputs = sizes.1;
            sizes
        };
        self.convolutions.iter().map(size).collect()
    }

    fn rnn_inputs(&self, features: usize) -> u64 {
        self.convolutions.last().map_or(self.frame_features(features), |last| last.features.into())
    }

    fn rnn(&self, features: usize) -> RnnConfig {
        RnnConfig::new(self.cell, self.rnn_inputs(features) as usize, self.hidden_size.get())
            .with_num_layers(self.layers.get())
            .with_bidirectional(self.bidirectional)
            .with_locked_dropout(self.output_dropout.get())
            .with_initializer(Init::Orthogonal)
    }
}

impl Network {
    /// Computes the logits of the classes, `[batch, classes]`.
    pub fn forward(&self, batch: Batch) -> Tensor<2> {
        let Batch { frames, lengths } = batch; // [B, T, n·F]
        self.forward_features(self.convolve_images(frames), &lengths)
    }

    /// Computes the logits of the classes without gradients. The result for a sequence is bitwise identical whether the
    /// sequence is computed alone or in a batch.
    pub(crate) fn infer(&self, batch: Batch) -> Tensor<2> {
        let Batch { frames, lengths } = batch;
        self.forward_features(self.convolve_each_image(frames), &lengths)
    }

    /// Computes the logits from frames after the image convolutions.
    fn forward_features(&self, mut frames: Tensor<3>, lengths: &[usize]) -> Tensor<2> {
        for convolution in &self.convolutions {
            frames = relu(dense(convolution, windows(frames, convolution))); // [B, T, C]
        }
        let (outputs, state) = self.rnn.forward(self.input_dropout.forward(frames), Some(lengths), None);
        let outputs = self.output_dropout.forward(outputs); // [B, T, D·H]
        let pooled = self.pooling.forward(&self.rnn, self.attention.as_ref(), (outputs, state), lengths); // [B, P]
        self.dense.forward(self.dropout.forward(pooled))
    }

    /// Applies the image convolutions to each frame, one image at a time. The convolutions of burn round differently in
    /// batches of different sizes.
    fn convolve_each_image(&self, frames: Tensor<3>) -> Tensor<3> {
        if self.image_convolutions.is_empty() {
            return frames;
        }
        let [batch, time, pixels] = frames.dims();
        let images = frames.reshape([batch * time, 1, pixels]);
        let features = (0..batch * time).map(|image| self.convolve_images(images.clone().narrow(0, image, 1)));
        let features = Tensor::cat(features.collect(), 0); // [B·T, 1, C·h·w]
        let size = features.dims()[2];
        features.reshape([batch, time, size])
    }

    /// Applies the image convolutions to each frame, `[batch, time, side²]` → `[batch, time, features]`. The features
    /// are all channels of all output pixels. If there are no image convolutions, returns the frames unchanged.
    pub(crate) fn convolve_images(&self, frames: Tensor<3>) -> Tensor<3> {
        if self.image_convolutions.is_empty() {
            return frames;
        }
        let [batch, time, pixels] = frames.dims();
        let side = pixels.isqrt();
        let images = frames.reshape([batch * time, 1, side, side]);
        let convolve = |images, convolution: &Conv2d| relu(convolution.forward(images));
        let images = self.image_convolutions.iter().fold(images, convolve); // [B·T, C, h, w]
        let features = images.dims()[1..].iter().product::<usize>();
        images.reshape([batch, time, features])
    }
}

/// Concatenates each step with the k − 1 steps before it, oldest first: `[B, T, F]` → `[B, T, k·F]`, where k is the
/// number of steps that the convolution reads. The steps before the first one are zeros.
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
