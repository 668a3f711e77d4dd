//! What a layer's parts cost: `cargo bench -p rnn`, or `cargo bench -p rnn -- learn` for some of them.

use burn::tensor::{Device, Distribution, Tensor};
use divan::Bencher;
use rnn::{Cell, Rnn, RnnConfig};

const CELLS: [Cell; 5] = [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore];

/// Sequences, steps, and features of the input and of the state.
const BATCH: usize = 32;
const TIME: usize = 100;
const SIZE: usize = 128;

fn main() {
    divan::main();
}

/// A layer that does not learn, and an input.
fn reader(cell: Cell, batch: usize, time: usize, device: &Device) -> (Rnn, Tensor<3>) {
    (RnnConfig::new(cell, SIZE, SIZE).init(device), input(batch, time, device))
}

fn input(batch: usize, time: usize, device: &Device) -> Tensor<3> {
    Tensor::random([batch, time, SIZE], Distribution::Normal(0.0, 1.0), device)
}

/// Forward, with nothing kept for a way back.
#[divan::bench(args = CELLS)]
fn read(bencher: Bencher, cell: Cell) {
    let (rnn, input) = reader(cell, BATCH, TIME, &Device::flex());
    bencher.bench_local(|| rnn.forward(input.clone(), None, None));
}

/// One sequence.
#[divan::bench(args = CELLS)]
fn read_one(bencher: Bencher, cell: Cell) {
    let (rnn, input) = reader(cell, 1, TIME, &Device::flex());
    bencher.bench_local(|| rnn.forward(input.clone(), None, None));
}

/// One step of one sequence: what streaming costs.
#[divan::bench(args = CELLS)]
fn step(bencher: Bencher, cell: Cell) {
    let device = Device::flex();
    let (rnn, input) = reader(cell, 1, 1, &device);
    let (input, state) = (input.squeeze_dim::<2>(1), rnn.zero_state(1, &device));
    bencher.bench_local(|| rnn.step(input.clone(), state.clone()));
}

/// Forward and backward, to the input and all weights.
#[divan::bench(args = CELLS)]
fn learn(bencher: Bencher, cell: Cell) {
    learning(bencher, RnnConfig::new(cell, SIZE, SIZE), None);
}

/// The same where a quarter of all steps is padding.
#[divan::bench(args = CELLS)]
fn learn_ragged(bencher: Bencher, cell: Cell) {
    let lengths: Vec<usize> = (0..BATCH).map(|row| TIME - row * TIME / (2 * BATCH)).collect();
    learning(bencher, RnnConfig::new(cell, SIZE, SIZE), Some(&lengths));
}

/// The same in both directions.
#[divan::bench(args = CELLS)]
fn learn_both_ways(bencher: Bencher, cell: Cell) {
    learning(bencher, RnnConfig::new(cell, SIZE, SIZE).with_bidirectional(true), None);
}

fn learning(bencher: Bencher, config: RnnConfig, lengths: Option<&[usize]>) {
    let device = Device::flex().autodiff();
    let rnn = config.init(&device);
    let input = input(BATCH, TIME, &device);
    bencher.bench_local(|| rnn.forward(input.clone().require_grad(), lengths, None).0.sum().backward());
}
