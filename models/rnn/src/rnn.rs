use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::lengths::Lengths;
use crate::packed::Kept;
use crate::scan::{self, Direction, LayerInput};
use crate::shape_error::check_batch;
use crate::weights::WeightTensors;
use crate::{Cell, Dropout, Init, LockedDropout, ShapeError, State, WeightDropout, Weights};

/// Configuration of an [`Rnn`].
#[derive(Config, Debug, PartialEq)]
pub struct RnnConfig {
    /// The recurrence: Elman, LSTM or GRU.
    pub cell: Cell,
    /// The number of input features per step.
    pub input_size: usize,
    /// The number of hidden units of each layer and direction.
    pub hidden_size: usize,
    /// The number of stacked layers.
    #[config(default = 1)]
    pub num_layers: usize,
    /// Whether each layer also processes the sequence in reverse. The output then has `2 × hidden_size` features.
    #[config(default = false)]
    pub bidirectional: bool,
    /// The dropout probability between layers, with a new mask at every step. The dropout is active on autodiff devices
    /// (devices that record gradients) only.
    #[config(default = 0.0)]
    pub dropout: f64,
    /// The dropout probability between layers, with one mask for all steps: [`LockedDropout`].
    #[config(default = 0.0)]
    pub locked_dropout: f64,
    /// The dropout probability of recurrent weights: [`WeightDropout`].
    #[config(default = 0.0)]
    pub weight_dropout: f64,
    /// The initialiser of the parameters.
    #[config(default = "Init::Uniform")]
    pub initializer: Init,
}

impl RnnConfig {
    /// Returns the number of parameters of the [`Rnn`], without allocating memory for them. The result is a float,
    /// because the number may be too large for an integer.
    pub fn num_params(&self) -> f64 {
        let directions = if self.bidirectional { 2.0 } else { 1.0 };
        let [input, hidden, layers] = [self.input_size, self.hidden_size, self.num_layers].map(|size| size as f64);
        let layer = |input: f64| directions * self.cell.gates() as f64 * hidden * (input + hidden + 2.0);
        layer(input) + (layers - 1.0) * layer(directions * hidden)
    }

    /// Initialises an [`Rnn`] with random parameters. Call `device.seed(n)` first for reproducible values.
    ///
    /// # Panics
    ///
    /// If a size is zero or a probability is not in `[0, 1)`.
    pub fn init(&self, device: &Device) -> Rnn {
        let Self { cell, input_size, hidden_size, num_layers, .. } = *self;
        assert!(
            input_size > 0 && hidden_size > 0 && num_layers > 0,
            "rnn: input_size {input_size}, hidden_size {hidden_size} and num_layers {num_layers} must be at least 1"
        );
        let directions = if self.bidirectional { 2 } else { 1 };
        let layer = |index| {
            let input = if index == 0 { input_size } else { directions * hidden_size };
            let weights = || Weights::new(self.initializer, cell, input, hidden_size, device);
            Layer { forward: weights(), backward: self.bidirectional.then(weights) }
        };
        Rnn {
            layers: (0..num_layers).map(layer).collect(),
            dropout: Dropout::new(self.dropout),
            locked_dropout: LockedDropout::new(self.locked_dropout),
            weight_dropout: WeightDropout::new(self.weight_dropout),
            cell,
            input_size,
            hidden_size,
        }
    }
}

/// A recurrent network: one or more stacked layers, unidirectional or bidirectional. [The crate](crate) has an example.
///
/// Create an `Rnn` with [`RnnConfig`].
#[derive(Module, Debug)]
pub struct Rnn {
    /// The layers, from the input to the output.
    pub layers: Vec<Layer>,
    /// Dropout between layers, with a new mask at every step. The output of the last layer has no dropout.
    pub dropout: Dropout,
    /// Dropout between layers, with one mask for all steps. The output of the last layer has no dropout.
    pub locked_dropout: LockedDropout,
    /// Dropout of the recurrent weights of all layers, with one mask for all steps of a batch.
    pub weight_dropout: WeightDropout,
    /// The recurrence of all layers: Elman, LSTM or GRU.
    #[module(skip)]
    pub cell: Cell,
    /// The number of input features per step.
    pub input_size: usize,
    /// The number of hidden units of each layer and direction.
    pub hidden_size: usize,
}

/// The parameters of one layer, in one or both directions.
#[derive(Module, Debug)]
pub struct Layer {
    /// The parameters of the forward direction: from the first step to the last.
    pub forward: Weights,
    /// The parameters of the reverse direction: from the last step to the first. `None` in a unidirectional layer.
    pub backward: Option<Weights>,
}

