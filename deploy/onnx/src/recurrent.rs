//! Recurrent layers as the ONNX operators `RNN`, `LSTM` and `GRU`.

use inference::weights::Precision;
use rnn::{Cell, Layer, Rnn, Weights};

use crate::export::{Export, OnnxError, Options, ToOnnx};
use crate::graph::{Attribute, BATCH, Dim, Element, Graph, Port, TIME, Value, numbers};

/// The hidden state of all layers and directions, `[layers × directions, batch, hidden]`, and the cell state of an
/// LSTM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateValues {
    hidden: Value,
    cell: Option<Value>,
}

/// The results of recurrent layers in a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RnnValues {
    /// The outputs of the last layer, `[batch, time, directions × hidden]`. If the layers get `lengths`, the outputs
    /// are zero in the padding.
    pub output: Value,
    /// The final state.
    pub state: StateValues,
}

impl StateValues {
    /// Creates a state from the hidden state and, for an LSTM, the cell state.
    pub fn new(hidden: Value, cell: Option<Value>) -> Self {
        Self { hidden, cell }
    }

    /// Returns the hidden state.
    pub fn hidden(&self) -> &Value {
        &self.hidden
    }
}

impl Graph {
    /// Adds the inputs `h0` and, for an LSTM, `c0`: the initial state.
    pub fn state_inputs(&mut self, rnn: &Rnn) -> StateValues {
        let dims = state_dims(rnn);
        let mut input = |name, what| {
            let about = format!("the {what} state before the first step; zeros at the start of a sequence");
            self.input(Port::new(name, Element::Float, &dims, about))
        };
        StateValues { hidden: input("h0", "hidden"), cell: rnn.cell.has_memory().then(|| input("c0", "cell")) }
    }

    /// Adds the outputs `hn` and, for an LSTM, `cn`: the state after the last step.
    pub fn state_outputs(&mut self, rnn: &Rnn, state: &StateValues) {
        let dims = state_dims(rnn);
        let port = |name, what| Port::new(name, Element::Float, &dims, format!("the {what} state after the last step"));
        self.output(port("hn", "hidden"), &state.hidden);
        if let Some(cell) = &state.cell {
            self.output(port("cn", "cell"), cell);
        }
    }

    /// Adds recurrent layers. `input` is `[batch, time, input]`. `state` is the initial state; if it is `None`, the
    /// initial state is zero. `lengths`, `[batch]` of 32-bit integers, is the number of time steps of each sequence; if
    /// it is `None`, no sequence has padding.
    pub fn rnn(&mut self, rnn: &Rnn, input: &Value, state: Option<&StateValues>, lengths: Option<&Value>) -> RnnValues {
        let mut steps = self.transpose(input, &[1, 0, 2]); // [T, B, input]
        let (mut hidden, mut cells) = (Vec::new(), Vec::new());
        for (index, layer) in rnn.layers.iter().enumerate() {
            let initial = state.map(|state| self.state_of_layer(rnn, state, index));
            let [output, last_hidden, last_cell] = self.layer(rnn, layer, &steps, initial.as_ref(), lengths);
            steps = match layer.backward {
                None => self.squeeze(&output, 1),
                Some(_) => {
                    let by_step = self.transpose(&output, &[0, 2, 1, 3]); // [T, B, D, H]
                    self.reshape(&by_step, &[0, 0, 2 * rnn.hidden_size as i64])
                }
            }; // [T, B, D·H]
            hidden.push(last_hidden);
            cells.push(last_cell);
        }
        let hidden = self.concat(&hidden, 0);
        let cell = rnn.cell.has_memory().then(|| self.concat(&cells, 0));
        RnnValues { output: self.transpose(&steps, &[1, 0, 2]), state: StateValues { hidden, cell } }
    }

    /// Returns the final hidden states of the directions of the last layer as one vector per sequence:
    /// `[batch, directions × hidden]`.
    pub fn last_hidden(&mut self, rnn: &Rnn, state: &StateValues) -> Value {
        let directions = directions(rnn) as i64;
        let top = self.slice(&state.hidden, 0, -directions, i64::MAX); // [D, B, H]
        let by_sequence = self.transpose(&top, &[1, 0, 2]); // [B, D, H]
        self.reshape(&by_sequence, &[0, rnn.output_size() as i64])
    }

    fn state_of_layer(&mut self, rnn: &Rnn, state: &StateValues, index: usize) -> StateValues {
        if rnn.layers.len() == 1 {
            return state.clone();
        }
        let directions = directions(rnn) as i64;
        let start = index as i64 * directions;
        let mut part = |all: &Value| self.slice(all, 0, start, start + directions);
        StateValues { hidden: part(&state.hidden), cell: state.cell.as_ref().map(part) }
    }

