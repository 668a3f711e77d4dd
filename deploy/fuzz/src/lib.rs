//! A fuzzer of packages (the files of trained models). It damages the files of shipped packages and of small copies of
//! them, opens each package through [`zoo::from_files`], and predicts with the packages that open.
//!
//! Opening a damaged package must give an error, or a model that predicts or returns an error. A panic is a fault, and
//! so is a single allocation that exceeds four times the size of the package plus 2 MiB ([`FLOOR`]).
//!
//! The random seed (`--seed`) and the number of an input determine the input, which is a damaged package. The option
//! `--only NUMBER` runs only the input with this number.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod allocator;
pub mod corpus;
mod json;
mod mutate;
mod tensors;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use corpus::Seed;

/// The size of a single allocation, in bytes, that is allowed for a package of any size: the matrix product allocates a
/// buffer of 2 MiB for each thread.
pub const FLOOR: usize = 2 << 20;
/// The largest number of steps that a damaged forecasting model is asked to forecast. A longer forecast would take much
/// time, which is not a fault.
const LONGEST: u64 = 1000;

/// How many damaged packages were tried, were opened and gave a prediction, and the faults that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The number of inputs (damaged packages) that were tried.
    pub inputs: u64,
    /// The number of packages that opened in spite of the damage.
    pub opened: u64,
    /// The number of packages whose model predicted an output without an error.
    pub predicted: u64,
    /// The faults, one line each: number of the input, package, changed files, and what happened.
    pub faults: Vec<String>,
}

/// Damages a package, opens it, predicts with it, and adds the result to `report`. `seed` and `number` together
/// determine the package and the damage.
pub fn run(corpus: &[Seed], seed: u64, number: u64, report: &mut Report) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    // Small packages are chosen more often, because they are fast, and the same code reads large packages.
    let small = corpus.iter().filter(|package| package.bytes < 1 << 19).count();
    let chosen = if rng.random_bool(0.01) { rng.random_range(0..corpus.len()) } else { rng.random_range(0..small) };
    let package = &corpus[chosen];
    let (files, changes) = mutate::damaged(&package.files, &mut rng);
    let bytes: usize = files.values().map(Vec::len).sum();
    let mut named = inference::MemoryFiles::default();
    files.into_iter().for_each(|(name, content)| named.insert(name, content));
    allocator::begin(number);
    let done = catch_unwind(AssertUnwindSafe(|| attempt(&named, package, report)));
    let largest = allocator::largest();
    report.inputs += 1;
    let mut fault = |what: String| report.faults.push(format!("{number}: {}: {changes}: {what}", package.name));
    if let Err(panic) = done {
        fault(format!("panic: {}", message(&*panic)));
    }
    if largest > 4 * bytes + FLOOR {
        fault(format!("allocated {largest} bytes at once, but the package has only {bytes} bytes"));
    }
}

fn attempt(files: &inference::MemoryFiles<'_>, package: &Seed, report: &mut Report) {
    let Ok(model) = zoo::from_files(files) else { return };
    report.opened += 1;
    let horizon = model.manifest.settings.pointer("/data/horizon").and_then(serde_json::Value::as_u64);
    if horizon.unwrap_or_default() <= LONGEST {
        report.predicted +=
            u64::from(model.predictor.predict_json(vec![package.input.clone()], package.options.clone()).is_ok());
    }
}

/// Returns the message of a panic.
fn message(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
