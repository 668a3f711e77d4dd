//! `/openapi.json`: the paths of each served model, with the schemas of its JSON.

use serde_json::{Map, Value, json};

use crate::api::MOST_PIECES;
use crate::state::{Served, State};

/// The OpenAPI document of a server.
pub(crate) fn document(state: &State) -> Value {
    let mut paths = shared_paths();
    for model in &state.models {
        paths.extend(paths_of(model, state.options.limits.inputs));
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": { "title": "rnn-zoo", "version": env!("CARGO_PKG_VERSION"),
            "description": "Trained models over HTTP." },
        "paths": paths,
        "components": { "schemas": { "Error": error_schema() } },
    });
    if state.options.token.is_some() {
        document["components"]["securitySchemes"] = json!({ "token": { "type": "http", "scheme": "bearer" } });
        document["security"] = json!([{ "token": [] }]);
    }
    document
}

fn error_schema() -> Value {
    json!({
        "type": "object", "required": ["error"],
        "properties": { "error": {
            "type": "object", "required": ["code", "field", "message", "request_id"],
            "properties": { "code": { "type": "string" }, "field": { "type": ["string", "null"] },
                "message": { "type": "string" }, "request_id": { "type": "string" } },
        } },
    })
}

fn content(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// An operation with a successful answer of a schema, and the errors of all operations.
fn operation(summary: &str, answer: Value, errors: &[u16]) -> Value {
    let mut responses = json!({ "200": { "description": "The answer.", "content": answer } });
    for status in errors {
        let error = content(&json!({ "$ref": "#/components/schemas/Error" }));
        responses[status.to_string()] = json!({ "description": "An error.", "content": error });
    }
    json!({ "summary": summary, "responses": responses })
}

fn with_body(mut operation: Value, schema: &Value, example: &Value) -> Value {
    let body = json!({ "application/json": { "schema": schema, "example": example } });
    operation["requestBody"] = json!({ "required": true, "content": body });
    operation
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn shared_paths() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let status = content(&json!({ "type": "object", "required": ["status"], "properties": { "status": text } }));
    let models = content(&json!({
        "type": "object", "required": ["models"],
        "properties": { "models": { "type": "array", "items": {
            "type": "object",
            "required": ["name", "application", "about", "parameters", "streaming", "example", "settings"],
            "properties": { "name": text, "application": text, "about": text,
                "parameters": { "type": "integer" }, "streaming": { "type": "boolean" } },
        } } },
    }));
    let metrics = json!({ "application/openmetrics-text": { "schema": text } });
    let document = content(&json!({ "type": "object" }));
    let paths = [
        ("/health", operation("Whether the server answers", status.clone(), &[])),
        ("/ready", operation("Whether all models answer", status, &[503])),
        ("/metrics", operation("The metrics, for Prometheus", metrics, &[401])),
        ("/openapi.json", operation("This document", document, &[401])),
        ("/v1/models", operation("The models", models, &[401])),
    ];
    paths.into_iter().map(|(path, get)| (path.to_owned(), json!({ "get": get }))).collect()
}

/// The statuses of the errors of operations with a body.
const ERRORS: [u16; 11] = [400, 401, 404, 405, 408, 409, 413, 415, 500, 503, 504];

fn paths_of(model: &Served, most: usize) -> Vec<(String, Value)> {
    let base = format!("/v1/models/{}", model.name());
    let mut paths = vec![(format!("{base}/predict"), json!({ "post": predict(model, most) }))];
    if model.is_streaming() {
        paths.push((format!("{base}/stream"), json!({ "post": stream(model) })));
        paths.push((format!("{base}/sessions"), json!({ "post": begin(model) })));
        paths.push((format!("{base}/sessions/{{id}}"), json!({ "delete": end(model), "parameters": [id()] })));
        paths.push((format!("{base}/sessions/{{id}}/next"), json!({ "post": next(model), "parameters": [id()] })));
    }
    paths
}

fn predict(model: &Served, most: usize) -> Value {
    let schemas = &model.schemas;
    let list = |items: &Value| json!({ "type": "array", "items": items, "minItems": 1, "maxItems": most });
    let request = json!({ "oneOf": [
        object(&json!({ "input": schemas.input, "options": schemas.options }), &["input"]),
        object(&json!({ "inputs": list(&schemas.input), "options": schemas.options }), &["inputs"]),
    ] });
    let text = json!({ "type": "string" });
    let answer = json!({ "oneOf": [
        object(&json!({ "model": text, "output": schemas.output }), &["model", "output"]),
        object(&json!({ "model": text, "outputs": list(&schemas.output) }), &["model", "outputs"]),
    ] });
    let operation = operation(&model.model.manifest.about, content(&answer), &ERRORS);
    with_body(operation, &request, &json!({ "input": model.example }))
}

fn with_begin(operation: Value, model: &Served) -> Value {
    let request = object(&json!({ "input": model.schemas.input, "options": model.schemas.options }), &["input"]);
    with_body(operation, &request, &json!({ "input": model.example }))
}

fn stream(model: &Served) -> Value {
    let description = "Server-sent events: `session`, then `piece` for each piece, at the end `done` or `error`.";
    let names = json!({ "enum": ["session", "piece", "done", "error"] });
    let event = json!({
        "type": "object", "required": ["event", "data"], "description": description,
        "properties": { "event": names, "data": { "type": "string", "description": "JSON." } },
    });
    let events = json!({ "text/event-stream": { "schema": event } });
    with_begin(operation("The answer piece by piece, as server-sent events", events, &ERRORS), model)
}

fn begin(model: &Served) -> Value {
    let properties = json!({ "session": { "type": "string" }, "expires_in": { "type": "integer" } });
    let answer = object(&properties, &["session", "expires_in"]);
    let mut operation = operation("Begin a session", content(&answer), &ERRORS);
    let parameters = json!({ "id": "$response.body#/session" });
    let link = |verb| json!({ "operationId": session_operation(model, verb), "parameters": parameters });
    operation["responses"]["200"]["links"] = json!({ "next": link("next"), "end": link("end") });
    with_begin(operation, model)
}

fn next(model: &Served) -> Value {
    let pieces = json!({ "type": "array", "items": model.schemas.piece });
    let answer = object(&json!({ "pieces": pieces, "done": { "type": "boolean" } }), &["pieces", "done"]);
    let count = json!({ "type": "integer", "minimum": 1, "maximum": MOST_PIECES });
    let mut operation = operation("The next pieces of a session", content(&answer), &ERRORS);
    operation["operationId"] = session_operation(model, "next").into();
    with_body(operation, &object(&json!({ "count": count }), &["count"]), &json!({ "count": 10 }))
}

fn end(model: &Served) -> Value {
    let mut operation = operation("End a session", Value::Null, &[401, 404, 405]);
    operation["operationId"] = session_operation(model, "end").into();
    if let Some(responses) = operation["responses"].as_object_mut() {
        responses.remove("200");
        responses.insert("204".to_owned(), json!({ "description": "The session has ended." }));
    }
    operation
}

/// The identifier of an operation on a session, to which the operation that begins sessions links.
fn session_operation(model: &Served, verb: &str) -> String {
    format!("{}-{verb}", model.name())
}

fn id() -> Value {
    json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } })
}
