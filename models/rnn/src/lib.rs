//! Recurrent layers for burn: Elman, LSTM and GRU, stacked, in one or both directions, over batches of sequences of
//! different lengths.
//!
//! ```
//! use burn::tensor::{Device, Distribution, Tensor};
//! use rnn::{Cell, RnnConfig};
//!
//! let device = Device::flex();
//! let rnn = RnnConfig::new(Cell::Lstm, 8, 16).with_num_layers(2).with_bidirectional(true).init(&device);
//!
//! // A batch of three sequences with 5, 4 and 1 steps, padded to 5 steps.
//! let input = Tensor::random([3, 5, 8], Distribution::Default, &device); // [batch, time, input]
//! let (output, state) = rnn.forward(input, Some(&[5, 4, 1]), None);
//!
//! assert_eq!(output.dims(), [3, 5, 2 * 16]); // [batch, time, directions × hidden]; zero in the padding
//! assert_eq!(state.hidden.dims(), [2 * 2, 3, 16]); // [layers × directions, batch, hidden]
//! ```
//!
//! A unidirectional network can also run step by step, with the same results. A long sequence can be split into
//! windows: each window starts from the final state of the previous window (truncated backpropagation through time):
//!
//! ```
//! # use burn::tensor::{Device, Distribution, Tensor};
//! # use rnn::{Cell, RnnConfig};
//! # let device = Device::flex();
//! let rnn = RnnConfig::new(Cell::Gru, 8, 16).init(&device);
//!
//! let mut state = rnn.zero_state(1, &device);
//! for _ in 0..3 {
//!     let input = Tensor::random([1, 8], Distribution::Default, &device); // [batch, input]
//!     let (output, next) = rnn.step(input, state);
//!     assert_eq!(output.dims(), [1, 16]); // [batch, hidden]
//!     state = next;
//! }
//!
//! let window = Tensor::random([1, 5, 8], Distribution::Default, &device);
//! let (_, state) = rnn.forward(window, None, Some(state.detach())); // gradients stop at the start of the window
//! # let _ = state;
//! ```
//!
//! # Compatibility with PyTorch
//!
//! [`Cell`] documents the equations of each cell. Weight matrices and biases have PyTorch's layout, and
//! [`pytorch_names`] maps parameter names to PyTorch's names. Weights of `torch.nn.LSTM`, `GRU` and `RNN` therefore
//! load into an [`Rnn`] without conversion, and the weights of an `Rnn` load into these PyTorch modules. With the same
//! weights and inputs, the results are the same up to rounding.
//!
//! # Cargo features
//!
//! - `autodiff` (default): gradients. The crate works for inference without it, and also builds for `wasm32`, where the
//!   kernels use one thread.
//! - `wgpu`, `vulkan`, `metal`, `cuda`, `rocm`: GPU backends, with one kernel for all steps of a layer.
//!
//! # Source files
//!
//! | file | contents |
//! |---|---|
//! | `cell.rs` | the recurrences and their equations |
//! | `rnn.rs`, `shape_error.rs` | stacked and bidirectional layers; checks of shapes |
//! | `scan.rs` | one layer in one direction, composed of burn operations |
//! | `fused/` | one layer in one direction as one burn operation on the CPU; its gradient (feature `autodiff`) |
//! | `gpu/` | layers, embeddings and cross-entropy loss on GPUs (features of the GPU backends) |
//! | `kernel/` | the CPU kernels: forward and backward pass of a layer, dense layers, softmax, step-by-step inference |
//! | `packed.rs` | a cache of weights in the memory layout of the CPU kernels (packed weights) |
//! | `prepared.rs` | step-by-step inference with weights that are packed once: recurrent and dense layers |
//! | `state.rs`, `weights.rs`, `init.rs` | hidden and cell state, weights, initialisers |
//! | `pooling.rs`, `attention.rs` | one vector per sequence: last state, maximum and mean, attention |
//! | `dropout/`, `activation.rs` | regularisation: locked, embedding and weight dropout; activation penalties |
//! | `crf/` | conditional random field over label sequences: loss, Viterbi, marginals |
//! | `names.rs` | PyTorch's parameter names |
//! | `dense/` | a linear layer at every step in one operation; its gradient |
//! | `dense_cross_entropy/` | linear layer, softmax and cross-entropy loss in one operation; its gradient |
//!
//! `cargo run -p rnn --example layer_speed` compares the speed of these layers with burn's own layers.
//!
//! # References
//!
//! - Elman (1990), *Finding structure in time*, Cognitive Science 14(2).
//! - Hochreiter & Schmidhuber (1997), *Long short-term memory*, Neural Computation 9(8).
//! - Gers, Schmidhuber & Cummins (2000), *Learning to forget: continual prediction with LSTM*, Neural Computation
//!   12(10).
//! - Cho et al. (2014), *Learning phrase representations using RNN encoder–decoder for statistical machine
//!   translation*, EMNLP, [arXiv:1406.1078](https://arxiv.org/abs/1406.1078).
//! - Le, Jaitly & Hinton (2015), *A simple way to initialize recurrent networks of rectified linear units*,
//!   [arXiv:1504.00941](https://arxiv.org/abs/1504.00941).
//! - Glorot & Bengio (2010), *Understanding the difficulty of training deep feedforward neural networks*, AISTATS.
//! - Saxe, McClelland & Ganguli (2014), *Exact solutions to the nonlinear dynamics of learning in deep linear neural
//!   networks*, ICLR, [arXiv:1312.6120](https://arxiv.org/abs/1312.6120).
//! - Lafferty, McCallum & Pereira (2001), *Conditional random fields: probabilistic models for segmenting and labeling
//!   sequence data*, ICML.
//! - Lample et al. (2016), *Neural architectures for named entity recognition*, NAACL,
//!   [arXiv:1603.01360](https://arxiv.org/abs/1603.01360).
//! - Bahdanau, Cho & Bengio (2015), *Neural machine translation by jointly learning to align and translate*, ICLR,
//!   [arXiv:1409.0473](https://arxiv.org/abs/1409.0473).
//! - Yang et al. (2016), *Hierarchical attention networks for document classification*, NAACL.
//! - Jozefowicz, Zaremba & Sutskever (2015), *An empirical exploration of recurrent network architectures*, ICML.
//! - Gal & Ghahramani (2016), *A theoretically grounded application of dropout in recurrent neural networks*, NIPS,
//!   [arXiv:1512.05287](https://arxiv.org/abs/1512.05287).
//! - Wan et al. (2013), *Regularization of neural networks using DropConnect*, ICML.
//! - Merity, McCann & Socher (2017), *Revisiting activation regularization for language RNNs*,
//!   [arXiv:1708.01009](https://arxiv.org/abs/1708.01009).
//! - Merity, Keskar & Socher (2018), *Regularizing and optimizing LSTM language models*, ICLR,
//!   [arXiv:1708.02182](https://arxiv.org/abs/1708.02182).

