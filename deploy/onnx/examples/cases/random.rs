//! Random recurrent networks, with test cases for their graphs.

use burn::tensor::{Device, Tensor};
use onnx::ToOnnx;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rnn::{Cell, Rnn, RnnConfig, State};

use crate::case::{Array, Case, Model, draw, named, random_state};

const CELLS: [Cell; 5] = [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore];

/// Returns 100 random networks, which are the same in every run of the program.
pub fn networks() -> Vec<Model> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    (0..100).map(|index| network(&mut rng, index)).collect()
}

fn network(rng: &mut ChaCha8Rng, index: usize) -> Model {
    let device = Device::flex();
    device.seed(index as u64);
    let cell = CELLS[index % CELLS.len()];
    let [input, hidden] = [12, 24].map(|most| rng.random_range(1..=most));
    let config =
        RnnConfig::new(cell, input, hidden).with_num_layers(rng.random_range(1..=3)).with_bidirectional(rng.random());
    let rnn = config.init(&device);
    let batch = rng.random_range(1..=4);
    let time = rng.random_range(2..=9);
    let mut lengths: Vec<usize> = (0..batch).map(|_| rng.random_range(1..=time)).collect();
    lengths[0] = time;
    let mut cases = vec![sequences(rng, &rnn, batch, time, None)];
    if lengths.iter().any(|length| *length < time) {
        cases.push(sequences(rng, &rnn, batch, time, Some(&lengths)));
    }
    if !rnn.is_bidirectional() {
        cases.push(steps(rng, &rnn, time, &lengths));
    }
    let direction = if rnn.is_bidirectional() { "both" } else { "forward" };
    let name = format!("random-{index:02}-{cell:?}-{input}-{hidden}-{}-{direction}", rnn.layers.len());
    Model { name, export: Box::new(move |options| rnn.to_onnx(options)), cases }
}

/// Returns a random test case for the graph `model`, which reads a batch of whole sequences in one call.
fn sequences(rng: &mut ChaCha8Rng, rnn: &Rnn, batch: usize, time: usize, lengths: Option<&[usize]>) -> Case {
    let input = draw(rng, [batch, time, rnn.input_size]);
    let state = random_state(rng, rnn, batch);
    let (output, last) = rnn.forward(input.clone(), lengths, Some(state.clone()));
    let mut inputs = vec![("input", Array::floats(input))];
    inputs.extend(named(["h0", "c0"], state));
    inputs.extend(lengths.map(|lengths| ("lengths", Array::lengths(lengths))));
    let outputs = [("output", Array::floats(output))].into_iter().chain(named(["hn", "cn"], last)).collect();
    Case { graph: "model", padded: lengths.is_some(), loops: Vec::new(), inputs, outputs }
}

/// Returns a random test case for the graph `step`: a batch of sequences of different lengths, which is run step by
/// step. After the last step of a sequence, its state no longer changes. The expected outputs are the network's outputs
/// for the whole sequences.
fn steps(rng: &mut ChaCha8Rng, rnn: &Rnn, time: usize, lengths: &[usize]) -> Case {
    let input = draw(rng, [lengths.len(), time, rnn.input_size]);
    let state = random_state(rng, rnn, lengths.len());
    let (output, last): (Tensor<3>, State) = rnn.forward(input.clone(), Some(lengths), Some(state.clone()));
    let mut inputs = vec![("input", Array::floats(input))];
    inputs.extend(named(["h0", "c0"], state));
    let outputs = [("output", Array::floats(output))].into_iter().chain(named(["hn", "cn"], last)).collect();
    Case { graph: "step", padded: false, loops: lengths.to_vec(), inputs, outputs }
}
