//! Inputs and states of the wrong shape cause errors whose messages name the shapes.

use burn::tensor::Tensor;
use rnn::{Cell, RnnConfig, ShapeError, State};

use crate::{device, random, stacked};

fn forward(input: [usize; 3], lengths: Option<&[usize]>, state: Option<State>) {
    stacked(Cell::Lstm, false).forward(random(input), lengths, state);
}

fn zeros(shape: [usize; 3]) -> Tensor<3> {
    Tensor::zeros(shape, &device())
}

#[test]
#[should_panic = "input [batch 2, time 5, features 7] must have 3 features"]
fn features() {
    forward([2, 5, 7], None, None);
}

#[test]
#[should_panic = "input has batch size 2 and 0 steps"]
fn no_steps() {
    forward([2, 0, 3], None, None);
}

#[test]
#[should_panic = "got 3 sequence lengths for a batch of 2"]
fn number_of_lengths() {
    forward([2, 5, 3], Some(&[1, 2, 3]), None);
}

#[test]
#[should_panic = "sequence 1 has length 6, but the input has only 5 steps"]
fn length() {
    forward([2, 5, 3], Some(&[5, 6]), None);
}

#[test]
#[should_panic = "hidden state has shape [2, 3, 4], expected [layers × directions, batch, hidden] [2, 2, 4]"]
fn hidden_state() {
    forward([2, 5, 3], None, Some(State { hidden: zeros([2, 3, 4]), cell: None }));
}

#[test]
#[should_panic = "cell state has shape [1, 2, 4], expected [layers × directions, batch, hidden] [2, 2, 4]"]
fn cell_state() {
    forward([2, 5, 3], None, Some(State { hidden: zeros([2, 2, 4]), cell: Some(zeros([1, 2, 4])) }));
}

#[test]
#[should_panic = "the state of Lstm needs a cell state"]
fn no_cell_state() {
    forward([2, 5, 3], None, Some(State { hidden: zeros([2, 2, 4]), cell: None }));
}

#[test]
#[should_panic = "the state of Gru must not have a cell state"]
fn cell_state_of_a_gru() {
    let state = State { hidden: zeros([2, 2, 4]), cell: Some(zeros([2, 2, 4])) };
    stacked(Cell::Gru, false).forward(random([2, 5, 3]), None, Some(state));
}

#[test]
#[should_panic = "a bidirectional network cannot run step by step"]
fn step_of_bidirectional_layers() {
    let rnn = stacked(Cell::Elman, true);
    rnn.step(random([2, 3]), rnn.zero_state(2, &device()));
}

#[test]
#[should_panic = "hidden_size 0"]
fn size_of_zero() {
    RnnConfig::new(Cell::Elman, 3, 0).init(&device());
}

#[test]
fn check_input_returns_the_error_instead_of_a_panic() {
    let rnn = stacked(Cell::Lstm, false);
    assert_eq!(rnn.check_input([2, 5, 3], Some(&[5, 0])), Ok(()));
    assert_eq!(rnn.check_input([2, 5, 7], None), Err(ShapeError::Features { input: [2, 5, 7], expected: 3 }));
    assert_eq!(rnn.check_input([0, 5, 3], None), Err(ShapeError::Empty { batch: 0, time: 5 }));
    assert_eq!(rnn.check_input([2, 5, 3], Some(&[5])), Err(ShapeError::LengthCount { lengths: 1, batch: 2 }));
    let error = ShapeError::Length { sequence: 1, length: 6, time: 5 };
    assert_eq!(rnn.check_input([2, 5, 3], Some(&[5, 6])), Err(error));
}
