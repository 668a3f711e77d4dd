//! The gradient of an embedding on a GPU, with one cube (thread block) per word of the batch.
//!
//! This kernel is faster than burn's kernel, in which one thread per feature adds the gradients of all words of the
//! batch one by one.

use burn::backend::ops::ModuleOps;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Cube, Dispatch, TensorMetadata, backend_extension};
use burn::nn::Embedding;
use burn::tensor::{Int, Tensor};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::zeros;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{grid, indices, reducing_units};

/// The number of words of the batch that one unit (thread) compares, in one iteration, with the word for which its cube
/// (thread block) searches the batch. The unit stores the results as the bits of one integer.
const BITS: usize = 32;

/// Looks up the embeddings of token ids, `[batch, time]` → `[batch, time, features]`, on a GPU for which
/// [`has_kernels`](super::has_kernels) returns true.
pub(crate) fn embed(embedding: &Embedding, words: Tensor<2, Int>) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as Embed>::embed(embedding.weight.val().into_dispatch(), words.into_dispatch()))
}

/// The lookup of embeddings as an operation of a burn backend.
#[backend_extension(Cube: cfg(feature = "cube"), Autodiff: cfg(feature = "autodiff"))]
trait Embed: Backend {
    /// Returns the embeddings `[batch, time, features]`, from the weight `[vocabulary, features]` and the token ids
    /// `words`, `[batch, time]`.
    fn embed(weight: FloatTensor<Self>, words: IntTensor<Self>) -> FloatTensor<Self>;
}

impl Embed for Cube {
    fn embed(weight: CubeTensor, words: CubeTensor) -> CubeTensor {
        Self::embedding(weight, words)
    }
}

#[cfg(feature = "autodiff")]
mod autodiff {
    use burn::backend::Autodiff;
    use burn::backend::autodiff::checkpoint::base::Checkpointer;
    use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
    use burn::backend::autodiff::grads::Gradients;
    use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};

    use super::*;

    impl<C: CheckpointStrategy> Embed for Autodiff<Cube, C> {
        fn embed(weight: FloatTensor<Self>, words: IntTensor<Self>) -> FloatTensor<Self> {
            let node = weight.node();
            let weight = weight.into_primitive();
            let shape = weight.shape().dims();
            let features = Cube::embed(weight, words.clone());
            match <EmbedBackward as Backward<Cube, 1>>::prepare::<C>(EmbedBackward, [node]).compute_bound().stateful() {
                OpsKind::Tracked(node) => node.finish((words, shape), features),
                OpsKind::UnTracked(node) => node.finish(features),
            }
        }
    }

    #[derive(Debug)]
    struct EmbedBackward;

    impl Backward<Cube, 1> for EmbedBackward {
        /// The token ids, `[batch, time]`, and the shape of the weight, `[vocabulary, features]`.
        type State = (CubeTensor, [usize; 2]);

        fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
            let (words, shape) = ops.state;
            let d_features = gradients.consume::<Cube>(&ops.node);
            if let [Some(parent)] = ops.parents {
                gradients.register::<Cube>(parent.id, weight_gradient(words, d_features, shape));
            }
        }
    }
}

/// Returns the gradient of the weight, `[vocabulary, features]`, from the token ids `words` and the gradient of the
/// embeddings. `shape` is the shape of the weight.
fn weight_gradient(words: CubeTensor, d_features: CubeTensor, shape: [usize; 2]) -> CubeTensor {
    let words = indices(words);
    let count = words.meta.num_elements();
    let d_features = into_contiguous(d_features);
    let d_weight = zeros(d_features.device.clone(), burn::tensor::Shape::new(shape), d_features.dtype);
    let units = reducing_units(&words.client);
    // SAFETY: the kernel reads `count` words and `count` rows of `d_features`. It writes to the rows of these words in
    // the weight, which exist, because the forward pass has read them.
    unsafe {
        add_rows::launch_unchecked(
            &words.client.clone(),
            grid(count),
            CubeDim::new_1d(units),
            words.into_buffer_arg(),
            d_features.into_buffer_arg(),
            d_weight.clone().into_buffer_arg(),
            count,
            shape[1],
            units as usize,
        );
    }
    d_weight
}

/// For each word that occurs in the batch, adds the gradients of all its occurrences, in the order of the batch. There
/// is one cube (thread block) per position in the batch. The cube of the first occurrence of a word writes the sum for
/// this word.
#[cube(launch_unchecked)]
fn add_rows(
    words: &[i32],
    d_features: &[f32],
    d_weight: &mut [f32],
    count: usize,
    features: usize,
    #[comptime] units: usize,
) {
    let mut matches = Shared::new_slice(units);
    let unit = UNIT_POS_X as usize;
    let own = CUBE_POS;
    let word = words[min(own, count - 1)];

    let mut earlier = 0u32;
    for index in range_stepped(unit, min(own, count), units) {
        if words[index] == word {
            earlier = 1u32;
        }
    }
    matches[unit] = earlier;
    sync_cube();
    let mut is_first = own < count;
    for other in 0..units {
        if matches[other] != 0u32 {
            is_first = false;
        }
    }
    sync_cube();

    // Each iteration compares `units × BITS` words with the word of this cube, and then adds the gradients of the words
    // that are equal. All cubes take part in the barriers, because WebGPU allows barriers in uniform control flow only.
    let block = comptime!(units * BITS);
    for start in range_stepped(own, count, block) {
        let mut bits = 0u32;
        if is_first {
            for bit in 0..BITS {
                let index = start + unit * BITS + bit;
                if index < count && words[min(index, count - 1)] == word {
                    bits |= 1u32 << bit as u32;
                }
            }
        }
        matches[unit] = bits;
        sync_cube();
        if is_first {
            for other in 0..units {
                add_matches(d_features, d_weight, word as usize, start + other * BITS, matches[other], features, units);
            }
        }
        sync_cube();
    }
}

/// Adds gradients to the row of `word` in the gradient of the weight: if bit `n` of `bits` is set, adds row `first + n`
/// of `d_features`.
#[cube]
fn add_matches(
    d_features: &[f32],
    d_weight: &mut [f32],
    word: usize,
    first: usize,
    bits: u32,
    features: usize,
    #[comptime] units: usize,
) {
    let mut bits = bits;
    let mut index = first;
    while bits != 0u32 {
        if bits & 1u32 == 1u32 {
            for feature in range_stepped(UNIT_POS_X as usize, features, units) {
                d_weight[word * features + feature] += d_features[index * features + feature];
            }
        }
        bits >>= 1u32;
        index += 1;
    }
}
