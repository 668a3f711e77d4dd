//! The common part of all models: packages (the files of a trained model), the traits of predictors, text and sampling.
//! The models themselves are in other crates, such as `sentiment` and `language-model`.
//!
//! - To use a model, start with [`Predictor::from_files`] or `Predictor::from_pretrained` of the crate of this model.
//! - To implement a model, implement [`Predictor`], and [`Streaming`] if its output has pieces.
//! - To use models of any application, start with [`dynamic::Registry`].
//!
//! A program opens a model by name, or from any source of named files:
//!
//! ```text
//! Files (folder, include_bytes!, download) ─► Package ─► Predictor::open ─► Predictor::predict ─► Output (serde)
//!                                                                       └► Streaming::begin, next ─► Piece (serde)
//! ```
//!
//! | module | contents |
//! |---|---|
//! | [`files`] | sources of named files: [`Files`], [`MemoryFiles`], `Folder` |
//! | [`package`] | [`Package`] and its `manifest.json`; SHA-256 of every file |
//! | [`predictor`] | the traits [`Predictor`] and [`Streaming`] |
//! | [`dynamic`] | models of any application, which exchange JSON: [`AnyModel`](dynamic::AnyModel), [`Registry`](dynamic::Registry) |
//! | [`error`] | [`PackageError`], [`PredictError`] |
//! | [`catalog`] | the folders that are searched for a model (feature `folder`) |
//! | [`weights`] | safetensors with PyTorch's names and layouts |
//! | [`text`] | tokenizer, Unicode normal forms, vocabulary, Penn Treebank spelling |
//! | [`sampling`] | temperature, top-k, nucleus sampling, repetition penalty |
//! | [`largest()`] | the index of the most probable class |
//! | [`by_length()`] | batches of sequences with little padding |
//! | [`schemas`] | JSON Schemas of a model's input, options and output: [`Schemas`] |
//! | [`markup`] | HTML and SVG text |
//! | [`settings`] | number types that refuse invalid values |
//!
//! The crate has no command line, no trainer and no autodiff, and builds for `wasm32-unknown-unknown`.

mod batches;
#[cfg(feature = "folder")]
pub mod catalog;
pub mod dynamic;
pub mod error;
pub mod files;
mod int8;
mod largest;
pub mod markup;
pub mod package;
pub mod predictor;
pub mod sampling;
pub mod schemas;
pub mod settings;
pub mod text;
pub mod weights;

pub use batches::by_length;
#[cfg(feature = "folder")]
pub use catalog::Catalog;
pub use error::{PackageError, PredictError};
#[cfg(feature = "folder")]
pub use files::Folder;
pub use files::{Files, MemoryFiles};
pub use largest::largest;
pub use package::{Manifest, Package};
pub use predictor::{Predictor, Streaming};
pub use sampling::Sampling;
pub use schemas::Schemas;
