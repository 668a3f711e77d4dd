//! The GPU kernels give the results of the CPU. The tests run on every adapter that wgpu finds, including software
//! adapters:
//!
//! ```sh
//! cargo test -p rnn --features wgpu --test gpu
//! cargo test -p rnn --features vulkan --test gpu
//! RNN_ZOO_GPU_UNITS=2 cargo test -p rnn --features wgpu --test gpu    # few units, each with many hidden units
//! RNN_ZOO_GPU_STEPS=3 cargo test -p rnn --features wgpu --test gpu    # several launches per layer
//! ```

#![allow(clippy::unwrap_used)]

use burn::module::Module;
use burn::nn::EmbeddingConfig;
use burn::tensor::{Device, Distribution, Int, Tensor};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rnn::{Cell, Rnn, RnnConfig, State, dense_cross_entropy, embed};

const CELLS: [Cell; 5] = [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore];

/// The largest difference, relative to the largest value of a result. The mathematical functions of GPU drivers are
/// less exact than the functions of the CPU.
const TOLERANCE: f32 = 1e-4;

fn gpus() -> Vec<Device> {
    vec![
        #[cfg(feature = "wgpu")]
        Device::wgpu(Default::default()),
        #[cfg(feature = "vulkan")]
        Device::vulkan(Default::default()),
    ]
}

/// One call of a network: its shape, and the lengths of the sequences.
#[derive(Clone, Debug)]
struct Case {
    config: RnnConfig,
    batch: usize,
    time: usize,
    lengths: Option<Vec<usize>>,
}

impl Case {
    fn new(cell: Cell, [batch, time, input, hidden]: [usize; 4]) -> Self {
        Self { config: RnnConfig::new(cell, input, hidden), batch, time, lengths: None }
    }

    /// Lengths from 0 to `time`.
    fn ragged(mut self) -> Self {
        self.lengths = Some((0..self.batch).map(|row| (3 * row + 1) % (self.time + 1)).collect());
        self
    }
}

/// The outputs, the final states, and the gradients of the input, the initial states and all weights. The values of the
/// network, the input and the states are those of `cpu`.
fn results(rnn: &Rnn, values: &[Tensor<3>], case: &Case, device: &Device) -> Vec<(String, Vec<f32>)> {
    let device = device.clone().autodiff();
    let rnn = rnn.clone().fork(&device);
    let on_device = |tensor: &Tensor<3>| Tensor::<3>::from_data(tensor.to_data(), &device);
    let inputs: Vec<Tensor<3>> = values[..3].iter().map(|tensor| on_device(tensor).require_grad()).collect();
    let has_memory = case.config.cell.has_memory();
    let state = State { hidden: inputs[1].clone(), cell: has_memory.then(|| inputs[2].clone()) };

    let (outputs, state) = rnn.forward(inputs[0].clone(), case.lengths.as_deref(), Some(state));
    let states = state.into_tensors();
    let mut loss = (outputs.clone() * on_device(&values[3])).sum();
    for (state, factors) in states.iter().zip(&values[4..]) {
        loss = loss + (state.clone() * on_device(factors)).sum();
    }
    let gradients = loss.backward();

    let mut all = vec![("outputs".to_owned(), read(outputs))];
    all.extend(states.into_iter().map(|state| ("state".to_owned(), read(state))));
    let inputs = inputs.iter().take(if has_memory { 3 } else { 2 });
    all.extend(inputs.map(|input| ("gradient of an input".to_owned(), read(input.grad(&gradients).unwrap()))));
    for layer in &rnn.layers {
        for weights in std::iter::once(&layer.forward).chain(&layer.backward) {
            for (name, weight) in [("weight_ih", &weights.weight_ih), ("weight_hh", &weights.weight_hh)] {
                all.push((name.to_owned(), read(weight.val().grad(&gradients).unwrap())));
            }
            for (name, bias) in [("bias_ih", &weights.bias_ih), ("bias_hh", &weights.bias_hh)] {
                all.push((name.to_owned(), read(bias.val().grad(&gradients).unwrap())));
            }
        }
    }
    all
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Compares all results on every GPU with those on the CPU.
fn compare(case: &Case) {
    let cpu = Device::flex();
    let Case { config, batch, time, .. } = case;
    let rnn = config.init(&cpu.clone().autodiff());
    let draw = |shape: [usize; 3]| Tensor::<3>::random(shape, Distribution::Normal(0.0, 1.0), &cpu);
    let directions = if config.bidirectional { 2 } else { 1 };
    let state = [config.num_layers * directions, *batch, config.hidden_size];
    let shapes = [
        [*batch, *time, config.input_size],
        state,
        state,
        [*batch, *time, directions * config.hidden_size],
        state,
        state,
    ];
    let values = shapes.map(draw);
    let expected = results(&rnn, &values, case, &cpu);
    for gpu in gpus() {
        let found = results(&rnn, &values, case, &gpu);
        assert_eq!(found.len(), expected.len());
        for ((name, found), (_, expected)) in found.iter().zip(&expected) {
            assert_close(found, expected, &format!("{name} of {case:?}"));
        }
    }
}

fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    let largest = expected.iter().fold(1e-2f32, |largest, value| largest.max(value.abs()));
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let error = (found - expected).abs() / largest;
        assert!(error <= TOLERANCE, "{what}: {found}, expected {expected}");
    }
}

