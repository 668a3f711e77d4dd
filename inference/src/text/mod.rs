//! Tokenization of text, and vocabularies that map tokens to token ids.

mod level;
mod subwords;
mod tokenizer;
pub mod treebank;
mod unicode;
mod vocabulary;

pub use level::Level;
pub use subwords::most_useful_subwords;
pub use tokenizer::tokenize;
pub use unicode::{is_unspaced, nfc, plain_lines};
pub use vocabulary::{Reserved, Vocabulary};
