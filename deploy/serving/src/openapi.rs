//! The document at `/openapi.json`: the paths of the server, with the JSON Schemas of the requests and answers of each
//! model.

use serde_json::{Value, json};
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem, PathItemBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AdditionalProperties, SchemaType};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ArrayBuilder, ComponentsBuilder, Content, ContentBuilder, InfoBuilder, ObjectBuilder, OneOfBuilder, OpenApiBuilder,
    PathsBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Schema, Type,
};

use crate::api::MOST_PIECES;
use crate::error::ApiError;
use crate::state::{Served, State};

const JSON: &str = "application/json";
/// The HTTP status codes of the errors that an operation with a request body can return.
const ERRORS: [u16; 11] = [400, 401, 404, 405, 408, 409, 413, 415, 500, 503, 504];

/// Returns the OpenAPI document of a server.
pub(crate) fn document(state: &State) -> Result<Value, ApiError> {
    let most = state.options.limits.inputs;
    let paths = state.models.iter().fold(shared_paths(), |paths, model| add_paths(paths, model, most));
    let mut components = ComponentsBuilder::new().schema("Error", error_schema());
    if state.options.token.is_some() {
        components = components.security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
    let info = InfoBuilder::new().title("rnn-zoo").version(env!("CARGO_PKG_VERSION"));
    let document = OpenApiBuilder::new()
        .info(info.description(Some("Trained models over HTTP.")))
        .paths(paths)
        .components(Some(components.build()))
        .security(state.options.token.as_ref().map(|_| [SecurityRequirement::new("token", [""; 0])]))
        .build();
    let mut document = serde_json::to_value(document).map_err(|error| ApiError::Internal(error.to_string()))?;
    // The schemas are inserted unchanged, because the types of utoipa cannot hold some of them, such as `true` and an
    // `enum` of any type.
    for model in &state.models {
        for (part, schema) in parts(model) {
            document["components"]["schemas"][component(model, part)] = schema.clone();
        }
    }
    Ok(document)
}

/// Returns the JSON Schemas of a model, each with its name: `input`, `options`, `output` and, if the model can return
/// answers piece by piece, `piece`.
fn parts(model: &Served) -> impl Iterator<Item = (&'static str, &Value)> {
    let schemas = &model.schemas;
    let piece = model.is_streaming().then_some(("piece", &schemas.piece));
    [("input", &schemas.input), ("options", &schemas.options), ("output", &schemas.output)].into_iter().chain(piece)
}

fn component(model: &Served, part: &str) -> String {
    format!("{}.{part}", model.name())
}

fn part(model: &Served, part: &str) -> RefOr<Schema> {
    Ref::from_schema_name(component(model, part)).into()
}

fn kind(kind: impl Into<SchemaType>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind)
}

fn text() -> RefOr<Schema> {
    kind(Type::String).into()
}

/// Returns the schema of an object in which these properties are required. Other properties are allowed.
fn object<const N: usize>(properties: [(&str, RefOr<Schema>); N]) -> ObjectBuilder {
    let add = |object: ObjectBuilder, (name, schema)| object.property(name, schema).required(name);
    properties.into_iter().fold(ObjectBuilder::new(), add)
}

/// Returns the schema of an object that allows no properties other than those of `object`.
fn closed(object: ObjectBuilder) -> RefOr<Schema> {
    object.additional_properties(Some(AdditionalProperties::FreeForm(false))).into()
}

fn error_schema() -> ObjectBuilder {
    let field = kind(SchemaType::from_iter([Type::String, Type::Null])).into();
    let error = [("code", text()), ("field", field), ("message", text()), ("request_id", text())];
    object([("error", object(error).into())])
}

/// Returns the description of a successful response.
fn answer(media_type: &str, schema: impl Into<RefOr<Schema>>) -> ResponseBuilder {
    ResponseBuilder::new().description("The answer.").content(media_type, Content::new(Some(schema)))
}

/// Returns an operation with its successful answer and its errors.
fn operation(summary: &str, status: &str, answer: impl Into<RefOr<Response>>, errors: &[u16]) -> OperationBuilder {
    let schema = Ref::from_schema_name("Error");
    let error = ResponseBuilder::new().description("An error.").content(JSON, Content::new(Some(schema))).build();
    let operation = OperationBuilder::new().summary(Some(summary)).response(status, answer);
    errors.iter().fold(operation, |operation, status| operation.response(status.to_string(), error.clone()))
}

fn with_body(operation: OperationBuilder, schema: impl Into<RefOr<Schema>>, example: Value) -> OperationBuilder {
    let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
    operation
        .request_body(Some(RequestBodyBuilder::new().required(Some(Required::True)).content(JSON, content).build()))
}

