//! The JSON Schemas with which a model describes its JSON to programs that do not know the application, such as a
//! server.

use serde_json::Value;

/// The forms of a model's input, options, output and pieces, as JSON Schemas (draft 2020-12).
///
/// A server refuses an option above the `maximum` of its schema, so that one request cannot occupy a model for a long
/// time.
#[derive(Clone, Debug, PartialEq)]
pub struct Schemas {
    /// One input.
    pub input: Value,
    /// The options, an object.
    pub options: Value,
    /// One output.
    pub output: Value,
    /// One piece of an answer, of a model that answers piece by piece.
    pub piece: Value,
}

impl Default for Schemas {
    /// Schemas that allow every value.
    fn default() -> Self {
        let any = || Value::Bool(true);
        Self { input: any(), options: any(), output: any(), piece: any() }
    }
}
