//! The errors that keep a server from starting, and the errors that it sends to clients.

use std::net::SocketAddr;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use inference::PredictError;
use serde_json::{Value, json};

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The server cannot listen on the address, for example because another program uses it.
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// Two models have the same name.
    #[error("two models have the name `{0}`; serve only one of these models")]
    SameName(String),
    /// The origin for CORS is not valid. For example, it does not begin with `http://` or `https://`, or it ends with a
    /// slash.
    #[error(
        "the origin `{0}` is not valid; give scheme and host without a slash at the end, such as https://example.org"
    )]
    Origin(String),
    /// The operating system refused to start a thread or to register a signal handler.
    #[error("cannot start the server: {0}")]
    System(#[from] std::io::Error),
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{message}")]
    BadInput { field: String, message: String },
    #[error("the body is not valid JSON for this request: {0}")]
    InvalidJson(String),
    #[error("the body was not sent completely; send the request again")]
    Incomplete,
    #[error("the bearer token is missing or wrong; send the header `authorization: Bearer TOKEN`")]
    Unauthorized,
    #[error("there is no model with this name; GET /v1/models lists the models")]
    NoModel,
    #[error(
        "there is no session with this identifier: it has ended, has expired, or belongs to another model; begin a new \
         session"
    )]
    NoSession,
    #[error("there is nothing at this path; GET /openapi.json lists the paths")]
    NoPath,
    #[error("this path does not accept this HTTP method; GET /openapi.json lists the methods of each path")]
    Method,
    #[error("the session is in use by another request; wait for the answer to that request")]
    SessionInUse,
    #[error("the body was not sent in time; send the request again, with a smaller body if the connection is slow")]
    SlowRequest,
    #[error("the body is larger than {0} bytes; send a smaller body, or several requests")]
    TooLarge(usize),
    #[error("the content type is not application/json; send the header `content-type: application/json`")]
    ContentType,
    #[error("too many requests wait for this model; try again later")]
    QueueFull,
    #[error("there are too many sessions; end other sessions, or try again later")]
    TooManySessions,
    #[error("the answer was not ready in time; request a shorter answer, or try again later")]
    SlowAnswer,
    /// The model failed. The text is the reason. The reason is logged but not sent, because it may reveal how the
    /// server works.
    #[error("the model failed; the log of the server has the reason")]
    Internal(String),
}

impl From<PredictError> for ApiError {
    fn from(error: PredictError) -> Self {
        match error {
            PredictError::BadInput { field, reason } => Self::BadInput { field: field.to_owned(), message: reason },
            other => Self::Internal(other.to_string()),
        }
    }
}

impl ApiError {
    pub(crate) fn bad_input(field: &str, message: impl Into<String>) -> Self {
        Self::BadInput { field: field.to_owned(), message: message.into() }
    }

    /// Creates the error of a request to a model whose thread has ended.
    pub(crate) fn stopped() -> Self {
        Self::Internal("the thread of the model has ended".to_owned())
    }

    /// Logs the reason of an internal error. The response does not contain this reason. Does nothing for other errors.
    pub(crate) fn log(&self, request_id: &str) {
        if let Self::Internal(reason) = self {
            tracing::error!(request_id, reason, "internal error");
        }
    }

    /// Returns the HTTP status of the response, and the error code in its JSON body.
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadInput { .. } => (StatusCode::BAD_REQUEST, "bad_input"),
            Self::InvalidJson(_) => (StatusCode::BAD_REQUEST, "invalid_json"),
            Self::Incomplete => (StatusCode::BAD_REQUEST, "incomplete_body"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::NoModel => (StatusCode::NOT_FOUND, "no_such_model"),
            Self::NoSession => (StatusCode::NOT_FOUND, "no_such_session"),
            Self::NoPath => (StatusCode::NOT_FOUND, "no_such_path"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "no_such_method"),
            Self::SessionInUse => (StatusCode::CONFLICT, "session_in_use"),
            Self::SlowRequest => (StatusCode::REQUEST_TIMEOUT, "slow_request"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::ContentType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type"),
            Self::QueueFull => (StatusCode::SERVICE_UNAVAILABLE, "queue_full"),
            Self::TooManySessions => (StatusCode::SERVICE_UNAVAILABLE, "too_many_sessions"),
            Self::SlowAnswer => (StatusCode::GATEWAY_TIMEOUT, "slow_answer"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// Returns the JSON body of an error response.
    pub(crate) fn to_json(&self, request_id: &str) -> Value {
        let field = match self {
            Self::BadInput { field, .. } => Some(field),
            _ => None,
        };
        let (message, code) = (self.to_string(), self.kind().1);
        json!({ "error": { "code": code, "field": field, "message": message, "request_id": request_id } })
    }
}

impl IntoResponse for ApiError {
    /// Returns a response without a body. The middleware `layers::observe` adds the body, because the body contains the
    /// identifier of the request.
    fn into_response(self) -> Response {
        let mut response = self.kind().0.into_response();
        let headers = response.headers_mut();
        match self {
            Self::QueueFull | Self::TooManySessions => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            // The connection is closed, because the unread rest of a body cannot be distinguished from the next
            // request.
            Self::TooLarge(_) | Self::SlowRequest | Self::Incomplete => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}
