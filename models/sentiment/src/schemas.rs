//! JSON schemas of the input and the output of a model, for servers.

use inference::Schemas;
use serde_json::json;

use crate::settings::Settings;

/// The JSON schemas of the input (a text), the options and the output (a prediction) of a model with these settings.
pub fn schemas(settings: &Settings) -> Schemas {
    let has_classes = !settings.classes.is_empty();
    let (input, label, probability) = match has_classes {
        true => ("The text.", json!({ "enum": settings.classes }), "The probability of the label."),
        false => (
            "The text of a review.",
            json!({ "enum": ["positive", "negative"] }),
            "The probability of the label `positive`.",
        ),
    };
    let mut schemas = Schemas {
        input: json!({ "type": "string", "minLength": 1, "description": input }),
        options: json!({
            "type": "object",
            "properties": { "explain": { "type": "boolean", "description": "Return the contribution of each word." } },
            "additionalProperties": false,
        }),
        output: json!({
            "type": "object",
            "properties": {
                "text": { "type": "string" },
                "label": label,
                "probability": { "type": "number", "minimum": 0, "maximum": 1, "description": probability },
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
    };
    if has_classes {
        schemas.output["properties"]["probabilities"] = json!({
            "type": "object",
            "additionalProperties": { "type": "number", "minimum": 0, "maximum": 1 },
            "description": "The probabilities of all classes, which sum to 1.",
        });
    }
    schemas
}
