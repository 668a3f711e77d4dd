//! Computes one recurrent layer over all steps: in one direction ([`scan`]) or in all its directions ([`layer`]).
//!
//! [`scan`] calls the kernels of [`fused`] if they support the input, and [`composed`] if they do not. [`composed`]
//! uses only burn's tensor operations, so it runs on every backend and in every precision. The tests compare the
//! kernels with it.

use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Bool, Device, Tensor, TensorData};

#[cfg(feature = "cube")]
use crate::gpu;
use crate::lengths::Lengths;
use crate::weights::WeightTensors;
use crate::{Cell, fused};

/// The direction in which a layer processes the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the first step to the last.
    Forward,
    /// From the last step to the first.
    Reverse,
}

/// The hidden state and, for an LSTM, the cell state of one layer in one direction.
#[derive(Clone, Debug)]
pub(crate) struct LayerState {
    /// The hidden state, `[batch, hidden]`.
    pub hidden: Tensor<2>,
    /// The cell state of an LSTM, `[batch, hidden]`; `None` for other cells.
    pub cell_state: Option<Tensor<2>>,
}

/// The arguments of [`scan`], which computes one layer in one direction.
pub(crate) struct ScanInput<'a> {
    pub cell: Cell,
    pub direction: Direction,
    /// The input of the layer, `[batch, time, input]`.
    pub input: Tensor<3>,
    pub weights: WeightTensors,
    /// The initial state.
    pub initial: LayerState,
    /// The length of each sequence, `[batch]`; `None` if all sequences have `time` steps.
    pub lengths: Option<&'a Lengths>,
}

/// The arguments of [`layer`], which computes one layer in all its directions.
pub(crate) struct LayerInput<'a> {
    pub cell: Cell,
    /// The input of the layer, `[batch, time, input]`.
    pub input: Tensor<3>,
    /// Each direction with its weights and its initial state.
    pub directions: Vec<(Direction, WeightTensors, LayerState)>,
    /// The length of each sequence, `[batch]`; `None` if all sequences have `time` steps.
    pub lengths: Option<&'a Lengths>,
}

impl LayerInput<'_> {
    /// Returns the number of hidden units of one direction.
    #[cfg(feature = "cube")]
    pub fn hidden_size(&self) -> usize {
        self.directions[0].1.hidden_size()
    }
}

/// Processes all steps of a batch with one layer.
///
/// Returns the hidden state after every step, `[batch, time, directions × hidden]`, and one final state per direction.
/// The hidden state is zero in the padding.
pub(crate) fn layer(layer: LayerInput) -> (Tensor<3>, Vec<LayerState>) {
    #[cfg(feature = "cube")]
    if gpu::layer::supports(&layer) {
        return gpu::layer::layer(layer);
    }
    let LayerInput { cell, input, directions, lengths } = layer;
    let run = |(direction, weights, initial)| {
        scan(ScanInput { cell, direction, input: input.clone(), weights, initial, lengths })
    };
    let (outputs, finals) = directions.into_iter().map(run).unzip();
    (concat_directions(outputs), finals)
}

/// Concatenates the outputs of both directions to `[batch, time, 2 × hidden]`. The output of a single direction is
/// returned without a copy.
fn concat_directions(outputs: Vec<Tensor<3>>) -> Tensor<3> {
    match <[Tensor<3>; 1]>::try_from(outputs) {
        Ok([single]) => single,
        Err(both) => Tensor::cat(both, 2),
    }
}

/// Processes all steps of a batch with one layer in one direction.
///
/// Returns the hidden state after every step, `[batch, time, hidden]`, and the final state. The returned hidden state
/// is zero in the padding. Padding does not change the state that one step passes to the next, so the reverse direction
/// starts at the last valid step of each sequence.
pub(crate) fn scan(input: ScanInput) -> (Tensor<3>, LayerState) {
    match fused::supports(&input) {
        true => fused::scan(input),
        false => composed(input),
    }
}

