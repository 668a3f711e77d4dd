//! [`AnyModel`]: one type for the models of all applications, with JSON as input and output. Servers, C programs and
//! browsers use this type.
//!
//! ```text
//! Files ─► Registry::open ─► AnyModel { manifest, predictor } ─► AnyPredictor::predict_json ─► Value
//!                                                            └─► AnyStreaming::begin_json, next_json ─► Value
//! ```
//!
//! Every [`Predictor`] is an [`AnyPredictor`], and every [`Streaming`] predictor is an [`AnyStreaming`].

use std::any::Any;

use burn::tensor::Device;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{PackageError, PredictError};
use crate::files::Files;
use crate::package::{Manifest, Package};
use crate::predictor::{Predictor, Streaming};
use crate::schemas::Schemas;

/// A [`Predictor`] whose inputs, options and outputs are JSON.
pub trait AnyPredictor: Send + Sync {
    /// Returns the name of the application, such as `sentiment`.
    fn application(&self) -> &'static str;

    /// Predicts one output per input, in order: [`Predictor::predict`] with JSON. If `options` is `null`, the default
    /// options are used.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] for the field `input` or `options` if the JSON does not match the schema of the
    /// application, and the errors of [`Predictor::predict`].
    fn predict_json(&self, inputs: Vec<Value>, options: Value) -> Result<Vec<Value>, PredictError>;

    /// Returns a valid example input: [`Predictor::example`] as JSON.
    ///
    /// # Errors
    ///
    /// [`PredictError::Internal`] if the input cannot be converted to JSON.
    fn example(&self) -> Result<Value, PredictError>;

    /// Returns the model as an [`AnyStreaming`], which returns an answer piece by piece, such as token by token.
    /// Returns `None` if the model only returns whole answers.
    fn streaming(&self) -> Option<&dyn AnyStreaming>;

    /// Returns the model as an [`AnyStreaming`], which returns an answer piece by piece. Unlike
    /// [`streaming`](Self::streaming), this function returns an error if the model only returns whole answers.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] for the field `model` if the model only returns whole answers.
    fn need_streaming(&self) -> Result<&dyn AnyStreaming, PredictError> {
        let message = "this model does not return answers piece by piece; request the whole answer";
        self.streaming().ok_or_else(|| PredictError::bad_input("model", message))
    }

    /// Returns whether several inputs take less time together than one after the other:
    /// [`Predictor::gains_from_batches`].
    fn gains_from_batches(&self) -> bool;

    /// Returns the JSON Schemas of input, options, output and pieces: [`Predictor::schemas`].
    fn schemas(&self) -> Schemas;
}

/// A [`Streaming`] predictor whose input, options and pieces are JSON.
pub trait AnyStreaming: Send + Sync {
    /// Reads the input, and starts a session (the state of one answer in progress): [`Streaming::begin`] with JSON.
    ///
    /// # Errors
    ///
    /// The errors of [`AnyPredictor::predict_json`].
    fn begin_json(&self, input: Value, options: Value) -> Result<AnySession, PredictError>;

    /// Returns the next piece, or `None` when the answer is complete: [`Streaming::next`] with JSON.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the session belongs to a model of another application.
    fn next_json(&self, session: &mut AnySession) -> Result<Option<Value>, PredictError>;
}

/// The state of one answer in progress, for a model of any application: a [`Streaming::Session`] as `dyn Any`.
pub struct AnySession(Box<dyn Any + Send>);

impl<P: Predictor> AnyPredictor for P {
    fn application(&self) -> &'static str {
        P::APPLICATION
    }

    fn predict_json(&self, inputs: Vec<Value>, options: Value) -> Result<Vec<Value>, PredictError> {
        let inputs = inputs.into_iter().map(|input| parse("input", input)).collect::<Result<Vec<_>, _>>()?;
        self.predict(&inputs, &parse_options::<P>(options)?)?.iter().map(to_json).collect()
    }

    fn example(&self) -> Result<Value, PredictError> {
        to_json(&Predictor::example(self))
    }

    fn streaming(&self) -> Option<&dyn AnyStreaming> {
        Predictor::streaming(self)
    }

    fn gains_from_batches(&self) -> bool {
        Predictor::gains_from_batches(self)
    }

    fn schemas(&self) -> Schemas {
        Predictor::schemas(self)
    }
}

