//! JSON schemas of the input and the output of a model, for servers.

use inference::Schemas;
use serde_json::json;

use crate::settings::WindowSettings;

/// Returns the JSON schemas of the input (a history), the options and the output (a forecast). `names` are the columns
/// that the model reads.
pub fn schemas(settings: &WindowSettings, names: &[String]) -> Schemas {
    let time = json!({ "type": "string", "pattern": r"^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d$",
        "description": "A local time, such as 2020-12-31T23:00:00." });
    let times = json!({ "type": "array", "items": time });
    let numbers = json!({ "type": "array", "items": { "type": "number" } });
    let bounds = json!({ "type": "array", "items": { "type": ["number", "null"] } });
    let columns = |names: &[String]| {
        let properties: serde_json::Map<_, _> = names.iter().map(|name| (name.clone(), numbers.clone())).collect();
        json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": numbers })
    };
    let history = json!({
            "type": "object",
            "properties": {
                "times": times,
                "numbered": { "type": "boolean" },
                "columns": columns(names),
                "series": { "type": "string" },
                "future": { "type": "object", "properties": { "times": times, "columns": columns(&settings.known) },
                    "required": ["columns"], "additionalProperties": false },
            },
            "required": ["times", "columns"],
            "additionalProperties": false,
    });
    let names = json!({ "type": "array", "items": { "type": "string" } });
    let table = json!({
        "type": "object",
        "properties": { "table": { "type": "string", "contentMediaType": "text/csv" }, "columns": names, "known": names },
        "required": ["table"],
        "additionalProperties": false,
    });
    Schemas {
        input: if cfg!(feature = "table") { json!({ "oneOf": [history, table] }) } else { history },
        options: json!({ "type": "object", "additionalProperties": false,
            "properties": { "at": { "oneOf": [time, { "type": "null" }] } } }),
        output: json!({
            "type": "object",
            "properties": {
                "columns": { "type": "array", "items": { "type": "object", "properties": {
                    "name": { "type": "string" },
                    "quantity": { "enum": ["value", "volatility-percent-per-day", "rise-probability"] },
                    "time": { "type": "array", "items": { "type": "string" } }, "step": numbers, "forecast": numbers,
                    "low_80": bounds, "high_80": bounds, "low_95": bounds, "high_95": bounds, "observed": bounds,
                }, "required": ["name", "quantity", "forecast", "low_80", "high_80", "low_95", "high_95", "observed"] } },
                "past_windows": { "type": "integer" },
                "calibrated": { "type": "boolean" },
            },
            "required": ["columns", "past_windows", "calibrated"],
        }),
        ..Schemas::default()
    }
}
