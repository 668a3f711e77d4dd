//! JSON schemas of the input and the output of a model, for servers.

use inference::Schemas;
use serde_json::json;

/// Returns the JSON schemas of input texts, options and predictions.
pub fn schemas() -> Schemas {
    let offset = json!({ "type": "integer", "minimum": 0 });
    Schemas {
        input: json!({ "type": "string", "description": "A text with any number of sentences." }),
        options: json!({
            "type": "object",
            "properties": { "min_confidence": { "type": "number", "minimum": 0, "maximum": 1,
                "description": "The lowest confidence of the entities that are returned." } },
            "additionalProperties": false,
        }),
        output: json!({
            "type": "object",
            "properties": {
                "text": { "type": "string" },
                "entities": { "type": "array", "items": {
                    "type": "object",
                    "properties": {
                        "kind": { "type": "string" },
                        "text": { "type": "string" },
                        "start": offset, "end": offset, "char_start": offset, "char_end": offset,
                        "confidence": { "type": "number" },
                    },
                    "required": ["kind", "text", "start", "end", "char_start", "char_end", "confidence"],
                } },
            },
            "required": ["text", "entities"],
        }),
        ..Schemas::default()
    }
}
