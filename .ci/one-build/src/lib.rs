//! Keeps the features of burn's dependencies equal for every package of the workspace.
//!
//! Cargo compiles a package again if the features of one of its dependencies differ, and cargo unifies features only
//! over the packages that a command selects. Without this crate, `cargo run -p rnn --example …` would compile burn a
//! second time, for minutes. The crate has no code. Programs depend on it through `cli`, and tests through development
//! dependencies, so that a crate outside of the workspace that uses a predictor does not get these dependencies.
