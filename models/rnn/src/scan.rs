//! One layer read in one direction, step by step: the place where nearly all the time of a recurrent network goes.
//!
//! [`scan`] takes the kernels of [`fused`] where they serve. What stands here is composed of burn's own operations: it
//! runs on every backend and in every precision, and is what the kernels are held against.

use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Bool, Device, Tensor, TensorData};

use crate::weights::Values;
use crate::{Cell, fused};

/// The order in which the steps are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Forward,
    Backward,
}

/// What one layer and direction hands from step to step.
#[derive(Clone, Debug)]
pub(crate) struct Carry {
    /// `[B, H]`
    pub hidden: Tensor<2>,
    /// `[B, H]`, of an LSTM
    pub cell: Option<Tensor<2>>,
}

/// A layer in one direction and what it reads.
pub(crate) struct Reading<'a> {
    pub cell: Cell,
    pub order: Order,
    /// `[B, T, input]`
    pub input: Tensor<3>,
    pub weights: Values,
    /// The state to start from.
    pub initial: Carry,
    /// Where the sequences end; at `T` if `None`.
    pub lengths: Option<&'a [usize]>,
}

/// Reads all steps.
///
/// Returns the hidden state after every step, `[B, T, H]`, zero in the padding; and the state after the last step of each
/// sequence in reading order. Padding leaves the state as it is, so that a backward reading begins at each sequence's own
/// end.
pub(crate) fn scan(reading: Reading) -> (Tensor<3>, Carry) {
    match fused::serves(&reading) {
        true => fused::scan(reading),
        false => composed(reading),
    }
}

/// [`scan`], composed of operations of burn.
pub(crate) fn composed(reading: Reading) -> (Tensor<3>, Carry) {
    let Reading { cell, order, input, weights, initial, lengths } = reading;
    let padding = lengths.and_then(|lengths| Padding::new(lengths, input.dims()[1], &input.device()));
    let padding = padding.as_ref();
    // Time first: each step is then one piece of memory.
    let mut input = input.swap_dims(0, 1); // [T, B, input]
    if let Some(padding) = padding {
        input = padding.clear(input); // NaN times a gradient of zero would be NaN
    }
    let products = input_products(cell, input, &weights); // T × [B, gates × H]
    let mut steps: Vec<_> = products.into_iter().enumerate().collect();
    if order == Order::Backward {
        steps.reverse();
    }

    let step = Step::new(cell, weights);
    let mut carry = initial;
    let mut outputs = Vec::with_capacity(steps.len()); // T × [B, H]
    for (t, product) in steps {
        let after = step.forward(product, carry.clone());
        carry = match padding {
            Some(padding) => padding.hold(t, carry, after),
            None => after,
        };
        outputs.push(carry.hidden.clone());
    }

    if order == Order::Backward {
        outputs.reverse();
    }
    let mut outputs = Tensor::stack(outputs, 0); // [T, B, H]
    if let Some(padding) = padding {
        outputs = padding.clear(outputs);
    }
    (outputs.swap_dims(0, 1), carry)
}

/// Where the sequences of a batch have ended.
#[derive(Clone, Debug)]
struct Padding {
    /// The length of the shortest sequence: no step before it is padding.
    shortest: usize,
    /// `[T, B, 1]`, true where a step is at or beyond its sequence's length.
    mask: Tensor<3, Bool>,
}

impl Padding {
    /// None if all sequences are as long as the batch.
    fn new(lengths: &[usize], time: usize, device: &Device) -> Option<Self> {
        let shortest = lengths.iter().copied().min().filter(|&shortest| shortest < time)?;
        let mask: Vec<bool> = (0..time).flat_map(|t| lengths.iter().map(move |&length| t >= length)).collect();
        let mask = Tensor::from_data(TensorData::new(mask, [time, lengths.len(), 1]), device);
        Some(Self { shortest, mask })
    }

    /// Writes zeros over the padding of `[T, B, features]`.
    fn clear(&self, steps: Tensor<3>) -> Tensor<3> {
        let shape = steps.dims();
        steps.mask_fill(self.mask.clone().expand(shape), 0.0)
    }

    /// The state after step `t`: `before` where a sequence has ended, `after` where it goes on.
    fn hold(&self, t: usize, before: Carry, after: Carry) -> Carry {
        if t < self.shortest {
            return after;
        }
        let shape = after.hidden.dims();
        let ended = self.mask.clone().narrow(0, t, 1).squeeze_dim::<2>(0).expand(shape); // [B, H]
        let cell = after.cell.zip(before.cell).map(|(after, before)| after.mask_where(ended.clone(), before));
        Carry { hidden: after.hidden.mask_where(ended, before.hidden), cell }
    }
}

