//! The layers (middleware) that requests pass: request identifier, bearer token, log, metrics, error bodies and
//! response headers.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, State as Shared};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use axum::middleware::Next;
use subtle::ConstantTimeEq;
use tower_http::cors::CorsLayer;

use crate::error::{ApiError, ServeError};
use crate::request_id::{self, RequestId};
use crate::state::State;

/// The content security policy of the web page: the page may load files from this server only, and no other page may
/// show the page in a frame.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

/// Refuses requests without the bearer token, if the server has a token.
pub(crate) async fn authorize(
    Shared(state): Shared<Arc<State>>,
    request: Request<Body>,
    next: Next,
) -> Result<Response<Body>, ApiError> {
    let is_allowed = match &state.options.token {
        // The comparison takes constant time, so that its time does not reveal how much of a wrong token is right.
        Some(token) => bearer(request.headers()).is_some_and(|given| bool::from(given.ct_eq(token.as_bytes()))),
        None => true,
    };
    if is_allowed { Ok(next.run(request).await) } else { Err(ApiError::Unauthorized) }
}

/// Returns the token of the header `authorization: Bearer TOKEN`. The name of the scheme, `Bearer`, may be in upper or
/// lower case.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"Bearer ";
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.as_bytes().split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii_start())
}

/// Assigns an identifier to the request, counts and logs the request, and adds the error body and the security headers
/// to the response. The log contains no text from the user: bodies are not logged, and the pattern of the route is
/// logged instead of the path.
pub(crate) async fn observe(
    Shared(state): Shared<Arc<State>>,
    mut request: Request<Body>,
    next: Next,
) -> Response<Body> {
    let start = Instant::now();
    let id = RequestId::of(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or("other".to_owned(), |path| path.as_str().to_owned());
    let method = request.method().clone();
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        error.log(&id.0);
        *response.body_mut() = Body::from(error.to_json(&id.0).to_string());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let (status, time) = (response.status().as_u16(), start.elapsed());
    state.metrics.request(&route, status, time);
    let milliseconds = time.as_secs_f64() * 1e3;
    tracing::info!(request_id = %id.0, method = %method, route, status, milliseconds, "request");
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(HeaderName::from_static(request_id::HEADER), id);
    }
    response
}

/// Returns the layer that allows web pages of one origin to send requests to this server.
pub(crate) fn cors(origin: &str) -> Result<CorsLayer, ServeError> {
    let invalid = || ServeError::Origin(origin.to_owned());
    let value = HeaderValue::from_str(origin).map_err(|_| invalid())?;
    if !(origin.starts_with("http://") || origin.starts_with("https://")) || origin.ends_with('/') {
        return Err(invalid());
    }
    let id = HeaderName::from_static(request_id::HEADER);
    Ok(CorsLayer::new()
        .allow_origin(value)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([header::CONTENT_TYPE, header::AUTHORIZATION, id.clone()])
        .expose_headers([id, header::RETRY_AFTER]))
}
