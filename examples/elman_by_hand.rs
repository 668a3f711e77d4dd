//! Elman's recurrent network ([1990](https://doi.org/10.1207/s15516709cog1402_1)) on plain arrays, with
//! back-propagation through time (BPTT). The gradient is compared with burn's automatic differentiation.
//!
//! The input is a sequence of random values. The target of the output after the last step is the first value of the
//! sequence.
//!
//! ```sh
//! cargo run -p examples --example elman_by_hand
//! ```
//!
//! The program prints the difference between both gradients (about 1e-7) and the training losses. Many tutorials use
//! the gradient of the last step alone. The loss of a network that is trained with this truncated gradient stays at
//! about 1/6, which is the loss of the constant prediction 0.

use burn::tensor::{Device, Tensor};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

const HIDDEN: usize = 8;
const STEPS: usize = 6;
/// The number of training sequences between two printed losses.
const INTERVAL: usize = 5000;
const LEARNING_RATE: f64 = 0.1;

type Vector = [f64; HIDDEN];
type Matrix = [Vector; HIDDEN];

/// The parameters of the network, or their gradients.
#[derive(Clone, Debug, Default)]
struct Network {
    /// Weights from the input to the hidden state.
    u: Vector,
    /// Weights from the hidden state to the next hidden state.
    w: Matrix,
    /// Bias of the hidden state.
    b: Vector,
    /// Weights from the hidden state to the output.
    v: Vector,
}

impl Network {
    fn random(rng: &mut ChaCha8Rng) -> Self {
        let mut network = Self::default();
        let bound = 1.0 / (HIDDEN as f64).sqrt();
        network.parameters().for_each(|parameter| *parameter = rng.random_range(-bound..bound));
        network
    }

    /// Returns all parameters, in a fixed order.
    fn parameters(&mut self) -> impl Iterator<Item = &mut f64> {
        self.u.iter_mut().chain(self.w.as_flattened_mut()).chain(&mut self.b).chain(&mut self.v)
    }

    /// Computes h₀ = 0, hₜ = tanh(u·xₜ + W·hₜ₋₁ + b) and y = v·h_T for the inputs x₁ … x_T. Returns all hidden states,
    /// for the backward pass, and y.
    fn forward(&self, inputs: &[f64]) -> (Vec<Vector>, f64) {
        let mut states = vec![[0.0; HIDDEN]];
        for x in inputs {
            let previous = states[states.len() - 1];
            states.push(std::array::from_fn(|i| (self.u[i] * x + dot(&self.w[i], &previous) + self.b[i]).tanh()));
        }
        let output = dot(&self.v, &states[inputs.len()]);
        (states, output)
    }

    /// Returns the loss ½(y − target)² and its gradient by back-propagation through time, truncated to the last `steps`
    /// steps.
    fn gradient(&self, inputs: &[f64], target: f64, steps: usize) -> (f64, Self) {
        let (states, output) = self.forward(inputs);
        let error = output - target;
        let mut grad = Self { v: states[inputs.len()].map(|h| error * h), ..Self::default() };

        // `dh` is ∂L/∂hₜ. At the last step, this gradient comes from the output only.
        let mut dh: Vector = self.v.map(|v| error * v);
        for (t, x) in inputs.iter().enumerate().rev().take(steps) {
            let (h, previous) = (states[t + 1], states[t]);
            // The derivative of tanh is 1 − h².
            let da: Vector = std::array::from_fn(|i| dh[i] * (1.0 - h[i] * h[i]));
            // All steps share the parameters, so the gradients add up.
            for (i, slope) in da.iter().enumerate() {
                grad.u[i] += slope * x;
                grad.b[i] += slope;
                grad.w[i].iter_mut().zip(previous).for_each(|(w, h)| *w += slope * h);
            }
            // ∂L/∂hₜ₋₁ = Wᵀ·da. Many tutorials omit this line.
            dh = std::array::from_fn(|j| (0..HIDDEN).map(|i| self.w[i][j] * da[i]).sum());
        }
        (0.5 * error * error, grad)
    }
}

fn dot(a: &Vector, b: &Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Returns the gradient of the loss ½(y − target)² by burn's automatic differentiation.
fn gradient_by_burn(network: &Network, inputs: &[f64], target: f64) -> Network {
    let device = Device::flex().autodiff();
    let column = |values: Vector| Tensor::<1>::from_floats(values.map(|x| x as f32), &device).reshape([HIDDEN, 1]);
    let u = column(network.u).require_grad();
    let w = Tensor::<2>::from_floats(network.w.map(|row| row.map(|x| x as f32)), &device).require_grad();
    let b = column(network.b).require_grad();
    let v = column(network.v).require_grad();

    let mut h = Tensor::<2>::zeros([HIDDEN, 1], &device);
    for x in inputs {
        h = (u.clone().mul_scalar(*x) + w.clone().matmul(h) + b.clone()).tanh();
    }
    let error = (v.clone() * h).sum().sub_scalar(target);
    let grads = error.powi_scalar(2).mul_scalar(0.5).backward();

    let slopes = [u, w, b, v].map(|x| x.grad(&grads).map_or(Vec::new(), |g| g.into_data().iter::<f64>().collect()));
    let mut result = Network::default();
    result.parameters().zip(slopes.concat()).for_each(|(parameter, slope)| *parameter = slope);
    result
}

fn largest_difference(mut a: Network, mut b: Network) -> f64 {
    a.parameters().zip(b.parameters()).map(|(a, b)| (*a - *b).abs()).fold(0.0, f64::max)
}

fn sequence(rng: &mut ChaCha8Rng) -> [f64; STEPS] {
    std::array::from_fn(|_| rng.random_range(-1.0..1.0))
}

fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (network, inputs) = (Network::random(&mut rng), sequence(&mut rng));
    let (_, by_hand) = network.gradient(&inputs, inputs[0], STEPS);
    let difference = largest_difference(by_hand, gradient_by_burn(&network, &inputs, inputs[0]));
    println!("largest difference between the gradients by hand and by burn: {difference:.1e}\n");
    println!("mean training loss; the target is the first of the {STEPS} values of a sequence");
    println!("{:>14}  {:>17}  {:>22}", "sequences", "full gradient", "last step only");
    let [full, truncated] = [STEPS, 1].map(|steps| train(network.clone(), 10, steps));
    for (index, (full, truncated)) in full.iter().zip(&truncated).enumerate() {
        println!("{:>14}  {full:>17.4}  {truncated:>22.4}", (index + 1) * INTERVAL);
    }
}

/// Trains by stochastic gradient descent, one sequence per update, with gradients that are truncated to the last
/// `steps` steps. Returns the mean loss of each interval of `INTERVAL` sequences.
fn train(mut network: Network, intervals: usize, steps: usize) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut update = || {
        let inputs = sequence(&mut rng);
        let (loss, mut grad) = network.gradient(&inputs, inputs[0], steps);
        network.parameters().zip(grad.parameters()).for_each(|(parameter, slope)| *parameter -= LEARNING_RATE * *slope);
        loss
    };
    (0..intervals).map(|_| (0..INTERVAL).map(|_| update()).sum::<f64>() / INTERVAL as f64).collect()
}

#[cfg(test)]
#[path = "tests/elman_by_hand.rs"]
mod tests;
