//! Recurrent layers for burn: Elman, LSTM and GRU; one or more layers, in one or both directions, over batches of
//! sequences of different lengths.
//!
//! ```
//! use burn::tensor::{Device, Distribution, Tensor};
//! use rnn::{Cell, RnnConfig};
//!
//! let device = Device::flex();
//! let rnn = RnnConfig::new(Cell::Lstm, 8, 16).with_num_layers(2).with_bidirectional(true).init(&device);
//!
//! // Three sequences in one batch; the second ends after 4 steps, the third after 1.
//! let input = Tensor::random([3, 5, 8], Distribution::Default, &device); // [batch, time, input]
//! let (output, state) = rnn.forward(input, Some(&[5, 4, 1]), None);
//!
//! assert_eq!(output.dims(), [3, 5, 2 * 16]); // [batch, time, directions × hidden]; zero beyond a sequence's end
//! assert_eq!(state.hidden.dims(), [2 * 2, 3, 16]); // [layers × directions, batch, hidden]
//! ```
//!
//! A layer that reads in one direction can be fed step by step, with the same results, and a long text can be read in
//! windows, each from the state the one before left:
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
//! let (_, state) = rnn.forward(window, None, Some(state.detach())); // gradients stop at the window's edge
//! # let _ = state;
//! ```
//!
//! # What it computes
//!
//! [`Cell`] gives each cell's equations. Parameters have PyTorch's layouts, and [`pytorch_names`] give them PyTorch's
//! names: weights go from `torch.nn.LSTM`, `GRU` and `RNN` to an [`Rnn`] and back as they are, and give the same
//! results.
//!
//! # How it is built
//!
//! | file | holds |
//! |---|---|
//! | `cell.rs` | which recurrences there are |
//! | `rnn.rs` | stacking, directions, checks of shapes |
//! | `scan.rs` | one layer in one direction, composed of burn's operations: all steps in turn |
//! | `fused.rs`, `kernel/` | the same as one operation on the CPU, forward and backward; where the time goes |
//! | `state.rs`, `weights.rs`, `init.rs` | what is remembered, what is learnt, what that starts from |
//! | `attention.rs` | one vector of all steps |
//! | `dropout/`, `activation.rs` | regularisers: of features, words and weights; of activations |
//! | `names.rs` | PyTorch's names |
//! | `dense.rs` | a dense layer at every step |
//! | `dense_cross_entropy.rs` | the loss of a choice among many words, with the layer that makes it |
//!
//! `cargo run -p rnn --example layer_speed` times the layers beside burn's own.
//!
//! # References
//!
//! - Elman (1990), *Finding structure in time*, Cognitive Science 14(2).
//! - Hochreiter & Schmidhuber (1997), *Long short-term memory*, Neural Computation 9(8).
//! - Gers, Schmidhuber & Cummins (2000), *Learning to forget: continual prediction with LSTM*, Neural Computation 12(10).
//! - Cho et al. (2014), *Learning phrase representations using RNN encoder–decoder for statistical machine translation*,
//!   EMNLP, [arXiv:1406.1078](https://arxiv.org/abs/1406.1078).
//! - Le, Jaitly & Hinton (2015), *A simple way to initialize recurrent networks of rectified linear units*,
//!   [arXiv:1504.00941](https://arxiv.org/abs/1504.00941).
//! - Glorot & Bengio (2010), *Understanding the difficulty of training deep feedforward neural networks*, AISTATS.
//! - Saxe, McClelland & Ganguli (2014), *Exact solutions to the nonlinear dynamics of learning in deep linear neural
//!   networks*, ICLR, [arXiv:1312.6120](https://arxiv.org/abs/1312.6120).
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
mod dense;
mod dense_cross_entropy;
mod dropout;
mod fused;
mod init;
#[allow(unsafe_code)] // memory shared by threads, and the innermost loop
mod kernel;
mod names;
mod rnn;
mod scan;
mod state;
mod weights;

pub use activation::{activation_regularization, temporal_activation_regularization};
pub use attention::AttentionPooling;
pub use cell::Cell;
pub use dense::dense;
pub use dense_cross_entropy::dense_cross_entropy;
pub use dropout::{EmbeddingDropout, LockedDropout, WeightDropout};
pub use init::Init;
pub use names::{from_pytorch_names, pytorch_names};
pub use rnn::{Layer, Rnn, RnnConfig};
pub use state::State;
pub use weights::Weights;
