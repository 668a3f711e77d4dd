use std::fmt;

use burn::tensor::Tensor;

use crate::kernel::dense::{PackedDense, dense};
use crate::kernel::step::{PackedLayer, StepArgs, step};
use crate::{Cell, Rnn, State};

/// A network for processing one time step per call: for streaming, and for generation, where each input depends on the
/// previous output. Its weights are packed once, which means copied to the memory layout that the CPU kernels read.
/// Create a `PreparedRnn` with [`Rnn::prepare`].
///
/// A `PreparedRnn` runs on the CPU, reads and writes slices, and allocates no memory in a step. Several threads can
/// share one `PreparedRnn`: each caller owns its [`StepState`].
///
/// ```
/// use burn::tensor::Device;
/// use rnn::{Cell, RnnConfig};
///
/// let rnn = RnnConfig::new(Cell::Lstm, 3, 8).init(&Device::flex()).prepare();
/// let mut state = rnn.zero_state(1); // a batch of one sequence
/// for input in [[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]] {
///     assert_eq!(rnn.step(&input, &mut state).len(), 8);
/// }
/// ```
pub struct PreparedRnn {
    layers: Vec<PackedLayer>,
    cell: Cell,
    input_size: usize,
    hidden_size: usize,
}

/// The state of a batch of sequences that a [`PreparedRnn`] processes step by step.
#[derive(Clone, Debug)]
pub struct StepState {
    /// The indices of the sequences, `0..batch`.
    rows: Vec<usize>,
    /// The hidden states after the last step, `[layers, batch, hidden]`.
    hidden: Vec<f32>,
    /// Memory for the hidden states after the next step, `[layers, batch, hidden]`.
    next: Vec<f32>,
    /// The cell states of an LSTM, `[layers, batch, hidden]`; empty for other cells.
    cells: Vec<f32>,
    /// Scratch memory for the gates of the GRU with the reset gate before the recurrent product, `[3, batch, hidden]`;
    /// empty for other cells.
    gates: Vec<f32>,
}

impl Rnn {
    /// Packs the weights once (copies them to the memory layout of the CPU kernels), so that [`PreparedRnn::step`] does
    /// not pack them again. Later changes of this network do not change the packed weights.
    ///
    /// # Panics
    ///
    /// If the network is bidirectional, because the reverse direction starts at the last step.
    pub fn prepare(&self) -> PreparedRnn {
        self.packed(false)
    }

    /// Packs the weights like [`prepare`](Self::prepare), but with 8 bits per weight and one scale per row of a weight
    /// matrix: `weight = scale · q`, where q is an integer from −127 to 127. States and biases stay 32-bit floats.
    ///
    /// The packed weights take a quarter of the memory of 32-bit weights. If the 32-bit weights do not fit into the CPU
    /// cache, a step takes less than half of the time of a step with 32-bit weights. The outputs differ from the
    /// outputs of [`Rnn::forward`] by the rounding of the weights.
    ///
    /// # Panics
    ///
    /// If the network is bidirectional.
    pub fn prepare_int8(&self) -> PreparedRnn {
        self.packed(true)
    }

    fn packed(&self, int8: bool) -> PreparedRnn {
        assert!(!self.is_bidirectional(), "rnn: a bidirectional network cannot run step by step; call `Rnn::forward`");
        let layer = |layer: &crate::Layer| {
            let weights = layer.forward.tensors();
            let matrices = [weights.weight_ih, weights.weight_hh].map(values);
            let biases = [weights.bias_ih, weights.bias_hh].map(values);
            PackedLayer::new(
                self.cell,
                self.hidden_size,
                [&matrices[0], &matrices[1], &biases[0], &biases[1]].map(Vec::as_slice),
                int8,
            )
        };
        PreparedRnn {
            layers: self.layers.iter().map(layer).collect(),
            cell: self.cell,
            input_size: self.input_size,
            hidden_size: self.hidden_size,
        }
    }
}

impl PreparedRnn {
    /// Returns the initial state of a batch of sequences: zeros.
    pub fn zero_state(&self, batch: usize) -> StepState {
        let states = vec![0.0; self.layers.len() * batch * self.hidden_size];
        let cells = if self.cell.has_memory() { states.clone() } else { Vec::new() };
        self.with_states(batch, states, cells)
    }

    /// Converts a state that [`Rnn::forward`] has returned, so that [`PreparedRnn::step`] continues the same sequences.
    ///
    /// # Panics
    ///
    /// If the state has another number of layers or another hidden size than this network. Also if the state of an LSTM
    /// has no cell state, or if the state of another cell has a cell state.
    pub fn state(&self, state: State) -> StepState {
        let [layers, batch, hidden] = state.hidden.dims();
        let expected = [self.layers.len(), self.hidden_size];
        assert_eq!(
            [layers, hidden],
            expected,
            "rnn: the state must have the number of layers and the hidden size of the network"
        );
        assert_eq!(
            state.cell.is_some(),
            self.cell.has_memory(),
            "rnn: the state must have a cell state for an LSTM, and no cell state for other cells"
        );
        self.with_states(batch, values(state.hidden), state.cell.map_or(Vec::new(), values))
    }