/// What all gates take from the input at each step, computed ahead of the recurrence in few large products:
/// `[T, B, input]` → `T × [B, gates × H]`.
///
/// The biases of the recurrent product are added here too where the cell lets them.
fn input_products(cell: Cell, input: Tensor<3>, weights: &Values) -> Vec<Tensor<2>> {
    let weight = weights.weight_ih.clone().transpose(); // [input, gates × H]
    let bias_hh = match cell {
        // The reset gate scales the bias of gate n, which is left to the steps.
        Cell::Gru => {
            let [bias_rz, bias_n] = split(weights.bias_hh.clone(), 0, 2 * weights.hidden_size());
            Tensor::cat(vec![bias_rz, bias_n.zeros_like()], 0)
        }
        _ => weights.bias_hh.clone(),
    };
    let bias = (weights.bias_ih.clone() + bias_hh).unsqueeze(); // [1, gates × H]

    let product = |block: Tensor<3>| {
        let [time, batch, features] = block.dims();
        let rows = block.reshape([time * batch, features]); // one row a step and sequence
        let products = rows.matmul(weight.clone()) + bias.clone(); // [time × B, gates × H]
        let width = products.dims()[1];
        products.reshape([time, batch, width])
    };
    let blocks = pieces(input, BLOCK).into_iter().map(product);
    blocks.flat_map(|block| pieces(block, 1)).map(|step| step.squeeze_dim(0)).collect()
}

/// How many steps of the input are multiplied at once: enough for a product at full speed. All of them would cost more
/// in the end, for the gradient of [`pieces`] would then go through memory, not the cache.
const BLOCK: usize = 16;

/// Cuts `[T, B, features]` into pieces of at most `most` steps.
///
/// By halving, because the gradient of a slice is as large as what was sliced, zeros for the most part: `T` slices of
/// the whole would cost `O(T²)`, halves of halves cost `O(T log T)`.
fn pieces(steps: Tensor<3>, most: usize) -> Vec<Tensor<3>> {
    let time = steps.dims()[0];
    if time <= most {
        return vec![steps];
    }
    split(steps, 0, time / 2).into_iter().flat_map(|half| pieces(half, most)).collect()
}

/// The first `size` of a dimension, and the rest.
fn split<const D: usize>(tensor: Tensor<D>, dim: usize, size: usize) -> [Tensor<D>; 2] {
    let rest = tensor.dims()[dim] - size;
    [tensor.clone().narrow(dim, 0, size), tensor.narrow(dim, size, rest)]
}

/// One step of each [`Cell`], with the recurrent weights laid out for it: transposed, to multiply rows of states.
enum Step {
    /// `[H, H]`
    Elman { weight: Tensor<2> },
    /// `[H, H]`
    ElmanRelu { weight: Tensor<2> },
    /// `[H, 4 × H]`
    Lstm { weight: Tensor<2> },
    /// `[H, 3 × H]` and `[1, H]`
    Gru { weight: Tensor<2>, bias_n: Tensor<2> },
    /// `[H, 2 × H]` and `[H, H]`
    GruResetBefore { weight_rz: Tensor<2>, weight_n: Tensor<2> },
}

