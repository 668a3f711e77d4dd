//! Checks exported ONNX graphs in tract. The example `cases` of the crate `onnx` writes the graphs, with test inputs
//! and the outputs that our networks in burn compute from them. This program runs the graphs in tract, and compares the
//! outputs.
//!
//! ```sh
//! cargo run -p onnx --example cases -- target/onnx-cases
//! cargo run --manifest-path deploy/onnx/tract/Cargo.toml --target-dir target/tract -- target/onnx-cases
//! ```
//!
//! The program skips graphs that tract 0.23.9 cannot run: graphs with lengths, because tract refuses the input
//! `sequence_lens`; Elman networks with ReLU, because tract ignores the attribute `activations` of `RNN` and computes
//! tanh; and GRU layers with one input feature, which tract refuses with the error `xw not contiguous`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Deserialize;
use tract_onnx::prelude::*;

/// For 32-bit and for 16-bit weights: the ending of the names of the folders with such weights, and the largest allowed
/// error of an output. The error is the largest absolute difference between output and expected output, divided by the
/// largest absolute value of the expected output. If this value is smaller than 1, the difference is not divided.
const TOLERANCES: [(&str, f32); 2] = [("-32", 1e-5), ("-16", 5e-3)];

/// Parts of the names of networks that tract cannot run.
const SKIPPED: [&str; 2] = ["-ElmanRelu-", "-Gru-1-"];

#[derive(Clone, Deserialize)]
struct Array {
    shape: Vec<usize>,
    element: String,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    graph: String,
    loops: Vec<usize>,
    inputs: Vec<(String, Array)>,
    outputs: Vec<(String, Array)>,
}

fn main() -> TractResult<ExitCode> {
    let root = std::env::args().nth(1).ok_or_else(|| TractError::msg("usage: onnx-in-tract FOLDER"))?;
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root)?.map(|entry| Ok(entry?.path())).collect::<TractResult<_>>()?;
    folders.sort();
    let (mut cases, mut wrong) = (0, 0);
    for folder in &folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((_, tolerance)) = TOLERANCES.iter().find(|(bits, _)| name.ends_with(bits)) else { continue };
        if SKIPPED.iter().any(|part| name.contains(part)) {
            continue;
        }
        match check(folder) {
            Ok((count, error)) if error <= *tolerance => {
                cases += count;
                println!("{name}: {count} cases, largest error {error:.1e}");
            }
            Ok((_, error)) => {
                wrong += 1;
                println!("{name}: WRONG, largest error {error:.1e}, allowed {tolerance:.1e}");
            }
            Err(error) => {
                wrong += 1;
                println!("{name}: REFUSED: {error:#}");
            }
        }
    }
    println!("{cases} test cases give the expected outputs; {wrong} exports give wrong outputs or cannot run");
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the test cases of the export in `folder`. Returns the number of test cases, and the largest error of an
/// output of any test case.
fn check(folder: &Path) -> TractResult<(usize, f32)> {
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(folder.join("cases.json"))?)?;
    let mut largest = 0f32;
    for case in &cases {
        let path = folder.join(format!("{}.onnx", case.graph));
        let found = if case.loops.is_empty() { call(&path, &case.inputs)? } else { walk(&path, case)? };
        for (name, expected) in &case.outputs {
            let found = found.get(name).ok_or_else(|| TractError::msg(format!("the graph has no output {name}")))?;
            largest = largest.max(error(found, expected));
        }
    }
    Ok((cases.len(), largest))
}

fn error(found: &Array, expected: &Array) -> f32 {
    if found.shape != expected.shape {
        return f32::INFINITY;
    }
    let scale = expected.values.iter().fold(1f64, |scale, value| scale.max(value.abs()));
    let errors = found.values.iter().zip(&expected.values).map(|(found, expected)| (found - expected).abs() / scale);
    // `max` would ignore a NaN.
    errors.fold(0f64, |largest, error| largest.max(if error.is_nan() { f64::INFINITY } else { error })) as f32
}

