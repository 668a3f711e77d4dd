use burn::nn::Embedding;
use burn::tensor::{Int, Tensor};

/// Looks up the embeddings of words. The result equals the result of `embedding.forward(words)`. On GPUs, the gradient
/// is computed faster than with burn's operation, and it is bit-identical in every run, because its sums have a fixed
/// order.
///
/// # Shapes
///
/// - words: `[batch, time]`, token ids: row indices of the embedding
/// - output: `[batch, time, features]`
pub fn embed(embedding: &Embedding, words: Tensor<2, Int>) -> Tensor<3> {
    #[cfg(feature = "cube")]
    if crate::gpu::has_kernels(&embedding.weight.device(), &[embedding.weight.dtype()]) {
        return crate::gpu::embedding::embed(embedding, words);
    }
    embedding.forward(words)
}
