//! Training and evaluation of writers (feature `train`).
//!
//! | file | contents |
//! |---|---|
//! | `task.rs` | [`HandwritingTask`], the [`training::Task`] |
//! | `data.rs` | the table `[data]` of recipes; drawings in three parts |
//! | `strokes.rs` | scaled drawings, points at equal distances, offsets |
//! | `batch.rs` | the tensors of a batch, and its loss |
//! | `evaluation.rs` | the negative log-likelihood of a part |
//! | `demonstration.rs` | generated drawings beside those of persons |
//! | `baselines.rs` | Gaussians of the offset: the same for all points; for each class, given the offset before |

pub mod baselines;
mod batch;
pub mod data;
mod demonstration;
pub mod evaluation;
pub mod strokes;
mod task;

pub use task::HandwritingTask;
