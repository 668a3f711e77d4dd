//! Measures the time of the forward pass of recurrent layers in ONNX runtimes that are written in Rust: `rnn-runtimes
//! tract|rten FOLDER`.
//!
//! Reads requests `cell batch time input hidden` from standard input, and prints one time per request, like the Python
//! scripts in the parent folder. `FOLDER` must contain the ONNX graph of each request, such as
//! `lstm-32-200-128-128.onnx`; `onnx_layers.py` describes these graphs. tract runs on one thread, which is its default,
//! and rten on all cores.

use std::collections::HashMap;
use std::error::Error;
use std::io::{Write, stdin, stdout};
use std::path::Path;
use std::time::Instant;

use rten::{Model, ModelOptions, NodeId, Value, ValueView};
use tract_onnx::prelude::*;

type Run = Box<dyn Fn()>;

/// The number of runs before the measured runs. Their times are ignored.
const WARM_UP: usize = 2;
/// The number of measured runs. The result is the median of their times.
const RUNS: usize = 7;
/// The number of steps in one run, if a run is a sequence of single steps. The time of a run in milliseconds equals the
/// time of a step in microseconds.
const STEPS: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, runtime, folder] = arguments.as_slice() else { return Err("usage: rnn-runtimes tract|rten FOLDER".into()) };
    let mut prepared: HashMap<String, Run> = HashMap::new();
    for request in stdin().lines() {
        let request = request?;
        let file = Path::new(folder).join(format!("{}.onnx", request.replace(' ', "-")));
        let sizes: Vec<usize> = request.split(' ').skip(1).map(str::parse).collect::<Result<_, _>>()?;
        let [batch, time, input, hidden] = sizes[..] else {
            return Err("a request must be `cell batch time input hidden`, such as `lstm 32 200 128 128`".into());
        };
        let shapes = match time {
            1 => vec![[1, batch, input], [1, batch, hidden], [1, batch, hidden]],
            _ => vec![[batch, time, input]],
        };
        if !prepared.contains_key(&request) {
            let run = match runtime.as_str() {
                "tract" => tract(&file, &shapes)?,
                "rten" => rten(&file, &shapes)?,
                other => return Err(format!("`{other}` is not a runtime; use tract or rten").into()),
            };
            prepared.insert(request.clone(), run);
        }
        let key = if time == 1 { "step_us" } else { "forward_ms" };
        println!("{{\"{key}\":{}}}", milliseconds(&prepared[&request]));
        stdout().flush()?;
    }
    Ok(())
}

/// Loads an ONNX graph in tract. Returns a function that runs the graph once, or [`STEPS`] times if the graph is a
/// single step with states. `shapes` are the shapes of the inputs of the graph, in order; shapes beyond the number of
/// inputs are ignored.
fn tract(file: &Path, shapes: &[[usize; 3]]) -> TractResult<Run> {
    let mut model = tract_onnx::onnx().model_for_path(file)?;
    let mut inputs: TVec<TValue> = TVec::new();
    for (index, shape) in shapes.iter().enumerate().take(model.input_outlets()?.len()) {
        model.set_input_fact(index, InferenceFact::dt_shape(f32::datum_type(), shape))?;
        inputs.push(Tensor::from_shape(shape, &values(shape))?.into());
    }
    let model = model.into_optimized()?.into_runnable()?;
    Ok(Box::new(move || {
        if inputs.len() == 1 {
            model.run(inputs.clone()).expect("tract must be able to run the layer");
            return;
        }
        let mut inputs = inputs.clone();
        for _ in 0..STEPS {
            let states = model.run(inputs.clone()).expect("tract must be able to run the step");
            inputs.truncate(1);
            inputs.extend(states);
        }
    }))
}

/// Loads an ONNX graph in rten. Returns a function that runs the graph once, or [`STEPS`] times if the graph is a
/// single step with states. `shapes` are the shapes of the inputs of the graph, in order; shapes beyond the number of
/// inputs are ignored.
fn rten(file: &Path, shapes: &[[usize; 3]]) -> Result<Run, Box<dyn Error>> {
    let model: Model = ModelOptions::with_all_ops().prepack_weights(true).load_file(file)?;
    let ids: Vec<NodeId> = model.input_ids().to_vec();
    let outputs: Vec<NodeId> = model.output_ids().to_vec();
    let tensor = |shape: &[usize; 3]| rten_tensor::Tensor::from_data(shape, values(shape));
    let inputs: Vec<Value> = shapes.iter().take(ids.len()).map(|shape| tensor(shape).into()).collect();
    let run = move |inputs: &[Value]| -> Vec<Value> {
        let views = ids.iter().copied().zip(inputs.iter().map(|value| ValueView::from(value).into())).collect();
        model.run(views, &outputs, None).expect("rten must be able to run the graph")
    };
    Ok(Box::new(move || {
        if inputs.len() == 1 {
            run(&inputs);
            return;
        }
        let mut inputs = inputs.clone();
        for _ in 0..STEPS {
            let states = run(&inputs);
            inputs.truncate(1);
            inputs.extend(states);
        }
    }))
}

fn values(shape: &[usize; 3]) -> Vec<f32> {
    (0..shape.iter().product()).map(|index| (index * 37 % 101) as f32 / 50.0 - 1.0).collect()
}

/// Returns the median time of a run in milliseconds.
fn milliseconds(run: &Run) -> f64 {
    let mut times: Vec<f64> = (0..WARM_UP + RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            1e3 * start.elapsed().as_secs_f64()
        })
        .skip(WARM_UP)
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}
