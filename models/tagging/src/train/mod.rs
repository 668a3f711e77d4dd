//! Training and evaluation of taggers (feature `train`).
//!
//! | file | contents |
//! |---|---|
//! | `task.rs` | [`TaggingTask`], the [`training::Task`] |
//! | `data.rs` | the table `[data]` of recipes; tagged sentences and word vectors |
//! | `augmentation.rs` | random replacement of entities in training sentences |
//! | `evaluation.rs` | precision, recall and F1 of entities |
//! | `frequency.rs`, `perceptron.rs` | the baselines |

mod augmentation;
pub mod data;
pub mod evaluation;
pub mod frequency;
pub mod perceptron;
mod task;

pub use task::TaggingTask;