impl Rnn {
    /// Processes a batch of sequences.
    ///
    /// - `lengths`: the length of each sequence; later steps are padding. `None` means that all sequences have `time`
    ///   steps. The values in the padding, even NaN, never affect results or gradients. A length of 0 is valid: the
    ///   output is zero, and the final state is the initial state.
    /// - `state`: the initial state. `None` means zeros.
    ///
    /// Returns the output of the last layer at every step and the final state of every layer and direction. The output
    /// concatenates both directions and is zero in the padding. The final state is the state after the last valid step
    /// of each sequence; for the reverse direction, it is the state after the first step.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, time, input_size]`
    /// - output: `[batch, time, directions × hidden_size]`
    /// - state: `[layers × directions, batch, hidden_size]`
    ///
    /// # Panics
    ///
    /// If the input, a length or the state does not fit the network, with the message of a [`ShapeError`].
    /// [`check_input`](Self::check_input) checks the input without a panic.
    pub fn forward(&self, input: Tensor<3>, lengths: Option<&[usize]>, state: Option<State>) -> (Tensor<3>, State) {
        let [batch, _, _] = input.dims();
        let device = input.device();
        let checked = self.check_input(input.dims(), lengths);
        let state = state.unwrap_or_else(|| self.zero_state(batch, &device));
        if let Err(error) = checked.and_then(|()| self.check_state(&state, batch)) {
            panic!("{error}");
        }

        let lengths = lengths.map(Lengths::new);
        let mut steps = input; // [B, T, input]
        let mut initial = state.into_layer_states();
        let mut finals = Vec::with_capacity(self.num_states());
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                steps = self.locked_dropout.forward(self.dropout.forward(steps));
            }
            let directions = layer.directions().zip(&mut initial);
            let directions = directions
                .map(|((direction, weights), initial)| (direction, self.drop_weights(weights.tensors()), initial))
                .collect();
            let (outputs, last) =
                scan::layer(LayerInput { cell: self.cell, input: steps, directions, lengths: lengths.as_ref() });
            steps = outputs; // [B, T, directions × H]
            finals.extend(last);
        }
        (steps, State::from_layer_states(finals))
    }

    /// Returns the network with a cache of packed weights: copies of the weights in the memory layout of the CPU
    /// kernels. Without the cache, each forward pass packs the weights again. Forward passes without gradients fill and
    /// use the cache. The cache is useful for inference with few or short sequences, where packing takes much of the
    /// time. The results are bit-identical to the results without the cache.
    ///
    /// The cache needs as much memory as the weights. After a change of the weights, the next forward pass packs the
    /// weights again.
    pub fn keep_packed(mut self) -> Self {
        for layer in &mut self.layers {
            for weights in std::iter::once(&mut layer.forward).chain(&mut layer.backward) {
                weights.packed = Kept::keeping();
            }
        }
        self
    }

    /// Processes one step of every sequence: for streaming, and for generation, where each input depends on the
    /// previous output.
    ///
    /// A loop over `step` gives the same results as one call of [`forward`](Self::forward) for all steps.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, input_size]`
    /// - output: `[batch, hidden_size]`
    ///
    /// # Panics
    ///
    /// If the network is bidirectional, because the reverse direction starts at the last step. The function also panics
    /// where [`forward`](Self::forward) panics.
    pub fn step(&self, input: Tensor<2>, state: State) -> (Tensor<2>, State) {
        assert!(!self.is_bidirectional(), "rnn: a bidirectional network cannot run step by step; call `forward`");
        let (output, state) = self.forward(input.unsqueeze_dim(1), None, Some(state));
        (output.squeeze_dim(1), state)
    }

    /// Returns the initial state for `batch` sequences: zeros.
    pub fn zero_state(&self, batch: usize, device: &Device) -> State {
        State::zero(self.cell, [self.num_states(), batch, self.hidden_size], device)
    }

    /// Concatenates the final hidden states of the directions of the last layer: one vector per sequence.
    ///
    /// # Shapes
    ///
    /// - hidden: `[layers × directions, batch, hidden_size]`, the field `hidden` of the final [`State`]
    /// - output: `[batch, directions × hidden_size]`
    pub fn last_hidden(&self, hidden: Tensor<3>) -> Tensor<2> {
        let [rows, batch, size] = hidden.dims();
        let directions = self.output_size() / size;
        let top = hidden.narrow(0, rows - directions, directions); // [directions, B, H]
        top.swap_dims(0, 1).reshape([batch, directions * size])
    }

    /// Returns whether the network is bidirectional.
    pub fn is_bidirectional(&self) -> bool {
        self.layers.iter().any(|layer| layer.backward.is_some())
    }

    /// Returns the number of output features per step.
    pub fn output_size(&self) -> usize {
        if self.is_bidirectional() { 2 * self.hidden_size } else { self.hidden_size }
    }

    /// Checks the shape of an input, `[batch, time, features]`, and its sequence lengths, for programs that must not
    /// panic.
    ///
    /// # Errors
    ///
    /// If [`forward`](Self::forward) would panic for this input.
    pub fn check_input(&self, input: [usize; 3], lengths: Option<&[usize]>) -> Result<(), ShapeError> {
        check_batch(input, self.input_size, lengths)
    }

    fn check_state(&self, state: &State, batch: usize) -> Result<(), ShapeError> {
        let expected = [self.num_states(), batch, self.hidden_size];
        let check = |name, found: [usize; 3]| match found == expected {
            true => Ok(()),
            false => Err(ShapeError::State { name, found, expected }),
        };
        check("hidden", state.hidden.dims())?;
        match &state.cell {
            Some(cell) if self.cell.has_memory() => check("cell", cell.dims()),
            None if !self.cell.has_memory() => Ok(()),
            _ => Err(ShapeError::CellState { cell: self.cell }),
        }
    }

    fn drop_weights(&self, weights: WeightTensors) -> WeightTensors {
        WeightTensors { weight_hh: self.weight_dropout.forward(weights.weight_hh), ..weights }
    }

    /// Returns the number of layers times the number of directions, which is the first dimension of the tensors in a
    /// [`State`].
    fn num_states(&self) -> usize {
        self.layers.iter().map(|layer| layer.directions().count()).sum()
    }
}

impl Layer {
    fn directions(&self) -> impl Iterator<Item = (Direction, &Weights)> {
        let forward = (Direction::Forward, &self.forward);
        let reverse = self.backward.as_ref().map(|weights| (Direction::Reverse, weights));
        std::iter::once(forward).chain(reverse)
    }
}