/// Computes [`scan`] with burn's tensor operations, on any backend.
pub(crate) fn composed(scan: ScanInput) -> (Tensor<3>, LayerState) {
    let ScanInput { cell, direction, input, weights, initial, lengths } = scan;
    let padding = lengths.and_then(|lengths| Padding::new(lengths, input.dims()[1], &input.device()));
    let padding = padding.as_ref();
    // The time is the first dimension, so that each step is contiguous in memory.
    let mut input = input.swap_dims(0, 1); // [T, B, input]
    if let Some(padding) = padding {
        // A NaN in the padding, multiplied by a gradient of 0, would give NaN.
        input = padding.clear(input);
    }
    let products = input_products(cell, input, &weights); // T × [B, gates × H]
    let mut steps: Vec<_> = products.into_iter().enumerate().collect();
    if direction == Direction::Reverse {
        steps.reverse();
    }

    let step = Step::new(cell, weights);
    let mut state = initial;
    let mut outputs = Vec::with_capacity(steps.len()); // T × [B, H]
    for (t, product) in steps {
        let after = step.forward(product, state.clone());
        state = match padding {
            Some(padding) => padding.hold(t, state, after),
            None => after,
        };
        outputs.push(state.hidden.clone());
    }

    if direction == Direction::Reverse {
        outputs.reverse();
    }
    let mut outputs = Tensor::stack(outputs, 0); // [T, B, H]
    if let Some(padding) = padding {
        outputs = padding.clear(outputs);
    }
    (outputs.swap_dims(0, 1), state)
}

/// The padding mask of a batch.
#[derive(Clone, Debug)]
struct Padding {
    /// The length of the shortest sequence. No sequence has padding at the steps `0..shortest`.
    shortest: usize,
    /// The mask, `[time, batch, 1]`: true where the step of a sequence is padding.
    mask: Tensor<3, Bool>,
}

impl Padding {
    /// Makes the mask for the given sequence lengths; `None` if no step is padding.
    fn new(lengths: &[usize], time: usize, device: &Device) -> Option<Self> {
        let shortest = lengths.iter().copied().min().filter(|&shortest| shortest < time)?;
        let mask: Vec<bool> = (0..time).flat_map(|t| lengths.iter().map(move |&length| t >= length)).collect();
        let mask = Tensor::from_data(TensorData::new(mask, [time, lengths.len(), 1]), device);
        Some(Self { shortest, mask })
    }

    /// Sets the padding in `steps`, `[time, batch, features]`, to zero.
    fn clear(&self, steps: Tensor<3>) -> Tensor<3> {
        let shape = steps.dims();
        steps.mask_fill(self.mask.clone().expand(shape), 0.0)
    }

    /// Returns the state after step `t`: for each sequence, `before` if the step is padding, and `after` otherwise.
    fn hold(&self, t: usize, before: LayerState, after: LayerState) -> LayerState {
        if t < self.shortest {
            return after;
        }
        let shape = after.hidden.dims();
        let ended = self.mask.clone().narrow(0, t, 1).squeeze_dim::<2>(0).expand(shape); // [B, H]
        let cell_state =
            after.cell_state.zip(before.cell_state).map(|(after, before)| after.mask_where(ended.clone(), before));
        LayerState { hidden: after.hidden.mask_where(ended, before.hidden), cell_state }
    }
}

/// Computes the products of inputs and input weights for all gates and steps, in a few large matrix products:
/// `[time, batch, input]` → one `[batch, gates × hidden]` per step.
///
/// The result includes the biases `bias_ih` and `bias_hh`, except the part of `bias_hh` that a reset gate scales.
fn input_products(cell: Cell, input: Tensor<3>, weights: &WeightTensors) -> Vec<Tensor<2>> {
    let weight = weights.weight_ih.clone().transpose(); // [input, gates × H]
    let bias_hh = match cell {
        // The reset gate scales the recurrent bias of the candidate n, so `Step` adds that bias.
        Cell::Gru => {
            let [bias_rz, bias_n] = split(weights.bias_hh.clone(), 0, 2 * weights.hidden_size());
            Tensor::cat(vec![bias_rz, bias_n.zeros_like()], 0)
        }
        _ => weights.bias_hh.clone(),
    };
    let bias = (weights.bias_ih.clone() + bias_hh).unsqueeze(); // [1, gates × H]

    let product = |block: Tensor<3>| {
        let [time, batch, features] = block.dims();
        let rows = block.reshape([time * batch, features]); // one row per step and sequence
        let products = rows.matmul(weight.clone()) + bias.clone(); // [time × B, gates × H]
        let width = products.dims()[1];
        products.reshape([time, batch, width])
    };
    let blocks = pieces(input, BLOCK).into_iter().map(product);
    blocks.flat_map(|block| pieces(block, 1)).map(|step| step.squeeze_dim(0)).collect()
}

