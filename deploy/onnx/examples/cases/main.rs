//! Writes the ONNX graphs of every shipped model and of 100 random recurrent networks, each with test cases in
//! `cases.json`: inputs, and the outputs of our networks in burn. `scripts/check.py` and the program in `tract/` run
//! the graphs in other runtimes, and compare the outputs.
//!
//! ```sh
//! cargo run -p onnx --example cases -- target/onnx-cases
//! ```

#![allow(missing_docs, clippy::unwrap_used)]

mod case;
mod random;
mod shipped;

use std::path::Path;

use case::{Case, Model};
use onnx::{Options, Precision};

fn main() {
    let Some(out) = std::env::args().nth(1) else { panic!("usage: cases FOLDER") };
    for model in shipped::shipped().into_iter().chain(random::networks()) {
        for precision in [Precision::Single, Precision::Half] {
            for lengths in [false, true] {
                write(&model, Options { precision, lengths }, Path::new(&out));
            }
        }
    }
}

/// Exports a model with one set of options, and writes the files and the test cases for this export. An export with
/// the input `lengths` gets the cases with padding, and an export without this input gets all other cases.
fn write(model: &Model, options: Options, out: &Path) {
    let cases: Vec<&Case> = model.cases.iter().filter(|case| case.padded == options.lengths).collect();
    if cases.is_empty() {
        return;
    }
    let lengths = if options.lengths { "-lengths" } else { "" };
    let dir = out.join(format!("{}-{}{lengths}", model.name, options.precision.bits()));
    std::fs::create_dir_all(&dir).unwrap();
    for (name, content) in (model.export)(&options).unwrap().files(&model.name).unwrap() {
        std::fs::write(dir.join(name), content).unwrap();
    }
    std::fs::write(dir.join("cases.json"), serde_json::to_vec(&cases).unwrap()).unwrap();
}
