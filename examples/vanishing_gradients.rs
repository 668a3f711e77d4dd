//! Why Elman's network forgets: the gradient of the last state with respect to each state before it, `∂L/∂hₜ`, for Elman's network,
//! LSTM and GRU.
//!
//! A step multiplies the gradient by the recurrent weights and the slope of tanh. What is multiplied a hundred times by numbers
//! below 1 is nothing ([Hochreiter 1991](https://people.idsia.ch/~juergen/SeppHochreiter1991ThesisAdvisorSchmidhuber.pdf),
//! [Bengio et al. 1994](https://doi.org/10.1109/72.279181)), and by numbers above 1 it is anything. The gradient along an
//! LSTM's memory is multiplied by its forget gate alone, which may stay near 1.
//!
//! ```sh
//! cargo run -p examples --example vanishing_gradients
//! ```
//!
//! prints the norms 10 and 99 steps back, and draws `vanishing_gradients.svg`.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, Tensor};
use rnn::{Cell, Init, Rnn, RnnConfig};
use training::clip::clip;
use training::plot::{self, Legend, Line, Panel};

const STEPS: usize = 100;
const BATCH: usize = 16;
const HIDDEN: usize = 64;
const INPUT: usize = 8;
/// The largest norm that clipping leaves.
const CLIP: f64 = 1.0;

/// ‖∂L/∂hₜ‖ for t = 1 … STEPS, where L is a random projection of the last state, as a mean over a batch; and the norm of the
/// gradient of all weights, which is what clipping looks at.
fn norms(rnn: &Rnn, device: &Device) -> (Vec<f64>, f64) {
    let mut state = rnn.zero_state(BATCH, device);
    let mut probes = Vec::new();
    for _ in 0..STEPS {
        let input = Tensor::random([BATCH, INPUT], Distribution::Normal(0.0, 1.0), device);
        state = rnn.step(input, state).1;
        // Adding zero changes nothing; but the gradient of what is added is that of the state.
        let probe = Tensor::<3>::zeros(state.hidden.dims(), device).require_grad();
        state.hidden = state.hidden + probe.clone();
        probes.push(probe);
    }
    let direction = Tensor::random([1, BATCH, HIDDEN], Distribution::Normal(0.0, 1.0), device);
    let grads = (state.hidden * direction).sum().backward();
    let norm = |probe: &Tensor<3>| {
        // In double precision: the squares of what has vanished are below all numbers of 32 bits.
        let grad: Vec<f64> = probe.grad(&grads)?.into_data().iter::<f64>().collect();
        let norm = |row: &[f64]| row.iter().map(|slope| slope * slope).sum::<f64>().sqrt();
        Some(grad.chunks(HIDDEN).map(norm).sum::<f64>() / BATCH as f64)
    };
    let states = probes.iter().filter_map(norm).collect();
    (states, clip(rnn, GradientsParams::from_grads(grads, rnn), 1.0, None).1)
}

/// What is measured: a name and a network.
fn networks(device: &Device) -> Vec<(&'static str, Rnn)> {
    let rnn = |cell, init| RnnConfig::new(cell, INPUT, HIDDEN).with_initializer(init).init(device);
    let mut large = rnn(Cell::Elman, Init::Orthogonal);
    large.layers[0].forward.weight_hh = large.layers[0].forward.weight_hh.clone().map(|weight| weight * 2.5);
    let mut open = rnn(Cell::Lstm, Init::Orthogonal);
    // The forget gate's biases: the second quarter of them.
    open.layers[0].forward.bias_ih = open.layers[0].forward.bias_ih.clone().map(|bias| {
        let forget = Tensor::full([HIDDEN], 4.0, &bias.device());
        Tensor::cat(vec![bias.clone().narrow(0, 0, HIDDEN), forget, bias.narrow(0, 2 * HIDDEN, 2 * HIDDEN)], 0)
    });
    vec![
        ("Elman", rnn(Cell::Elman, Init::Uniform)),
        ("Elman, orthogonal", rnn(Cell::Elman, Init::Orthogonal)),
        ("Elman, 2.5 × orthogonal", large),
        ("LSTM, forget gate open (bias 4)", open),
        ("LSTM, bias 1", rnn(Cell::Lstm, Init::Orthogonal)),
        ("GRU", rnn(Cell::Gru, Init::Orthogonal)),
    ]
}

/// Norms after the gradient of the weights was clipped: all that it is made of shrinks alike.
fn clipped((norms, of_weights): &(Vec<f64>, f64)) -> Vec<f64> {
    norms.iter().map(|norm| norm * (CLIP / of_weights).min(1.0)).collect()
}

/// The logarithm of each norm over the steps back from the last.
fn line(name: &str, norms: &[f64]) -> Line {
    let points = norms.iter().rev().enumerate().map(|(back, norm)| (back as f64, norm.log10()));
    Line { name: name.to_owned(), points: points.collect(), faint: false }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    device.seed(1);
    let measured: Vec<_> = networks(&device).iter().map(|(name, rnn)| (*name, norms(rnn, &device))).collect();
    for (name, (norms, _)) in &measured {
        println!("{name:32} 10 steps back {:.1e}, 99 steps back {:.1e}", norms[STEPS - 11], norms[0]);
    }
    let mut lines: Vec<Line> = measured.iter().map(|(name, (norms, _))| line(name, norms)).collect();
    lines.push(line("2.5 × orthogonal, clipped", &clipped(&measured[2].1)));
    let panel = Panel {
        title: "How far back does a gradient reach?".to_owned(),
        x: "steps back from the last".to_owned(),
        y: "log₁₀ of the norm of ∂L/∂h".to_owned(),
        lines,
        legend: Legend::LowerLeft,
        caption: "A falling line is a network that cannot learn from what lies far back. \
                  Orthogonal weights only slow the fall; large ones let it rise, and clipping then moves the whole line down \
                  without bending it. The LSTM whose forget gate is open stays nearly level: it can learn over a hundred steps."
            .to_owned(),
        ..Panel::default()
    };
    examples::save("vanishing_gradients.svg", &plot::draw(&[panel], 1, (900, 560))?)
}

#[cfg(test)]
#[path = "tests/vanishing_gradients.rs"]
mod tests;
