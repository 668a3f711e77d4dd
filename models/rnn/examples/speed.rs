//! How long a layer takes, forward and backward, beside burn's own.
//!
//! ```text
//! cargo run -p rnn --example speed
//! ```

use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use rnn::{Cell, RnnConfig};

fn main() {
    let device = Device::flex().autodiff();
    println!("batch × steps × input → hidden, forward + backward, milliseconds (median of 9)");
    for [batch, time, input, hidden] in [[32, 200, 128, 128], [20, 20, 200, 200], [20, 35, 650, 650], [64, 120, 7, 32]]
    {
        let x = Tensor::<3>::random([batch, time, input], Distribution::Normal(0.0, 1.0), &device);
        let row = |name: &str, forward: &dyn Fn(Tensor<3>) -> Tensor<3>| {
            println!("{batch} × {time} × {input} → {hidden}  {name:<16} {:7.1}", milliseconds(&x, forward));
        };
        for cell in [Cell::Elman, Cell::Lstm, Cell::Gru, Cell::GruResetBefore] {
            let rnn = RnnConfig::new(cell, input, hidden).init(&device);
            row(&format!("{cell:?}"), &|x| rnn.forward(x, None, None).0);
        }
        let lstm = burn::nn::LstmConfig::new(input, hidden, true).init(&device);
        row("burn::nn::Lstm", &|x| lstm.forward(x, None).0);
        let gru = burn::nn::gru::GruConfig::new(input, hidden, true).init(&device);
        row("burn::nn::Gru", &|x| gru.forward(x, None));
    }
}

/// The time of one forward and backward pass; the input asks for its gradient, as one from an embedding does.
fn milliseconds(x: &Tensor<3>, forward: &dyn Fn(Tensor<3>) -> Tensor<3>) -> f64 {
    let mut times: Vec<f64> = (0..9)
        .map(|_| {
            let start = Instant::now();
            let gradients = forward(x.clone().require_grad()).sum().backward();
            drop(gradients);
            1e3 * start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
