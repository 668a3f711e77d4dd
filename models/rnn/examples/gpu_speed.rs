//! Measures the time of one forward pass, and of one forward and backward pass, of recurrent layers on a GPU, in
//! milliseconds.
//!
//! ```sh
//! cargo run -p rnn --example gpu_speed --features vulkan
//! ```

use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use rnn::{Cell, RnnConfig};

/// The measured layers: batch size, number of steps, input size and hidden size.
const SHAPES: [[usize; 4]; 5] =
    [[32, 200, 128, 128], [20, 20, 200, 200], [20, 35, 650, 650], [64, 120, 7, 32], [128, 48, 321, 512]];
/// The number of rounds before the measurement, and the number of measured rounds. A round is one forward pass, or one
/// forward and backward pass. The result is the median time of a round.
const ROUNDS: [usize; 2] = [5, 15];

fn device() -> Device {
    #[cfg(feature = "vulkan")]
    return Device::vulkan(Default::default());
    #[cfg(not(feature = "vulkan"))]
    return Device::wgpu(Default::default());
}

fn main() {
    let device = device();
    println!("{:>5} {:>20} {:>12} {:>12}", "cell", "shape", "forward ms", "training ms");
    for [batch, time, input, hidden] in SHAPES {
        for cell in [Cell::Lstm, Cell::Gru] {
            let config = RnnConfig::new(cell, input, hidden);
            let draw = |device: &Device| Tensor::<3>::random([batch, time, input], Distribution::Default, device);
            let (rnn, steps) = (config.init(&device), draw(&device));
            let forward = median(&device, || {
                let _ = rnn.forward(steps.clone(), None, None);
            });
            let training_device = device.clone().autodiff();
            let (rnn, steps) = (config.init(&training_device), draw(&training_device).require_grad());
            let training = median(&device, || {
                let _ = rnn.forward(steps.clone(), None, None).0.sum().backward();
            });
            let shape = format!("{batch}×{time}×{input}→{hidden}");
            println!("{:>5} {shape:>20} {forward:>12.3} {training:>12.3}", format!("{cell:?}"));
        }
    }
}

/// Returns the median time of one call of `round` in milliseconds. The time includes all work of the call on
/// the device.
fn median(device: &Device, mut round: impl FnMut()) -> f64 {
    let mut timed = || {
        let start = Instant::now();
        round();
        device.sync().unwrap_or_else(|error| panic!("the device failed: {error}"));
        start.elapsed().as_secs_f64() * 1e3
    };
    (0..ROUNDS[0]).for_each(|_| _ = timed());
    let mut times: Vec<f64> = (0..ROUNDS[1]).map(|_| timed()).collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS[1] / 2]
}