#[test]
fn all_cells_agree_in_both_directions() {
    Device::flex().seed(1);
    for cell in CELLS {
        for shape in [[1, 1, 1, 1], [3, 20, 5, 19], [4, 7, 9, 33], [2, 5, 16, 128], [2, 4, 8, 257]] {
            let mut case = Case::new(cell, shape);
            compare(&case);
            case.config = case.config.with_bidirectional(true);
            compare(&case.clone().ragged());
        }
    }
}

#[test]
fn wide_layers_agree() {
    let units = std::env::var("RNN_ZOO_GPU_UNITS").ok().and_then(|units| units.parse().ok());
    if units.is_some_and(|units: usize| units < 16) {
        eprintln!("skipped: with so few units, a step needs more loop iterations than Mesa's software adapter allows");
        return;
    }
    Device::flex().seed(2);
    for cell in CELLS {
        compare(&Case::new(cell, [2, 3, 4, 640]).ragged());
        let mut case = Case::new(cell, [7, 4, 3, 650]).ragged();
        case.config = case.config.with_bidirectional(true);
        compare(&case);
    }
}

#[test]
fn stacked_layers_agree() {
    Device::flex().seed(3);
    for cell in CELLS {
        let mut case = Case::new(cell, [5, 12, 6, 24]).ragged();
        case.config = case.config.with_num_layers(2).with_bidirectional(true);
        compare(&case);
    }
}

#[test]
fn sixty_random_shapes_agree() {
    Device::flex().seed(4);
    let shape = (0..5usize, 1..7usize, 1..30usize, 1..20usize, 1..70usize, any::<bool>(), any::<bool>());
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 60, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let run = runner.run(&shape, |(cell, batch, time, input, hidden, bidirectional, ragged)| {
        let mut case = Case::new(CELLS[cell], [batch, time, input, hidden]);
        case.config = case.config.with_bidirectional(bidirectional);
        compare(&if ragged { case.ragged() } else { case });
        Ok(())
    });
    run.unwrap();
}

/// NaN in the padding changes neither results nor gradients.
#[test]
fn padding_may_hold_any_value() {
    for gpu in gpus() {
        let device = gpu.autodiff();
        let rnn = RnnConfig::new(Cell::Gru, 2, 5).init(&device);
        let run = |padding: f32| {
            let input = [[[0.1f32, 0.2], [0.3, 0.4]], [[0.5, 0.6], [padding, padding]]];
            let input = Tensor::<3>::from_data(input, &device).require_grad();
            let (outputs, _) = rnn.forward(input.clone(), Some(&[2, 1]), None);
            let gradients = outputs.clone().sum().backward();
            let weight = rnn.layers[0].forward.weight_ih.val().grad(&gradients).unwrap();
            [read(outputs), read(weight), read(input.grad(&gradients).unwrap())]
        };
        assert_eq!(run(f32::NAN), run(0.0));
    }
}

