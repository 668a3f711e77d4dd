//! Padding does not change results or gradients, whatever values it holds.

use burn::tensor::{Tensor, TensorData};
use proptest::prelude::*;
use rnn::{Cell, Rnn, RnnConfig, State};

use crate::{CELLS, device, difference, parameter_gradients, random, stacked, values};

const TIME: usize = 6;

proptest! {
    // Failures are not saved, because the tensors are random and a replay would draw other values.
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each sequence of a ragged batch gets the same results as in a batch of its own without padding.
    #[test]
    fn a_batch_gives_the_results_of_its_sequences(
        cell in prop::sample::select(CELLS.to_vec()),
        bidirectional: bool,
        lengths in prop::collection::vec(1..=TIME, 1..5),
    ) {
        let rnn = stacked(cell, bidirectional);
        let input = random([lengths.len(), TIME, 3]);
        let initial = random_state(&rnn, lengths.len());
        let (output, last) = rnn.forward(input.clone(), Some(&lengths), Some(initial.clone()));
        for (row, &length) in lengths.iter().enumerate() {
            let alone = input.clone().slice([row..row + 1, 0..length]);
            let (expected, expected_last) = rnn.forward(alone, None, Some(of_row(&initial, row)));
            let output = output.clone().narrow(0, row, 1);
            prop_assert!(difference(&expected, &output.clone().narrow(1, 0, length)) < 1e-5);
            if length < TIME {
                let padding = output.narrow(1, length, TIME - length);
                prop_assert!(values(&padding).iter().all(|&value| value == 0.0));
            }
            let last = of_row(&last, row);
            prop_assert!(difference(&expected_last.hidden, &last.hidden) < 1e-5);
            if let (Some(expected), Some(cell)) = (expected_last.cell, last.cell) {
                prop_assert!(difference(&expected, &cell) < 1e-5);
            }
        }
    }

    /// The values in the padding affect no output and no gradient. The gradient of the padding is zero.
    #[test]
    fn values_in_the_padding_are_ignored(
        cell in prop::sample::select(CELLS.to_vec()),
        bidirectional: bool,
        lengths in prop::collection::vec(0..=TIME, 1..5),
        garbage in prop::sample::select(vec![1.0, -1e30, f32::INFINITY, f32::NAN]),
    ) {
        let rnn = stacked(cell, bidirectional);
        let clean = random([lengths.len(), TIME, 3]);
        let padding = (0..lengths.len() * TIME * 3).map(|i| i / 3 % TIME >= lengths[i / 3 / TIME]).collect::<Vec<_>>();
        let padding = Tensor::from_data(TensorData::new(padding, [lengths.len(), TIME, 3]), &device());
        let dirty = clean.clone().mask_fill(padding.clone(), garbage);

        let run = |input: Tensor<3>| {
            let input = input.require_grad();
            let (output, state) = rnn.forward(input.clone(), Some(&lengths), None);
            let gradients = (output.clone().powi_scalar(2).sum() + state.hidden.clone().sum()).backward();
            let of_input = input.grad(&gradients).unwrap();
            (output, state.hidden, of_input, parameter_gradients(&rnn, &gradients))
        };
        let (output, last, of_input, of_parameters) = run(clean);
        let (output_dirty, last_dirty, of_input_dirty, of_parameters_dirty) = run(dirty);
        prop_assert_eq!(difference(&output, &output_dirty), 0.0);
        prop_assert_eq!(difference(&last, &last_dirty), 0.0);
        prop_assert_eq!(difference(&of_input, &of_input_dirty), 0.0);
        prop_assert_eq!(of_parameters, of_parameters_dirty);
        let outside_padding = of_input.clone().mask_fill(padding.inner(), 0.0);
        prop_assert_eq!(difference(&of_input, &outside_padding), 0.0);
    }
}

#[test]
fn an_empty_sequence_keeps_its_initial_state() {
    for cell in CELLS {
        for lengths in [[0, 2], [0, 0]] {
            let rnn = stacked(cell, true);
            let initial = random_state(&rnn, 2);
            let (output, last) = rnn.forward(random([2, TIME, 3]), Some(&lengths), Some(initial.clone()));
            assert!(values(&output.narrow(0, 0, 1)).iter().all(|&value| value == 0.0), "{cell:?} {lengths:?}");
            let (initial, last) = (of_row(&initial, 0), of_row(&last, 0));
            assert_eq!(difference(&initial.hidden, &last.hidden), 0.0, "{cell:?} {lengths:?}");
            if let (Some(initial), Some(last)) = (initial.cell, last.cell) {
                assert_eq!(difference(&initial, &last), 0.0, "{cell:?} {lengths:?}");
            }
        }
    }
}

fn random_state(rnn: &Rnn, batch: usize) -> State {
    let shape = rnn.zero_state(batch, &device()).hidden.dims();
    State { hidden: random(shape), cell: rnn.cell.has_memory().then(|| random(shape)) }
}

/// The state of one sequence of a batch.
fn of_row(state: &State, row: usize) -> State {
    let of_row = |all: &Tensor<3>| all.clone().narrow(1, row, 1);
    State { hidden: of_row(&state.hidden), cell: state.cell.as_ref().map(of_row) }
}

/// With more sequences than fit the cache and a weight matrix larger than the cache, outputs and gradients equal those
/// of each sequence alone.
#[test]
fn a_large_batch_gives_the_results_of_its_sequences() {
    for cell in [Cell::Lstm, Cell::Gru] {
        let rnn = RnnConfig::new(cell, 20, 520).init(&device());
        let input = random([300, 3, 20]).require_grad();
        let (output, _) = rnn.forward(input.clone(), None, None);
        let gradient = input.grad(&output.clone().powi_scalar(2).sum().backward()).unwrap();
        for row in [0, 250, 299] {
            let alone = input.clone().narrow(0, row, 1).detach().require_grad();
            let (expected, _) = rnn.forward(alone.clone(), None, None);
            let expected_gradient = alone.grad(&expected.clone().powi_scalar(2).sum().backward()).unwrap();
            assert!(difference(&expected, &output.clone().narrow(0, row, 1)) == 0.0, "{cell:?} {row}");
            assert!(difference(&expected_gradient, &gradient.clone().narrow(0, row, 1)) == 0.0, "{cell:?} {row}");
        }
    }
}

/// For sequences without padding, the reverse direction ends at the first step.
#[test]
fn the_last_hidden_state_is_that_of_the_last_layers_directions() {
    for (layers, bidirectional) in [(1, false), (2, false), (1, true), (3, true)] {
        let rnn =
            RnnConfig::new(Cell::Lstm, 3, 4).with_num_layers(layers).with_bidirectional(bidirectional).init(&device());
        let input = random([2, 5, 3]);
        let (output, state) = rnn.forward(input, None, None);
        let mut expected = vec![output.clone().slice([0..2, 4..5, 0..4])];
        if bidirectional {
            expected.push(output.slice([0..2, 0..1, 4..8]));
        }
        let expected = Tensor::cat(expected, 2).squeeze_dim::<2>(1);
        assert_eq!(values(&rnn.last_hidden(state.hidden)), values(&expected));
    }
}
