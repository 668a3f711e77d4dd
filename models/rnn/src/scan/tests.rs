use burn::tensor::DType;

use super::*;
use crate::packed::Kept;
use crate::test_values::Draw;
use crate::{Init, Weights};

type Scan = fn(ScanInput) -> (Tensor<3>, LayerState);

/// A layer with its input.
struct Case {
    cell: Cell,
    weights: Weights,
    /// `[batch, time, input]`
    input: Tensor<3>,
    /// The initial hidden state and cell state, `[batch, hidden]` each.
    states: [Tensor<2>; 2],
    lengths: Option<Lengths>,
}

impl Case {
    fn new(cell: Cell, [batch, time, input, hidden]: [usize; 4], ragged: bool) -> Self {
        let device = Device::flex().autodiff();
        let mut draw = Draw::new(3, &device);
        let lengths: Vec<usize> = (0..batch).map(|row| (3 * row + 1) % (time + 1)).collect();
        Self {
            cell,
            weights: Weights::new(Init::Uniform, cell, input, hidden, &device),
            input: draw.tensor([batch, time, input]).require_grad(),
            states: [0, 1].map(|_| draw.tensor([batch, hidden]).require_grad()),
            lengths: ragged.then(|| Lengths::new(&lengths)),
        }
    }

    /// The outputs, final states and gradients.
    fn results(&self, scan: Scan, direction: Direction) -> Vec<Vec<f32>> {
        let Self { cell, weights, input, states, lengths } = self;
        let [hidden, cell_state] = states.clone();
        let initial = LayerState { hidden, cell_state: cell.has_memory().then_some(cell_state) };
        let weights_now = weights.tensors();
        let (cell, input_now, lengths) = (*cell, input.clone(), lengths.as_ref());
        let (output, last) =
            scan(ScanInput { cell, direction, input: input_now, weights: weights_now, initial, lengths });
        let states_after: Vec<Tensor<2>> = std::iter::once(last.hidden).chain(last.cell_state).collect();
        let mut draw = Draw::new(4, &output.device());
        let mut weighted_sum = |tensor: Tensor<3>| (tensor.clone() * draw.tensor(tensor.dims())).sum();
        let sum = weighted_sum(output.clone());
        let loss = states_after.iter().fold(sum, |sum, state| sum + weighted_sum(state.clone().unsqueeze()));
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
}

#[test]
fn kernels_agree_with_the_composed_form() {
    for cell in [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore] {
        for (shape, ragged) in [([1, 1, 1, 1], false), ([3, 40, 5, 19], true), ([34, 9, 20, 33], true)] {
            let case = Case::new(cell, shape, ragged);
            for direction in [Direction::Forward, Direction::Reverse] {
                let [by_kernel, composed] = [scan as Scan, composed].map(|scan| case.results(scan, direction));
                assert_eq!(by_kernel.len(), composed.len());
                for (index, (given, expected)) in by_kernel.iter().zip(&composed).enumerate() {
                    // A small result may be the difference of values near 1, so the error is at least measured by 0.1.
                    let largest = expected.iter().fold(0.1f32, |largest, value| largest.max(value.abs()));
                    for (given, expected) in given.iter().zip(expected) {
                        let error = (given - expected).abs() / largest;
                        assert!(
                            error < 1e-5,
                            "{cell:?} {direction:?} {shape:?}, result {index}: {given}, expected {expected}"
                        );
                    }
                }
            }
        }
    }
}

/// A loss of the outputs and final states of one layer, in 64 bits, and its gradient with respect to each of
/// `parts`: the input, the initial states, the weight matrices and the biases.
fn loss(cell: Cell, direction: Direction, parts: &[(Vec<f64>, Vec<usize>)]) -> (f64, Vec<Vec<f64>>) {
    let device = Device::flex().autodiff();
    let options = || (&device, DType::F64);
    let data = |index: usize| {
        let (values, shape) = &parts[index];
        TensorData::new(values.clone(), shape.clone())
    };
    let matrices: [Tensor<2>; 4] = [1, 2, 3, 4].map(|index| Tensor::from_data(data(index), options()).require_grad());
    let biases: [Tensor<1>; 2] = [5, 6].map(|index| Tensor::from_data(data(index), options()).require_grad());
    let input: Tensor<3> = Tensor::from_data(data(0), options()).require_grad();
    let [hidden, cell_state, weight_ih, weight_hh] = matrices.clone();
    let [bias_ih, bias_hh] = biases.clone();
    let weights = WeightTensors { weight_ih, weight_hh, bias_ih, bias_hh, packed: Kept::default() };
    let initial = LayerState { hidden, cell_state: cell.has_memory().then_some(cell_state) };
    let lengths = Lengths::new(&[3, 1]);

    let lengths = Some(&lengths);
    let (output, last) = scan(ScanInput { cell, direction, input: input.clone(), weights, initial, lengths });
    let weighted_sum = |tensor: Tensor<3>| (tensor.clone() * tensor.clone() + tensor.sin()).sum();
    let states = std::iter::once(last.hidden).chain(last.cell_state).map(|state| weighted_sum(state.unsqueeze()));
    let loss = states.fold(weighted_sum(output), |sum, part| sum + part);
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
fn gradients_agree_with_finite_differences() {
    const STEP: f64 = 1e-5;
    for cell in [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore] {
        for direction in [Direction::Forward, Direction::Reverse] {
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
            let (_, gradients) = loss(cell, direction, &parts);
            for (part, gradient) in gradients.iter().enumerate() {
                for (index, gradient) in gradient.iter().enumerate() {
                    let value = parts[part].0[index];
                    let [above, below] = [value + STEP, value - STEP].map(|value| {
                        parts[part].0[index] = value;
                        loss(cell, direction, &parts).0
                    });
                    parts[part].0[index] = value;
                    let difference = (above - below) / (2.0 * STEP);
                    assert!(
                        (gradient - difference).abs() < 1e-8 * gradient.abs().max(1.0),
                        "{cell:?} {direction:?}, part {part}, value {index}: {gradient}, expected {difference}"
                    );
                }
            }
        }
    }
}
