//! The options of a server: address, access and limits.

use std::net::SocketAddr;
use std::time::Duration;

/// The options of a server. By default, the server listens on port 8080 of the loopback address, and requests need no
/// token.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address and port to listen on; port 0 takes a free port.
    pub listen: SocketAddr,
    /// The bearer token that requests must have, except requests to the web page, `/health` and `/ready`; `None` if
    /// requests need no token.
    pub token: Option<String>,
    /// The origin, such as `https://example.org`, whose pages may send requests to this server from a browser;
    /// `None` if no page of another origin may do this.
    pub cors_origin: Option<String>,
    /// The limits of requests, queues and sessions.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self { listen: ([127, 0, 0, 1], 8080).into(), token: None, cors_origin: None, limits: Limits::default() }
    }
}

/// The limits of a server. The README of the crate lists what happens if a request exceeds a limit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest number of inputs that a model predicts together, 32 by default. It has no effect on models that do
    /// not gain from batches.
    pub batch: usize,
    /// How long a model waits for more requests before it predicts. With 0, a batch has only requests that are already
    /// waiting. 0 by default.
    pub batch_wait: Duration,
    /// The largest body of a request, in bytes; 4 MiB by default.
    pub body: usize,
    /// The largest number of characters in a string of a request, except the content of files such as CSV tables;
    /// 20,000 by default.
    pub text: usize,
    /// The largest number of inputs in one request, 64 by default.
    pub inputs: usize,
    /// The largest number of requests that wait for one model, 256 by default.
    pub queue: usize,
    /// The largest number of sessions, which are unfinished answers that clients request piece by piece; 1,000
    /// by default.
    pub sessions: usize,
    /// How long a session is kept after its last use, 5 minutes by default.
    pub session_time: Duration,
    /// The largest number of connections, 512 by default. Further connections wait until a connection ends.
    pub connections: usize,
    /// How long a client may take for each of these steps: to send the header of a request, to send the body of the
    /// request, and to receive a part of an answer. 10 s by default.
    pub client_time: Duration,
    /// How long the answer to a request, or one piece of a streamed answer, may take. When the server stops, it waits
    /// at most this long for the answers in progress. 30 s by default.
    pub answer_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch: 32,
            batch_wait: Duration::ZERO,
            body: 4 << 20,
            text: 20_000,
            inputs: 64,
            queue: 256,
            sessions: 1000,
            session_time: Duration::from_secs(300),
            connections: 512,
            client_time: Duration::from_secs(10),
            answer_time: Duration::from_secs(30),
        }
    }
}
