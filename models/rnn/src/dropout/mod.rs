//! Dropout for recurrent networks. [`Dropout`] draws a new mask at every time step. In one forward pass, the other
//! layers in this module use one mask for all time steps.

mod embedding;
mod locked;
mod ordinary;
mod rows;
mod weight;

use burn::module::{Flag, Module, Param};
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use crate::fused::has_kernels;

pub use embedding::EmbeddingDropout;
pub use locked::LockedDropout;
pub use ordinary::Dropout;
pub use rows::Rows;
pub use weight::WeightDropout;

/// Draws the masks of the dropout layers. Like [`burn::nn::Dropout`], a `Mask` is active on autodiff devices (devices
/// that record gradients) only, and not in a frozen module. Without burn's feature `autodiff`, it never draws a mask.
#[derive(Module, Debug)]
struct Mask {
    /// The probability that a value is dropped.
    prob: f64,
    /// True until [`freeze`](burn::module::Module::freeze) sets the flag to false. In a frozen module, the dropout is
    /// inactive.
    training: Param<Flag>,
}

impl Mask {
    /// Creates a generator of masks that drop each value with probability `prob`.
    ///
    /// # Panics
    ///
    /// If `prob` is not in `[0, 1)`.
    fn new(prob: f64) -> Self {
        assert!((0.0..1.0).contains(&prob), "dropout: probability {prob} is not in [0, 1)");
        Self { prob, training: Param::from_bool(true) }
    }

    /// Draws a mask of the given shape: each value is 0 with probability `prob`, and `1 / (1 − prob)` otherwise.
    /// Returns `None` if the dropout is inactive.
    fn draw<const D: usize>(&self, shape: [usize; D], device: &Device) -> Option<Tensor<D>> {
        let active = self.prob > 0.0 && device.is_autodiff() && self.training.is_enabled();
        let keep = 1.0 - self.prob;
        match shape.iter().product::<usize>() >= LARGE && has_kernels(device, &[]) {
            _ if !active => None,
            true => Some(host_mask(shape, keep, device)),
            false => Some(Tensor::random(shape, Distribution::Bernoulli(keep), device).div_scalar(keep)),
        }
    }
}

/// On the CPU backend `flex`, a mask with at least this number of values is drawn by [`host_mask`].
const LARGE: usize = 1 << 16;

/// Draws a mask on the CPU from 16 random bits per value, which is faster than burn's Bernoulli distribution. `keep` is
/// the probability that a value is not dropped. The seed comes from the device's generator, so `device.seed(n)` makes
/// the mask reproducible.
fn host_mask<const D: usize>(shape: [usize; D], keep: f64, device: &Device) -> Tensor<D> {
    let seed = Tensor::<1>::random([1], Distribution::Uniform(0.0, f64::from(1 << 24)), device);
    let mut rng = ChaCha8Rng::seed_from_u64(f64::from(seed.into_scalar::<f32>()) as u64);
    let mut bits = vec![0; 2 * shape.iter().product::<usize>()];
    rng.fill_bytes(&mut bits);
    let (threshold, scale) = ((keep * 65536.0).round() as u32, (1.0 / keep) as f32);
    let value = |bits: &[u8; 2]| if u32::from(u16::from_le_bytes(*bits)) < threshold { scale } else { 0.0 };
    let values: Vec<f32> = bits.as_chunks().0.iter().map(value).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