mod activation;
mod attention;
mod cell;
mod crf;
mod dense;
mod dense_cross_entropy;
mod dropout;
mod embed;
mod fused;
#[cfg(feature = "cube")]
mod gpu;
mod init;
// In `kernel`, threads share buffers, and the inner loops read without bounds checks.
#[allow(unsafe_code)]
// Without the feature `autodiff`, only the tests call the backward kernels.
#[cfg_attr(not(feature = "autodiff"), allow(dead_code))]
mod kernel;
mod lengths;
mod names;
mod packed;
mod pooling;
mod prepared;
mod rnn;
mod scan;
mod shape_error;
mod state;
#[cfg(all(test, feature = "autodiff"))]
mod test_values;
mod weights;

pub use activation::{activation_regularization, temporal_activation_regularization};
pub use attention::AttentionPooling;
pub use cell::Cell;
pub use crf::{Allowed, Crf, CrfConfig, CrfError, Lattice};
pub use dense::dense;
pub use dense_cross_entropy::dense_cross_entropy;
pub use dropout::{Dropout, EmbeddingDropout, LockedDropout, Rows, WeightDropout};
pub use embed::embed;
pub use init::Init;
pub use names::{from_pytorch_names, pytorch_names};
pub use pooling::Pooling;
pub use prepared::{PreparedDense, PreparedRnn, StepState};
pub use rnn::{Layer, Rnn, RnnConfig};
pub use shape_error::ShapeError;
pub use state::State;
pub use weights::Weights;
