//! Reads and checks the bodies of requests.

use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use crate::error::ApiError;
use crate::options::Limits;
use crate::state::Served;

/// The body of a request for the next pieces of a session.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Next {
    /// The largest number of pieces to return.
    pub(crate) count: u64,
}

/// Reads the body of a request, and parses it.
pub(crate) async fn read<T: DeserializeOwned>(request: Request<Body>, limits: &Limits) -> Result<T, ApiError> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    // From pages of other origins, browsers send some media types without a preflight request, but they send
    // `application/json` only if CORS allows it.
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(ApiError::ContentType);
    }
    // If the request declares a length that is too large, its body is refused before it is read.
    if request.body().size_hint().lower() > limits.body as u64 {
        return Err(ApiError::TooLarge(limits.body));
    }
    let body = Limited::new(request.into_body(), limits.body).collect();
    let body = timeout(limits.client_time, body).await.map_err(|_| ApiError::SlowRequest)?;
    let body = body.map_err(|error| match error.is::<LengthLimitError>() {
        true => ApiError::TooLarge(limits.body),
        false => ApiError::Incomplete,
    })?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| ApiError::InvalidJson(error.to_string()))
}

/// Checks the number of inputs and the lengths of texts against the limits, and the values of the options against the
/// maximums in the model's JSON Schema.
pub(crate) fn check(model: &Served, inputs: &[Value], options: &Value, limits: &Limits) -> Result<(), ApiError> {
    if inputs.is_empty() || inputs.len() > limits.inputs {
        let message = format!("there are {} inputs; give 1 to {}", inputs.len(), limits.inputs);
        return Err(ApiError::bad_input("inputs", message));
    }
    inputs.iter().try_for_each(|input| check_input(model, input, limits.text))?;
    check_text("options", options, limits.text)?;
    for (name, value) in options.as_object().into_iter().flatten() {
        let largest = model.schemas.options["properties"][name]["maximum"].as_f64();
        if let Some(largest) = largest.filter(|largest| value.as_f64().is_some_and(|value| value > *largest)) {
            return Err(ApiError::bad_input(name, format!("{value} is too large; the maximum is {largest}")));
        }
    }
    Ok(())
}

/// Checks the length of every string in an input, except strings with the content of a file, such as a CSV table. For
/// such strings, only the limit of the whole body applies.
fn check_input(model: &Served, input: &Value, longest: usize) -> Result<(), ApiError> {
    let schema = &model.schemas.input;
    let forms = schema["oneOf"].as_array().map_or(std::slice::from_ref(schema), Vec::as_slice);
    let is_file = |name: &str| forms.iter().any(|form| form["properties"][name]["contentMediaType"].is_string());
    match input {
        Value::Object(values) => {
            let mut texts = values.iter().filter(|(name, _)| !is_file(name));
            texts.try_for_each(|(_, value)| check_text("input", value, longest))
        }
        _ => check_text("input", input, longest),
    }
}

/// Checks the length of every string in a value.
fn check_text(field: &str, value: &Value, longest: usize) -> Result<(), ApiError> {
    match value {
        Value::String(text) => match text.chars().count() {
            length if length > longest => {
                let message = format!("a text has {length} characters; give at most {longest}");
                Err(ApiError::bad_input(field, message))
            }
            _ => Ok(()),
        },
        Value::Array(values) => values.iter().try_for_each(|value| check_text(field, value, longest)),
        Value::Object(values) => values.values().try_for_each(|value| check_text(field, value, longest)),
        _ => Ok(()),
    }
}