impl<S: Streaming> AnyStreaming for S {
    fn begin_json(&self, input: Value, options: Value) -> Result<AnySession, PredictError> {
        let session = self.begin(&parse("input", input)?, &parse_options::<S>(options)?)?;
        Ok(AnySession(Box::new(session)))
    }

    fn next_json(&self, session: &mut AnySession) -> Result<Option<Value>, PredictError> {
        let session = session.0.downcast_mut::<S::Session>();
        let session = session.ok_or_else(|| {
            PredictError::bad_input(
                "session",
                format!(
                    "the session was started with a model of another application than {}; start a new session",
                    S::APPLICATION
                ),
            )
        })?;
        self.next(session)?.as_ref().map(to_json).transpose()
    }
}

fn parse<T: DeserializeOwned>(field: &'static str, value: Value) -> Result<T, PredictError> {
    serde_json::from_value(value).map_err(|error| PredictError::bad_input(field, error.to_string()))
}

fn parse_options<P: Predictor>(options: Value) -> Result<P::Options, PredictError> {
    if options.is_null() { Ok(P::Options::default()) } else { parse("options", options) }
}

fn to_json(output: &impl Serialize) -> Result<Value, PredictError> {
    serde_json::to_value(output).map_err(|error| PredictError::Internal(Box::new(error)))
}

/// A request of a client in JSON: `{"input": X}` for one input or `{"inputs": [X, …]}` for several inputs. The field
/// `"options": {…}`, with the options of the application, may be absent.
///
/// ```
/// use inference::dynamic::{Inputs, Request};
///
/// let request: Request = serde_json::from_str(r#"{ "inputs": ["one", "two"], "options": { "explain": true } }"#)?;
/// let (inputs, options) = request.inputs()?;
/// assert_eq!(inputs, Inputs::List(vec!["one".into(), "two".into()]));
/// assert_eq!(options["explain"], true);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    input: Option<Value>,
    inputs: Option<Vec<Value>>,
    #[serde(default)]
    options: Value,
}

/// The inputs of a [`Request`]: one input or a list. The answer to one input must be one output, and the answer to a
/// list must be a list.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// The value of `input`.
    One(Value),
    /// The values of `inputs`.
    List(Vec<Value>),
}

impl Request {
    /// Returns the inputs and the options of a prediction. If the request has no options, the options are `null`.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] for the field `input` if the request does not have exactly one of `input` and
    /// `inputs`.
    pub fn inputs(self) -> Result<(Inputs, Value), PredictError> {
        match (self.input, self.inputs) {
            (Some(input), None) => Ok((Inputs::One(input), self.options)),
            (None, Some(inputs)) => Ok((Inputs::List(inputs), self.options)),
            _ => Err(PredictError::bad_input("input", "give exactly one of `input` and `inputs`")),
        }
    }

    /// Returns the input and the options for a session, which streams the answer to one input. If the request has no
    /// options, the options are `null`.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] for the field `input` if the request has no `input`, or if it has `inputs`.
    pub fn input(self) -> Result<(Value, Value), PredictError> {
        match (self.input, self.inputs) {
            (Some(input), None) => Ok((input, self.options)),
            _ => Err(PredictError::bad_input(
                "input",
                "a streamed answer has exactly one input; give it in the field `input`, and omit `inputs`",
            )),
        }
    }
}

/// An opened model of any application, with its manifest.
pub struct AnyModel {
    /// The manifest of the package: name, description, number of parameters, settings.
    pub manifest: Manifest,
    /// The model, ready for predictions.
    pub predictor: Box<dyn AnyPredictor>,
}

/// The applications whose models a program can open, such as `sentiment`. [`open`](Self::open) opens the package of any
/// of these applications.
///
/// ```
/// use inference::dynamic::{Entry, Registry};
/// # use burn::tensor::Device;
/// # use inference::{MemoryFiles, Package, PackageError, PredictError, Predictor};
/// # struct Echo;
/// # impl Predictor for Echo {
/// #     const APPLICATION: &'static str = "echo";
/// #     type Input = String;
/// #     type Options = ();
/// #     type Output = String;
/// #     fn open(_package: &Package<'_>, _device: &Device) -> Result<Self, PackageError> { Ok(Self) }
/// #     fn predict(&self, inputs: &[String], _options: &()) -> Result<Vec<String>, PredictError> { Ok(inputs.to_vec()) }
/// #     fn example(&self) -> String { "hello".to_owned() }
/// # }
///
/// const APPLICATIONS: Registry = Registry(&[Entry::of::<Echo>()]);
/// let manifest = br#"{ "format": 2, "application": "echo", "name": "parrot", "about": "Repeats a text.",
///     "parameters": 0, "settings": {}, "files": {} }"#;
/// let model = APPLICATIONS.open(&MemoryFiles::from([("manifest.json", &manifest[..])]), &Device::flex())?;
/// assert_eq!(model.predictor.predict_json(vec!["hello".into()], serde_json::Value::Null)?, ["hello"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Registry(pub &'static [Entry]);

