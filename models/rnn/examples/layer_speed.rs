//! Measures the speed of one layer: of the forward pass alone, and of forward and backward pass together, with the
//! gradients of the input and all weights.
//!
//! ```text
//! cargo run -p rnn --example layer_speed             # a table, with burn's own layers for comparison
//! cargo run -p rnn --example layer_speed -- --json   # one JSON object per layer
//! cargo run -p rnn --example layer_speed -- --serve  # for `models/rnn/comparison`: answers requests on standard input
//! ```
//!
//! Training programs of the zoo keep freed memory for the next step (`training::machine::keep_memory`). On Linux with
//! glibc, these environment variables have the same effect here:
//!
//! ```text
//! MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2147483647 cargo run -p rnn --example layer_speed
//! ```

use std::cell::RefCell;
use std::hint::black_box;
use std::io::stdin;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};
use rnn::{Cell, PreparedRnn, Rnn, RnnConfig};

/// The measured layers as batch size, number of steps, input size and hidden size. These shapes occur, in this
/// order, in a sentiment classifier, a small language model, a medium language model, a forecaster, and a model that
/// reads a single text.
const SHAPES: [[usize; 4]; 5] =
    [[32, 200, 128, 128], [20, 20, 200, 200], [20, 35, 650, 650], [64, 120, 7, 32], [1, 200, 128, 128]];

const CELLS: [(&str, Cell); 2] = [("lstm", Cell::Lstm), ("gru", Cell::Gru)];

/// The number of runs before the measured runs. Their times are ignored.
const WARM_UP: usize = 2;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("--serve") => stdin().lines().map_while(Result::ok).for_each(|request| answer(&request)),
        Some("--json") => each(|name, cell, shape @ [batch, time, input, hidden]| {
            let [forward, train] = measure(cell, shape, 15);
            println!(
                r#"{{"cell":"{name}","batch":{batch},"time":{time},"input":{input},"hidden":{hidden},"forward_ms":{forward:.4},"train_ms":{train:.4}}}"#
            );
        }),
        _ => {
            println!("median milliseconds              forward   forward + backward   burn::nn, forward + backward");
            each(|name, cell, shape @ [batch, time, input, hidden]| {
                let ([forward, train], theirs) = (measure(cell, shape, 15), burns(cell, shape));
                println!(
                    "{name:<4} {batch:>2} × {time:>3} × {input:>3} → {hidden:>3} {forward:>14.2} {train:>20.2} {theirs:>28.2}"
                );
            });
        }
    }
}

fn each(show: impl Fn(&str, Cell, [usize; 4])) {
    for shape in SHAPES {
        for (name, cell) in CELLS {
            show(name, cell, shape);
        }
    }
}

/// Measures the layer that a request names as `cell batch time input hidden`, such as `lstm 32 200 128 128`. Prints the
/// time of the forward pass, and of forward and backward pass together, in milliseconds as JSON. If `time` is 1, prints
/// the time of one streaming step in microseconds instead, with 32 and with 8 bits per weight.
fn answer(request: &str) {
    let mut fields = request.split_whitespace();
    let cell = CELLS.iter().find(|(name, _)| fields.clone().next() == Some(name));
    let sizes: Vec<usize> = fields.by_ref().skip(1).filter_map(|field| field.parse().ok()).collect();
    match (cell, <[usize; 4]>::try_from(sizes)) {
        (Some((_, cell)), Ok([batch, 1, input, hidden])) => {
            let sizes = [batch, input, hidden];
            let [single, int8] = [Rnn::prepare, Rnn::prepare_int8].map(|prepare| step(*cell, sizes, prepare, 7));
            println!(r#"{{"step_us":{single:.4},"int8_us":{int8:.4}}}"#);
        }
        (Some((_, cell)), Ok(shape)) => {
            let [forward, train] = measure(*cell, shape, 7);
            println!(r#"{{"forward_ms":{forward:.4},"train_ms":{train:.4}}}"#);
        }
        _ => eprintln!(
            "a request must be `cell batch time input hidden`, such as `lstm 32 200 128 128`, but is: {request}"
        ),
    }
}

/// Returns the median times of the forward pass without gradients, and of forward and backward pass together, in
/// milliseconds.
fn measure(cell: Cell, [batch, time, input, hidden]: [usize; 4], runs: usize) -> [f64; 2] {
    let device = Device::flex().autodiff();
    let rnn = RnnConfig::new(cell, input, hidden).init(&device);
    let x = Tensor::random([batch, time, input], Distribution::Normal(0.0, 1.0), &device);
    let (plain, inner): (Rnn, Tensor<3>) = (rnn.valid().keep_packed(), x.clone().inner());
    let forward = milliseconds(runs, || drop(plain.forward(inner.clone(), None, None)));
    [forward, train(runs, x, |x| rnn.forward(x, None, None).0)]
}

/// Returns the median time of one streaming step in microseconds. Each run measures 1000 steps, so its time in
/// milliseconds is the time of one step in microseconds.
fn step(cell: Cell, [batch, input, hidden]: [usize; 3], prepare: fn(&Rnn) -> PreparedRnn, runs: usize) -> f64 {
    let rnn = prepare(&RnnConfig::new(cell, input, hidden).init(&Device::flex()));
    let (values, state) = (vec![0.5; batch * input], RefCell::new(rnn.zero_state(batch)));
    milliseconds(runs, || {
        let mut state = state.borrow_mut();
        (0..1000).for_each(|_| {
            black_box(rnn.step(&values, &mut state));
        });
    })
}

/// Returns the median time in milliseconds of forward and backward pass of burn's own LSTM or GRU layer (`burn::nn`).
fn burns(cell: Cell, [batch, time, input, hidden]: [usize; 4]) -> f64 {
    let device = Device::flex().autodiff();
    let x = Tensor::random([batch, time, input], Distribution::Normal(0.0, 1.0), &device);
    if cell == Cell::Lstm {
        let lstm = burn::nn::LstmConfig::new(input, hidden, true).init(&device);
        train(7, x, |x| lstm.forward(x, None).0)
    } else {
        let gru = burn::nn::gru::GruConfig::new(input, hidden, true).init(&device);
        train(7, x, |x| gru.forward(x, None))
    }
}

/// Returns the median time of forward and backward pass in milliseconds. The input requires a gradient too, like the
/// output of an embedding layer.
fn train(runs: usize, x: Tensor<3>, forward: impl Fn(Tensor<3>) -> Tensor<3>) -> f64 {
    milliseconds(runs, || drop(forward(x.clone().require_grad()).sum().backward()))
}

fn milliseconds(runs: usize, run: impl Fn()) -> f64 {
    let mut times: Vec<f64> = (0..WARM_UP + runs)
        .map(|_| {
            let start = Instant::now();
            run();
            1e3 * start.elapsed().as_secs_f64()
        })
        .skip(WARM_UP)
        .collect();
    times.sort_by(f64::total_cmp);
    times[runs / 2]
}
