//! The check of a device: a small training step whose results are compared with those of the CPU.

use std::time::Instant;

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};
use rnn::{Cell, Rnn, RnnConfig};
use serde::Serialize;

/// The batch size, the number of time steps, the input size and the hidden size of the LSTM.
const SHAPE: [usize; 4] = [4, 12, 16, 32];

/// The tolerance of the check: a device passes if its results differ from the results of the CPU by at most this
/// relative difference. The mathematical functions of GPU drivers are less exact than those of the CPU.
const TOLERANCE: f32 = 1e-3;

/// The result of the check of a device.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Check {
    /// The largest relative difference between the results of the device and the CPU, over the loss and all gradient
    /// tensors. Each difference is divided by the largest absolute value of the same tensor on the CPU.
    pub difference: f32,
    /// The time of the second training step in milliseconds. The first step is not measured, because it compiles
    /// kernels.
    pub step_ms: f64,
}

impl Check {
    /// Returns whether the device computes the same results as the CPU, up to rounding errors.
    pub fn is_equal(&self) -> bool {
        self.difference <= TOLERANCE
    }
}

/// An LSTM and its input, with the loss and the gradients that the CPU computes.
pub struct Reference {
    rnn: Rnn,
    input: Tensor<3>,
    expected: Vec<Vec<f32>>,
}

impl Reference {
    /// Creates an LSTM and a random input, and computes the loss and the gradients on the CPU.
    pub fn new() -> Self {
        let ([batch, time, input, hidden], cpu) = (SHAPE, Device::flex());
        cpu.seed(1);
        let rnn = RnnConfig::new(Cell::Lstm, input, hidden).init(&cpu.clone().autodiff());
        let input = Tensor::random([batch, time, input], Distribution::Normal(0.0, 1.0), &cpu);
        let expected = step(&rnn, &input, &cpu);
        Self { rnn, input, expected }
    }

    /// Computes the training step on `device` twice. Compares the results with those of the CPU, and measures the time
    /// of the second step.
    ///
    /// # Panics
    ///
    /// If the driver of the device fails: see [`caught`](training::panics::caught).
    pub fn check(&self, device: &Device) -> Check {
        step(&self.rnn, &self.input, device);
        let start = Instant::now();
        let found = step(&self.rnn, &self.input, device);
        let step_ms = 1e3 * start.elapsed().as_secs_f64();
        Check { difference: difference(&self.expected, &found), step_ms }
    }
}

/// Computes a training step on `device`. Returns the loss and the gradients of the weights and biases, one list of
/// values each.
fn step(rnn: &Rnn, input: &Tensor<3>, device: &Device) -> Vec<Vec<f32>> {
    let device = device.clone().autodiff();
    let rnn = rnn.clone().fork(&device);
    let input = Tensor::<3>::from_data(input.to_data(), &device);
    let loss = rnn.forward(input, None, None).0.square().mean();
    let gradients = loss.backward();
    let weights = &rnn.layers[0].forward;
    let matrices = [&weights.weight_ih, &weights.weight_hh].into_iter();
    let biases = [&weights.bias_ih, &weights.bias_hh].into_iter();
    let matrices = matrices.filter_map(|weight| weight.val().grad(&gradients)).map(values);
    let biases = biases.filter_map(|bias| bias.val().grad(&gradients)).map(values);
    std::iter::once(values(loss)).chain(matrices).chain(biases).collect()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// Returns the largest relative difference between `expected` and `found`, which have one list of values for the loss
/// and for each gradient. Differences are divided by the largest absolute expected value of the same list. Returns
/// infinity if a found value is NaN or infinite, or if the lengths differ.
fn difference(expected: &[Vec<f32>], found: &[Vec<f32>]) -> f32 {
    let lengths = |results: &[Vec<f32>]| results.iter().map(Vec::len).collect::<Vec<_>>();
    if lengths(expected) != lengths(found) || !found.iter().flatten().all(|value| value.is_finite()) {
        return f32::INFINITY;
    }
    let largest =
        |values: &mut dyn Iterator<Item = f32>| values.fold(0.0, |largest: f32, value| largest.max(value.abs()));
    let relative = expected.iter().zip(found).map(|(expected, found)| {
        let differences = &mut expected.iter().zip(found).map(|(expected, found)| expected - found);
        largest(differences) / largest(&mut expected.iter().copied())
    });
    relative.fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_has_its_own_results_and_other_weights_have_others() {
        let mut reference = Reference::new();
        assert_eq!(reference.expected.len(), 5, "the loss and four gradients");
        let check = reference.check(&Device::flex());
        assert!(check.difference < 1e-6 && check.step_ms > 0.0, "{check:?}");
        reference.rnn = RnnConfig::new(Cell::Lstm, SHAPE[2], SHAPE[3]).init(&Device::flex().autodiff());
        assert!(!reference.check(&Device::flex()).is_equal());
    }

    #[test]
    fn nan_and_missing_values_are_no_results() {
        let expected = [vec![1.0, -2.0], vec![4.0]];
        assert_eq!(difference(&expected, &[vec![1.0, -1.0], vec![4.0]]), 0.5);
        for wrong in [vec![vec![f32::NAN, -2.0], vec![4.0]], vec![vec![1.0], vec![4.0]], vec![vec![1.0, -2.0]]] {
            assert!(difference(&expected, &wrong).is_infinite(), "{wrong:?}");
        }
    }
}
