//! Training as a library: all applications share one trainer, one layout of run folders, and one format of packages
//! (the files of a trained model).
//!
//! An application implements [`Task`], and [`Training`] trains and evaluates its model:
//!
//! ```text
//! once:        recipe.toml ─► Task::load ─► Task::fit (vocabulary, scaling) ─► Task::encode ─► Splits
//! each epoch:  Task::plan ─► batches, in order
//! each batch:  Task::collate (loader thread) ─► Task::loss ─► gradients ─► optimizer step
//! each epoch:  Task::predictor ─► Task::validate ─► best/ if better, metrics.jsonl, checkpoints/
//! at the end:  Task::finish ─► Task::evaluate, Task::baselines ─► best/ (package), report.md
//! ```
//!
//! The crate does not read the command line, prints nothing, and never exits the process. An [`Observer`] receives
//! [events](Event). An [`Interrupt`] stops a training, which first writes a checkpoint. A resumed run equals an
//! uninterrupted run bit for bit, on the same machine and backend. This is guaranteed only if a process runs one
//! training at a time, because the random generator of a burn device, which dropout uses, is global to the process.
//!
//! burn's own trainer (burn-train) cannot carry hidden state from batch to batch, clips the gradient of each parameter
//! separately, and resumes only at the end of an epoch. Therefore this crate has its own training loop, made of burn's
//! parts.
//!
//! | item | purpose |
//! |---|---|
//! | [`Task`] | the trait that an application implements |
//! | [`Training`], [`Session`] | trains or resumes one run |
//! | [`seeds`], [`grid`], [`find_rate`] | several seeds; combinations of settings; the learning-rate range test |
//! | [`step_times`] | the time of whole training steps |
//! | [`recipe`] | TOML files of training settings, with overrides and checks |
//! | [`Metric`], [`Measured`], [`Comparison`] | metrics and comparisons with baselines |
//! | [`classes`] | metrics and plots of classifiers |
//! | [`observer`], [`Interrupt`] | events of a training; stopping a training |
//! | [`options`] | options of a training that are not in the recipe, such as the interval of checkpoints |
//! | [`collective`] | data-parallel training by several ranks |
//! | [`optimizer`], [`schedule`], [`clip`], [`average`] | parts of an optimizer step |
//! | [`streams`] | batches for truncated back-propagation through time |
//! | [`run`], [`package`] | run folder, package of the best weights |
//! | [`curves`], [`plot`] | plots as SVG |
//! | [`files`] | atomic writes |
//! | [`shuffled()`], [`bucketed()`] | batches of an epoch |
//! | [`descend()`] | a minimal training loop for short programs |
//! | [`backend`], [`adapter`] | backends; descriptions of their devices |
//! | [`machine`], [`panics`] | memory and processor of the machine; failures of GPU drivers |
//! | [`settings`] | number types that refuse invalid values |

// A library must not print to the output streams of the program that calls it, nor end the process.
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::exit)]

// The test module `sentences` is also a part of the integration tests, and therefore calls this crate `training`.
#[cfg(test)]
extern crate self as training;

mod adam;
pub mod adapter;
pub mod average;
pub mod backend;
mod batches;
mod card;
mod checkpoint;
pub mod classes;
pub mod clip;
pub mod collective;
mod control_groups;
mod crossval;
pub mod curves;
mod decay;
mod descend;
mod device_failure;
mod error;
mod events;
pub mod files;
pub mod find_rate;
mod fit;
#[cfg(feature = "cube")]
mod gpu;
pub mod grid;
mod host;
mod interrupt;
mod learner;
mod loader;
mod lock;
pub mod machine;
mod metric;
pub mod observer;
pub mod optimizer;
pub mod options;
pub mod package;
pub mod panics;
pub mod plot;
mod random;
pub mod recipe;
mod resume;
pub mod run;
pub mod schedule;
pub mod seeds;
#[cfg(test)]
#[allow(missing_docs)]
#[path = "../tests/support/sentences.rs"]
mod sentences;
mod session;
mod sgd;
pub mod step_times;
mod steps;
pub mod streams;
mod task;
mod trainer;

pub use batches::{bucketed, shuffled};
pub use card::duration;
pub use crossval::{Fold, FoldMetrics, check_same_classes, crossval};
pub use descend::descend;
pub use error::{Result, TaskError, TaskResult, TrainingError};
pub use fit::{Fitted, Trained, Training};
pub use inference::settings;
pub use interrupt::Interrupt;
pub use metric::{Comparison, Measured, Metric, Metrics, Monitor, Skill, decimal};
pub use observer::{Event, Observer};
pub use package::Outcome;
pub use recipe::Recipe;
pub use session::Session;
pub use task::{
    Carry, CollateContext, Contents, Demonstration, LoadContext, Loss, Pretrained, RecipeOf, Splits, StepContext, Task,
};
