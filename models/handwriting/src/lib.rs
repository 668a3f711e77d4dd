//! Handwriting: a recurrent network draws characters and symbols, point by point. The network is similar to that of
//! [Graves 2013](https://arxiv.org/abs/1308.0850), but smaller.
//!
//! ```
//! use handwriting::{Predictor, Writer};
//!
//! let model = Writer::from_pretrained("omniglot")?;
//! println!("{:?}", model.settings().classes); // ["Balinese/character01", …]
//! let drawing = model.predict_one("Greek/character01")?;
//! for stroke in &drawing.strokes {
//!     println!("{stroke:?}"); // [[0.0, 0.0], [0.04, 0.07], …]; y points up
//! }
//! # assert!(!drawing.strokes.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A server or a browser can generate the points of a drawing one by one. A session holds the recurrent state of one
//! drawing, so that many sessions can share one model:
//!
//! ```
//! use handwriting::{Options, Predictor, Streaming, Writer};
//!
//! let model = Writer::from_pretrained("omniglot")?;
//! let options = Options { temperature: 0.3, seed: 7, ..Options::default() };
//! let mut session = model.begin(&"Latin/character01".into(), &options)?;
//! while let Some(point) = model.next(&mut session)? {
//!     println!("{} {} {:?}", point.x, point.y, point.pen);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```sh
//! cargo run -p handwriting                                     # train on generated pen gestures in less than a minute
//! cargo run -p handwriting -- generate --count 4               # four drawings of every character: handwriting.svg
//! cargo run -p handwriting -- train --recipe omniglot          # characters that people drew, downloaded once (3 MB)
//! cargo run -p handwriting -- verify                           # measure every shipped model again
//! ```
//!
//! Without cargo features the crate contains only the predictor, which reads a package (the files of a trained model)
//! from memory: the crate has no trainer, no command line and no file access. The feature `folder` adds
//! `from_pretrained`, the feature `train` adds training, and the feature `cli` (enabled by default) adds the program.
//!
//! | file | contents |
//! |---|---|
//! | `predictor.rs` | [`Writer`], the [`Predictor`] |
//! | `drawing.rs` | [`Request`], [`Options`], [`Drawing`] and [`Piece`]: the types of the JSON interface |
//! | `model.rs` | the network: points and class → recurrent layers → parameters of the distribution of the next point |
//! | `mixture.rs` | the distribution of the next point: likelihood and sampling |
//! | `settings.rs` | the settings of a model in its package |
//! | `svg.rs` | drawings as pictures |
//! | `onnx.rs` | ONNX graphs (feature `onnx`) |
//! | `train/` | data, training, evaluation and baselines (feature `train`) |
//! | `app.rs`, `main.rs` | the command line (feature `cli`) |
//! | `recipes/`, `pretrained/` | TOML files, each with all settings of one training run; shipped models |

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(feature = "cli")]
pub mod app;
pub mod drawing;
pub mod mixture;
pub mod model;
#[cfg(feature = "onnx")]
mod onnx;
pub mod predictor;
mod schemas;
pub mod settings;
pub mod svg;
#[cfg(feature = "train")]
pub mod train;

pub use drawing::{Drawing, Options, Pen, Piece, Request};
pub use inference::{Predictor, Streaming};
pub use predictor::Writer;
