//! Training and evaluation of [`Writer`](crate::Writer) models (feature `train`).
//!
//! | file | contents |
//! |---|---|
//! | `task.rs` | [`HandwritingTask`], the [`training::Task`] |
//! | `data.rs` | the table `[data]` of recipes; the drawings of the training, validation and test parts |
//! | `strokes.rs` | scales and resamples drawings, and computes the offsets between points |
//! | `batch.rs` | the tensors of a batch, and its loss |
//! | `evaluation.rs` | the negative log-likelihood of a part |
//! | `demonstration.rs` | generated drawings beside drawings by persons |
//! | `baselines.rs` | two baselines: one Gaussian for the offsets of all points; a linear autoregression per class |

mod baselines;
mod batch;
mod data;
mod demonstration;
mod evaluation;
mod strokes;
mod task;

pub use data::DataConfig;
pub use task::HandwritingTask;
