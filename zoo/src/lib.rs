//! All models of rnn-zoo: the program `zoo`, and a library that opens any model package (the weights, settings and
//! vocabulary of a trained model) of any application (such as sentiment analysis or forecasting).
//!
//! ```
//! let model = zoo::from_pretrained("imdb-hybrid")?;
//! let options = serde_json::Value::Null; // the default options
//! let answers = model.predictor.predict_json(vec!["Wonderfully acted.".into()], options)?;
//! assert_eq!(answers[0]["label"], "positive");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without cargo features (`default-features = false`) the library has no command line, no trainer and no access to the
//! file system, and builds for `wasm32-unknown-unknown`: see [`from_files`]. The feature `folder` adds
//! [`from_pretrained`]. The feature `cli` (default) adds the program.
//!
//! A program that needs only one application can use the crate of that application instead, such as `sentiment`, which
//! returns Rust structs and not JSON.

use burn::tensor::Device;
use inference::dynamic::{AnyModel, Entry, Registry};
use inference::{Files, PackageError};

/// All applications, in the order in which the help of the program `zoo` lists them.
pub const APPLICATIONS: Registry = Registry(&[
    Entry::of::<sentiment::Sentiment>(),
    Entry::of::<language_model::LanguageModel>(),
    Entry::of::<forecasting::Forecaster>(),
    Entry::of::<tagging::Tagger>(),
    Entry::of::<recognition::Recognizer>(),
    Entry::of::<handwriting::Writer>(),
]);

/// Opens a model package of any application on the CPU. `files` returns the bytes of each file of the package by name,
/// for example from a folder or from memory. For another device, call [`Registry::open`] of [`APPLICATIONS`].
///
/// # Errors
///
/// The errors of [`Registry::open`].
pub fn from_files(files: &dyn Files) -> Result<AnyModel, PackageError> {
    APPLICATIONS.open(files, &Device::flex())
}

/// Opens a model of any application on the CPU. `name` is the name of a model, such as `imdb-lstm`, or the path of a
/// folder with a model package. [`Catalog`](inference::Catalog) lists the folders that are searched; the command
/// `zoo models --install` copies the shipped models to one of them.
///
/// # Errors
///
/// [`PackageError::NotFound`], which names all folders that were searched; the other errors of [`Registry::find`] and
/// [`Registry::open`].
#[cfg(feature = "folder")]
pub fn from_pretrained(name: &str) -> Result<AnyModel, PackageError> {
    from_files(&inference::Folder::new(APPLICATIONS.find(name)?))
}
