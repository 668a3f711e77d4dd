//! One trainer, one command line, one run folder and one package layout for every application of the zoo.
//!
//! An application implements [`Task`] and calls [`main`]; all else is here. The way of a batch from file to loss:
//!
//! ```text
//! recipe.toml ─► Recipe ─► Task::load ─► Task::fit ─► Task::encode ─► Splits ─► Trainer ─► runs/<recipe>/<time>/
//!                                                                     │                     recipe.toml  metrics.jsonl
//!            Task::batches ─► Task::loss ─► gradients ◄───────────────┘                     curves.svg  report.md
//!                                                                                           checkpoints/  best/ = Package
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`task`] | the trait that an application implements |
//! | [`recipe`], [`settings`] | TOML files, their overrides and checks |
//! | [`trainer`], [`rules`], [`checkpoint`] | the loop; resuming |
//! | [`optimizer`], [`schedule`], [`clip`], [`average`] | what happens at a step |
//! | [`streams`] | batches for truncated back-propagation through time |
//! | [`run`], [`curves`], [`events`], [`card`] | the run folder, its plot, its TensorBoard file, its report |
//! | [`descend()`] | the loop of short programs, without a task |
//! | [`plot`] | panels with lines and bands, as SVG |
//! | [`package`], [`weights`] | trained models on disk, in PyTorch's names |
//! | [`backend`] | `--backend` |
//! | [`cli`] | what may be typed |

// The application that the tests train names this crate as applications do.
#[cfg(test)]
extern crate self as training;

mod adam;
pub mod average;
pub mod backend;
pub mod card;
pub mod checkpoint;
pub mod cli;
pub mod clip;
mod commands;
pub mod curves;
#[cfg(test)]
mod damage;
mod decay;
mod descend;
mod error;
pub mod events;
mod files;
mod host;
mod interrupt;
pub mod machine;
pub mod optimizer;
pub mod package;
pub mod plot;
pub mod progress;
mod random;
pub mod recipe;
pub mod rules;
pub mod run;
pub mod schedule;
#[cfg(test)]
#[path = "../tests/program/sentences.rs"]
mod sentences;
pub mod settings;
mod sgd;
mod steps;
pub mod streams;
pub mod task;
pub mod trainer;
pub mod weights;

pub use commands::{main, print_line, print_text, quoted, train};
pub use descend::descend;
pub use error::{Result, TaskError, TrainingError};
pub use package::{Outcome, Package};
pub use progress::say;
pub use recipe::Recipe;
pub use task::{Carry, Changes, Context, Demonstration, Loss, Metrics, Monitor, RecipeOf, Splits, Task, TaskResult};
