//! Single steps, windows and whole sequences give the same results.

use burn::tensor::Tensor;

use crate::{CELLS, device, difference, difference_of, parameter_gradients, random, stacked};

#[test]
fn steps_give_the_results_of_the_whole_sequence() {
    for cell in CELLS {
        let rnn = stacked(cell, false);
        let input = random([2, 5, 3]);
        let (expected, expected_last) = rnn.forward(input.clone(), None, None);

        let mut state = rnn.zero_state(2, &device());
        let mut outputs = Vec::new();
        for step in input.iter_dim(1) {
            let (output, next) = rnn.step(step.squeeze_dim(1), state);
            outputs.push(output);
            state = next;
        }
        assert!(difference(&expected, &Tensor::stack(outputs, 1)) < 1e-5, "{cell:?}");
        assert!(difference(&expected_last.hidden, &state.hidden) < 1e-5, "{cell:?}");
        assert_eq!(state.cell.is_some(), cell.has_memory(), "{cell:?}");
    }
}

/// Compares outputs and gradients. The sequence is long enough for several blocks of steps, of different lengths in
/// each window.
#[test]
fn windows_give_the_results_of_the_whole_sequence() {
    for cell in CELLS {
        let rnn = stacked(cell, false);
        let input = random([2, 77, 3]).require_grad();
        let gradients = |output: &Tensor<3>| {
            let gradients = output.clone().powi_scalar(2).mean().backward();
            (input.grad(&gradients).unwrap(), parameter_gradients(&rnn, &gradients))
        };

        let (whole, _) = rnn.forward(input.clone(), None, None);
        let mut state = None;
        let mut windows = Vec::new();
        for steps in [0..40, 40..41, 41..77] {
            let (output, next) = rnn.forward(input.clone().slice([0..2, steps]), None, state);
            windows.push(output);
            state = Some(next);
        }
        let windows = Tensor::cat(windows, 1);
        assert!(difference(&whole, &windows) < 1e-5, "{cell:?}");

        let (of_input, of_parameters) = gradients(&whole);
        let (of_input_windows, of_parameters_windows) = gradients(&windows);
        assert!(difference(&of_input, &of_input_windows) < 1e-5, "{cell:?}");
        assert!(difference_of(&of_parameters, &of_parameters_windows) < 1e-5, "{cell:?}");
    }
}

#[test]
fn detach_stops_gradients_and_keeps_values() {
    for cell in CELLS {
        let rnn = stacked(cell, false);
        let first_window = random([2, 4, 3]).require_grad();
        let second_window = random([2, 4, 3]).require_grad();
        let (_, state) = rnn.forward(first_window.clone(), None, None);

        let gradient_of_first = |state| {
            let (output, _) = rnn.forward(second_window.clone(), None, Some(state));
            let gradients = output.sum().backward();
            assert!(second_window.grad(&gradients).is_some());
            first_window.grad(&gradients)
        };
        let detached = state.clone().detach();
        assert_eq!(difference(&state.hidden, &detached.hidden), 0.0);
        assert!(gradient_of_first(detached).is_none(), "{cell:?}");
        assert!(gradient_of_first(state).is_some(), "{cell:?}");
    }
}
