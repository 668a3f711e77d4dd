//! The step-by-step results of a prepared network are bit-identical to [`Rnn::forward`], and a step allocates nothing.

#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell as Counter;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Distribution, Tensor};
use rnn::{Cell, PreparedDense, Rnn, RnnConfig};

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Counter<usize> = const { Counter::new(0) };
}

// SAFETY: all calls are passed on to the system's allocator.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CELLS: [Cell; 5] = [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore];

fn values(tensor: Tensor<3>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

#[test]
fn steps_have_the_bits_of_the_forward_pass() {
    let device = Device::flex();
    for cell in CELLS {
        for (batch, time, input, hidden, layers) in
            [(1, 5, 7, 19, 1), (3, 4, 1, 33, 2), (40, 3, 20, 16, 3), (1, 2, 300, 530, 2)]
        {
            let rnn = RnnConfig::new(cell, input, hidden).with_num_layers(layers).init(&device);
            let prepared = rnn.prepare();
            let sequences = Tensor::<3>::random([batch, 2 * time, input], Distribution::Normal(0.0, 1.0), &device);
            let first = sequences.clone().narrow(1, 0, time);
            let (_, state) = rnn.forward(first.clone(), None, None);
            let (outputs, _) = rnn.forward(sequences.clone(), None, None);
            // Starts from zeros, and then from the state that the forward pass returns.
            for (mut state, start) in [(prepared.zero_state(batch), 0), (prepared.state(state), time)] {
                for step in start..2 * time {
                    let now = values(sequences.clone().narrow(1, step, 1));
                    let expected = values(outputs.clone().narrow(1, step, 1));
                    assert_eq!(prepared.step(&now, &mut state), expected, "{cell:?} {batch} {hidden} at {step}");
                }
            }
        }
    }
}

#[test]
fn kept_packed_weights_give_the_same_bits_also_after_a_change() {
    let device = Device::flex();
    for cell in CELLS {
        for (batch, time, input, hidden) in [(3, 4, 5, 19), (40, 3, 20, 16), (2, 3, 300, 530)] {
            let config = RnnConfig::new(cell, input, hidden).with_num_layers(2).with_bidirectional(true);
            let [mut rnn, other] = [0, 1].map(|_| config.init(&device));
            let lengths: Vec<usize> = (0..batch).map(|row| row % (time + 1)).collect();
            let x = Tensor::<3>::random([batch, time, input], Distribution::Normal(0.0, 1.0), &device);
            let outputs = |rnn: &Rnn| {
                let (outputs, state) = rnn.forward(x.clone(), Some(&lengths), None);
                (values(outputs), values(state.hidden))
            };
            let mut kept = rnn.clone().keep_packed();
            for _ in 0..3 {
                assert_eq!(outputs(&kept), outputs(&rnn), "{cell:?} {batch} {hidden}");
            }
            for rnn in [&mut rnn, &mut kept] {
                rnn.layers[0].forward.weight_hh = other.layers[0].forward.weight_hh.clone();
                rnn.layers[1].forward.weight_ih = other.layers[1].forward.weight_ih.clone();
            }
            assert_eq!(outputs(&kept), outputs(&rnn), "{cell:?} {batch} {hidden}");
        }
    }
}

#[test]
fn a_step_allocates_nothing() {
    for cell in CELLS {
        let rnn = RnnConfig::new(cell, 8, 24).with_num_layers(2).init(&Device::flex());
        for prepared in [rnn.prepare(), rnn.prepare_int8()] {
            let (mut state, input) = (prepared.zero_state(3), [0.5; 24]);
            prepared.step(&input, &mut state);
            let before = ALLOCATIONS.get();
            for _ in 0..10 {
                prepared.step(&input, &mut state);
            }
            assert_eq!(ALLOCATIONS.get() - before, 0, "{cell:?}");
        }
    }
}

/// The kernels read the buffers of the state without further checks.
#[test]
fn the_state_of_another_network_is_refused() {
    let prepare =
        |cell, layers, hidden| RnnConfig::new(cell, 8, hidden).with_num_layers(layers).init(&Device::flex()).prepare();
    for (cell, other) in [
        (prepare(Cell::Lstm, 1, 8), prepare(Cell::Gru, 1, 8)),
        (prepare(Cell::Gru, 1, 8), prepare(Cell::Lstm, 1, 8)),
        (prepare(Cell::GruResetBefore, 1, 8), prepare(Cell::Elman, 1, 8)),
        (prepare(Cell::GruResetBefore, 1, 8), prepare(Cell::GruResetBefore, 2, 4)),
        (prepare(Cell::Elman, 2, 8), prepare(Cell::Elman, 1, 8)),
    ] {
        let step = || cell.step(&[0.0; 8], &mut other.zero_state(1)).len();
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(step)).is_err(), "{cell:?} {other:?}");
    }
}

