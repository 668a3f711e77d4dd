//! The traits of a trained model: [`Predictor`] returns whole outputs, and [`Streaming`] returns an output piece by
//! piece.

use burn::tensor::Device;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dynamic::AnyStreaming;
use crate::error::{PackageError, PredictError};
use crate::files::Files;
use crate::package::Package;
use crate::schemas::Schemas;

/// A trained model.
///
/// A predictor is immutable, and any number of threads may share a reference to it. The command line, the HTTP server
/// and the browser exchange input, options and output as JSON.
///
/// ```
/// use burn::tensor::Device;
/// use inference::{Package, PackageError, PredictError, Predictor};
///
/// /// Repeats a text.
/// struct Echo;
///
/// impl Predictor for Echo {
///     const APPLICATION: &'static str = "echo";
///     type Input = String;
///     type Options = ();
///     type Output = String;
///
///     fn open(_package: &Package<'_>, _device: &Device) -> Result<Self, PackageError> {
///         Ok(Self)
///     }
///
///     fn predict(&self, inputs: &[String], _options: &()) -> Result<Vec<String>, PredictError> {
///         Ok(inputs.to_vec())
///     }
///
///     fn example(&self) -> String {
///         "hello".to_owned()
///     }
/// }
///
/// assert_eq!(Echo.predict_one("hello")?, "hello");
/// # Ok::<(), PredictError>(())
/// ```
pub trait Predictor: Sized + Send + Sync {
    /// The name of the application, as in `zoo APPLICATION predict` and in the `manifest.json` of packages.
    const APPLICATION: &'static str;
    /// The type of one input, such as a text.
    type Input: DeserializeOwned + Serialize;
    /// The type of the options of a prediction, such as a temperature.
    type Options: Default + DeserializeOwned;
    /// The type of one prediction, such as a label with its probability.
    type Output: Serialize;

    /// Builds the model of a package on a device, and loads its weights.
    ///
    /// # Errors
    ///
    /// [`PackageError::Missing`], [`PackageError::Checksum`] or [`PackageError::Invalid`] if a file of the package is
    /// missing, damaged or not valid.
    fn open(package: &Package<'_>, device: &Device) -> Result<Self, PackageError>;

    /// Predicts one output per input, in order. An output does not depend on the other inputs.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if an input or an option is not valid. The error names the field in the input or in
    /// the options.
    fn predict(&self, inputs: &[Self::Input], options: &Self::Options) -> Result<Vec<Self::Output>, PredictError>;

    /// Returns a valid input of usual length, for documentation, input forms and measurements of speed.
    fn example(&self) -> Self::Input;

    /// Returns the model as an [`AnyStreaming`], which returns an output piece by piece, such as token by token.
    /// Returns `None` if the model only returns whole outputs. A type that implements [`Streaming`] returns
    /// `Some(self)`.
    fn streaming(&self) -> Option<&dyn AnyStreaming> {
        None
    }

    /// Returns whether a batch of inputs takes less time than the same inputs one after the other. If this is true, a
    /// server predicts the inputs of several waiting requests in one batch.
    fn gains_from_batches(&self) -> bool {
        true
    }

    /// Returns the JSON Schemas of input, options, output and pieces, for programs that do not know the application,
    /// such as a server.
    fn schemas(&self) -> Schemas {
        Schemas::default()
    }

    /// Opens a package (the files of a trained model) on the CPU. `files` reads these files, such as from a folder or
    /// from memory.
    ///
    /// # Errors
    ///
    /// The errors of [`Package::open`] and of [`open`](Self::open).
    fn from_files(files: &dyn Files) -> Result<Self, PackageError> {
        Self::open(&Package::open(files, Self::APPLICATION)?, &Device::flex())
    }

    /// Opens a model on the CPU, by its name or by the folder of its package. [`Catalog`](crate::Catalog) lists the
    /// folders that are searched.
    ///
    /// # Errors
    ///
    /// [`PackageError::NotFound`] if there is no such model; the errors of [`from_files`](Self::from_files).
    #[cfg(feature = "folder")]
    fn from_pretrained(name: &str) -> Result<Self, PackageError> {
        Self::from_files(&crate::Folder::new(crate::Catalog::of::<Self>().find(name)?))
    }

    /// Predicts the output for one input, with the default options.
    ///
    /// # Errors
    ///
    /// The errors of [`predict`](Self::predict).
    fn predict_one(&self, input: impl Into<Self::Input>) -> Result<Self::Output, PredictError> {
        let answers = self.predict(&[input.into()], &Self::Options::default())?;
        answers.into_iter().next().ok_or_else(|| PredictError::Internal("the model returned no prediction".into()))
    }
}

/// A model that returns an output piece by piece, such as token by token.
///
/// A session is the state of one output in progress. All sessions share the model: a server keeps one model and many
/// sessions.
pub trait Streaming: Predictor {
    /// The type of a session: the state of one output in progress.
    type Session: Send + 'static;
    /// The type of one piece of an output, such as a token.
    type Piece: Serialize;

    /// Reads the input, and starts a session.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the input or an option is not valid.
    fn begin(&self, input: &Self::Input, options: &Self::Options) -> Result<Self::Session, PredictError>;

    /// Returns the next piece, or `None` when the output is complete. Later calls then return `None` too.
    ///
    /// # Errors
    ///
    /// [`PredictError`] if the piece cannot be computed.
    fn next(&self, session: &mut Self::Session) -> Result<Option<Self::Piece>, PredictError>;
}
