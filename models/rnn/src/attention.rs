use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};

use crate::dense;

/// What is added to the score of a step of padding: its weight is then zero.
const PADDING: f32 = -1e9;

/// One vector of a whole sequence: the mean of its steps, each weighed by how much it matters.
///
/// The weight of step `t` is `softmax(v · tanh(W hₜ + b))` over the sequence's own steps: the additive attention of
/// [Bahdanau et al. 2015](https://arxiv.org/abs/1409.0473) with one learned question `v`, as
/// [Yang et al. 2016](https://aclanthology.org/N16-1174) pool the words of a review.
#[derive(Module, Debug)]
pub struct AttentionPooling {
    /// `W` and `b`: features → features.
    pub key: Linear,
    /// `v`: features → 1.
    pub question: Linear,
}

impl AttentionPooling {
    /// With random weights, for steps of so many features.
    pub fn new(features: usize, device: &Device) -> Self {
        Self {
            key: LinearConfig::new(features, features).init(device),
            question: LinearConfig::new(features, 1).with_bias(false).init(device),
        }
    }

    /// How many parameters it has.
    pub fn num_params(features: usize) -> f64 {
        features as f64 * (features as f64 + 2.0)
    }

    /// `steps` `[batch, time, features]`, of which `lengths` are each sequence's own → the pooled vectors
    /// `[batch, features]`.
    pub fn forward(&self, steps: Tensor<3>, lengths: &[usize]) -> Tensor<2> {
        let weights = self.weights(steps.clone(), lengths); // [B, T]
        weights.unsqueeze_dim::<3>(1).matmul(steps).squeeze_dim(1)
    }

    /// How much each step matters, `[batch, time]`: they sum to 1 over a sequence, and are zero in its padding.
    pub fn weights(&self, steps: Tensor<3>, lengths: &[usize]) -> Tensor<2> {
        let [batch, time, _] = steps.dims();
        let device = steps.device();
        let scores = dense(&self.question, dense(&self.key, steps).tanh()).squeeze_dim::<2>(2); // [B, T]
        let padding = lengths.iter().flat_map(|length| (0..time).map(move |t| if t < *length { 0.0 } else { PADDING }));
        let padding = TensorData::new(padding.collect::<Vec<f32>>(), [batch, time]);
        softmax(scores + Tensor::from_data(padding, &device), 1)
    }
}
