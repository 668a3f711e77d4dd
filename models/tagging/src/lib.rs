//! Named entities in text: trained models, their training, and the program `tagging`.
//!
//! ```
//! use tagging::{Predictor, Tagger};
//!
//! let model = Tagger::from_pretrained("wnut17")?;
//! let answer = model.predict_one("Ada Lovelace moved to London.")?;
//! println!("{} is a {}", answer.entities[0].text, answer.entities[0].kind); // Ada Lovelace is a person
//! # assert_eq!(answer.entities[0].kind, "person");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```sh
//! cargo run -p tagging                                          # train on generated news, in less than a minute
//! cargo run -p tagging -- predict "Ada Lovelace moved to London."
//! cargo run -p tagging -- train --conll FILE --columns token,tag    # your own data
//! cargo run -p tagging -- verify                                # measure every shipped model again
//! ```
//!
//! Without cargo features the crate contains only the predictor, which reads packages (the files of trained models)
//! from bytes: it has no trainer, no command line and no file access. The feature `folder` adds `from_pretrained`, the
//! feature `train` adds training, and the feature `cli` (enabled by default) adds the program.
//!
//! | file | contents |
//! |---|---|
//! | `predictor.rs` | [`Tagger`], the [`Predictor`] |
//! | `prediction.rs` | [`Options`], [`Prediction`] and [`Entity`]: the types of the JSON interface |
//! | `text.rs` | the sentences and tokens of a text, as byte ranges |
//! | `features.rs` | tokens as word ids, character ids and shapes |
//! | `vectors.rs` | pretrained word vectors with 8 bits per number |
//! | `model.rs` | the network: word embeddings and character LSTM → bidirectional LSTM → CRF |
//! | `labels.rs` | conversion between spans of entities and labels of tokens |
//! | `settings.rs` | the settings of a model in its package |
//! | `onnx.rs` | ONNX graphs (feature `onnx`) |
//! | `train/` | data, training, evaluation and baselines (feature `train`) |
//! | `app.rs`, `app/` | the command line (feature `cli`) |
//! | `recipes/` | TOML files, each with all settings of one training run |

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(feature = "cli")]
pub mod app;
pub mod features;
pub mod labels;
pub mod model;
#[cfg(feature = "onnx")]
mod onnx;
pub mod prediction;
pub mod predictor;
mod schemas;
pub mod settings;
pub mod text;
#[cfg(feature = "train")]
pub mod train;
pub mod vectors;

pub use inference::Predictor;
pub use prediction::{Entity, Options, Prediction};
pub use predictor::Tagger;
