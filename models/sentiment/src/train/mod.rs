//! Training and evaluation of sentiment models (feature `train`).
//!
//! | file | contents |
//! |---|---|
//! | `task.rs` | [`SentimentTask`], the [`training::Task`] |
//! | `recipe.rs` | `[model]` of the recipes |
//! | `data.rs` | `[data]` of the recipes: reviews as token ids |
//! | `classification.rs` | word dropout and the loss of the labels |
//! | `pretraining.rs` | pretraining of the network by word prediction |
//! | `ngrams.rs` | the fit of the n-grams |
//! | `evaluation.rs` | accuracy, cross-entropy, and the best weight of the network's logit in a blend |

pub mod classification;
pub mod data;
pub mod evaluation;
pub mod ngrams;
pub mod pretraining;
pub mod recipe;
mod task;

pub use task::{SentimentTask, TrainingBatch};