#[test]
#[should_panic(expected = "batch × input_size")]
fn an_input_of_another_size_is_refused() {
    let prepared = RnnConfig::new(Cell::Gru, 8, 24).init(&Device::flex()).prepare();
    prepared.step(&[0.0; 9], &mut prepared.zero_state(1));
}

/// The outputs with 8 bits per weight are those of a network whose weights were rounded before.
#[test]
fn steps_with_int8_weights_equal_the_forward_pass_with_rounded_weights() {
    let device = Device::flex();
    for cell in CELLS {
        // Sizes that are no multiple of four or of a vector; several rows at once; threads that divide the units.
        for (batch, input, hidden, layers) in [(1, 7, 19, 1), (3, 1, 33, 2), (9, 20, 16, 3), (1, 302, 530, 2)] {
            let rnn = RnnConfig::new(cell, input, hidden).with_num_layers(layers).init(&device);
            // Weights that are rounded already keep their values. Others could be rounded differently at half a step.
            let rounded = rnn.clone().map(&mut Round);
            assert!(difference(&rounded, &rnn) > 0.0);
            let prepared = rounded.prepare_int8();
            let x = Tensor::<3>::random([batch, 4, input], Distribution::Normal(0.0, 1.0), &device);
            let (outputs, _) = rounded.forward(x.clone(), None, None);
            let mut state = prepared.zero_state(batch);
            for step in 0..4 {
                let given = prepared.step(&values(x.clone().narrow(1, step, 1)), &mut state);
                let expected = values(outputs.clone().narrow(1, step, 1));
                let largest = given.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                let scale = expected.iter().fold(1.0f32, |scale, value| scale.max(value.abs()));
                assert!(largest <= 2e-6 * scale, "{cell:?} {batch} {hidden} at {step}: {largest}");
            }
        }
    }
}

#[test]
fn a_prepared_dense_layer_equals_the_matrix_product() {
    let device = Device::flex();
    let normal = Distribution::Normal(0.0, 1.0);
    // Outputs that are no multiple of the blocks or of a vector; fewer outputs than blocks; several rows; two threads.
    for [batch, inputs, outputs] in [[1, 1, 1], [1, 7, 3], [2, 19, 35], [9, 64, 130], [1, 302, 5003]] {
        let input = Tensor::<2>::random([batch, inputs], normal, &device);
        let weight = Tensor::<2>::random([outputs, inputs], normal, &device);
        let bias = Tensor::<1>::random([outputs], normal, &device);
        let scale = weight.clone().abs().max_dim(1).div_scalar(127.0);
        let rounded = (weight.clone() / scale.clone()).round() * scale;
        for (weight, prepare) in
            [(weight, PreparedDense::new as fn(Tensor<2>, Tensor<1>) -> PreparedDense), (rounded, PreparedDense::int8)]
        {
            let expected = input.clone().matmul(weight.clone().transpose()) + bias.clone().unsqueeze();
            let expected: Vec<f32> = expected.into_data().try_to_vec().unwrap();
            let input: Vec<f32> = input.clone().into_data().try_to_vec().unwrap();
            let found = prepare(weight, bias.clone()).forward(&input);
            let largest = found.iter().zip(&expected).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
            assert!(found.len() == expected.len() && largest < 2e-4, "{batch} {inputs} {outputs}: {largest}");
        }
    }
}

/// Rounds each row of a matrix to multiples of its largest value over 127.
struct Round;

impl ModuleMapper for Round {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            if D != 2 {
                return tensor;
            }
            let scale = tensor.clone().abs().max_dim(1).div_scalar(127.0);
            (tensor / scale.clone()).round() * scale
        })
    }
}

fn difference(a: &Rnn, b: &Rnn) -> f32 {
    let weights = |rnn: &Rnn| rnn.layers[0].forward.weight_hh.val();
    (weights(a) - weights(b)).abs().max().into_scalar()
}
