//! Random tensors for the unit tests. burn's random generator is global to the process: tests that run in other threads
//! would change its numbers.

use burn::tensor::{Device, Tensor, TensorData};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// A source of tensors whose values depend on the seed only.
pub struct Draw {
    rng: ChaCha8Rng,
    device: Device,
}

impl Draw {
    pub fn new(seed: u64, device: &Device) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), device: device.clone() }
    }

    /// Draws values with mean 0 and variance 1.
    pub fn tensor<const D: usize>(&mut self, shape: [usize; D]) -> Tensor<D> {
        let bound = 3f32.sqrt();
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| self.rng.random_range(-bound..bound)).collect();
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
}