/// The largest number of steps in one matrix product of inputs and input weights. A product of more steps is not
/// faster. Each product is then cut into single steps, and the gradient of a slice has the size of the tensor from which
/// the slice is cut: with larger products, these gradients would no longer fit the cache of the processor.
const BLOCK: usize = 16;

/// Splits `steps`, `[time, batch, features]`, along the time. Each piece has at most `most` steps.
///
/// The gradient of a slice has the size of the whole tensor, with zeros outside of the slice. The backward pass of one
/// slice per step would therefore take `O(time²)`. The function halves the tensor repeatedly instead, which takes
/// `O(time · log time)`.
fn pieces(steps: Tensor<3>, most: usize) -> Vec<Tensor<3>> {
    let time = steps.dims()[0];
    if time <= most {
        return vec![steps];
    }
    split(steps, 0, time / 2).into_iter().flat_map(|half| pieces(half, most)).collect()
}

/// Splits a tensor along the dimension `dim` into the first `size` elements and the rest.
fn split<const D: usize>(tensor: Tensor<D>, dim: usize, size: usize) -> [Tensor<D>; 2] {
    let rest = tensor.dims()[dim] - size;
    [tensor.clone().narrow(dim, 0, size), tensor.narrow(dim, size, rest)]
}

/// Computes one step of a [`Cell`]. Each variant holds the recurrent weights.
enum Step {
    /// The Elman cell with tanh: recurrent weight matrix, transposed, `[hidden, hidden]`.
    Elman { weight: Tensor<2> },
    /// The Elman cell with ReLU: recurrent weight matrix, transposed, `[hidden, hidden]`.
    ElmanRelu { weight: Tensor<2> },
    /// The LSTM: recurrent weight matrix, transposed, `[hidden, 4 × hidden]`.
    Lstm { weight: Tensor<2> },
    /// PyTorch's GRU: recurrent weight matrix, transposed, `[hidden, 3 × hidden]`, and the recurrent bias of the
    /// candidate n, `[1, hidden]`.
    Gru { weight: Tensor<2>, bias_n: Tensor<2> },
    /// The GRU with the reset gate before the recurrent product: transposed recurrent weight matrices of the gates r
    /// and z, `[hidden, 2 × hidden]`, and of the candidate n, `[hidden, hidden]`.
    GruResetBefore { weight_rz: Tensor<2>, weight_n: Tensor<2> },
}

impl Step {
    fn new(cell: Cell, weights: WeightTensors) -> Self {
        let hidden_size = weights.hidden_size();
        let weight = weights.weight_hh.transpose(); // [H, gates × H]
        match cell {
            Cell::Elman => Step::Elman { weight },
            Cell::ElmanRelu => Step::ElmanRelu { weight },
            Cell::Lstm => Step::Lstm { weight },
            Cell::Gru => {
                let [_, bias_n] = split(weights.bias_hh, 0, 2 * hidden_size);
                Step::Gru { weight, bias_n: bias_n.unsqueeze() }
            }
            Cell::GruResetBefore => {
                let [weight_rz, weight_n] = split(weight, 1, 2 * hidden_size);
                Step::GruResetBefore { weight_rz, weight_n }
            }
        }
    }

