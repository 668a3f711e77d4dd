//! Tokenization of text, and vocabularies that map tokens to token ids.

mod level;
mod tokenizer;
pub mod treebank;
mod vocabulary;

pub use level::Level;
pub use tokenizer::tokenize;
pub use vocabulary::{Reserved, Vocabulary};
