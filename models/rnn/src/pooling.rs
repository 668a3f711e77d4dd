use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::{AttentionPooling, Rnn, State};

/// How to reduce the outputs of recurrent layers at all steps of a sequence to one vector of F features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The final hidden states of the D directions, concatenated: F = D·H features, where H is the hidden size.
    Last,
    /// The maximum and the mean of the outputs over all steps, concatenated: F = 2·D·H features from D directions with
    /// H features each.
    MaxMean,
    /// The mean of the outputs over all steps, weighted by learned attention: F = D·H features from D directions with H
    /// features each.
    Attention,
}

impl Pooling {
    /// Returns the number of features of the pooled vector. `outputs` is the number of features of the recurrent
    /// layers' outputs.
    pub fn features(self, outputs: usize) -> usize {
        match self {
            Self::Last | Self::Attention => outputs,
            Self::MaxMean => 2 * outputs,
        }
    }

    /// Returns the number of parameters of the pooling. `outputs` is the number of features of the recurrent layers'
    /// outputs.
    pub fn num_params(self, outputs: usize) -> f64 {
        match self {
            Self::Attention => AttentionPooling::num_params(outputs),
            Self::Last | Self::MaxMean => 0.0,
        }
    }

    /// Creates the attention layer with random weights, for outputs with `outputs` features. Returns `None` for the
    /// other kinds of pooling, which have no parameters.
    pub fn attention(self, outputs: usize, device: &Device) -> Option<AttentionPooling> {
        (self == Self::Attention).then(|| AttentionPooling::new(outputs, device))
    }

    /// Pools the outputs of `rnn` into one vector per sequence. The outputs and the state are the results of
    /// [`Rnn::forward`]. The outputs must be zero in the padding. `attention` is the result of
    /// [`attention`](Self::attention): a layer for [`Pooling::Attention`], and `None` for the other kinds of pooling.
    ///
    /// # Shapes
    ///
    /// - outputs: `[batch, time, features]`
    /// - lengths: the length of each sequence, at least 1; later steps are padding
    /// - result: `[batch, pooled features]`
    ///
    /// # Panics
    ///
    /// If `attention` does not belong to this kind of pooling.
    pub fn forward(
        self,
        rnn: &Rnn,
        attention: Option<&AttentionPooling>,
        (outputs, state): (Tensor<3>, State),
        lengths: &[usize],
    ) -> Tensor<2> {
        match (self, attention) {
            (Self::Attention, Some(attention)) => attention.forward(outputs, lengths),
            (Self::Last, None) => rnn.last_hidden(state.hidden),
            (Self::MaxMean, None) => max_and_mean(outputs, lengths),
            (_, _) => panic!("rnn: an attention layer is needed for Pooling::Attention, and for no other pooling"),
        }
    }
}

/// Computes the maximum and the mean over the steps of each sequence, without the padding: `[batch, time, features]` →
/// `[batch, 2 × features]`. The outputs must be zero in the padding.
fn max_and_mean(outputs: Tensor<3>, lengths: &[usize]) -> Tensor<2> {
    let [batch, time, _] = outputs.dims();
    let device = outputs.device();
    let counts: Vec<f32> = lengths.iter().map(|length| *length as f32).collect();
    let counts = Tensor::<2>::from_data(TensorData::new(counts, [batch, 1]), &device);
    let mean = outputs.clone().sum_dim(1).squeeze_dim::<2>(1) / counts; // [B, F]

    // Outputs are at least −1, or a small multiple of −1 after dropout. The padding becomes −100, so that it is never
    // the maximum.
    let below = |length: &usize| (0..time).map(|step| if step < *length { 0.0 } else { -100.0 }).collect::<Vec<f32>>();
    let padding: Vec<f32> = lengths.iter().flat_map(below).collect();
    let padding = Tensor::<3>::from_data(TensorData::new(padding, [batch, time, 1]), &device);
    let max = (outputs + padding).max_dim(1).squeeze_dim::<2>(1); // [B, F]
    Tensor::cat(vec![max, mean], 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maximum_and_mean_are_those_of_a_sequences_own_steps() {
        let outputs = Tensor::<3>::from_floats([[[-0.5], [-0.1], [0.0]], [[0.2], [0.4], [0.9]]], &Device::flex());
        let pooled: Vec<f32> = max_and_mean(outputs, &[2, 3]).into_data().try_to_vec().unwrap();
        for (got, want) in pooled.iter().zip([-0.1, -0.3, 0.9, 0.5]) {
            approx::assert_abs_diff_eq!(*got, want, epsilon = 1e-6);
        }
    }
}
