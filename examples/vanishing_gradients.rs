//! Vanishing and exploding gradients: the gradient of a loss at the last step with respect to each hidden state,
//! `∂L/∂hₜ`, for Elman network, LSTM and GRU.
//!
//! Each step back multiplies the gradient by the recurrent weights and the derivative of tanh. Over a hundred steps,
//! factors below 1 make the gradient vanish ([Hochreiter
//! 1991](https://people.idsia.ch/~juergen/SeppHochreiter1991ThesisAdvisorSchmidhuber.pdf), [Bengio et al.
//! 1994](https://doi.org/10.1109/72.279181)), and factors above 1 make it explode. Along the cell state of an LSTM, the
//! only factor is the forget gate, which can stay near 1.
//!
//! ```sh
//! cargo run -p examples --example vanishing_gradients
//! ```
//!
//! The program prints the gradient norms 10 and 99 steps back, and writes `vanishing_gradients.svg`.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, Tensor};
use rnn::{Cell, Init, Rnn, RnnConfig};
use training::clip::clip;
use training::plot::{self, Legend, Line, Panel};

const STEPS: usize = 100;
const BATCH_SIZE: usize = 16;
const HIDDEN: usize = 64;
const INPUT: usize = 8;
/// The maximum gradient norm for clipping.
const CLIP: f64 = 1.0;

/// Returns the norm ‖∂L/∂hₜ‖ of each step t = 1 … STEPS, averaged over a batch, and the global norm of the gradient of
/// all weights before clipping. The loss L is a random projection of the last hidden state.
fn norms(rnn: &Rnn, device: &Device) -> (Vec<f64>, f64) {
    let mut state = rnn.zero_state(BATCH_SIZE, device);
    let mut probes = Vec::new();
    for _ in 0..STEPS {
        let input = Tensor::random([BATCH_SIZE, INPUT], Distribution::Normal(0.0, 1.0), device);
        state = rnn.step(input, state).1;
        // A zero tensor is added to the hidden state. The gradient of this tensor equals the gradient of the hidden
        // state.
        let probe = Tensor::<3>::zeros(state.hidden.dims(), device).require_grad();
        state.hidden = state.hidden + probe.clone();
        probes.push(probe);
    }
    let direction = Tensor::random([1, BATCH_SIZE, HIDDEN], Distribution::Normal(0.0, 1.0), device);
    let grads = (state.hidden * direction).sum().backward();
    let norm = |probe: &Tensor<3>| {
        // The norm is computed in f64, because the squares of vanished gradients underflow in f32.
        let grad: Vec<f64> = probe.grad(&grads)?.into_data().iter::<f64>().collect();
        let norm = |row: &[f64]| row.iter().map(|slope| slope * slope).sum::<f64>().sqrt();
        Some(grad.chunks(HIDDEN).map(norm).sum::<f64>() / BATCH_SIZE as f64)
    };
    let states = probes.iter().filter_map(norm).collect();
    (states, clip(rnn, GradientsParams::from_grads(grads, rnn), 1.0, None).1)
}

/// Returns the networks to compare, with their names in the plot.
fn networks(device: &Device) -> Vec<(&'static str, Rnn)> {
    let rnn = |cell, init| RnnConfig::new(cell, INPUT, HIDDEN).with_initializer(init).init(device);
    let mut large = rnn(Cell::Elman, Init::Orthogonal);
    large.layers[0].forward.weight_hh = large.layers[0].forward.weight_hh.clone().map(|weight| weight * 2.5);
    let mut open_gate = rnn(Cell::Lstm, Init::Orthogonal);
    // The second quarter of the biases belongs to the forget gate.
    open_gate.layers[0].forward.bias_ih = open_gate.layers[0].forward.bias_ih.clone().map(|bias| {
        let forget = Tensor::full([HIDDEN], 4.0, &bias.device());
        Tensor::cat(vec![bias.clone().narrow(0, 0, HIDDEN), forget, bias.narrow(0, 2 * HIDDEN, 2 * HIDDEN)], 0)
    });
    vec![
        ("Elman", rnn(Cell::Elman, Init::Uniform)),
        ("Elman, orthogonal", rnn(Cell::Elman, Init::Orthogonal)),
        ("Elman, 2.5 × orthogonal", large),
        ("LSTM, forget bias 4", open_gate),
        ("LSTM, forget bias 1", rnn(Cell::Lstm, Init::Orthogonal)),
        ("GRU", rnn(Cell::Gru, Init::Orthogonal)),
    ]
}

/// Returns the norms ‖∂L/∂hₜ‖ after gradient clipping. Clipping multiplies the gradient of the weights by one factor.
/// This gradient is a sum over the steps, so the factor also applies to the norm of each step.
fn clipped((norms, weights_norm): &(Vec<f64>, f64)) -> Vec<f64> {
    norms.iter().map(|norm| norm * (CLIP / weights_norm).min(1.0)).collect()
}

/// Returns a line of the plot: x is the number of steps back from the last step, y is log₁₀ of the norm at that step.
fn line(name: &str, norms: &[f64]) -> Line {
    let points = norms.iter().rev().enumerate().map(|(back, norm)| (back as f64, norm.log10()));
    Line { name: name.to_owned(), points: points.collect(), faint: false }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    device.seed(1);
    let measured: Vec<_> = networks(&device).iter().map(|(name, rnn)| (*name, norms(rnn, &device))).collect();
    for (name, (norms, _)) in &measured {
        println!("{name:32} gradient norm 10 steps back {:.1e}, 99 steps back {:.1e}", norms[STEPS - 11], norms[0]);
    }
    let mut lines: Vec<Line> = measured.iter().map(|(name, (norms, _))| line(name, norms)).collect();
    lines.push(line("2.5 × orthogonal, clipped", &clipped(&measured[2].1)));
    let panel = Panel {
        title: "Vanishing and exploding gradients".to_owned(),
        x: "steps back from the last step".to_owned(),
        y: "log₁₀ of the norm of ∂L/∂h".to_owned(),
        lines,
        legend: Legend::LowerLeft,
        caption: "A falling line is a vanishing gradient: the network cannot learn from distant inputs. Orthogonal weights \
                  slow the decay. Large weights make the gradient explode; clipping scales the whole line and keeps its \
                  slope. With a forget bias of 4 the gradient of the LSTM is nearly constant over a hundred steps."
            .to_owned(),
        ..Panel::default()
    };
    examples::save("vanishing_gradients.svg", &plot::draw(&[panel], 1, (900, 560))?)
}

#[cfg(test)]
#[path = "tests/vanishing_gradients.rs"]
mod tests;
