//! Regression with a carried state: an Elman network reads a sine wave and says the cosine.
//!
//! One value of the sine fits two of the cosine, rising or falling: it takes the values before it to tell. A network that
//! begins each window with an empty state must guess at the window's start; one that carries its state over does not.
//! The gradient stops at the window's edge all the same: truncated back-propagation through time
//! ([Williams & Peng 1990](https://doi.org/10.1162/neco.1990.2.4.490)).
//!
//! ```sh
//! cargo run -p examples --example carried_state
//! ```
//!
//! prints both errors, at the first step of windows and at the others, and draws `carried_state.svg`.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use rnn::{Cell, Rnn, RnnConfig, State};
use training::descend;
use training::plot::{self, Legend, Line, Panel};

const WINDOW: usize = 10;
/// Windows that are learned from, one after the other; what comes after them is measured on.
const STEPS: usize = 1000;
const MEASURED: usize = 40;
/// Of the wave, in steps. No window is ever the same as one before.
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

    /// A window `[1, T, 1]` and the state before it → a value at each step `[1, T, 1]`, and the state after it.
    fn forward(&self, window: Tensor<3>, state: Option<State>) -> (Tensor<3>, State) {
        let (outputs, state) = self.rnn.forward(window, None, state); // [1, T, 16]
        (self.dense.forward(outputs), state)
    }
}

/// Sine and cosine of the steps of a window, `[1, WINDOW, 1]` each.
fn window(number: usize, device: &Device) -> (Tensor<3>, Tensor<3>) {
    let angles = Tensor::<1>::from_floats(angles(number), device).reshape([1, WINDOW, 1]);
    (angles.clone().sin(), angles.cos())
}

fn angles(window: usize) -> [f32; WINDOW] {
    std::array::from_fn(|step| ((window * WINDOW + step) as f32 / PERIOD).fract() * std::f32::consts::TAU)
}

/// Learns the windows in turn.
fn train(carry: bool, steps: usize) -> Network {
    let device = Device::flex().autodiff();
    device.seed(1);
    let mut state = None;
    let (network, _) = descend(Network::new(&device), steps, 0.01, |network, step| {
        let (sine, cosine) = window(step, &device);
        let (said, after) = network.forward(sine, state.take().filter(|_| carry));
        state = Some(after.detach()); // values go on, gradients do not
        (said - cosine).square().mean()
    });
    network
}

/// What is said of the windows after those that were learned: the errors by step, `[window][step]`.
fn errors(network: &Network, carry: bool) -> Vec<[f32; WINDOW]> {
    let mut state = None;
    // Some windows are read before the first that counts, so that there is something to carry.
    let windows = (STEPS - 5..STEPS + MEASURED).map(|number| {
        let (sine, cosine) = window(number, &Device::flex());
        let (said, after) = network.forward(sine, state.take().filter(|_| carry));
        state = Some(after);
        let error: Vec<f32> = (said - cosine).into_data().iter::<f32>().collect();
        std::array::from_fn(|step| error[step])
    });
    windows.skip(5).collect()
}

/// The mean absolute error of the first steps of windows, and of the others.
fn means(errors: &[[f32; WINDOW]]) -> [f32; 2] {
    let mean = |steps: std::ops::Range<usize>| {
        let of_window = |errors: &[f32; WINDOW]| errors[steps.clone()].iter().map(|error| error.abs()).sum::<f32>();
        errors.iter().map(of_window).sum::<f32>() / (errors.len() * steps.len()) as f32
    };
    [mean(0..1), mean(1..WINDOW)]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kinds = [("state carried over", true), ("empty state at each window", false)];
    let measured = kinds.map(|(name, carry)| (name, errors(&train(carry, STEPS), carry)));
    let cosine = |place: usize| f64::from(angles(STEPS + place / WINDOW)[place % WINDOW].cos());
    let shown = 0..6 * WINDOW;
    let truth = shown.clone().map(|place| (place as f64, cosine(place))).collect();
    let mut lines = vec![Line { name: "cosine".to_owned(), points: truth, faint: true }];
    for (name, errors) in measured {
        let [first, others] = means(&errors);
        println!("{name:26} mean absolute error at the first step of windows {first:.3}, at the others {others:.3}");
        let said = |place: usize| (place as f64, cosine(place) + f64::from(errors[place / WINDOW][place % WINDOW]));
        lines.push(Line { name: name.to_owned(), points: shown.clone().map(said).collect(), faint: false });
    }
    let panel = Panel {
        title: "The cosine, told from the sine".to_owned(),
        x: "step; a window has 10".to_owned(),
        y: "value".to_owned(),
        lines,
        legend: Legend::UpperLeft,
        caption: "At steps 0, 10, 20, … the network with an empty state has seen one value, which fits a rising and a falling \
                  wave: it says something between, and needs some steps more. Carried over, the state knows."
            .to_owned(),
        ..Panel::default()
    };
    examples::save("carried_state.svg", &plot::draw(&[panel], 1, (900, 400))?)
}

#[cfg(test)]
#[path = "tests/carried_state.rs"]
mod tests;
