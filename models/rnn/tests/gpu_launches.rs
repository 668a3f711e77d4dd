//! The number of kernels that a layer launches on a GPU does not depend on the number of steps. Run it like the tests
//! of `gpu.rs`. This file has only one test, because launches are counted for the whole process.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::{Device, Distribution, Tensor};
use cubecl::logging::{LaunchObservation, LaunchObserver};
use rnn::{Cell, Rnn, RnnConfig};

#[derive(Default)]
struct Count(AtomicUsize);

impl LaunchObserver for Count {
    fn launched(&self, _kernel: &'static str) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn gpu() -> Device {
    #[cfg(feature = "vulkan")]
    return Device::vulkan(Default::default());
    #[cfg(not(feature = "vulkan"))]
    return Device::wgpu(Default::default());
}

/// The number of launches of a forward and a backward pass over `time` steps.
fn launches(rnn: &Rnn, time: usize, device: &Device) -> usize {
    let input = Tensor::<3>::random([3, time, 16], Distribution::Default, device).require_grad();
    let lengths = [time, time / 2, 1];
    let count = Arc::new(Count::default());
    let observation = LaunchObservation::new(count.clone());
    let gradients = rnn.forward(input.clone(), Some(&lengths), None).0.sum().backward();
    assert!(input.grad(&gradients).is_some());
    device.sync().unwrap();
    drop(observation);
    count.0.load(Ordering::Relaxed)
}

#[test]
fn launches_do_not_depend_on_the_number_of_steps() {
    let device = gpu().autodiff();
    for (cell, most) in [(Cell::Elman, 80), (Cell::Lstm, 80), (Cell::Gru, 100), (Cell::GruResetBefore, 100)] {
        let rnn = RnnConfig::new(cell, 16, 32).with_bidirectional(true).init(&device);
        let [few, many] = [4, 64].map(|time| launches(&rnn, time, &device));
        println!("{cell:?}: {few} launches for a bidirectional layer, forward and backward");
        assert_eq!(few, many, "{cell:?}");
        assert!(few <= most, "{cell:?}: {few} launches");
    }
}
