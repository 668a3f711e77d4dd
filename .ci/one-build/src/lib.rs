//! Keeps the cargo features of burn's dependencies equal for every crate of the workspace.
//!
//! Cargo compiles a crate again if the features of one of its dependencies differ from those of the previous build,
//! and cargo unifies features only over the crates that a command selects. Without this crate,
//! `cargo run -p rnn --example …` would compile burn a second time, which takes minutes. The crate has no code.
//! Programs depend on this crate through the crate `cli`. Library crates such as `inference` depend on it only for
//! their tests (development dependency), so that a crate outside of the workspace can use the library crates without
//! this crate and its dependencies.
