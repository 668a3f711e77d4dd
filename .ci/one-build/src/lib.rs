//! Keeps the cargo features of burn's dependencies equal for every crate of the workspace.
//!
//! Cargo compiles a crate again if the features of one of its dependencies differ from those of the previous build,
//! and cargo unifies features only over the crates that a command selects. Without this crate,
//! `cargo run -p rnn --example …` would compile burn a second time, which takes minutes. The crate has no code.
//! Programs depend on this crate through the crate `cli`, and tests depend on it as a development dependency. A crate
//! outside of the workspace that uses only a trained model therefore does not get these dependencies.
