//! The models of all applications: the program `zoo`, and a library that opens any package.
//!
//! ```
//! let model = zoo::from_pretrained("imdb-hybrid")?;
//! let answers = model.predictor.predict_json(vec!["Wonderfully acted.".into()], serde_json::Value::Null)?;
//! assert_eq!(answers[0]["label"], "positive");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without cargo features the library has no command line, no trainer and no access to files, and builds for
//! `wasm32-unknown-unknown`. The feature `folder` adds [`from_pretrained`], and `cli` (default) the program.
//!
//! If a program uses only one application, it can use the crate of this application, such as `sentiment`, which returns
//! typed answers.

use burn::tensor::Device;
use inference::dynamic::{AnyModel, Entry, Registry};
use inference::{Files, PackageError};

/// The applications, in the order of the program's help.
pub const APPLICATIONS: Registry = Registry(&[
    Entry::of::<sentiment::Sentiment>(),
    Entry::of::<language_model::LanguageModel>(),
    Entry::of::<forecasting::Forecaster>(),
    Entry::of::<tagging::Tagger>(),
    Entry::of::<recognition::Recognizer>(),
    Entry::of::<handwriting::Writer>(),
]);

/// Opens a package of any application on the CPU, from any source of named bytes.
///
/// # Errors
///
/// The errors of [`Registry::open`].
pub fn from_files(files: &dyn Files) -> Result<AnyModel, PackageError> {
    APPLICATIONS.open(files, &Device::flex())
}

/// Opens a model of any application on the CPU, by its name or by the folder of its package.
///
/// # Errors
///
/// The errors of [`Registry::find`] and [`Registry::open`].
#[cfg(feature = "folder")]
pub fn from_pretrained(name: &str) -> Result<AnyModel, PackageError> {
    from_files(&inference::Folder::new(APPLICATIONS.find(name)?))
}
