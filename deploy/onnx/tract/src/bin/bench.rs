//! Measures how long tract takes to load and to run exported models: `bench FOLDER…`. Each folder has a `model.onnx`.
//! For each model, the program prints one line of JSON: the load time, and the time of every run, with one sequence and
//! with a batch of 32 sequences. For each model that tract cannot run, it prints the error on standard error.
//!
//! 64-bit integer inputs are 1, and all other inputs are 0, because the time of a recurrent network does not depend on
//! the values. The times do not include the tokenizer and the scaler, which are not part of the graph.

use std::path::Path;
use std::time::{Duration, Instant};

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::DimLike;

/// The number of time steps with which a graph is measured if it accepts any number of steps.
const STEPS: usize = 36;
/// After this time, a measurement starts no further run if it already has [`FEWEST`] timed runs.
const LONGEST: Duration = Duration::from_secs(3);
/// The largest number of timed runs of a measurement.
const MOST: usize = 200;
/// The smallest number of timed runs of a measurement.
const FEWEST: usize = 3;

type Runnable = Arc<TypedRunnableModel>;

fn main() {
    for folder in std::env::args().skip(1) {
        match measure(Path::new(&folder)) {
            Ok(line) => println!("{line}"),
            Err(error) => eprintln!("{folder}: {error:#}"),
        }
    }
}

fn measure(folder: &Path) -> TractResult<serde_json::Value> {
    let file = folder.join("model.onnx");
    let start = Instant::now();
    let (one, inputs) = open(&file, 1)?;
    let load = milliseconds(start.elapsed());
    let (many, of_many) = open(&file, 32)?;
    let batches = times(&many, &of_many)?;
    Ok(serde_json::json!({
        "model": folder.file_name().unwrap_or_default().to_string_lossy(),
        "runtime": "tract 0.23.9",
        "size_bytes": std::fs::metadata(&file)?.len(),
        "load_ms": load,
        "one_ms": times(&one, &inputs)?,
        "batch_ms": batches,
    }))
}

/// Opens a graph and optimizes it for a batch of `batch` sequences. Returns the graph and inputs for it.
fn open(file: &Path, batch: usize) -> TractResult<(Runnable, TVec<TValue>)> {
    let mut model = tract_onnx::onnx().model_for_path(file)?;
    let mut inputs = TVec::new();
    for (index, outlet) in model.input_outlets()?.to_vec().into_iter().enumerate() {
        let fact = model.outlet_fact(outlet)?;
        let kind = fact.datum_type.concretize().unwrap_or(DatumType::F32);
        let size = |dim: TDim| dim.to_usize().unwrap_or(if dim.to_string().contains("batch") { batch } else { STEPS });
        let shape: Vec<usize> = fact.shape.dims().filter_map(|dim| dim.concretize()).map(size).collect();
        let value = match kind {
            DatumType::I64 => Tensor::from_shape(&shape, &vec![1i64; shape.iter().product()])?,
            _ => Tensor::zero_dt(kind, &shape)?,
        };
        model.set_input_fact(index, InferenceFact::dt_shape(kind, &shape))?;
        inputs.push(value.into());
    }
    Ok((model.into_optimized()?.into_runnable()?, inputs))
}

/// Returns the time of each of several runs in milliseconds. The first run is not timed.
fn times(model: &Runnable, inputs: &TVec<TValue>) -> TractResult<Vec<f64>> {
    model.run(inputs.clone())?;
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < FEWEST || (times.len() < MOST && start.elapsed() < LONGEST) {
        let begin = Instant::now();
        model.run(inputs.clone())?;
        times.push(milliseconds(begin.elapsed()));
    }
    Ok(times)
}

fn milliseconds(time: Duration) -> f64 {
    1000.0 * time.as_secs_f64()
}
