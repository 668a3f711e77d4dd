//! What comes next in a text, from end to end: data, models, training, packages, generation.
//!
//! ```sh
//! cargo run -p language-model                                     # learn the embedded grammar in a minute
//! cargo run -p language-model -- train --recipe ptb-lstm-small    # Penn Treebank, downloaded once (6 MB)
//! cargo run -p language-model -- generate --run RUN "the old dog" # let a model write on
//! cargo run -p language-model -- score --run RUN "the dog sleep ." # how surprising each word is
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `model.rs` | the network: embedding → recurrent layers → scores of the next word |
//! | `data.rs` | a corpus as numbers |
//! | `perplexity.rs` | reading a whole text with the state carried, for its perplexity |
//! | `cache.rs`, `dynamic.rs` | adapting to the text being read: neural cache, dynamic evaluation |
//! | `kneser_ney.rs` | the yardstick: interpolated Kneser-Ney n-grams |
//! | `task.rs` | the above as a [`training::Task`] |
//! | `sampling.rs`, `writer.rs` | drawing the next token, and writing on from a prompt |
//! | `verbs/` | `generate` and `score` |
//! | `recipes/` | one file a training run |

pub mod cache;
pub mod data;
pub mod dynamic;
pub mod kneser_ney;
pub mod model;
pub mod perplexity;
pub mod sampling;
mod task;
mod verbs;
mod writer;

pub use task::LanguageModel;
