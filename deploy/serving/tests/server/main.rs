//! Tests of a real server over loopback.

#![allow(clippy::unwrap_used)]

mod batches;
mod http;
mod openapi;
mod support;
