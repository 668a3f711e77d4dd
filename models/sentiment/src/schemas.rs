//! JSON schemas of the input and the output of a model, for servers.

use inference::Schemas;
use serde_json::json;

/// The schemas of texts, options and predictions.
pub fn schemas() -> Schemas {
    Schemas {
        input: json!({ "type": "string", "minLength": 1, "description": "The text of a review." }),
        options: json!({
            "type": "object",
            "properties": { "explain": { "type": "boolean", "description": "Return the contribution of each word." } },
            "additionalProperties": false,
        }),
        output: json!({
            "type": "object",
            "properties": {
                "text": { "type": "string" },
                "label": { "enum": ["positive", "negative"] },
                "probability": { "type": "number", "minimum": 0, "maximum": 1,
                    "description": "The probability of the label `positive`." },
                "known_words": { "type": "integer" },
                "unknown_words": { "type": "integer" },
                "truncated": { "type": "boolean" },
                "words": { "type": "array", "items": {
                    "type": "object",
                    "properties": { "word": { "type": "string" }, "contribution": { "type": "number" } },
                    "required": ["word", "contribution"],
                } },
            },
            "required": ["text", "label", "probability", "known_words", "unknown_words", "truncated"],
        }),
        ..Schemas::default()
    }
}
