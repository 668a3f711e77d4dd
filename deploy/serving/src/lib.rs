//! Serves trained models of any application over HTTP.
//!
//! ```text
//! connection (time limits) ─► layers (request identifier, token, log, metrics) ─► api ─► queue ─► thread of the model
//! ```
//!
//! Each model has one thread and one queue. If several requests with the same options wait in the queue, the thread
//! predicts their inputs together, as one batch. A session is an unfinished answer: the server keeps it, and the client
//! requests it piece by piece. Each step of a session also waits in the queue, so that several sessions take turns.
//!
//! ```no_run
//! let models = vec![zoo::from_pretrained("imdb-hybrid")?];
//! serving::serve(models, serving::Options::default(), |address| println!("http://{address}"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The README of the crate lists the paths, limits and errors.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod api;
mod body;
mod error;
mod layers;
mod metrics;
mod openapi;
mod options;
mod page;
mod panics;
mod request_id;
mod server;
mod sessions;
mod state;
mod worker;

pub use error::ServeError;
pub use options::{Limits, Options};
pub use server::{Server, serve};
