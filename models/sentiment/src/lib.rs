//! Classification of texts: film reviews as positive or negative, and the user's own texts in any classes. The crate
//! has trained models, the code that trains them, and the program `sentiment`.
//!
//! ```
//! use sentiment::{Predictor, Sentiment};
//!
//! let model = Sentiment::from_pretrained("imdb-hybrid")?;
//! let answer = model.predict_one("Funny, warm and wonderfully acted.")?;
//! // The probability is that of the class `positive`, also if the label is `negative`.
//! println!("{} {:.2}", answer.label, answer.probability); // positive 0.99
//! # assert!(answer.label == "positive" && answer.probability > 0.9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```sh
//! cargo run -p sentiment                                        # train on generated film reviews, in seconds
//! cargo run -p sentiment -- predict "Wonderfully acted."        # classify a text with a shipped model
//! cargo run -p sentiment -- train --recipe imdb-lstm            # train on the IMDB reviews
//! cargo run -p sentiment -- train --csv FILE --text COLUMN --label COLUMN
//! cargo run -p sentiment -- verify                              # measure every shipped model again
//! ```
//!
//! Without cargo features the crate contains only the predictor, which reads a trained model from bytes in memory:
//! there is no trainer, no command line and no access to files. The feature `folder` adds `from_pretrained`, `train`
//! adds training, and `cli` (enabled by default) adds the program.
//!
//! | file | contents |
//! |---|---|
//! | `predictor.rs` | [`Sentiment`], the [`Predictor`]: a network, an n-gram classifier, or a blend of both |
//! | `prediction.rs` | [`Options`], [`Prediction`] and the other types of the JSON interface |
//! | `model.rs` | the network: embedding → recurrent layers → pooling → dense |
//! | `contextual.rs` | contextual word vectors, an optional input of the network |
//! | `network.rs` | the network with its vocabulary: logits of texts, explanations by occlusion |
//! | `ngrams.rs` | the n-gram classifier and its file format |
//! | `settings.rs` | the settings that are stored with a trained model |
//! | `onnx.rs` | ONNX graphs (feature `onnx`) |
//! | `train/` | data, losses, evaluation, baselines (feature `train`) |
//! | `app/` | the command line (feature `cli`) |
//! | `recipes/` | recipes: TOML files with the settings of a training |

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(feature = "cli")]
pub mod app;
pub mod contextual;
pub mod model;
pub mod network;
pub mod ngrams;
#[cfg(feature = "onnx")]
mod onnx;
pub mod prediction;
pub mod predictor;
mod schemas;
pub mod settings;
#[cfg(feature = "train")]
pub mod train;

pub use inference::Predictor;
pub use prediction::{Contribution, Logits, Options, Prediction};
pub use predictor::Sentiment;