fn shared_paths() -> PathsBuilder {
    let status = || answer(JSON, object([("status", text())]));
    let model = object([
        ("name", text()),
        ("application", text()),
        ("about", text()),
        ("parameters", kind(Type::Integer).into()),
        ("streaming", kind(Type::Boolean).into()),
    ]);
    let models = ArrayBuilder::new().items(RefOr::from(model.required("example").required("settings")));
    let models = answer(JSON, object([("models", models.into())]));
    let metrics = answer("application/openmetrics-text", text());
    let document = answer(JSON, ObjectBuilder::new());
    [
        ("/health", operation("Whether the server answers", "200", status(), &[])),
        ("/ready", operation("Whether all models answer", "200", status(), &[503])),
        ("/metrics", operation("The metrics, for Prometheus", "200", metrics, &[401])),
        ("/openapi.json", operation("This document", "200", document, &[401])),
        ("/v1/models", operation("The list of models", "200", models, &[401])),
    ]
    .into_iter()
    .fold(PathsBuilder::new(), |paths, (path, get)| paths.path(path, PathItem::new(HttpMethod::Get, get)))
}

fn add_paths(paths: PathsBuilder, model: &Served, most: usize) -> PathsBuilder {
    let base = format!("/v1/models/{}", model.name());
    let post = |operation| PathItem::new(HttpMethod::Post, operation);
    let of_session = |method, operation| {
        PathItemBuilder::new().parameters(Some([session_id()])).operation(method, operation).build()
    };
    let paths = paths.path(format!("{base}/predict"), post(predict(model, most)));
    if !model.is_streaming() {
        return paths;
    }
    paths
        .path(format!("{base}/stream"), post(stream(model)))
        .path(format!("{base}/sessions"), post(begin(model)))
        .path(format!("{base}/sessions/{{id}}"), of_session(HttpMethod::Delete, end(model)))
        .path(format!("{base}/sessions/{{id}}/next"), of_session(HttpMethod::Post, next(model)))
}

fn session_id() -> Parameter {
    let schema = kind(Type::String).min_length(Some(1));
    let parameter = ParameterBuilder::new().name("id").parameter_in(ParameterIn::Path).required(Required::True);
    parameter.schema(Some(schema)).build()
}

/// Returns the schema of a request body. `name` is the name of the required property, and `input` is the schema of this
/// property: one input or a list of inputs. The property `options` is optional.
fn request(model: &Served, name: &str, input: RefOr<Schema>) -> RefOr<Schema> {
    closed(object([(name, input)]).property("options", part(model, "options")))
}

fn predict(model: &Served, most: usize) -> OperationBuilder {
    let list = |name| ArrayBuilder::new().items(part(model, name)).min_items(Some(1)).max_items(Some(most)).into();
    let body = OneOfBuilder::new().item(request(model, "input", part(model, "input"))).item(request(
        model,
        "inputs",
        list("input"),
    ));
    let output = OneOfBuilder::new()
        .item(closed(object([("model", text()), ("output", part(model, "output"))])))
        .item(closed(object([("model", text()), ("outputs", list("output"))])));
    let operation = operation(&model.model.manifest.about, "200", answer(JSON, output), &ERRORS);
    with_body(operation, body, json!({ "input": model.example }))
}

fn with_input(operation: OperationBuilder, model: &Served) -> OperationBuilder {
    with_body(operation, request(model, "input", part(model, "input")), json!({ "input": model.example }))
}

fn stream(model: &Served) -> OperationBuilder {
    let names = kind(Type::String).enum_values(Some(["session", "piece", "done", "error"]));
    let data = kind(Type::String).description(Some("The data of the event, as JSON."));
    let event = object([("event", names.into()), ("data", data.into())])
        .description(Some("Server-sent events: `session`, then `piece` for each piece, at the end `done` or `error`."));
    let summary = "The answer piece by piece, as server-sent events";
    with_input(operation(summary, "200", answer("text/event-stream", event), &ERRORS), model)
}

fn begin(model: &Served) -> OperationBuilder {
    let session = closed(object([("session", text()), ("expires_in", kind(Type::Integer).into())]));
    let session = answer(JSON, session).link("next", link(model, "next")).link("end", link(model, "end"));
    with_input(operation("Begin a session: an answer that is requested piece by piece", "200", session, &ERRORS), model)
}

fn next(model: &Served) -> OperationBuilder {
    let pieces = ArrayBuilder::new().items(part(model, "piece"));
    let pieces = closed(object([("pieces", pieces.into()), ("done", kind(Type::Boolean).into())]));
    let count = kind(Type::Integer).minimum(Some(1)).maximum(Some(MOST_PIECES));
    let operation = operation("The next pieces of the answer", "200", answer(JSON, pieces), &ERRORS)
        .operation_id(Some(session_operation(model, "next")));
    with_body(operation, closed(object([("count", count.into())])), json!({ "count": 10 }))
}

fn end(model: &Served) -> OperationBuilder {
    operation("End a session", "204", Response::new("The session has ended."), &[401, 404, 405])
        .operation_id(Some(session_operation(model, "end")))
}

/// Returns the identifier of an operation on a session. The operation that begins a session links to this identifier.
fn session_operation(model: &Served, verb: &str) -> String {
    format!("{}-{verb}", model.name())
}

fn link(model: &Served, verb: &str) -> Link {
    let link = LinkBuilder::new().operation_id(session_operation(model, verb));
    link.parameter("id", "$response.body#/session").build()
}
