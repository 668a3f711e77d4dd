//! Training and evaluation of sentiment models (feature `train`).
//!
//! | file | contents |
//! |---|---|
//! | `task.rs` | [`SentimentTask`], the [`training::Task`] |
//! | `recipe.rs` | the table `[model]` of a recipe (a TOML file with the settings of a training) |
//! | `data.rs` | the table `[data]` of a recipe; texts as token ids |
//! | `texts.rs`, `json_lines.rs` | texts with classes: published data sets, and the user's own tables and folders |
//! | `language_model.rs` | the language model for contextual word vectors |
//! | `short_reviews.rs` | the training texts of the model `short-reviews`: short texts about films |
//! | `opinions.rs` | a generator of short opinions: negation, contrast, comparison |
//! | `short_sentences.rs` | sentences that test the model `short-reviews` on negation, contrast, comparison and irony |
//! | `words.rs` | the vocabulary, and pretrained word vectors |
//! | `classification.rs` | word dropout and the classification loss |
//! | `pretraining.rs` | pretraining of the network by word prediction |
//! | `ngrams.rs` | the fit of the n-grams |
//! | `baselines.rs` | the baselines: the most frequent class, and an n-gram classifier |
//! | `evaluation.rs` | metrics, the best weight of the network in a blend, the best temperature, plots |
//! | `crossval.rs` | cross-validation |

mod baselines;
mod classification;
pub(crate) mod crossval;
mod data;
mod evaluation;
mod json_lines;
mod language_model;
mod ngrams;
mod opinions;
mod pretraining;
mod recipe;
mod short_reviews;
mod short_sentences;
mod task;
mod texts;
mod words;

pub use data::DataConfig;
pub use recipe::{Architecture, NetworkRecipe};
pub use task::{SentimentTask, TrainingBatch};