    /// Returns the state after the step. `before` is the state before the step. `product`, `[batch, gates × hidden]`,
    /// is the product of input and input weights, with all biases except `bias_n` of [`Step::Gru`].
    fn forward(&self, product: Tensor<2>, before: LayerState) -> LayerState {
        let hidden = before.hidden;
        match self {
            Step::Elman { weight } => (product + hidden.matmul(weight.clone())).tanh().into(),
            Step::ElmanRelu { weight } => relu(product + hidden.matmul(weight.clone())).into(),
            Step::Lstm { weight } => {
                let Some(cell_state) = before.cell_state else {
                    unreachable!("`Rnn::forward` checks that the state of an LSTM has a cell state")
                };
                lstm(product + hidden.matmul(weight.clone()), cell_state)
            }
            Step::Gru { weight, bias_n } => {
                let recurrent = hidden.clone().matmul(weight.clone());
                gru(product, recurrent, bias_n.clone(), hidden).into()
            }
            Step::GruResetBefore { weight_rz, weight_n } => {
                gru_reset_before(product, weight_rz.clone(), weight_n.clone(), hidden).into()
            }
        }
    }
}

/// Returns the state after a step of the LSTM. `gates`: the sum of the input products and the recurrent products of all
/// gates, with biases, `[batch, 4 × hidden]`; `cell_state`: the cell state before the step, `[batch, hidden]`.
fn lstm(gates: Tensor<2>, cell_state: Tensor<2>) -> LayerState {
    let hidden_size = cell_state.dims()[1];
    let gate = |index: usize| gates.clone().narrow(1, index * hidden_size, hidden_size); // [B, H]
    let i = sigmoid(gate(0));
    let f = sigmoid(gate(1));
    let g = gate(2).tanh();
    let o = sigmoid(gate(3));
    let cell_state = f * cell_state + i * g;
    LayerState { hidden: o * cell_state.clone().tanh(), cell_state: Some(cell_state) }
}

/// Returns the hidden state after a step of PyTorch's GRU.
///
/// - `product`: the product of input and input weights, with all biases except `bias_n`, `[batch, 3 × hidden]`
/// - `recurrent`: the product of hidden state and recurrent weights, without biases, `[batch, 3 × hidden]`
/// - `bias_n`: the recurrent bias of the candidate n, `[1, hidden]`
/// - `hidden`: the hidden state before the step, `[batch, hidden]`
fn gru(product: Tensor<2>, recurrent: Tensor<2>, bias_n: Tensor<2>, hidden: Tensor<2>) -> Tensor<2> {
    let hidden_size = hidden.dims()[1];
    let [product_rz, product_n] = split(product, 1, 2 * hidden_size);
    let [recurrent_rz, recurrent_n] = split(recurrent, 1, 2 * hidden_size);
    let [r, z] = split(sigmoid(product_rz + recurrent_rz), 1, hidden_size); // [B, H] each
    let n = (product_n + r * (recurrent_n + bias_n)).tanh();
    n.clone() + z * (hidden - n) // (1 − z) ⊙ n + z ⊙ h
}

/// Returns the hidden state after a step of the GRU with the reset gate before the recurrent product.
///
/// - `product`: the product of input and input weights, with all biases, `[batch, 3 × hidden]`
/// - `weight_rz`: the transposed recurrent weights of the gates r and z, `[hidden, 2 × hidden]`
/// - `weight_n`: the transposed recurrent weights of the candidate n, `[hidden, hidden]`
/// - `hidden`: the hidden state before the step, `[batch, hidden]`
fn gru_reset_before(product: Tensor<2>, weight_rz: Tensor<2>, weight_n: Tensor<2>, hidden: Tensor<2>) -> Tensor<2> {
    let hidden_size = hidden.dims()[1];
    let [product_rz, product_n] = split(product, 1, 2 * hidden_size);
    let [r, z] = split(sigmoid(product_rz + hidden.clone().matmul(weight_rz)), 1, hidden_size); // [B, H] each
    let n = (product_n + (r * hidden.clone()).matmul(weight_n)).tanh();
    n.clone() + z * (hidden - n) // (1 − z) ⊙ n + z ⊙ h
}

impl From<Tensor<2>> for LayerState {
    fn from(hidden: Tensor<2>) -> Self {
        Self { hidden, cell_state: None }
    }
}

#[cfg(test)]
#[cfg(feature = "autodiff")] // the tests compare gradients
mod tests;
