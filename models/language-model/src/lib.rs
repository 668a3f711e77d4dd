//! Recurrent language models: text generation, perplexity, and training.
//!
//! A [`LanguageModel`] predicts the next token of a text, word by word or character by character. It generates text
//! after a prompt ([`Predictor`], [`Streaming`]), and scores text ([`LanguageModel::score`]):
//!
//! ```
//! use language_model::{LanguageModel, Predictor};
//!
//! let model = LanguageModel::from_pretrained("ptb-lstm-small")?;
//! let answer = model.predict_one("the chairman said")?;
//! println!("{}{}", answer.prompt, answer.text);
//! # assert!(!answer.text.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A server or a browser receives the text piece by piece. A session holds the recurrent state of one text, so that
//! many sessions can share one model:
//!
//! ```
//! use language_model::{Generation, LanguageModel, Predictor, Streaming};
//!
//! let model = LanguageModel::from_pretrained("ptb-lstm-small")?;
//! let options = Generation { stop_at_line_end: true, ..Generation::default() };
//! let mut session = model.begin(&"the chairman".into(), &options)?;
//! while let Some(piece) = model.next(&mut session)? {
//!     print!("{}", piece.text);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The program `language-model` trains and evaluates models, and generates and scores text on the command line:
//!
//! ```sh
//! cargo run -p language-model                                        # train on generated sentences, in a minute
//! cargo run -p language-model -- train --recipe ptb-lstm-small       # Penn Treebank, downloaded once (6 MB)
//! cargo run -p language-model -- generate "the old dog"              # generate text
//! cargo run -p language-model -- score "the dog sleeps ."            # bits per word, and perplexity
//! ```
//!
//! | file | contents |
//! |---|---|
//! | `model.rs` | the network: embedding → recurrent layers → logits of the next token |
//! | `predictor.rs` | [`LanguageModel`], the [`Predictor`] |
//! | `text.rs` | converts text to token ids and back; rewrites words as the training text spells them |
//! | `generate.rs`, `stop.rs` | prompts, sampling options, sessions, where a text ends |
//! | `score.rs`, `evaluation.rs` | perplexity, and the loss of every token |
//! | `adaptation.rs` | settings of neural cache and dynamic evaluation |
//! | `onnx.rs` | ONNX graphs (feature `onnx`) |
//! | `train/` | data, loss, evaluation, Kneser-Ney baseline (feature `train`) |
//! | `app.rs`, `main.rs` | the command line (feature `cli`) |
//! | `recipes/`, `pretrained/` | TOML files, each with all settings of one training run; shipped models |
//!
//! Without features the crate contains only inference: no training, no data sets, no command line.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod adaptation;
#[cfg(feature = "cli")]
pub mod app;
pub mod evaluation;
pub mod generate;
pub mod model;
#[cfg(feature = "onnx")]
mod onnx;
pub mod predictor;
mod schemas;
pub mod score;
mod stop;
pub mod text;
#[cfg(feature = "train")]
pub mod train;

pub use generate::{Generated, Generation, Piece, Prompt, Session};
pub use inference::{Predictor, Streaming};
pub use predictor::LanguageModel;
pub use score::{Score, TokenScore};
