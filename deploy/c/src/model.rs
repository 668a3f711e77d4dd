//! Models and sessions behind the pointers of the C interface.

use std::sync::Arc;

use inference::dynamic::{AnyModel, AnySession, AnyStreaming};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::Error;

/// An opened model. Any number of threads may use it.
pub struct ZooModel(Arc<AnyModel>);

/// An answer in progress. One thread at a time may use it.
pub struct ZooSession {
    model: Arc<AnyModel>,
    session: AnySession,
}

/// What a caller asks: one input or several, and options.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    input: Option<Value>,
    inputs: Option<Vec<Value>>,
    #[serde(default)]
    options: Value,
}

impl Request {
    fn parse(json: &str) -> Result<Self, Error> {
        serde_json::from_str(json).map_err(|error| Error::bad_input("request", error.to_string()))
    }
}

impl ZooModel {
    /// Opens the model with this name, or the package in this folder.
    pub fn open(name: &str) -> Result<Self, Error> {
        Ok(Self(Arc::new(zoo::from_pretrained(name)?)))
    }

    /// Answers a request.
    pub fn predict(&self, request: &str) -> Result<Value, Error> {
        let predict = |inputs, options| self.0.predictor.predict_json(inputs, options);
        match Request::parse(request)? {
            Request { input: Some(input), inputs: None, options } => {
                let output = predict(vec![input], options)?.pop();
                Ok(json!({ "output": output.ok_or_else(|| Error::internal("the model returned no prediction"))? }))
            }
            Request { input: None, inputs: Some(inputs), options } => {
                Ok(json!({ "outputs": predict(inputs, options)? }))
            }
            _ => Err(Error::bad_input("request", "give either `input` or `inputs`")),
        }
    }

    /// Starts a session.
    pub fn begin(&self, request: &str) -> Result<ZooSession, Error> {
        let Request { input: Some(input), inputs: None, options } = Request::parse(request)? else {
            return Err(Error::bad_input("request", "a session answers one `input`"));
        };
        let session = streaming(&self.0)?.begin_json(input, options)?;
        Ok(ZooSession { model: self.0.clone(), session })
    }
}

impl ZooSession {
    /// Returns the next piece, or `None` when the answer is complete.
    pub fn next_piece(&mut self) -> Result<Option<Value>, Error> {
        Ok(streaming(&self.model)?.next_json(&mut self.session)?)
    }
}

fn streaming(model: &AnyModel) -> Result<&dyn AnyStreaming, Error> {
    let message = || format!("the model {} does not answer piece by piece; use zoo_predict_json", model.manifest.name);
    model.predictor.streaming().ok_or_else(|| Error::bad_input("model", message()))
}
