//! Training and evaluation of language models: data, loss, methods that adapt the network to a text, and the baseline.
//!
//! | file | contents |
//! |---|---|
//! | `data.rs` | a corpus as token ids; `[data]` of a recipe |
//! | `task.rs` | [`LanguageModelTask`]: the [`training::Task`] |
//! | `notes.rs` | notes on unknown tokens and on scripts without spaces |
//! | `cache.rs`, `dynamic.rs` | neural cache and dynamic evaluation |
//! | `kneser_ney.rs` | the baseline: interpolated Kneser-Ney n-grams |

pub(crate) mod cache;
mod data;
pub(crate) mod dynamic;
pub mod kneser_ney;
mod notes;
mod task;

pub use data::{DataConfig, Part};
pub use task::{LanguageModelTask, Window};
