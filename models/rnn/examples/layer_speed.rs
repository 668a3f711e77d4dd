//! How long one layer takes: forward alone, and forward and backward to the input and all weights.
//!
//! ```text
//! cargo run -p rnn --example layer_speed             # a table, with burn's own layers
//! cargo run -p rnn --example layer_speed -- --json   # a line a layer
//! cargo run -p rnn --example layer_speed -- --ask    # for `models/rnn/comparison`: answers what standard input asks
//! ```

use std::io::stdin;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};
use rnn::{Cell, Rnn, RnnConfig};
use training::machine::keep_memory;

/// Batch, steps, input size, hidden size: a sentiment classifier, a small and a medium language model, a forecaster, and
/// one text at a time.
const SHAPES: [[usize; 4]; 5] =
    [[32, 200, 128, 128], [20, 20, 200, 200], [20, 35, 650, 650], [64, 120, 7, 32], [1, 200, 128, 128]];

const CELLS: [(&str, Cell); 2] = [("lstm", Cell::Lstm), ("gru", Cell::Gru)];

/// Runs before those that count.
const WARM_UP: usize = 2;

fn main() {
    keep_memory();
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("--ask") => stdin().lines().map_while(Result::ok).for_each(|request| answer(&request)),
        Some("--json") => each(|name, cell, shape @ [batch, time, input, hidden]| {
            let [forward, train] = measure(cell, shape, 15);
            println!(
                r#"{{"cell":"{name}","batch":{batch},"time":{time},"input":{input},"hidden":{hidden},"forward_ms":{forward:.4},"train_ms":{train:.4}}}"#
            );
        }),
        _ => {
            println!("milliseconds, medians            forward   forward + backward   burn::nn, the same");
            each(|name, cell, shape @ [batch, time, input, hidden]| {
                let ([forward, train], theirs) = (measure(cell, shape, 15), burns(cell, shape));
                println!(
                    "{name:<4} {batch:>2} × {time:>3} × {input:>3} → {hidden:>3} {forward:>14.2} {train:>20.2} {theirs:>18.2}"
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

/// Answers a request such as `lstm 32 200 128 128`.
fn answer(request: &str) {
    let mut words = request.split_whitespace();
    let cell = CELLS.iter().find(|(name, _)| words.clone().next() == Some(name));
    let sizes: Vec<usize> = words.by_ref().skip(1).filter_map(|word| word.parse().ok()).collect();
    match (cell, <[usize; 4]>::try_from(sizes)) {
        (Some((_, cell)), Ok(shape)) => {
            let [forward, train] = measure(*cell, shape, 7);
            println!(r#"{{"forward_ms":{forward:.4},"train_ms":{train:.4}}}"#);
        }
        _ => eprintln!("not a cell, batch, time, input and hidden size: {request}"),
    }
}

/// Forward without gradients, and forward and backward.
fn measure(cell: Cell, [batch, time, input, hidden]: [usize; 4], runs: usize) -> [f64; 2] {
    let device = Device::flex().autodiff();
    let rnn = RnnConfig::new(cell, input, hidden).init(&device);
    let x = Tensor::random([batch, time, input], Distribution::Normal(0.0, 1.0), &device);
    let (plain, inner): (Rnn, Tensor<3>) = (rnn.valid(), x.clone().inner());
    let forward = milliseconds(runs, || drop(plain.forward(inner.clone(), None, None)));
    [forward, train(runs, x, |x| rnn.forward(x, None, None).0)]
}

/// burn's own layer, forward and backward.
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

/// The input asks for its gradient, as one from an embedding does.
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