/// The results of two runs are bit-identical.
#[test]
fn results_are_deterministic() {
    for gpu in gpus() {
        Device::flex().seed(5);
        let mut case = Case::new(Cell::Lstm, [6, 15, 8, 40]).ragged();
        case.config = case.config.with_bidirectional(true);
        let rnn = case.config.init(&Device::flex().autodiff());
        let draw = |shape: [usize; 3]| Tensor::<3>::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex());
        let values = [[6, 15, 8], [2, 6, 40], [2, 6, 40], [6, 15, 80], [2, 6, 40], [2, 6, 40]].map(draw);
        assert_eq!(results(&rnn, &values, &case, &gpu), results(&rnn, &values, &case, &gpu));
    }
}

/// Values from −1 to 1. They are computed on the CPU, because the sine of a large number is inexact on GPUs.
fn waves(count: usize, step: f32, device: &Device) -> Tensor<1> {
    let values: Vec<f32> = (0..count).map(|index| (index as f32 * step).sin()).collect();
    Tensor::from_data(values.as_slice(), device)
}

/// The embeddings, and the gradient of the embedding.
fn embedded(words: &[Vec<i64>], [vocabulary, features]: [usize; 2], device: &Device) -> [Vec<f32>; 2] {
    let device = device.clone().autodiff();
    let mut embedding = EmbeddingConfig::new(vocabulary, features).init(&device);
    let weight = waves(vocabulary * features, 1.0, &device).reshape([vocabulary, features]);
    embedding.weight = embedding.weight.map(|_| weight.require_grad());
    let ids: Vec<i64> = words.concat();
    let ids = Tensor::<1, Int>::from_data(ids.as_slice(), &device).reshape([words.len(), words[0].len()]);
    let features = embed(&embedding, ids);
    let gradients = (features.clone() * features.clone().cos()).sum().backward();
    [read(features), read(embedding.weight.val().grad(&gradients).unwrap())]
}

#[test]
fn gradients_of_embeddings_agree() {
    // Words that occur once, often and never; more words than one block of the kernel compares (256 · 32).
    for [batch, time, vocabulary, features] in [[1, 1, 3, 1], [3, 7, 5, 9], [4, 40, 300, 33], [80, 120, 997, 20]] {
        let word = |row: usize, t: usize| ((row * time + t) * (row + 3) % vocabulary / 2) as i64;
        let words: Vec<Vec<i64>> = (0..batch).map(|row| (0..time).map(|t| word(row, t)).collect()).collect();
        let expected = embedded(&words, [vocabulary, features], &Device::flex());
        for gpu in gpus() {
            let found = embedded(&words, [vocabulary, features], &gpu);
            for (found, expected) in found.iter().zip(&expected) {
                assert_close(found, expected, &format!("batch {batch}, time {time}"));
            }
        }
    }
}

/// The losses, and the gradients of inputs, weight and bias.
fn losses([rows, features, classes]: [usize; 3], device: &Device) -> [Vec<f32>; 4] {
    let device = device.clone().autodiff();
    let values = |count: usize, step: f32| waves(count, step, &device).mul_scalar(3.0);
    let inputs: Tensor<2> = values(rows * features, 0.7).reshape([rows, features]).require_grad();
    let weight: Tensor<2> = values(classes * features, 1.3).reshape([classes, features]).require_grad();
    let bias = values(classes, 0.3).require_grad();
    let targets = Tensor::<1, Int>::arange(0..rows as i64, &device).mul_scalar(7).remainder_scalar(classes as i64);
    let losses = dense_cross_entropy(inputs.clone(), weight.clone(), bias.clone(), targets);
    let gradients = (losses.clone() * losses.clone()).mean().backward();
    let [d_inputs, d_weight] = [inputs, weight].map(|tensor| read(tensor.grad(&gradients).unwrap()));
    [read(losses), d_inputs, d_weight, read(bias.grad(&gradients).unwrap())]
}

#[test]
fn cross_entropy_agrees() {
    for shape in [[1, 1, 2], [5, 7, 33], [40, 19, 10_007], [700, 16, 300]] {
        let expected = losses(shape, &Device::flex());
        for gpu in gpus() {
            for (found, expected) in losses(shape, &gpu).iter().zip(&expected) {
                assert_close(found, expected, &format!("{shape:?}"));
            }
        }
    }
}
