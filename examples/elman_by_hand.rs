//! A recurrent network by hand: Elman's ([1990](https://doi.org/10.1207/s15516709cog1402_1)), on plain arrays, with
//! back-propagation through time (BPTT) written out and checked against burn's automatic gradients.
//!
//! The task: a sequence of random numbers; after the last one, say the first. The network must carry it along.
//!
//! ```sh
//! cargo run -p examples --example elman_by_hand
//! ```
//!
//! prints the difference between both gradients (about 1e-7), and how the loss falls with the whole gradient. Many tutorials
//! do not carry it from step to step: the last step alone is learned from, and the loss stays where saying 0 is, at 1/6.

use burn::tensor::{Device, Tensor};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

const HIDDEN: usize = 8;
const STEPS: usize = 6;
/// Sequences of a round.
const ROUND: usize = 5000;
const RATE: f64 = 0.1;

type Vector = [f64; HIDDEN];
type Matrix = [Vector; HIDDEN];

/// The parameters; their gradients have the same shape.
#[derive(Clone, Debug, Default)]
struct Network {
    /// Input to hidden.
    u: Vector,
    /// Hidden to hidden.
    w: Matrix,
    /// Hidden bias.
    b: Vector,
    /// Hidden to output.
    v: Vector,
}

impl Network {
    fn random(rng: &mut ChaCha8Rng) -> Self {
        let mut network = Self::default();
        let bound = 1.0 / (HIDDEN as f64).sqrt();
        network.numbers().for_each(|number| *number = rng.random_range(-bound..bound));
        network
    }

    /// All parameters, in a fixed order.
    fn numbers(&mut self) -> impl Iterator<Item = &mut f64> {
        self.u.iter_mut().chain(self.w.as_flattened_mut()).chain(&mut self.b).chain(&mut self.v)
    }

    /// h₀ = 0, hₜ = tanh(u·xₜ + W·hₜ₋₁ + b), y = v·h_T. Returns all states, as the way back needs them, and y.
    fn forward(&self, inputs: &[f64]) -> (Vec<Vector>, f64) {
        let mut states = vec![[0.0; HIDDEN]];
        for x in inputs {
            let before = states[states.len() - 1];
            states.push(std::array::from_fn(|i| (self.u[i] * x + dot(&self.w[i], &before) + self.b[i]).tanh()));
        }
        let output = dot(&self.v, &states[inputs.len()]);
        (states, output)
    }

    /// The squared error ½(y − target)² and its gradient, by BPTT: from the last step back over so many steps, if not all.
    fn gradient(&self, inputs: &[f64], target: f64, steps: usize) -> (f64, Self) {
        let (states, output) = self.forward(inputs);
        let error = output - target;
        let mut grad = Self { v: states[inputs.len()].map(|h| error * h), ..Self::default() };

        // ∂L/∂h of the step at hand: at first from the output alone …
        let mut dh: Vector = self.v.map(|v| error * v);
        for (t, x) in inputs.iter().enumerate().rev().take(steps) {
            let (h, before) = (states[t + 1], states[t]);
            // through tanh, whose slope is 1 − h²
            let da: Vector = std::array::from_fn(|i| dh[i] * (1.0 - h[i] * h[i]));
            // Every step uses the same parameters: their gradients add up over time.
            for (i, slope) in da.iter().enumerate() {
                grad.u[i] += slope * x;
                grad.b[i] += slope;
                grad.w[i].iter_mut().zip(before).for_each(|(w, b)| *w += slope * b);
            }
            // … then from the step after it: Wᵀ·da. Many tutorials update the weights at each step without it.
            dh = std::array::from_fn(|j| (0..HIDDEN).map(|i| self.w[i][j] * da[i]).sum());
        }
        (0.5 * error * error, grad)
    }
}

fn dot(a: &Vector, b: &Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The same gradient by burn: only the forward pass is written down.
fn gradient_by_burn(network: &Network, inputs: &[f64], target: f64) -> Network {
    let device = Device::flex().autodiff();
    let column = |numbers: Vector| Tensor::<1>::from_floats(numbers.map(|x| x as f32), &device).reshape([HIDDEN, 1]);
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

    let numbers = [u, w, b, v].map(|x| x.grad(&grads).map_or(Vec::new(), |g| g.into_data().iter::<f64>().collect()));
    let mut result = Network::default();
    result.numbers().zip(numbers.concat()).for_each(|(number, slope)| *number = slope);
    result
}

fn largest_difference(mut a: Network, mut b: Network) -> f64 {
    a.numbers().zip(b.numbers()).map(|(a, b)| (*a - *b).abs()).fold(0.0, f64::max)
}

fn sequence(rng: &mut ChaCha8Rng) -> [f64; STEPS] {
    std::array::from_fn(|_| rng.random_range(-1.0..1.0))
}

fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (network, inputs) = (Network::random(&mut rng), sequence(&mut rng));
    let (_, by_hand) = network.gradient(&inputs, inputs[0], STEPS);
    let difference = largest_difference(by_hand, gradient_by_burn(&network, &inputs, inputs[0]));
    println!("largest difference between the gradient by hand and burn's: {difference:.1e}\n");
    println!("recalling the first of {STEPS} numbers, mean loss:");
    println!("{:>14}  through all steps  of the last step alone", "sequences seen");
    let [whole, cut] = [STEPS, 1].map(|steps| train(network.clone(), 10, steps));
    for (round, (whole, cut)) in whole.iter().zip(&cut).enumerate() {
        println!("{:>14}  {whole:>17.4}  {cut:>22.4}", (round + 1) * ROUND);
    }
}

/// Plain gradient descent, one sequence at a time; the mean loss of each round.
fn train(mut network: Network, rounds: usize, steps: usize) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut learn = || {
        let inputs = sequence(&mut rng);
        let (loss, mut grad) = network.gradient(&inputs, inputs[0], steps);
        network.numbers().zip(grad.numbers()).for_each(|(number, slope)| *number -= RATE * *slope);
        loss
    };
    (0..rounds).map(|_| (0..ROUND).map(|_| learn()).sum::<f64>() / ROUND as f64).collect()
}

#[cfg(test)]
#[path = "tests/elman_by_hand.rs"]
mod tests;