    fn with_states(&self, batch: usize, hidden: Vec<f32>, cells: Vec<f32>) -> StepState {
        let (next, gates) = (vec![0.0; hidden.len()], vec![0.0; self.gates_len(batch)]);
        StepState { rows: (0..batch).collect(), hidden, next, cells, gates }
    }

    fn gates_len(&self, batch: usize) -> usize {
        if self.cell == Cell::GruResetBefore { 3 * batch * self.hidden_size } else { 0 }
    }

    /// Processes one step of every sequence. Returns the output of the last layer.
    ///
    /// A loop over `step` gives the same results, bit for bit, as one call of [`Rnn::forward`] on the CPU, unless the
    /// weights have 8 bits.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, input_size]`
    /// - output: `[batch, hidden_size]`
    ///
    /// # Panics
    ///
    /// If the length of the input is not `batch × input_size`, or if the buffers of the state have other sizes than
    /// this network needs, because the state belongs to another network. A state of another network with the same sizes
    /// is not detected.
    pub fn step<'s>(&self, input: &[f32], state: &'s mut StepState) -> &'s [f32] {
        let batch = state.rows.len();
        assert_eq!(input.len(), batch * self.input_size, "rnn: the input must have batch × input_size values");
        let states = self.layers.len() * batch * self.hidden_size;
        let cells = if self.cell.has_memory() { states } else { 0 };
        let gates = self.gates_len(batch);
        assert_eq!(
            [state.hidden.len(), state.next.len(), state.cells.len(), state.gates.len()],
            [states, states, cells, gates],
            "rnn: the state has other sizes than this network needs; create it with `zero_state` or `state` of this \
             network"
        );
        step(StepArgs {
            cell: self.cell,
            layers: &self.layers,
            hidden_size: self.hidden_size,
            rows: &state.rows,
            input,
            before: &state.hidden,
            after: &mut state.next,
            cells: &mut state.cells,
            gates: &mut state.gates,
        });
        std::mem::swap(&mut state.hidden, &mut state.next);
        &state.hidden[states - batch * self.hidden_size..]
    }
}

impl fmt::Debug for PreparedRnn {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { cell, input_size, hidden_size, layers } = self;
        write!(f, "PreparedRnn({cell:?}, {input_size} → {hidden_size}, {} layers)", layers.len())
    }
}

/// A dense layer, `weight · input + bias`, whose weights are packed once (copied to the memory layout of the CPU
/// kernels). Its inputs are usually the outputs of a [`PreparedRnn`]. In a language model, which has one output (logit)
/// per word of the vocabulary, most weights that a step reads are the weights of this layer.
///
/// The layer runs on the CPU, and several threads can share it.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use rnn::PreparedDense;
///
/// let device = Device::flex();
/// let weight = Tensor::from_floats([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], &device);
/// let dense = PreparedDense::new(weight, Tensor::from_floats([0.0, 0.0, 1.0], &device));
/// assert_eq!(dense.forward(&[1.0, 0.5]), [2.0, 5.0, 9.0]);
/// ```
pub struct PreparedDense {
    packed: PackedDense,
    inputs: usize,
}

impl PreparedDense {
    /// Packs a weight matrix in PyTorch's layout, `[outputs, inputs]`, and a bias, `[outputs]`. The weight matrix of
    /// burn's `Linear` is the transpose: pass `linear.weight.val().transpose()`.
    ///
    /// # Panics
    ///
    /// If there are no outputs, or if the bias does not have one value per output.
    pub fn new(weight: Tensor<2>, bias: Tensor<1>) -> Self {
        Self::packed(weight, bias, false)
    }

    /// Packs a weight matrix, `[outputs, inputs]`, and a bias, `[outputs]`, as [`new`](Self::new) does. The weights are
    /// rounded to 8 bits, as in [`Rnn::prepare_int8`]. The bias stays in 32-bit floats.
    ///
    /// # Panics
    ///
    /// In the same cases as [`new`](Self::new).
    pub fn int8(weight: Tensor<2>, bias: Tensor<1>) -> Self {
        Self::packed(weight, bias, true)
    }

    fn packed(weight: Tensor<2>, bias: Tensor<1>, int8: bool) -> Self {
        let [outputs, inputs] = weight.dims();
        assert!(outputs > 0, "rnn: a dense layer needs at least one output");
        assert_eq!(bias.dims(), [outputs], "rnn: the bias must have one value per output");
        Self { packed: PackedDense::new(&values(weight), &values(bias), int8), inputs }
    }

    /// Returns the number of input features of the layer.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Computes the outputs, `[batch, outputs]`, from the inputs, `[batch, inputs]`.
    ///
    /// # Panics
    ///
    /// If the number of values in `inputs` is not a multiple of the number of input features.
    pub fn forward(&self, inputs: &[f32]) -> Vec<f32> {
        assert!(
            inputs.len().is_multiple_of(self.inputs),
            "rnn: the number of input values must be a multiple of the number of inputs, {}",
            self.inputs
        );
        let rows: Vec<_> = (0..inputs.len() / self.inputs).collect();
        let mut outputs = vec![0.0; rows.len() * self.packed.outputs];
        dense(&self.packed, &rows, inputs, &mut outputs);
        outputs
    }
}

impl fmt::Debug for PreparedDense {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "PreparedDense({} → {})", self.inputs, self.packed.outputs)
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}
