//! Stateful regression with truncated back-propagation through time: an Elman network predicts cos from sin.
//!
//! Each value of the sine has two possible values of the cosine: one for the rising and one for the falling wave. The
//! previous values of the sine determine which cosine is correct. A network that starts each window with a zero state
//! does not know the previous values at the first steps of the window. A network that carries its hidden state over
//! from the previous window knows these values. For both networks the gradient stops at the start of the window:
//! truncated back-propagation through time ([Williams & Peng 1990](https://doi.org/10.1162/neco.1990.2.4.490)).
//!
//! ```sh
//! cargo run -p examples --example carried_state
//! ```
//!
//! The program prints the errors of both networks, at the first step of a window and at the other steps, and writes
//! `carried_state.svg`.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use rnn::{Cell, Rnn, RnnConfig, State};
use training::descend;
use training::plot::{self, Legend, Line, Panel};

const WINDOW: usize = 10;
/// The number of training windows. Training uses them in order of time, with one optimizer step per window.
const STEPS: usize = 1000;
/// The number of test windows, which follow the training windows.
const TEST: usize = 40;
/// The number of windows just before the test windows. They only warm up the carried hidden state: their errors are not
/// evaluated.
const WARM_UP: usize = 5;
/// The period of the wave in steps. It is irrational, so no window repeats.
const PERIOD: f32 = 10.0 * std::f32::consts::PI;

#[derive(Module, Debug)]
struct Network {
    rnn: Rnn,
    dense: Linear,
}

impl Network {
    fn new(device: &Device) -> Self {
        let rnn = RnnConfig::new(Cell::Elman, 1, 16).init(device);
        Self { rnn, dense: LinearConfig::new(16, 1).init(device) }
    }

    /// Maps a window `[1, T, 1]` and its initial state to a prediction at each step, `[1, T, 1]`, and the final state.
    fn forward(&self, window: Tensor<3>, state: Option<State>) -> (Tensor<3>, State) {
        let (outputs, state) = self.rnn.forward(window, None, state); // [1, T, 16]
        (self.dense.forward(outputs), state)
    }
}

/// Returns the sine and the cosine at the steps of the window with this index, `[1, WINDOW, 1]` each.
fn window(index: usize, device: &Device) -> (Tensor<3>, Tensor<3>) {
    let angles = Tensor::<1>::from_floats(angles(index), device).reshape([1, WINDOW, 1]);
    (angles.clone().sin(), angles.cos())
}

fn angles(window: usize) -> [f32; WINDOW] {
    std::array::from_fn(|step| ((window * WINDOW + step) as f32 / PERIOD).fract() * std::f32::consts::TAU)
}

/// Trains a network on the windows in order of time. If `carry` is true, the hidden state is carried from window to
/// window; otherwise each window starts with a zero state.
fn train(carry: bool, steps: usize) -> Network {
    let device = Device::flex().autodiff();
    device.seed(1);
    let mut state = None;
    let (network, _) = descend(Network::new(&device), steps, 0.01, |network, step| {
        let (sine, cosine) = window(step, &device);
        let (prediction, last) = network.forward(sine, state.take().filter(|_| carry));
        state = Some(last.detach()); // keeps the values, cuts the gradient
        (prediction - cosine).square().mean()
    });
    network
}

/// Computes the errors on the test windows, prediction minus cosine: `[window][step]`.
fn errors(network: &Network, carry: bool) -> Vec<[f32; WINDOW]> {
    let mut state = None;
    let windows = (STEPS - WARM_UP..STEPS + TEST).map(|index| {
        let (sine, cosine) = window(index, &Device::flex());
        let (prediction, last) = network.forward(sine, state.take().filter(|_| carry));
        state = Some(last);
        let error: Vec<f32> = (prediction - cosine).into_data().iter::<f32>().collect();
        std::array::from_fn(|step| error[step])
    });
    windows.skip(WARM_UP).collect()
}

/// Returns two mean absolute errors over all windows: at the first step of each window, and at its other steps.
fn mean_errors(errors: &[[f32; WINDOW]]) -> [f32; 2] {
    let mean = |steps: std::ops::Range<usize>| {
        let of_window = |errors: &[f32; WINDOW]| errors[steps.clone()].iter().map(|error| error.abs()).sum::<f32>();
        errors.iter().map(of_window).sum::<f32>() / (errors.len() * steps.len()) as f32
    };
    [mean(0..1), mean(1..WINDOW)]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let variants = [("carried state", true), ("zero state at each window", false)];
    let results = variants.map(|(name, carry)| (name, errors(&train(carry, STEPS), carry)));
    let cosine = |step: usize| f64::from(angles(STEPS + step / WINDOW)[step % WINDOW].cos());
    let shown = 0..6 * WINDOW;
    let truth = shown.clone().map(|step| (step as f64, cosine(step))).collect();
    let mut lines = vec![Line { name: "cosine".to_owned(), points: truth, faint: true }];
    for (name, errors) in results {
        let [first, others] = mean_errors(&errors);
        println!(
            "{name:26} mean absolute error at the first step of a window {first:.3}, at the other steps {others:.3}"
        );
        let prediction = |step: usize| (step as f64, cosine(step) + f64::from(errors[step / WINDOW][step % WINDOW]));
        lines.push(Line { name: name.to_owned(), points: shown.clone().map(prediction).collect(), faint: false });
    }
    let panel = Panel {
        title: "Cosine, predicted from the sine".to_owned(),
        x: "step (windows of 10 steps)".to_owned(),
        y: "value".to_owned(),
        lines,
        legend: Legend::UpperLeft,
        caption: "At steps 0, 10, 20, … the network with a zero state has one input value. This value fits a rising \
                  and a falling wave, so the prediction lies between both. The carried state contains the direction of \
                  the wave."
            .to_owned(),
        ..Panel::default()
    };
    examples::save("carried_state.svg", &plot::draw(&[panel], 1, (900, 400))?)
}

#[cfg(test)]
#[path = "tests/carried_state.rs"]
mod tests;
