//! What does not fit is refused in a message that names the numbers.

use burn::tensor::Tensor;
use rnn::{Cell, RnnConfig, State};

use crate::{device, random, stacked};

fn forward(input: [usize; 3], lengths: Option<&[usize]>, state: Option<State>) {
    stacked(Cell::Lstm, false).forward(random(input), lengths, state);
}

fn zeros(shape: [usize; 3]) -> Tensor<3> {
    Tensor::zeros(shape, &device())
}

#[test]
#[should_panic = "input [batch 2, time 5, features 7] where features must be 3"]
fn features() {
    forward([2, 5, 7], None, None);
}

#[test]
#[should_panic = "input of batch 2 and time 0"]
fn no_steps() {
    forward([2, 0, 3], None, None);
}

#[test]
#[should_panic = "3 lengths for a batch of 2"]
fn number_of_lengths() {
    forward([2, 5, 3], Some(&[1, 2, 3]), None);
}

#[test]
#[should_panic = "length 6 of sequence 1 is beyond the 5 steps"]
fn length() {
    forward([2, 5, 3], Some(&[5, 6]), None);
}

#[test]
#[should_panic = "hidden state [2, 3, 4] where [rows, batch, hidden] must be [2, 2, 4]"]
fn hidden_state() {
    forward([2, 5, 3], None, Some(State { hidden: zeros([2, 3, 4]), cell: None }));
}

#[test]
#[should_panic = "cell state [1, 2, 4] where [rows, batch, hidden] must be [2, 2, 4]"]
fn cell_state() {
    forward([2, 5, 3], None, Some(State { hidden: zeros([2, 2, 4]), cell: Some(zeros([1, 2, 4])) }));
}

#[test]
#[should_panic = "the state of an Lstm needs a cell state"]
fn no_cell_state() {
    forward([2, 5, 3], None, Some(State { hidden: zeros([2, 2, 4]), cell: None }));
}

#[test]
#[should_panic = "the state of Gru has no cell state"]
fn cell_state_of_a_gru() {
    let state = State { hidden: zeros([2, 2, 4]), cell: Some(zeros([2, 2, 4])) };
    stacked(Cell::Gru, false).forward(random([2, 5, 3]), None, Some(state));
}

#[test]
#[should_panic = "step cannot serve bidirectional layers"]
fn step_of_bidirectional_layers() {
    let rnn = stacked(Cell::Elman, true);
    rnn.step(random([2, 3]), rnn.zero_state(2, &device()));
}

#[test]
#[should_panic = "hidden_size 0"]
fn size_of_zero() {
    RnnConfig::new(Cell::Elman, 3, 0).init(&device());
}
