//! Multi-step time-series forecasting: a stacked LSTM forecasts a noisy sine wave recursively.
//!
//! ```text
//! window [B, 50, 1] ─► LSTM, 2 layers of 32 ─► last output [B, 32] ─► dense ─► the next value [B, 1]
//! ```
//!
//! ```sh
//! cargo run -p examples --example sine_wave
//! ```
//!
//! The program prints the training loss and the error of a forecast over 150 steps. Each forecast value becomes an
//! input of the next steps. The baseline repeats the last value. The program also writes the picture `sine_wave.svg`.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rnn::{Cell, Rnn, RnnConfig};
use training::descend;
use training::plot::{self, Legend, Line, Panel};

const LOOK_BACK: usize = 50;
const BATCH_SIZE: usize = 32;
const STEPS: usize = 400;
const HORIZON: usize = 150;
const NOISE: f32 = 0.1;

#[derive(Module, Debug)]
struct Forecaster {
    rnn: Rnn,
    dense: Linear,
}

impl Forecaster {
    fn new(device: &Device) -> Self {
        Self {
            rnn: RnnConfig::new(Cell::Lstm, 1, 32).with_num_layers(2).init(device),
            dense: LinearConfig::new(32, 1).init(device),
        }
    }

    /// Maps windows `[B, LOOK_BACK, 1]` to the next value of each window, `[B, 1]`.
    fn forward(&self, windows: Tensor<3>) -> Tensor<2> {
        let (outputs, _) = self.rnn.forward(windows, None, None); // [B, T, 32]
        self.dense.forward(outputs.narrow(1, LOOK_BACK - 1, 1).squeeze_dim(1))
    }

    /// Forecasts `steps` values after a window. Each forecast value becomes an input of the next steps.
    fn forecast(&self, window: &[f32], steps: usize, device: &Device) -> Vec<f32> {
        let mut values = window.to_vec();
        for _ in 0..steps {
            let last = &values[values.len() - LOOK_BACK..];
            values.push(self.forward(tensor(&[last], device)).into_scalar());
        }
        values.split_off(window.len())
    }
}

fn tensor(windows: &[&[f32]], device: &Device) -> Tensor<3> {
    Tensor::from_data(TensorData::new(windows.concat(), [windows.len(), LOOK_BACK, 1]), device)
}

fn clean(step: usize) -> f32 {
    (step as f32 * std::f32::consts::TAU / 40.0).sin()
}

/// Returns a sine wave with a period of 40 steps, plus uniform noise.
fn noisy(steps: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    (0..steps).map(|step| clean(step) + rng.random_range(-NOISE..NOISE)).collect()
}

fn train(series: &[f32], steps: usize, rng: &mut ChaCha8Rng) -> Forecaster {
    let device = Device::flex().autodiff();
    device.seed(1);
    let (model, losses) = descend(Forecaster::new(&device), steps, 0.01, |model, _| {
        let starts: Vec<usize> = (0..BATCH_SIZE).map(|_| rng.random_range(0..series.len() - LOOK_BACK)).collect();
        let windows: Vec<&[f32]> = starts.iter().map(|start| &series[*start..start + LOOK_BACK]).collect();
        let next: Vec<f32> = starts.iter().map(|start| series[start + LOOK_BACK]).collect();
        let next = Tensor::<2>::from_data(TensorData::new(next, [BATCH_SIZE, 1]), &device);
        (model.forward(tensor(&windows, &device)) - next).square().mean()
    });
    for step in (49..steps).step_by(50) {
        println!("step {}: mean squared error {:.4}", step + 1, losses[step]);
    }
    model
}

fn mean_absolute_error(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32
}

/// Plots the noisy history, the true values and the forecast.
fn picture(history: &[f32], truth: &[f32], forecast: &[f32]) -> Panel {
    let line = |name: &str, from: usize, values: &[f32], faint| {
        let points = values.iter().enumerate().map(|(step, value)| ((from + step) as f64, f64::from(*value)));
        Line { name: name.to_owned(), points: points.collect(), faint }
    };
    let start = history.len();
    Panel {
        title: "Recursive forecast of a stacked LSTM".to_owned(),
        x: "step".to_owned(),
        y: "value".to_owned(),
        lines: vec![
            line("truth", start, truth, false),
            line("forecast", start, forecast, false),
            line("noisy history", 0, history, true),
        ],
        legend: Legend::UpperLeft,
        caption:
            "From step 100 on, the network has no true values. From step 150 on, its inputs are forecasts only. The \
                  amplitude stays correct, and small phase errors accumulate."
                .to_owned(),
        ..Panel::default()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let series = noisy(2000, &mut rng);
    let model = train(&series, STEPS, &mut rng);
    let history = &series[series.len() - 100..];
    let truth: Vec<f32> = (0..HORIZON).map(|step| clean(series.len() + step)).collect();
    let forecast = model.forecast(history, HORIZON, &Device::flex());
    let repeated = vec![series[series.len() - 1]; HORIZON];
    println!("mean absolute error of the LSTM over {HORIZON} steps: {:.3}", mean_absolute_error(&forecast, &truth));
    println!(
        "mean absolute error of a forecast that repeats the last value: {:.3}",
        mean_absolute_error(&repeated, &truth)
    );
    examples::save("sine_wave.svg", &plot::draw(&[picture(history, &truth, &forecast)], 1, (900, 400))?)
}

#[cfg(test)]
#[path = "tests/sine_wave.rs"]
mod tests;