/// Runs a graph once. Returns its outputs by name.
fn call(path: &Path, inputs: &[(String, Array)]) -> TractResult<HashMap<String, Array>> {
    let mut model = tract_onnx::onnx().model_for_path(path)?;
    let mut values = TVec::new();
    for (index, outlet) in model.input_outlets()?.to_vec().into_iter().enumerate() {
        let name = model.node(outlet.node).name.clone();
        let (_, array) = inputs
            .iter()
            .find(|(input, _)| *input == name)
            .ok_or_else(|| TractError::msg(format!("the case has no input `{name}`")))?;
        let value = tensor(array)?;
        model.set_input_fact(index, InferenceFact::dt_shape(value.datum_type(), value.shape()))?;
        values.push(value.into());
    }
    let outlets = model.output_outlets()?.to_vec();
    let name = |outlet: &OutletId| model.outlet_label(*outlet).unwrap_or(&model.node(outlet.node).name).to_owned();
    let names: Vec<String> = outlets.iter().map(name).collect();
    let outputs = model.into_optimized()?.into_runnable()?.run(values)?;
    names.into_iter().zip(outputs).map(|(name, value)| Ok((name, array(&value)?))).collect()
}

/// Runs the graph `step`, which reads one time step per call, in a loop over the time steps of a batch of sequences.
/// After the last step of a sequence, its state no longer changes. Returns the outputs of all steps, and the final
/// state.
fn walk(path: &Path, case: &Case) -> TractResult<HashMap<String, Array>> {
    let mut inputs: HashMap<String, Array> = case.inputs.iter().cloned().collect();
    let sequences = inputs.remove("input").ok_or_else(|| TractError::msg("the case has no input `input`"))?;
    let [batch, time, size] = sequences.shape[..] else {
        return Err(TractError::msg("`input` must have 3 dimensions: batch, time and features"));
    };
    let mut output: Option<Array> = None;
    for step in 0..time {
        let values =
            (0..batch).flat_map(|row| sequences.values[(row * time + step) * size..][..size].to_vec()).collect();
        inputs.insert("input".into(), Array { shape: vec![batch, 1, size], element: "f32".into(), values });
        let named: Vec<_> = inputs.iter().map(|(name, array)| (name.clone(), array.clone())).collect();
        let found = call(path, &named)?;
        let hidden = found["output"].shape[2];
        let output = output.get_or_insert_with(|| Array {
            shape: vec![batch, time, hidden],
            element: "f32".into(),
            values: vec![0.0; batch * time * hidden],
        });
        for row in (0..batch).filter(|row| step < case.loops[*row]) {
            let from = &found["output"].values[row * hidden..][..hidden];
            output.values[(row * time + step) * hidden..][..hidden].copy_from_slice(from);
            for (before, after) in [("h0", "hn"), ("c0", "cn")] {
                if let Some(state) = inputs.get_mut(before) {
                    copy_row(state, &found[after], row);
                }
            }
        }
    }
    let ends =
        [("h0", "hn"), ("c0", "cn")].into_iter().filter_map(|(from, to)| Some((to.into(), inputs.remove(from)?)));
    Ok(output.into_iter().map(|output| ("output".to_owned(), output)).chain(ends).collect())
}

/// Copies the state of one row of the batch. Both states have the shape `[layers, batch, hidden]`.
fn copy_row(to: &mut Array, from: &Array, row: usize) {
    let [layers, batch, hidden] = to.shape[..] else { return };
    for layer in 0..layers {
        let place = (layer * batch + row) * hidden;
        to.values[place..place + hidden].copy_from_slice(&from.values[place..place + hidden]);
    }
}

fn tensor(array: &Array) -> TractResult<Tensor> {
    let floats = || array.values.iter().map(|value| *value as f32).collect::<Vec<_>>();
    let ids = || array.values.iter().map(|value| *value as i64).collect::<Vec<_>>();
    match &*array.element {
        "i64" => Tensor::from_shape(&array.shape, &ids()),
        _ => Tensor::from_shape(&array.shape, &floats()),
    }
}

fn array(value: &TValue) -> TractResult<Array> {
    let values = value.to_plain_array_view::<f32>()?.iter().map(|value| f64::from(*value)).collect();
    Ok(Array { shape: value.shape().to_vec(), element: "f32".into(), values })
}
