//! JSON schemas of the input and the output of a model, for servers.

use inference::Schemas;
use serde_json::json;

/// The largest number of tokens that one request to a server may ask for.
const MOST_TOKENS: usize = 1000;

/// Returns the JSON schemas of prompts, options, generated texts and streamed pieces of text.
pub fn schemas() -> Schemas {
    let prompt = json!({ "type": "string", "description": "The beginning of a text." });
    Schemas {
        input: json!({ "oneOf": [
            prompt,
            { "type": "object", "properties": { "prompt": prompt }, "required": ["prompt"],
              "additionalProperties": false },
        ] }),
        options: json!({
            "type": "object",
            "properties": {
                "length": { "type": "integer", "minimum": 1, "maximum": MOST_TOKENS,
                    "description": "The largest number of tokens to generate." },
                "stop_at_line_end": { "type": "boolean" },
                "stop_at_sentence_end": { "type": "boolean" },
                "stop": { "type": "array", "items": { "type": "string", "minLength": 1 } },
                "temperature": { "type": "number", "minimum": 0,
                    "description": "The number that divides the logits; 0 always takes the most likely token." },
                "top_k": { "type": "integer", "minimum": 1, "maximum": 1_000_000 },
                "top_p": { "type": "number", "exclusiveMinimum": 0, "maximum": 1 },
                "repetition_penalty": { "type": "number", "minimum": 1 },
                "seed": { "type": "integer", "minimum": 0, "maximum": u64::MAX },
            },
            "additionalProperties": false,
        }),
        output: json!({
            "type": "object",
            "properties": {
                "prompt": { "type": "string" },
                "text": { "type": "string" },
                "unknown": { "type": "array", "items": { "type": "string" } },
                "seed": { "type": "integer", "minimum": 0 },
            },
            "required": ["prompt", "text", "unknown", "seed"],
        }),
        piece: json!({ "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] }),
    }
}
