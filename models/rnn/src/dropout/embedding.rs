use burn::module::Module;
use burn::nn::Embedding;
use burn::tensor::{Int, Tensor};

use super::Mask;
use crate::embed;

/// Embedding dropout (Gal & Ghahramani 2016): drops whole words of the vocabulary. The embeddings of all occurrences of
/// a dropped word in the batch are zero.
///
/// The embeddings of all other words are scaled by `1 / (1 − prob)`. The dropout is active on autodiff devices (devices
/// that record gradients) only, and not after [`freeze`](burn::module::Module::freeze).
#[derive(Module, Debug)]
pub struct EmbeddingDropout {
    mask: Mask,
}

impl EmbeddingDropout {
    /// Creates a layer that drops each word of the vocabulary with probability `prob`.
    ///
    /// # Panics
    ///
    /// If `prob` is not in `[0, 1)`.
    pub fn new(prob: f64) -> Self {
        Self { mask: Mask::new(prob) }
    }

    /// Looks up the embeddings of `words` and applies the dropout.
    ///
    /// # Shapes
    ///
    /// - words: `[batch, time]`, token ids
    /// - output: `[batch, time, feature]`
    pub fn forward(&self, embedding: &Embedding, words: Tensor<2, Int>) -> Tensor<3> {
        let ([batch, time], [vocabulary, _]) = (words.dims(), embedding.weight.dims());
        let features = embed(embedding, words.clone()); // [B, T, E]
        match self.mask.draw([vocabulary], &features.device()) {
            Some(mask) => features * mask.select(0, words.flatten(0, 1)).reshape([batch, time, 1]),
            None => features,
        }
    }
}