/// One application of a [`Registry`].
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The name of the application, such as `sentiment`.
    pub application: &'static str,
    /// The function that opens a package of the application.
    open: Opener,
}

type Opener = fn(&Package<'_>, &Device) -> Result<Box<dyn AnyPredictor>, PackageError>;

impl Entry {
    /// Creates the entry of the application of the predictor `P`: [`Predictor::APPLICATION`].
    pub const fn of<P: Predictor + 'static>() -> Self {
        Self { application: P::APPLICATION, open: |package, device| Ok(Box::new(P::open(package, device)?)) }
    }
}

impl Registry {
    /// Opens a package of any application in the registry, and loads its weights to a device.
    ///
    /// # Errors
    ///
    /// [`PackageError::UnknownApplication`] if the program does not have the application of the package, and the errors
    /// of [`Package::open`] and [`Predictor::open`].
    pub fn open(&self, files: &dyn Files, device: &Device) -> Result<AnyModel, PackageError> {
        let package = Package::of_any(files)?;
        let application = &package.manifest.application;
        let entry = self.0.iter().find(|entry| entry.application == application);
        let entry = entry.ok_or_else(|| PackageError::UnknownApplication {
            found: application.clone(),
            known: self.0.iter().map(|entry| entry.application).collect(),
        })?;
        let predictor = (entry.open)(&package, device)?;
        Ok(AnyModel { manifest: package.manifest, predictor })
    }