impl Step {
    fn new(cell: Cell, weights: Values) -> Self {
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

    /// The state after the step, from its input product `[B, gates × H]` and the state before it.
    fn forward(&self, product: Tensor<2>, before: Carry) -> Carry {
        let hidden = before.hidden;
        match self {
            Step::Elman { weight } => (product + hidden.matmul(weight.clone())).tanh().into(),
            Step::ElmanRelu { weight } => relu(product + hidden.matmul(weight.clone())).into(),
            Step::Lstm { weight } => {
                let Some(cell) = before.cell else { unreachable!("the state of an LSTM has a cell: `Rnn` checks it") };
                lstm(product + hidden.matmul(weight.clone()), cell)
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

/// `gates`: `[B, 4 × H]`; `cell`: `[B, H]`.
fn lstm(gates: Tensor<2>, cell: Tensor<2>) -> Carry {
    let hidden_size = cell.dims()[1];
    let gate = |index: usize| gates.clone().narrow(1, index * hidden_size, hidden_size); // [B, H]
    let i = sigmoid(gate(0));
    let f = sigmoid(gate(1));
    let g = gate(2).tanh();
    let o = sigmoid(gate(3));
    let cell = f * cell + i * g;
    Carry { hidden: o * cell.clone().tanh(), cell: Some(cell) }
}

/// `product` and `recurrent`: `[B, 3 × H]`; `hidden`: `[B, H]`.
fn gru(product: Tensor<2>, recurrent: Tensor<2>, bias_n: Tensor<2>, hidden: Tensor<2>) -> Tensor<2> {
    let hidden_size = hidden.dims()[1];
    let [product_rz, product_n] = split(product, 1, 2 * hidden_size);
    let [recurrent_rz, recurrent_n] = split(recurrent, 1, 2 * hidden_size);
    let [r, z] = split(sigmoid(product_rz + recurrent_rz), 1, hidden_size); // [B, H] each
    let n = (product_n + r * (recurrent_n + bias_n)).tanh();
    n.clone() + z * (hidden - n) // (1 − z) ⊙ n + z ⊙ h
}

/// `product`: `[B, 3 × H]`; `hidden`: `[B, H]`.
fn gru_reset_before(product: Tensor<2>, weight_rz: Tensor<2>, weight_n: Tensor<2>, hidden: Tensor<2>) -> Tensor<2> {
    let hidden_size = hidden.dims()[1];
    let [product_rz, product_n] = split(product, 1, 2 * hidden_size);
    let [r, z] = split(sigmoid(product_rz + hidden.clone().matmul(weight_rz)), 1, hidden_size); // [B, H] each
    let n = (product_n + (r * hidden.clone()).matmul(weight_n)).tanh();
    n.clone() + z * (hidden - n) // (1 − z) ⊙ n + z ⊙ h
}

impl From<Tensor<2>> for Carry {
    fn from(hidden: Tensor<2>) -> Self {
        Self { hidden, cell: None }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Distribution};

    use super::*;
    use crate::{Init, Weights};

    type Scan = fn(Reading) -> (Tensor<3>, Carry);

    /// The outputs, final states and gradients of one layer.
    fn results(
        scan: Scan,
        cell: Cell,
        order: Order,
        [batch, time, input, hidden]: [usize; 4],
        ragged: bool,
    ) -> Vec<Vec<f32>> {
        let device = Device::flex().autodiff();
        device.seed(3);
        let draw = |shape: [usize; 3]| Tensor::random(shape, Distribution::Normal(0.0, 1.0), &device);
        let weights = Weights::new(Init::Uniform, cell, input, hidden, &device);
        let input = draw([batch, time, input]).require_grad();
        let states: [Tensor<2>; 2] = [0, 1].map(|_| draw([1, batch, hidden]).squeeze_dim(0).require_grad());
        let [state, memory] = states.clone();
        let initial = Carry { hidden: state, cell: cell.has_memory().then_some(memory) };
        let lengths: Vec<usize> = (0..batch).map(|row| (3 * row + 1) % (time + 1)).collect();

        let lengths = ragged.then_some(&lengths[..]);
        let reading = Reading { cell, order, input: input.clone(), weights: weights.values(), initial, lengths };
        let (output, last) = scan(reading);
        let states_after: Vec<Tensor<2>> = std::iter::once(last.hidden).chain(last.cell).collect();
        let weigh = |tensor: Tensor<3>| (tensor.clone() * draw(tensor.dims())).sum();
        let parts = states_after.iter().map(|state| weigh(state.clone().unsqueeze()));
        let loss = parts.fold(weigh(output.clone()), |sum, part| sum + part);
        let gradients = loss.backward();

        fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
            tensor.into_data().try_to_vec().unwrap()
        }
        let mut all = vec![values(output), values(input.grad(&gradients).unwrap())];
        all.extend(states_after.into_iter().map(values));
        all.extend(states.iter().take(all.len() - 2).map(|state| values(state.grad(&gradients).unwrap())));
        all.extend(
            [&weights.weight_ih, &weights.weight_hh].map(|weight| values(weight.val().grad(&gradients).unwrap())),
        );
        all.extend([&weights.bias_ih, &weights.bias_hh].map(|bias| values(bias.val().grad(&gradients).unwrap())));
        all
    }

    #[test]
    fn kernels_agree_with_what_is_composed() {
        for cell in [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore] {
            for order in [Order::Forward, Order::Backward] {
                for (shape, ragged) in [([1, 1, 1, 1], false), ([3, 40, 5, 19], true), ([34, 9, 20, 33], true)] {
                    let [by_kernel, composed] =
                        [scan as Scan, composed].map(|scan| results(scan, cell, order, shape, ragged));
                    assert_eq!(by_kernel.len(), composed.len());
                    for (index, (given, expected)) in by_kernel.iter().zip(&composed).enumerate() {
                        let largest = expected.iter().fold(1e-3f32, |largest, value| largest.max(value.abs()));
                        for (given, expected) in given.iter().zip(expected) {
                            let error = (given - expected).abs() / largest;
                            assert!(
                                error < 1e-5,
                                "{cell:?} {order:?} {shape:?}, result {index}: {given}, not {expected}"
                            );
                        }
                    }
                }
            }
        }
    }

    /// A weighted sum of the outputs and final states of one layer, in 64 bits, and its gradient to each of `parts`: the
    /// input, the initial states, and the weights.
    fn loss(cell: Cell, order: Order, parts: &[(Vec<f64>, Vec<usize>)]) -> (f64, Vec<Vec<f64>>) {
        let device = Device::flex().autodiff();
        let options = || (&device, DType::F64);
        let data = |index: usize| {
            let (values, shape) = &parts[index];
            TensorData::new(values.clone(), shape.clone())
        };
        let matrices: [Tensor<2>; 4] =
            [1, 2, 3, 4].map(|index| Tensor::from_data(data(index), options()).require_grad());
        let biases: [Tensor<1>; 2] = [5, 6].map(|index| Tensor::from_data(data(index), options()).require_grad());
        let input: Tensor<3> = Tensor::from_data(data(0), options()).require_grad();
        let [hidden, memory, weight_ih, weight_hh] = matrices.clone();
        let [bias_ih, bias_hh] = biases.clone();
        let weights = Values { weight_ih, weight_hh, bias_ih, bias_hh };
        let initial = Carry { hidden, cell: cell.has_memory().then_some(memory) };
        let lengths = [3, 1];

        let reading = Reading { cell, order, input: input.clone(), weights, initial, lengths: Some(&lengths) };
        let (output, last) = scan(reading);
        let weigh = |tensor: Tensor<3>| (tensor.clone() * tensor.clone() + tensor.sin()).sum();
        let states = std::iter::once(last.hidden).chain(last.cell).map(|state| weigh(state.unsqueeze()));
        let loss = states.fold(weigh(output), |sum, part| sum + part);
        let gradients = loss.backward();

        let mut all = vec![input.grad(&gradients).map(Tensor::into_data)];
        all.extend(matrices.iter().map(|matrix| matrix.grad(&gradients).map(Tensor::into_data)));
        all.extend(biases.iter().map(|bias| bias.grad(&gradients).map(Tensor::into_data)));
        let gradients = all.into_iter().zip(parts).map(|(gradient, (values, _))| match gradient {
            Some(gradient) => gradient.try_to_vec().unwrap(),
            None => vec![0.0; values.len()],
        });
        (loss.into_scalar(), gradients.collect())
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        const STEP: f64 = 1e-5;
        for cell in [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore] {
            for order in [Order::Forward, Order::Backward] {
                let (input, hidden, gates) = (2, 3, cell.gates());
                let shapes = [
                    vec![2, 3, input],
                    vec![2, hidden],
                    vec![2, hidden],
                    vec![gates * hidden, input],
                    vec![gates * hidden, hidden],
                    vec![gates * hidden],
                    vec![gates * hidden],
                ];
                let mut parts = shapes.map(|shape| {
                    let values = (0..shape.iter().product())
                        .map(|index: usize| 0.7 * (index as f64 * 1.7 + shape.len() as f64).sin());
                    (values.collect::<Vec<f64>>(), shape)
                });
                let (_, gradients) = loss(cell, order, &parts);
                for (part, gradient) in gradients.iter().enumerate() {
                    for (index, gradient) in gradient.iter().enumerate() {
                        let value = parts[part].0[index];
                        let [above, below] = [value + STEP, value - STEP].map(|value| {
                            parts[part].0[index] = value;
                            loss(cell, order, &parts).0
                        });
                        parts[part].0[index] = value;
                        let difference = (above - below) / (2.0 * STEP);
                        assert!(
                            (gradient - difference).abs() < 1e-8 * gradient.abs().max(1.0),
                            "{cell:?} {order:?}, part {part}, value {index}: {gradient}, not {difference}"
                        );
                    }
                }
            }
        }
    }
}
