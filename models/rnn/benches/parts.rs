//! Benchmarks of single layers: `cargo bench -p rnn`, or `cargo bench -p rnn -- train` for some of them.

use burn::tensor::{Device, Distribution, Tensor};
use divan::Bencher;
use rnn::{Cell, Rnn, RnnConfig};

const CELLS: [Cell; 5] = [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore];

/// The batch size.
const BATCH: usize = 32;
/// The number of steps.
const TIME: usize = 100;
/// The input size and the hidden size.
const SIZE: usize = 128;

fn main() {
    divan::main();
}

/// A layer without autodiff, and a random input `[batch, time, SIZE]`.
fn inference(cell: Cell, batch: usize, time: usize, device: &Device) -> (Rnn, Tensor<3>) {
    (RnnConfig::new(cell, SIZE, SIZE).init(device), input(batch, time, device))
}

fn input(batch: usize, time: usize, device: &Device) -> Tensor<3> {
    Tensor::random([batch, time, SIZE], Distribution::Normal(0.0, 1.0), device)
}

/// Forward pass without gradients.
#[divan::bench(args = CELLS)]
fn forward(bencher: Bencher, cell: Cell) {
    let (rnn, input) = inference(cell, BATCH, TIME, &Device::flex());
    bencher.bench_local(|| rnn.forward(input.clone(), None, None));
}

/// Forward pass of one sequence.
#[divan::bench(args = CELLS)]
fn forward_one_sequence(bencher: Bencher, cell: Cell) {
    let (rnn, input) = inference(cell, 1, TIME, &Device::flex());
    bencher.bench_local(|| rnn.forward(input.clone(), None, None));
}

/// One step of one sequence: the cost of streaming.
#[divan::bench(args = CELLS)]
fn step(bencher: Bencher, cell: Cell) {
    let device = Device::flex();
    let (rnn, input) = inference(cell, 1, 1, &device);
    let (input, state) = (input.squeeze_dim::<2>(1), rnn.zero_state(1, &device));
    bencher.bench_local(|| rnn.step(input.clone(), state.clone()));
}

/// Forward and backward pass, with the gradients of the input and all weights.
#[divan::bench(args = CELLS)]
fn train(bencher: Bencher, cell: Cell) {
    train_layer(bencher, RnnConfig::new(cell, SIZE, SIZE), None);
}

/// Forward and backward pass of a batch in which a quarter of all steps is padding.
#[divan::bench(args = CELLS)]
fn train_ragged(bencher: Bencher, cell: Cell) {
    let lengths: Vec<usize> = (0..BATCH).map(|row| TIME - row * TIME / (2 * BATCH)).collect();
    train_layer(bencher, RnnConfig::new(cell, SIZE, SIZE), Some(&lengths));
}

/// Forward and backward pass of a bidirectional layer.
#[divan::bench(args = CELLS)]
fn train_bidirectional(bencher: Bencher, cell: Cell) {
    train_layer(bencher, RnnConfig::new(cell, SIZE, SIZE).with_bidirectional(true), None);
}

fn train_layer(bencher: Bencher, config: RnnConfig, lengths: Option<&[usize]>) {
    let device = Device::flex().autodiff();
    let rnn = config.init(&device);
    let input = input(BATCH, TIME, &device);
    bencher.bench_local(|| rnn.forward(input.clone().require_grad(), lengths, None).0.sum().backward());
}
