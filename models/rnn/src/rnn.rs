use burn::config::Config;
use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::{Device, Tensor};

use crate::scan::{Order, Reading, scan};
use crate::weights::Values;
use crate::{Cell, Init, LockedDropout, State, WeightDropout, Weights};

/// Configuration of an [`Rnn`].
#[derive(Config, Debug, PartialEq)]
pub struct RnnConfig {
    /// The recurrence.
    pub cell: Cell,
    /// The number of features of a step of the input.
    pub input_size: usize,
    /// The size of the state of each layer and direction.
    pub hidden_size: usize,
    /// How many layers stand on one another.
    #[config(default = 1)]
    pub num_layers: usize,
    /// Whether each layer reads the sequence from its end too; outputs are then twice as wide.
    #[config(default = false)]
    pub bidirectional: bool,
    /// The probability of dropping a feature between two layers, anew at every step. Acts on autodiff devices only.
    #[config(default = 0.0)]
    pub dropout: f64,
    /// The probability of dropping a feature between two layers, the same at all steps: [`LockedDropout`].
    #[config(default = 0.0)]
    pub locked_dropout: f64,
    /// The probability of dropping a recurrent weight: [`WeightDropout`].
    #[config(default = 0.0)]
    pub weight_dropout: f64,
    /// The values that parameters start from.
    #[config(default = "Init::Uniform")]
    pub initializer: Init,
}

impl RnnConfig {
    /// How many parameters the [`Rnn`] has; to be asked before it takes the memory for them, so that no size is too large.
    pub fn num_params(&self) -> f64 {
        let directions = if self.bidirectional { 2.0 } else { 1.0 };
        let [input, hidden, layers] = [self.input_size, self.hidden_size, self.num_layers].map(|size| size as f64);
        let layer = |input: f64| directions * self.cell.gates() as f64 * hidden * (input + hidden + 2.0);
        layer(input) + (layers - 1.0) * layer(directions * hidden)
    }

    /// Draws the parameters of an [`Rnn`]; `device.seed(n)` before it makes them repeatable.
    ///
    /// # Panics
    ///
    /// If a size is zero or a probability is not in `[0, 1)`.
    pub fn init(&self, device: &Device) -> Rnn {
        let Self { cell, input_size, hidden_size, num_layers, .. } = *self;
        assert!(
            input_size > 0 && hidden_size > 0 && num_layers > 0,
            "rnn: input_size {input_size}, hidden_size {hidden_size} and num_layers {num_layers} must all be above 0"
        );
        let directions = if self.bidirectional { 2 } else { 1 };
        let layer = |index| {
            let input = if index == 0 { input_size } else { directions * hidden_size };
            let weights = || Weights::new(self.initializer, cell, input, hidden_size, device);
            Layer { forward: weights(), backward: self.bidirectional.then(weights) }
        };
        Rnn {
            layers: (0..num_layers).map(layer).collect(),
            dropout: DropoutConfig::new(self.dropout).init(),
            locked_dropout: LockedDropout::new(self.locked_dropout),
            weight_dropout: WeightDropout::new(self.weight_dropout),
            cell,
            input_size,
            hidden_size,
        }
    }
}

/// Recurrent layers, one or more, reading in one or both directions. See [the crate](crate) for an example.
///
/// Should be created with [`RnnConfig`].
#[derive(Module, Debug)]
pub struct Rnn {
    /// The layers, from the input up.
    pub layers: Vec<Layer>,
    /// Acts between layers, not on the output of the last.
    pub dropout: Dropout,
    /// The same.
    pub locked_dropout: LockedDropout,
    /// Acts on the recurrent weights of all layers.
    pub weight_dropout: WeightDropout,
    /// The recurrence.
    #[module(skip)]
    pub cell: Cell,
    /// The number of features of a step of the input.
    pub input_size: usize,
    /// The size of the state of each layer and direction.
    pub hidden_size: usize,
}

/// The parameters of one layer.
#[derive(Module, Debug)]
pub struct Layer {
    /// Of the direction that reads from the first step to the last.
    pub forward: Weights,
    /// Of the direction that reads from the last step to the first, if there is one.
    pub backward: Option<Weights>,
}

