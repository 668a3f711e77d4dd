//! Benchmarks of single layers. `cargo bench -p rnn` runs all benchmarks, and `cargo bench -p rnn -- train` runs the
//! benchmarks with `train` in their names.

use burn::tensor::{Device, Distribution, Tensor};
use divan::Bencher;
use rnn::{Cell, CrfConfig, Rnn, RnnConfig};

const CELLS: [Cell; 5] = [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore];

/// The number of sequences per batch, except in the benchmarks of a single sequence.
const BATCH: usize = 32;
/// The number of time steps per sequence, except in the benchmark of a single step.
const TIME: usize = 100;
/// The number of input features, and also the number of hidden units.
const SIZE: usize = 128;

fn main() {
    divan::main();
}

/// Creates a layer on a device without autodiff, and a random input `[batch, time, SIZE]`.
fn inference(cell: Cell, batch: usize, time: usize, device: &Device) -> (Rnn, Tensor<3>) {
    (RnnConfig::new(cell, SIZE, SIZE).init(device), input(batch, time, device))
}

fn input(batch: usize, time: usize, device: &Device) -> Tensor<3> {
    Tensor::random([batch, time, SIZE], Distribution::Normal(0.0, 1.0), device)
}

/// Measures the time of the forward pass of a batch of [`BATCH`] sequences, without gradients.
#[divan::bench(args = CELLS)]
fn forward(bencher: Bencher, cell: Cell) {
    let (rnn, input) = inference(cell, BATCH, TIME, &Device::flex());
    bencher.bench_local(|| rnn.forward(input.clone(), None, None));
}

/// Measures the time of the forward pass of a single sequence of [`TIME`] steps, without gradients.
#[divan::bench(args = CELLS)]
fn forward_one_sequence(bencher: Bencher, cell: Cell) {
    let (rnn, input) = inference(cell, 1, TIME, &Device::flex());
    bencher.bench_local(|| rnn.forward(input.clone(), None, None));
}

/// Measures the time of one call of `Rnn::step` for one sequence: the cost of each step in streaming.
#[divan::bench(args = CELLS)]
fn step(bencher: Bencher, cell: Cell) {
    let device = Device::flex();
    let (rnn, input) = inference(cell, 1, 1, &device);
    let (input, state) = (input.squeeze_dim::<2>(1), rnn.zero_state(1, &device));
    bencher.bench_local(|| rnn.step(input.clone(), state.clone()));
}

/// Measures the time of forward and backward pass of a batch, with the gradients of the input and of all weights.
#[divan::bench(args = CELLS)]
fn train(bencher: Bencher, cell: Cell) {
    train_layer(bencher, RnnConfig::new(cell, SIZE, SIZE), None);
}

/// Measures the time of forward and backward pass of a batch in which about a quarter of all steps is padding.
#[divan::bench(args = CELLS)]
fn train_ragged(bencher: Bencher, cell: Cell) {
    let lengths: Vec<usize> = (0..BATCH).map(|row| TIME - row * TIME / (2 * BATCH)).collect();
    train_layer(bencher, RnnConfig::new(cell, SIZE, SIZE), Some(&lengths));
}

/// Measures the time of forward and backward pass of a bidirectional layer.
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

/// The number of labels of the conditional random field: the labels of the BIOES scheme for seven kinds of entities.
const LABELS: usize = 29;

/// Measures the time of forward and backward pass of the loss of a conditional random field.
#[divan::bench]
fn crf_loss(bencher: Bencher) {
    let device = Device::flex().autodiff();
    let crf = CrfConfig::new(LABELS).init(&device);
    let emissions = Tensor::random([BATCH, TIME, LABELS], Distribution::Normal(0.0, 3.0), &device);
    let (lengths, targets) = (vec![TIME; BATCH], vec![vec![0; TIME]; BATCH]);
    bencher.bench_local(|| {
        crf.negative_log_likelihood(emissions.clone().require_grad(), &lengths, &targets).sum().backward()
    });
}

/// Measures the time of the Viterbi algorithm of a conditional random field.
#[divan::bench]
fn crf_decode(bencher: Bencher) {
    let crf = CrfConfig::new(LABELS).init(&Device::flex());
    let emissions = Tensor::random([BATCH, TIME, LABELS], Distribution::Normal(0.0, 3.0), &Device::flex());
    bencher.bench_local(|| crf.decode(emissions.clone(), &[TIME; BATCH]));
}
