//! JSON schemas of the input, the options and the output of a model, for servers.

use inference::Schemas;
use serde_json::{Value, json};

use crate::settings::Settings;

/// Returns the JSON schemas of a model's input sequences, options and predictions.
pub fn schemas(settings: &Settings) -> Schemas {
    let samples = json!({ "type": "array", "minItems": 1, "items": { "type": ["number", "null"] } });
    let channels: serde_json::Map<String, Value> =
        settings.channels.iter().map(|name| (name.clone(), samples.clone())).collect();
    let input = match settings.video {
        Some(_) => {
            let image = json!({ "type": "array", "minItems": settings.values(), "maxItems": settings.values(),
                "items": { "type": "number", "minimum": 0, "maximum": 255 } });
            json!({
                "type": "object",
                "properties": { "images": { "type": "array", "minItems": 1, "items": image,
                    "description": "The grey values of each image of a video, from 0 to 255, row by row from the top." } },
                "required": ["images"],
                "additionalProperties": false,
            })
        }
        None => json!({
            "type": "object",
            "properties": {
                "channels": { "type": "object", "properties": channels, "required": settings.channels,
                    "description": "The samples of each channel; null is a missing sample." },
                "rate": { "type": ["number", "null"], "exclusiveMinimum": 0,
                    "description": "The number of samples per second, if it differs from the rate of the model." },
            },
            "required": ["channels"],
            "additionalProperties": false,
        }),
    };
    let probability = json!({ "type": "number", "minimum": 0, "maximum": 1 });
    Schemas {
        input,
        options: json!({
            "type": "object",
            "properties": { "delay": { "type": "integer", "minimum": 0,
                "description": "For streams: a class is reported after it has been the most probable class at \
                                delay + 1 consecutive samples." } },
            "additionalProperties": false,
        }),
        output: json!({
            "type": "object",
            "properties": {
                "label": { "type": "string", "enum": settings.classes },
                "probability": probability,
                "probabilities": { "type": "object", "additionalProperties": probability },
                "windows": { "type": "integer", "minimum": 1 },
            },
            "required": ["label", "probability", "probabilities", "windows"],
        }),
        piece: json!({
            "type": "object",
            "properties": {
                "samples": { "type": "integer", "minimum": 1 },
                "label": { "type": ["string", "null"] },
                "probability": probability,
            },
            "required": ["samples", "label", "probability"],
        }),
    }
}
