use burn::nn::Embedding;
use burn::tensor::{Int, Tensor};

/// Looks up the embeddings of words. The result equals the result of `embedding.forward(words)`, and the gradient is
/// computed faster on GPUs, in an order that does not depend on the run.
///
/// # Shapes
///
/// - words: `[batch, time]`, row indices of the embedding
/// - output: `[batch, time, features]`
pub fn embed(embedding: &Embedding, words: Tensor<2, Int>) -> Tensor<3> {
    #[cfg(feature = "cube")]
    if crate::gpu::has_kernels(&embedding.weight.device(), &[embedding.weight.dtype()]) {
        return crate::gpu::embedding::embed(embedding, words);
    }
    embedding.forward(words)
}
