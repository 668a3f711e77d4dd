//! JSON Schemas of what a model reads and returns, for programs that work with any model, such as a server.

use serde_json::Value;

/// The JSON Schemas (draft 2020-12) of a model's input, options, output, and pieces of an output.
///
/// A server refuses an option above the `maximum` in its schema, so that one request cannot occupy a model for a long
/// time.
#[derive(Clone, Debug, PartialEq)]
pub struct Schemas {
    /// The schema of one input.
    pub input: Value,
    /// The schema of the options, which are one JSON object.
    pub options: Value,
    /// The schema of one output.
    pub output: Value,
    /// The schema of one piece of an output, for models that return an output piece by piece.
    pub piece: Value,
}

impl Default for Schemas {
    /// Schemas that allow every value.
    fn default() -> Self {
        let any = || Value::Bool(true);
        Self { input: any(), options: any(), output: any(), piece: any() }
    }
}
