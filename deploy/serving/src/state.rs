//! The state that all requests of a server share.

use std::sync::Arc;

use inference::Schemas;
use inference::dynamic::AnyModel;
use serde_json::{Value, json};

use crate::error::{ApiError, ServeError};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::sessions::Sessions;
use crate::worker::Worker;

/// A served model: its description, and the thread that predicts.
pub(crate) struct Served {
    pub(crate) model: Arc<AnyModel>,
    pub(crate) schemas: Schemas,
    pub(crate) example: Value,
    pub(crate) worker: Worker,
}

impl Served {
    pub(crate) fn name(&self) -> &str {
        &self.model.manifest.name
    }

    pub(crate) fn is_streaming(&self) -> bool {
        self.model.predictor.streaming().is_some()
    }

    /// Returns the JSON object that describes the model in the list of models.
    pub(crate) fn description(&self) -> Value {
        let manifest = &self.model.manifest;
        json!({
            "name": manifest.name, "application": manifest.application, "about": manifest.about,
            "parameters": manifest.parameters, "streaming": self.is_streaming(), "example": self.example,
            "settings": manifest.settings,
        })
    }
}

/// The models, sessions, metrics and options of a server.
pub(crate) struct State {
    pub(crate) models: Vec<Served>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) options: Options,
}

impl State {
    /// Starts a thread for each model, and returns the state. Fails if two models have the same name, or if a thread
    /// cannot be started.
    pub(crate) fn start(models: Vec<AnyModel>, options: Options) -> Result<Self, ServeError> {
        let metrics = Arc::new(Metrics::new());
        let mut served: Vec<Served> = Vec::with_capacity(models.len());
        for model in models {
            if served.iter().any(|other| other.name() == model.manifest.name) {
                return Err(ServeError::SameName(model.manifest.name));
            }
            let (schemas, model) = (model.predictor.schemas(), Arc::new(model));
            let example = model.predictor.example().unwrap_or_default();
            let worker = Worker::start(model.clone(), options.limits, metrics.clone())?;
            served.push(Served { model, schemas, example, worker });
        }
        let sessions = Sessions::new(options.limits.sessions, options.limits.session_time);
        Ok(Self { models: served, sessions, metrics, options })
    }

    /// Returns the model with this name.
    pub(crate) fn model(&self, name: &str) -> Result<&Served, ApiError> {
        self.models.iter().find(|model| model.name() == name).ok_or(ApiError::NoModel)
    }
}
