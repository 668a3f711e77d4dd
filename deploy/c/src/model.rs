//! Models and sessions behind the pointers of the C interface.

use std::sync::Arc;

use inference::dynamic::{AnyModel, AnySession, Inputs, Request};
use serde_json::{Value, json};

use crate::error::Error;

/// An opened model. Any number of threads may use it.
pub struct ZooModel(Arc<AnyModel>);

/// An unfinished answer, which comes piece by piece. One thread at a time may use a session.
pub struct ZooSession {
    model: Arc<AnyModel>,
    session: AnySession,
}

impl ZooModel {
    /// Opens a model. `name` is the name of the model, or the path of the folder of its package (the files of a trained
    /// model).
    pub fn open(name: &str) -> Result<Self, Error> {
        Ok(Self(Arc::new(zoo::from_pretrained(name)?)))
    }

    /// Predicts one output per input. `request` is a JSON object with one input or a list of inputs, and optional
    /// options.
    pub fn predict(&self, request: &str) -> Result<Value, Error> {
        let (inputs, options) = parse(request)?.inputs()?;
        let predict = |inputs| self.0.predictor.predict_json(inputs, options);
        match inputs {
            Inputs::One(input) => {
                let output = predict(vec![input])?.pop();
                Ok(json!({ "output": output.ok_or_else(|| Error::internal("the model returned no prediction"))? }))
            }
            Inputs::List(inputs) => Ok(json!({ "outputs": predict(inputs)? })),
        }
    }

    /// Starts an answer that comes piece by piece. `request` is a JSON object with one input and optional options.
    pub fn begin(&self, request: &str) -> Result<ZooSession, Error> {
        let (input, options) = parse(request)?.input()?;
        let session = self.0.predictor.need_streaming()?.begin_json(input, options)?;
        Ok(ZooSession { model: self.0.clone(), session })
    }
}

impl ZooSession {
    /// Returns the next piece of the answer, or `None` when the answer is complete.
    pub fn next_piece(&mut self) -> Result<Option<Value>, Error> {
        Ok(self.model.predictor.need_streaming()?.next_json(&mut self.session)?)
    }
}

fn parse(request: &str) -> Result<Request, Error> {
    serde_json::from_str(request).map_err(|error| Error::bad_input("request", error.to_string()))
}