    /// Finds the package of a model of any application, by its name or by the path of its folder.
    ///
    /// # Errors
    ///
    /// [`PackageError::NotFound`] with all searched folders; [`PackageError::Ambiguous`] if several applications have a
    /// model with this name; [`PackageError::NotAFolder`] for the path of a file.
    #[cfg(feature = "folder")]
    pub fn find(&self, name: &str) -> Result<std::path::PathBuf, PackageError> {
        let (mut found, mut searched) = (Vec::new(), Vec::new());
        for entry in self.0 {
            match crate::Catalog::named(entry.application).find(name) {
                Ok(path) => found.push((entry.application, path)),
                Err(PackageError::NotFound { searched: places, .. }) => searched.extend(places),
                Err(error) => return Err(error),
            }
        }
        found.dedup_by(|one, other| one.1 == other.1);
        match found.len() {
            0 => Err(PackageError::NotFound { application: "any application", name: name.to_owned(), searched }),
            1 => Ok(found.swap_remove(0).1),
            _ => {
                let applications = found.into_iter().map(|(application, _)| application).collect();
                Err(PackageError::Ambiguous { name: name.to_owned(), applications })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts from the input down to 1, piece by piece.
    struct Countdown;

    impl Predictor for Countdown {
        const APPLICATION: &'static str = "countdown";
        type Input = u32;
        type Options = Option<u32>;
        type Output = Vec<u32>;

        fn open(_package: &Package<'_>, _device: &Device) -> Result<Self, PackageError> {
            Ok(Self)
        }

        fn predict(&self, inputs: &[u32], step: &Option<u32>) -> Result<Vec<Vec<u32>>, PredictError> {
            let step = step.unwrap_or(1) as usize;
            Ok(inputs.iter().map(|start| (1..=*start).rev().step_by(step).collect()).collect())
        }

        fn example(&self) -> u32 {
            3
        }

        fn streaming(&self) -> Option<&dyn AnyStreaming> {
            Some(self)
        }
    }

    impl Streaming for Countdown {
        type Session = u32;
        type Piece = u32;

        fn begin(&self, input: &u32, _step: &Option<u32>) -> Result<u32, PredictError> {
            Ok(*input)
        }

        fn next(&self, left: &mut u32) -> Result<Option<u32>, PredictError> {
            let piece = *left;
            *left = left.saturating_sub(1);
            Ok((piece > 0).then_some(piece))
        }
    }

    /// Returns its input as a whole.
    struct Echo;

    impl Predictor for Echo {
        const APPLICATION: &'static str = "echo";
        type Input = String;
        type Options = ();
        type Output = String;

        fn open(_package: &Package<'_>, _device: &Device) -> Result<Self, PackageError> {
            Ok(Self)
        }

        fn predict(&self, inputs: &[String], _options: &()) -> Result<Vec<String>, PredictError> {
            Ok(inputs.to_vec())
        }

        fn example(&self) -> String {
            "hello".to_owned()
        }
    }

    const REGISTRY: Registry = Registry(&[Entry::of::<Countdown>()]);

    fn open(application: &str) -> Result<AnyModel, PackageError> {
        let manifest = serde_json::json!({
            "format": 2, "application": application, "name": "three", "about": "Counts down.", "parameters": 0,
            "settings": {}, "files": {},
        });
        let content = manifest.to_string();
        REGISTRY.open(&crate::MemoryFiles::from([("manifest.json", content.as_bytes())]), &Device::flex())
    }

    #[test]
    fn json_goes_in_and_out() {
        let model = open("countdown").unwrap();
        assert_eq!((model.manifest.name.as_str(), model.predictor.application()), ("three", "countdown"));
        let answers = model.predictor.predict_json(vec![3.into(), 0.into()], Value::Null).unwrap();
        assert_eq!(answers, [serde_json::json!([3, 2, 1]), serde_json::json!([])]);
        assert_eq!(model.predictor.predict_json(vec![3.into()], 2.into()).unwrap(), [serde_json::json!([3, 1])]);
        let bad = |inputs, options| model.predictor.predict_json(inputs, options).unwrap_err();
        assert!(matches!(bad(vec!["x".into()], Value::Null), PredictError::BadInput { field: "input", .. }));
        assert!(matches!(bad(vec![3.into()], "x".into()), PredictError::BadInput { field: "options", .. }));
        assert_eq!(model.predictor.example().unwrap(), 3);
    }

    #[test]
    fn pieces_come_from_a_session() {
        let model = open("countdown").unwrap();
        let streaming = model.predictor.streaming().unwrap();
        let mut session = streaming.begin_json(2.into(), Value::Null).unwrap();
        let pieces = [(); 3].map(|()| streaming.next_json(&mut session).unwrap());
        assert_eq!(pieces, [Some(2.into()), Some(1.into()), None]);
        let mut other = AnySession(Box::new("of another model"));
        let error = streaming.next_json(&mut other).unwrap_err();
        assert!(matches!(error, PredictError::BadInput { field: "session", .. }));
    }

    #[test]
    fn a_model_of_whole_answers_has_no_pieces() {
        assert!(open("countdown").unwrap().predictor.need_streaming().is_ok());
        let error = AnyPredictor::need_streaming(&Echo).map(drop).unwrap_err();
        assert!(matches!(error, PredictError::BadInput { field: "model", .. }));
    }

    #[test]
    fn a_request_has_one_input_or_a_list() {
        let request = |json: &str| serde_json::from_str::<Request>(json);
        let inputs = |json: &str| request(json).unwrap().inputs();
        assert_eq!(inputs(r#"{ "input": 1 }"#).unwrap(), (Inputs::One(1.into()), Value::Null));
        let (list, options) = inputs(r#"{ "inputs": [], "options": 2 }"#).unwrap();
        assert_eq!((list, options), (Inputs::List(Vec::new()), 2.into()));
        assert_eq!(request(r#"{ "input": 1, "options": 2 }"#).unwrap().input().unwrap(), (1.into(), 2.into()));
        for json in ["{}", r#"{ "input": 1, "inputs": [1] }"#] {
            for error in [inputs(json).map(drop), request(json).unwrap().input().map(drop)] {
                assert!(matches!(error, Err(PredictError::BadInput { field: "input", .. })), "{json}");
            }
        }
        assert!(request(r#"{ "inputs": [1] }"#).unwrap().input().is_err(), "a session has one input");
        assert!(request(r#"{ "input": 1, "other": 1 }"#).is_err());
    }

    #[test]
    fn packages_of_unknown_applications_are_errors() {
        let Err(PackageError::UnknownApplication { found, known }) = open("other") else { panic!("opened") };
        assert_eq!((found.as_str(), &known[..]), ("other", &["countdown"][..]));
    }
}
