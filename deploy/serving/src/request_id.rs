//! Identifiers of requests and sessions.

use axum::http::HeaderMap;
use rand::RngExt;

/// The name of the header that identifies a request.
pub(crate) const HEADER: &str = "x-request-id";
/// The largest length of an identifier from a client, in characters.
const LONGEST: usize = 64;

/// The identifier of a request. The answer to the request and the log contain it.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    /// Returns the identifier that the client has sent if it consists of 1 to 64 ASCII letters, digits, `-` and `_`;
    /// otherwise returns a random identifier.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let is_valid = |id: &&str| {
            (1..=LONGEST).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(is_valid);
        Self(given.map_or_else(random_id, str::to_owned))
    }
}

/// Returns 128 random bits in hexadecimal digits, which nobody can guess.
pub(crate) fn random_id() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}
