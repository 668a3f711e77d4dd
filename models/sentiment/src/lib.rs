//! Whether a film review is favourable, from end to end: data, models, training, packages, prediction.
//!
//! ```sh
//! cargo run -p sentiment                                        # learn the embedded sample in a minute
//! cargo run -p sentiment -- predict "Wonderfully acted."          # ask a shipped model
//! cargo run -p sentiment -- train --recipe imdb-lstm            # the real reviews
//! cargo run -p sentiment -- verify                              # measure every shipped model again
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `model.rs` | the network: embedding → recurrent layers → pooling → dense |
//! | `ngram.rs` | the yardstick: NB-weighted n-grams |
//! | `pretraining.rs` | learning to continue texts before learning their signs |
//! | `data.rs` | reviews as numbers, in batches |
//! | `task.rs` | the above as a [`training::Task`] |
//! | `predict.rs` | the verb `predict` |
//! | `recipes/` | one file a training run |

#[cfg(test)]
#[path = "../../../training/src/damage.rs"]
mod damage;
pub mod data;
pub mod model;
pub mod ngram;
pub mod predict;
pub mod pretraining;
mod task;

pub use task::{Architecture, Opinion, Sentiment};
