//! JSON schemas of the input, the options and the output of a model, for servers.

use inference::Schemas;
use serde_json::json;

use crate::drawing::MAX_TEMPERATURE;
use crate::settings::Settings;

/// The largest number of points that one request to a server may ask for.
const MOST_POINTS: usize = 2000;

/// Returns the JSON schemas of a model's requests, options, drawings and streamed points.
pub fn schemas(settings: &Settings) -> Schemas {
    let class = json!({ "type": "string", "enum": settings.classes });
    let stroke = json!({
        "type": "array",
        "minItems": 1,
        "items": { "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 },
        "description": "The points of a stroke, each as x and y; the y axis points up.",
    });
    Schemas {
        input: json!({
            "type": "object",
            "properties": { "class": class },
            "required": ["class"],
            "additionalProperties": false,
        }),
        options: json!({
            "type": "object",
            "properties": {
                "temperature": { "type": "number", "minimum": 0, "maximum": MAX_TEMPERATURE,
                    "description": "How much drawings differ; 0 takes the mean of the most probable Gaussian." },
                "seed": { "type": "integer", "minimum": 0, "maximum": u64::MAX },
                "max_points": { "type": "integer", "minimum": 1, "maximum": MOST_POINTS,
                    "description": "The largest number of points of a drawing." },
            },
            "additionalProperties": false,
        }),
        output: json!({
            "type": "object",
            "properties": { "class": class, "strokes": { "type": "array", "minItems": 1, "items": stroke } },
            "required": ["class", "strokes"],
        }),
        piece: json!({
            "type": "object",
            "properties": {
                "x": { "type": "number" },
                "y": { "type": "number" },
                "pen": { "type": "string", "enum": ["down", "up", "end"],
                    "description": "After the point, the stroke goes on (down) or ends (up), or the drawing ends." },
            },
            "required": ["x", "y", "pen"],
        }),
    }
}
