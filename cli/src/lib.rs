//! The command line that all applications share: verbs (subcommands), options, progress display and exit codes.
//!
//! [`main()`] is the whole `main` of a program with one application, and [`zoo()`] that of a program with all
//! applications. For a type that implements [`Task`](training::Task) and nothing else, the application is [`Plain`]:
//! `cli::main::<Plain<MyTask>>()` (example `own_task`). For own options, verbs and help texts, implement
//! [`Application`].
//!
//! Results go to standard output, progress and messages to standard error. With `--json`, standard output has one JSON
//! object per line. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (with a checkpoint to resume from).
//!
//! | module | contents |
//! |---|---|
//! | [`application`] | the trait [`Application`] |
//! | [`args`] | options and verbs that all applications share |
//! | [`context`] | the training session and the output format with which a verb runs |
//! | [`crossval`](mod@crossval) | the verb `crossval`, for applications whose data can be divided into folds |
//! | [`plain`] | a program for any type that implements [`Task`](training::Task); its verb `predict` reads and prints JSON |
//! | [`error`] | errors and exit codes |
//! | [`input`] | reads texts from arguments, files and standard input |
//! | [`output`] | writes lines, JSON and tables to standard output, and messages to standard error |
//! | [`shard`] | the option `--shard`, to predict for a part of the inputs; the verb `merge`, to join the outputs |

pub mod application;
pub mod args;
mod check;
mod commands;
pub mod context;
pub mod crossval;
pub mod error;
pub mod input;
mod lines;
pub mod output;
pub mod plain;
mod program;
mod progress;
pub mod shard;
mod signals;
mod zoo_args;

pub use application::{Application, Changes};
pub use context::Context;
pub use error::{CliError, Result};
pub use plain::Plain;
pub use program::{Entry, entry, main, zoo};
