//! The paths of a server, and their handlers.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State as Shared};
use axum::http::{Request, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use inference::dynamic::{AnyPredictor, AnySession, Inputs, Request as Asked};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use crate::body::{self, Next};
use crate::error::{ApiError, ServeError};
use crate::options::Limits;
use crate::request_id::RequestId;
use crate::sessions::Taken;
use crate::state::{Served, State};
use crate::{layers, openapi, page};

type Answer = Result<Response, ApiError>;
type Name = Result<Path<String>, PathRejection>;
type NameAndId = Result<Path<(String, String)>, PathRejection>;

/// In a session, an answer consists of pieces, such as tokens. One request can ask for at most this number of pieces.
pub(crate) const MOST_PIECES: u64 = 1000;

/// Returns the router: all paths, and the layers (middleware) that requests pass.
pub(crate) fn router(state: Arc<State>) -> Result<Router, ServeError> {
    let guarded = Router::new()
        .route("/v1/models", get(models))
        .route("/v1/models/{name}/predict", post(predict))
        .route("/v1/models/{name}/stream", post(stream))
        .route("/v1/models/{name}/sessions", post(begin))
        .route("/v1/models/{name}/sessions/{id}", delete(end))
        .route("/v1/models/{name}/sessions/{id}/next", post(next))
        .route("/openapi.json", get(document))
        .route("/metrics", get(metrics))
        .route_layer(axum::middleware::from_fn_with_state(state.clone(), layers::authorize));
    let router = Router::new()
        .route("/health", get(|| async { json_response(&json!({ "status": "ok" })) }))
        .route("/ready", get(ready))
        .merge(page::router())
        .merge(guarded)
        .fallback(|| async { ApiError::NoPath })
        .method_not_allowed_fallback(|| async { ApiError::Method })
        .layer(axum::middleware::from_fn_with_state(state.clone(), layers::observe));
    let router = match &state.options.cors_origin {
        Some(origin) => router.layer(layers::cors(origin)?),
        None => router,
    };
    Ok(router.with_state(state))
}

fn json_response(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

async fn ready(Shared(state): Shared<Arc<State>>) -> Response {
    match state.models.iter().all(|model| model.worker.is_alive()) {
        true => json_response(&json!({ "status": "ready" })),
        false => (StatusCode::SERVICE_UNAVAILABLE, json_response(&json!({ "status": "a model has stopped" })))
            .into_response(),
    }
}

async fn metrics(Shared(state): Shared<Arc<State>>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let queues = state.models.iter().map(|model| (model.name(), model.worker.queue_length()));
    ([(header::CONTENT_TYPE, content_type)], state.metrics.text(state.sessions.len(), queues)).into_response()
}

async fn document(Shared(state): Shared<Arc<State>>) -> Answer {
    Ok(json_response(&openapi::document(&state)?))
}

async fn models(Shared(state): Shared<Arc<State>>) -> Response {
    let models: Vec<Value> = state.models.iter().map(Served::description).collect();
    json_response(&json!({ "models": models }))
}

async fn predict(Shared(state): Shared<Arc<State>>, name: Name, request: Request<Body>) -> Answer {
    let (model, limits) = (state.model(&of_path(name)?)?, &state.options.limits);
    let (inputs, options) = body::read::<Asked>(request, limits).await?.inputs()?;
    let (inputs, is_list) = match inputs {
        Inputs::One(input) => (vec![input], false),
        Inputs::List(inputs) => (inputs, true),
    };
    body::check(model, &inputs, &options, limits)?;
    let mut outputs = in_time(limits, model.worker.predict(inputs, options)).await?;
    Ok(json_response(&match is_list {
        true => json!({ "model": model.name(), "outputs": outputs }),
        false => json!({ "model": model.name(), "output": outputs.pop() }),
    }))
}

async fn begin(Shared(state): Shared<Arc<State>>, name: Name, request: Request<Body>) -> Answer {
    let (taken, session) = start(&state, &of_path(name)?, request).await?;
    let id = taken.put_back(session);
    Ok(json_response(&json!({ "session": id, "expires_in": state.sessions.time().as_secs() })))
}

async fn end(Shared(state): Shared<Arc<State>>, ids: NameAndId) -> Answer {
    let (name, id) = of_path(ids)?;
    state.sessions.remove(state.model(&name)?.name(), &id)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn next(Shared(state): Shared<Arc<State>>, ids: NameAndId, request: Request<Body>) -> Answer {
    let (name, id) = of_path(ids)?;
    let (model, limits) = (state.model(&name)?, &state.options.limits);
    let Next { count } = body::read(request, limits).await?;
    if !(1..=MOST_PIECES).contains(&count) {
        return Err(ApiError::bad_input("count", format!("the count is {count}; give 1 to {MOST_PIECES}")));
    }
    let (taken, mut session) = state.sessions.take(model.name(), &id)?;
    let pieces = async {
        let mut pieces = Vec::new();
        while (pieces.len() as u64) < count {
            let (same, piece) = one_piece(model, session).await?;
            session = same;
            match piece {
                Some(piece) => pieces.push(piece),
                None => return Ok((pieces, None)),
            }
        }
        Ok::<_, ApiError>((pieces, Some(session)))
    };
    let (pieces, session) = in_time(limits, pieces).await?;
    let is_done = session.is_none();
    if let Some(session) = session {
        taken.put_back(session);
    }
    Ok(json_response(&json!({ "pieces": pieces, "done": is_done })))
}

async fn stream(
    Shared(state): Shared<Arc<State>>,
    Extension(request_id): Extension<RequestId>,
    name: Name,
    request: Request<Body>,
) -> Answer {
    let name = of_path(name)?;
    let (taken, session) = start(&state, &name, request).await?;
    // The channel holds one event. The model computes the next piece when the client has received this event.
    let (events, receiver) = mpsc::channel::<Result<Event, Infallible>>(1);
    tokio::spawn(async move {
        let last = match send_pieces(&state, &name, &taken, session, &events).await {
            Ok(()) => event("done", &json!({})),
            Err(error) => {
                error.log(&request_id.0);
                event("error", &error.to_json(&request_id.0))
            }
        };
        let _ = events.send(Ok(last)).await;
    });
    Ok(Sse::new(ReceiverStream::new(receiver)).into_response())
}

/// Sends the events of a stream until the answer is complete, the session is ended, or the client has gone.
async fn send_pieces(
    state: &State,
    name: &str,
    taken: &Taken,
    mut session: AnySession,
    events: &mpsc::Sender<Result<Event, Infallible>>,
) -> Result<(), ApiError> {
    let model = state.model(name)?;
    let mut next = event("session", &json!({ "session": taken.id }));
    while events.send(Ok(next)).await.is_ok() {
        if !taken.is_wanted() {
            return Err(ApiError::NoSession);
        }
        let (same, piece) = in_time(&state.options.limits, one_piece(model, session)).await?;
        session = same;
        let Some(piece) = piece else { return Ok(()) };
        next = event("piece", &piece);
    }
    Ok(())
}

fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}

/// Reads a request that begins a session, and begins the session.
async fn start(state: &State, name: &str, request: Request<Body>) -> Result<(Taken, AnySession), ApiError> {
    let (model, limits) = (state.model(name)?, &state.options.limits);
    let (input, options) = body::read::<Asked>(request, limits).await?.input()?;
    body::check(model, std::slice::from_ref(&input), &options, limits)?;
    model.model.predictor.need_streaming()?;
    let taken = state.sessions.reserve(name)?;
    let session = model.worker.run(move |predictor| predictor.need_streaming()?.begin_json(input, options));
    Ok((taken, in_time(limits, session).await?))
}

/// Waits for an answer of a model, at most as long as the limits allow.
async fn in_time<T>(limits: &Limits, answer: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
    timeout(limits.answer_time, answer).await.map_err(|_| ApiError::SlowAnswer)?
}

/// Computes the next piece of a session. Returns the session and the piece, or the session and `None` if the answer is
/// complete.
async fn one_piece(model: &Served, mut session: AnySession) -> Result<(AnySession, Option<Value>), ApiError> {
    let step = move |predictor: &dyn AnyPredictor| {
        let piece = predictor.need_streaming()?.next_json(&mut session)?;
        Ok((session, piece))
    };
    model.worker.run_later(step).await
}

/// Returns the parameters of a path: the name of a model and, if the path belongs to a session, the identifier of the
/// session. If a parameter is not valid UTF-8, returns [`ApiError::NoModel`].
fn of_path<T>(parameters: Result<Path<T>, PathRejection>) -> Result<T, ApiError> {
    parameters.map(|Path(parameters)| parameters).map_err(|_| ApiError::NoModel)
}
