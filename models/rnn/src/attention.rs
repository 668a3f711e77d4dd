use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};

use crate::dense;

/// The value that is added to the scores of padded steps, so that the softmax gives them weight zero.
const PADDING: f32 = -1e9;

/// Attention pooling: reduces each sequence to the mean of its steps, with learned attention weights.
///
/// The weight of step `t`, which has the features `hₜ`, is `softmax(v · tanh(W hₜ + b))` over the valid steps of the
/// sequence. This is the additive attention of [Bahdanau et al. 2015](https://arxiv.org/abs/1409.0473) with one learned
/// query vector `v`, used by [Yang et al. 2016](https://aclanthology.org/N16-1174) for document classification.
#[derive(Module, Debug)]
pub struct AttentionPooling {
    /// The linear layer `W h + b`, from `features` to `features`, which is applied to each step `h` before the tanh.
    pub key: Linear,
    /// The linear layer without bias from `features` to 1. Its weight is the query vector `v`, and its output is the
    /// score of a step before the softmax.
    pub question: Linear,
}

impl AttentionPooling {
    /// Initialises the layer with random weights, for steps with the given number of features.
    pub fn new(features: usize, device: &Device) -> Self {
        Self {
            key: LinearConfig::new(features, features).init(device),
            question: LinearConfig::new(features, 1).with_bias(false).init(device),
        }
    }

    /// Returns the number of parameters of a layer for steps with the given number of features.
    pub fn num_params(features: usize) -> f64 {
        features as f64 * (features as f64 + 2.0)
    }

    /// Pools each sequence into one vector.
    ///
    /// # Shapes
    ///
    /// - steps: `[batch, time, features]`
    /// - lengths: the length of each sequence; later steps are padding
    /// - output: `[batch, features]`
    pub fn forward(&self, steps: Tensor<3>, lengths: &[usize]) -> Tensor<2> {
        let weights = self.weights(steps.clone(), lengths); // [B, T]
        weights.unsqueeze_dim::<3>(1).matmul(steps).squeeze_dim(1)
    }

    /// Returns the attention weights, `[batch, time]`. The weights sum to 1 over each sequence and are zero in the
    /// padding.
    pub fn weights(&self, steps: Tensor<3>, lengths: &[usize]) -> Tensor<2> {
        let [batch, time, _] = steps.dims();
        let device = steps.device();
        let scores = dense(&self.question, dense(&self.key, steps).tanh()).squeeze_dim::<2>(2); // [B, T]
        let padding = lengths.iter().flat_map(|length| (0..time).map(move |t| if t < *length { 0.0 } else { PADDING }));
        let padding = TensorData::new(padding.collect::<Vec<f32>>(), [batch, time]);
        softmax(scores + Tensor::from_data(padding, &device), 1)
    }
}
