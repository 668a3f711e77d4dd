//! Serves trained models of any application over HTTP.
//!
//! ```text
//! connection (limits of time) ─► layers (identifier, token, log, metrics) ─► api ─► queue ─► thread of the model
//! ```
//!
//! A model has one thread, which predicts the inputs of waiting requests with the same options together, as one batch.
//! A session is an unfinished answer, which the server keeps, and which the client requests piece by piece. Each step
//! of a session waits in the queue of the model, so that several answers advance in turn.
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
