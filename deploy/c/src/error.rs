//! The format of all errors: a JSON object with a code, the name of the field that is not valid, and a message of one
//! line.

use std::any::Any;
use std::ffi::CString;

use inference::{PackageError, PredictError};
use serde::Serialize;

/// An error, which callers get as a JSON object.
#[derive(Debug, Serialize)]
pub struct Error {
    /// The kind of the error, such as `bad_input`.
    code: &'static str,
    /// The name of the argument, of the input field or of the option that is not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    /// What is wrong, in one line.
    message: String,
}

impl Error {
    /// The error for an argument, a field of the input or an option that is not valid. `field` is its name.
    pub fn bad_input(field: &'static str, message: impl Into<String>) -> Self {
        Self { code: "bad_input", field: Some(field), message: message.into() }
    }

    /// The error for an argument that is NULL.
    pub fn null(argument: &'static str) -> Self {
        Self::bad_input(argument, format!("`{argument}` is NULL; pass a valid pointer"))
    }

    /// The error for a fault of the library.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        Self { code: "internal", field: None, message: error.to_string() }
    }

    /// The error for a panic. The message is the text of the panic, if its payload is a text.
    pub fn from_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        Self::internal(text.unwrap_or("the library panicked without a message"))
    }

    /// The error as JSON; `None` if it cannot be written as a C string.
    pub fn to_json(&self) -> Option<CString> {
        CString::new(serde_json::to_string(self).ok()?).ok()
    }
}

impl From<PackageError> for Error {
    fn from(error: PackageError) -> Self {
        let code = match error {
            PackageError::NotFound { .. } | PackageError::NotAFolder { .. } | PackageError::Ambiguous { .. } => {
                "not_found"
            }
            _ => "bad_package",
        };
        Self { code, field: None, message: error.to_string() }
    }
}

impl From<PredictError> for Error {
    fn from(error: PredictError) -> Self {
        match error {
            PredictError::BadInput { field, reason } => Self::bad_input(field, reason),
            other => Self::internal(other),
        }
    }
}