    /// Adds one layer. Returns its outputs, `[time, directions, batch, hidden]`, and its final hidden and cell state,
    /// `[directions, batch, hidden]`. Only an LSTM has a cell state.
    fn layer(
        &mut self,
        rnn: &Rnn,
        layer: &Layer,
        steps: &Value,
        initial: Option<&StateValues>,
        lengths: Option<&Value>,
    ) -> [Value; 3] {
        let parts: Vec<&Weights> = std::iter::once(&layer.forward).chain(&layer.backward).collect();
        let gates = rnn.cell.gates() * rnn.hidden_size;
        let input = layer.forward.weight_ih.dims()[1];
        let stack = |read: fn(&Weights) -> Vec<f32>, row: usize| -> Vec<f32> {
            parts.iter().flat_map(|weights| reordered(rnn.cell, &read(weights), row * rnn.hidden_size)).collect()
        };
        let [w, r] = [
            (stack(|weights| numbers(weights.weight_ih.val()), input), "weight_ih", input),
            (stack(|weights| numbers(weights.weight_hh.val()), rnn.hidden_size), "weight_hh", rnn.hidden_size),
        ]
        .map(|(values, name, columns)| self.weights(name, &values, &[parts.len(), gates, columns]));
        let biases = |weights: &&Weights| {
            let of = |bias| reordered(rnn.cell, &numbers(bias), rnn.hidden_size);
            [of(weights.bias_ih.val()), of(weights.bias_hh.val())].concat()
        };
        let biases: Vec<f32> = parts.iter().flat_map(biases).collect();
        let b = self.weights("bias", &biases, &[parts.len(), 2 * gates]);

        let none = Value::NONE;
        let hidden = initial.map_or(&none, |state| &state.hidden);
        let mut inputs = vec![steps, &w, &r, &b, lengths.unwrap_or(&none), hidden];
        inputs.extend(initial.and_then(|state| state.cell.as_ref()));
        while inputs.last() == Some(&&none) {
            inputs.pop();
        }
        let attributes = attributes(rnn);
        match rnn.cell {
            Cell::Lstm => self.node_of_many("LSTM", &inputs, &attributes),
            cell => {
                let operator = if cell.gates() == 1 { "RNN" } else { "GRU" };
                let [outputs, hidden] = self.node_of_many(operator, &inputs, &attributes);
                [outputs, hidden, none]
            }
        }
    }
}

fn directions(rnn: &Rnn) -> usize {
    rnn.output_size() / rnn.hidden_size
}

fn state_dims(rnn: &Rnn) -> [Dim; 3] {
    [Dim::Fixed(rnn.layers.len() * directions(rnn)), BATCH, Dim::Fixed(rnn.hidden_size)]
}

fn attributes(rnn: &Rnn) -> Vec<(&'static str, Attribute)> {
    let direction = if rnn.is_bidirectional() { "bidirectional" } else { "forward" };
    let mut all =
        vec![("hidden_size", Attribute::Int(rnn.hidden_size as i64)), ("direction", Attribute::Text(direction))];
    match rnn.cell {
        Cell::ElmanRelu => all.push(("activations", Attribute::Texts(vec!["Relu"; directions(rnn)]))),
        Cell::Gru => all.push(("linear_before_reset", Attribute::Int(1))),
        Cell::Elman | Cell::Lstm | Cell::GruResetBefore => {}
    }
    all
}

/// Reorders the weights of the gates from the gate order of [`Cell`] to the gate order of ONNX. `block` is the number
/// of values of each gate.
fn reordered(cell: Cell, values: &[f32], block: usize) -> Vec<f32> {
    let order: &[usize] = match cell {
        Cell::Elman | Cell::ElmanRelu => &[0],
        Cell::Lstm => &[0, 3, 1, 2],                    // i f g o → i o f c
        Cell::Gru | Cell::GruResetBefore => &[1, 0, 2], // r z n → z r h
    };
    order.iter().flat_map(|gate| &values[gate * block..][..block]).copied().collect()
}

/// Exports a network that consists of recurrent layers only. The graphs have the inputs `input` and `h0` and the
/// outputs `output` and `hn`. For an LSTM, they also have the input `c0` and the output `cn`. A unidirectional network
/// also has the graph `step`, which reads one time step per call.
impl ToOnnx for Rnn {
    fn to_onnx(&self, options: &Options) -> Result<Export, OnnxError> {
        let graph = |name, time| rnn_graph(self, name, time, options.lengths && time == TIME, options.precision);
        let mut graphs = vec![graph("model", TIME)];
        if !self.is_bidirectional() {
            graphs.push(graph("step", Dim::Fixed(1)));
        }
        Ok(Export::new(graphs))
    }
}

fn rnn_graph(rnn: &Rnn, name: &'static str, time: Dim, with_lengths: bool, precision: Precision) -> Graph {
    let mut graph = Graph::new(name, "Recurrent layers, with their state as input and output.", precision);
    let dims = |features| [BATCH, time, Dim::Fixed(features)];
    let input = graph.input(Port::new("input", Element::Float, &dims(rnn.input_size), "the features of each step"));
    let state = graph.state_inputs(rnn);
    let lengths = with_lengths.then(|| graph.lengths_input("sequence"));
    let RnnValues { output, state } = graph.rnn(rnn, &input, Some(&state), lengths.as_ref());
    let about = "the outputs of the last layer; zero in the padding";
    graph.output(Port::new("output", Element::Float, &dims(rnn.output_size()), about), &output);
    graph.state_outputs(rnn, &state);
    graph
}
