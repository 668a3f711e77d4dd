//! How a model describes its JSON to programs that know no application, such as a server.

use serde_json::Value;

/// The forms of a model's input, options, output and pieces, as JSON Schemas (draft 2020-12).
///
/// A server refuses an option above the `maximum` of its schema, so that one request cannot take a model for itself.
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
