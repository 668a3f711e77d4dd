//! Recognition of sequences: predicts the class of a multichannel series, from the whole series or from a stream of
//! samples. Examples of such series are pen strokes, gestures, exercises and voices.
//!
//! ```
//! use recognition::{Predictor, Recognizer, Sequence};
//!
//! let model = Recognizer::from_pretrained("pendigits")?;
//! let stroke = Sequence::new([("x", vec![0.0, 4.0, 3.0, 2.0]), ("y", vec![9.0, 9.0, 4.0, 0.0])]); // y points up
//! println!("{}", model.predict_one(stroke)?.label); // 7
//! # let stroke = Sequence::new([("x", vec![0.0, 4.0, 3.0, 2.0]), ("y", vec![9.0, 9.0, 4.0, 0.0])]);
//! # assert_eq!(model.predict_one(stroke)?.label, "7");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Samples that arrive one by one, such as those of a pen, go into a stream, which returns the class of all samples so
//! far:
//!
//! ```
//! use recognition::{Options, Predictor, Recognizer};
//!
//! let model = Recognizer::from_pretrained("gestures")?;
//! let mut live = model.live(&Options::default())?;
//! for sample in [[0.0, 0.0], [0.1, 0.3], [0.2, 0.5]] { // one value per channel, in the order of the settings
//!     println!("{:?}", model.push(&mut live, &sample)?);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```sh
//! cargo run -p recognition                                     # train on generated pen gestures, in under a minute
//! cargo run -p recognition -- predict --csv strokes.csv
//! cargo run -p recognition -- train --csv FILE --id recording --label class     # your own data
//! cargo run -p recognition -- verify                           # measure every shipped model again
//! ```
//!
//! Without cargo features the crate contains only the predictor, which reads a package (the files of a trained model)
//! from bytes in memory: it has no trainer, no command line and no file access. The feature `folder` adds
//! `from_pretrained`, the feature `train` adds training, and the feature `cli` (enabled by default) adds the program.
//!
//! | file | contents |
//! |---|---|
//! | `predictor.rs` | [`Recognizer`], the [`Predictor`] |
//! | `live.rs` | [`Live`]: a class after every sample of a stream |
//! | `prediction.rs` | [`Sequence`], [`Options`] and [`Prediction`]: the types of the JSON interface |
//! | `features.rs` | converts channels, which are matched by name, to standardised features |
//! | `model.rs` | the network: convolutions → recurrent layers → pooling → one logit per class |
//! | `settings.rs` | the settings of a model in its package |
//! | `onnx.rs` | ONNX graphs (feature `onnx`) |
//! | `train/` | data, training, evaluation and baselines (feature `train`) |
//! | `app.rs`, `app/` | the command line (feature `cli`) |
//! | `recipes/` | TOML files, each with all settings of one training run |

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(feature = "cli")]
pub mod app;
pub mod features;
pub mod live;
pub mod model;
#[cfg(feature = "onnx")]
mod onnx;
pub mod prediction;
pub mod predictor;
mod schemas;
pub mod settings;
#[cfg(feature = "train")]
pub mod train;

pub use inference::{Predictor, Streaming};
pub use live::Live;
pub use prediction::{Options, Prediction, Reading, Sequence};
pub use predictor::Recognizer;