impl Rnn {
    /// Reads a batch of sequences.
    ///
    /// - `lengths`: how many steps of each sequence are its own; the rest is padding. All of them if `None`. Padding
    ///   changes nothing, neither results nor gradients, whatever it holds (NaN included). A sequence may be empty: its
    ///   output is zero and its final state the initial one.
    /// - `state`: what to start from; zeros if `None`.
    ///
    /// Returns the output of the last layer at every step (both directions side by side), zero in the padding; and the
    /// final state of every layer and direction: after each sequence's own last step, for the backward direction after
    /// its first.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, time, input_size]`
    /// - output: `[batch, time, directions × hidden_size]`
    /// - state: `[layers × directions, batch, hidden_size]`
    ///
    /// # Panics
    ///
    /// If a shape or a length does not fit, as burn's own layers do; the message names the numbers.
    pub fn forward(&self, input: Tensor<3>, lengths: Option<&[usize]>, state: Option<State>) -> (Tensor<3>, State) {
        let [batch, _, _] = input.dims();
        let device = input.device();
        self.check_input(input.dims(), lengths);
        let state = state.unwrap_or_else(|| self.zero_state(batch, &device));
        self.check_state(&state, batch);

        let mut steps = input; // [B, T, input]
        let mut initial = state.into_rows();
        let mut finals = Vec::with_capacity(self.rows());
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                steps = self.locked_dropout.forward(self.dropout.forward(steps));
            }
            let (outputs, last): (Vec<_>, Vec<_>) = layer
                .directions()
                .zip(&mut initial)
                .map(|((order, weights), initial)| {
                    let weights = self.dropped(weights.values());
                    scan(Reading { cell: self.cell, order, input: steps.clone(), weights, initial, lengths })
                })
                .unzip();
            steps = side_by_side(outputs); // [B, T, directions × H]
            finals.extend(last);
        }
        (steps, State::from_rows(finals))
    }

    /// Reads one step of every sequence: for streams and for generating, where the next input hangs on this output.
    ///
    /// Steps one after the other give what [`forward`](Self::forward) gives for all of them together.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, input_size]`
    /// - output: `[batch, hidden_size]`
    ///
    /// # Panics
    ///
    /// If the layers are bidirectional: the backward direction begins at a last step that is not there yet. And where
    /// [`forward`](Self::forward) does.
    pub fn step(&self, input: Tensor<2>, state: State) -> (Tensor<2>, State) {
        assert!(!self.is_bidirectional(), "rnn: step cannot serve bidirectional layers, which read from the end");
        let (output, state) = self.forward(input.unsqueeze_dim(1), None, Some(state));
        (output.squeeze_dim(1), state)
    }

    /// The state before anything was read.
    pub fn zero_state(&self, batch: usize, device: &Device) -> State {
        State::zero(self.cell, [self.rows(), batch, self.hidden_size], device)
    }

    /// Whether the layers read in both directions.
    pub fn is_bidirectional(&self) -> bool {
        self.layers.iter().any(|layer| layer.backward.is_some())
    }

    /// The number of features of a step of the output.
    pub fn output_size(&self) -> usize {
        if self.is_bidirectional() { 2 * self.hidden_size } else { self.hidden_size }
    }

    fn dropped(&self, weights: Values) -> Values {
        Values { weight_hh: self.weight_dropout.forward(weights.weight_hh), ..weights }
    }

    /// The number of rows of a [`State`].
    fn rows(&self) -> usize {
        self.layers.iter().map(|layer| layer.directions().count()).sum()
    }

    fn check_input(&self, [batch, time, features]: [usize; 3], lengths: Option<&[usize]>) {
        assert!(
            features == self.input_size,
            "rnn: input [batch {batch}, time {time}, features {features}] where features must be {}",
            self.input_size
        );
        assert!(batch > 0 && time > 0, "rnn: input of batch {batch} and time {time}, where both must be above 0");
        let Some(lengths) = lengths else { return };
        assert!(lengths.len() == batch, "rnn: {} lengths for a batch of {batch}", lengths.len());
        for (row, &length) in lengths.iter().enumerate() {
            assert!(length <= time, "rnn: length {length} of sequence {row} is beyond the {time} steps of the input");
        }
    }

    fn check_state(&self, state: &State, batch: usize) {
        let expected = [self.rows(), batch, self.hidden_size];
        let check = |name: &str, given: [usize; 3]| {
            assert!(given == expected, "rnn: {name} state {given:?} where [rows, batch, hidden] must be {expected:?}");
        };
        check("hidden", state.hidden.dims());
        match &state.cell {
            Some(cell) if self.cell.has_memory() => check("cell", cell.dims()),
            None if self.cell.has_memory() => panic!("rnn: the state of an {:?} needs a cell state", self.cell),
            Some(_) => panic!("rnn: the state of {:?} has no cell state", self.cell),
            None => {}
        }
    }
}

impl Layer {
    fn directions(&self) -> impl Iterator<Item = (Order, &Weights)> {
        let forward = (Order::Forward, &self.forward);
        let backward = self.backward.as_ref().map(|weights| (Order::Backward, weights));
        std::iter::once(forward).chain(backward)
    }
}

/// The outputs of both directions `[B, T, 2 × H]`; those of one as they are, without a copy.
fn side_by_side(outputs: Vec<Tensor<3>>) -> Tensor<3> {
    match <[Tensor<3>; 1]>::try_from(outputs) {
        Ok([alone]) => alone,
        Err(both) => Tensor::cat(both, 2),
    }
}
