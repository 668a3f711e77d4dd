//! Text: from characters to token ids, and back.

mod level;
mod tokenizer;
pub mod treebank;
mod vocabulary;

pub use level::Level;
pub use tokenizer::tokenize;
pub use vocabulary::{Reserved, Vocabulary};
