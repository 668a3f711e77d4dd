//! The kinds of dropout that recurrent networks need; [`burn::nn::Dropout`] draws anew at every step.

mod embedding;
mod locked;
mod weight;

use burn::module::{Flag, Module, Param};
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use crate::fused::has_kernels;

pub use embedding::EmbeddingDropout;
pub use locked::LockedDropout;
pub use weight::WeightDropout;

/// What a kind of dropout multiplies by. It acts on autodiff devices only, as burn's does, and not in a frozen module.
#[derive(Module, Debug)]
struct Mask {
    prob: f64,
    /// Cleared by [`freeze`](burn::module::Module::freeze).
    training: Param<Flag>,
}

impl Mask {
    /// # Panics
    ///
    /// If `prob` is not in `[0, 1)`.
    fn new(prob: f64) -> Self {
        assert!((0.0..1.0).contains(&prob), "dropout: probability {prob} is not in [0, 1)");
        Self { prob, training: Param::from_bool(true) }
    }

    /// Zeros with probability `prob`, else `1 / (1 − prob)`; `None` where nothing is to be dropped.
    fn draw<const D: usize>(&self, shape: [usize; D], device: &Device) -> Option<Tensor<D>> {
        let acts = self.prob > 0.0 && device.is_autodiff() && self.training.is_enabled();
        let keep = 1.0 - self.prob;
        match shape.iter().product::<usize>() >= LARGE && has_kernels(device, &[]) {
            _ if !acts => None,
            true => Some(large(shape, keep, device)),
            false => Some(Tensor::random(shape, Distribution::Bernoulli(keep), device).div_scalar(keep)),
        }
    }
}

/// Values from which on a mask is drawn by [`large`].
const LARGE: usize = 1 << 16;

/// A mask drawn on the host, from 16 random bits a value: ten times as fast as burn's. The seed comes from the device.
fn large<const D: usize>(shape: [usize; D], keep: f64, device: &Device) -> Tensor<D> {
    let seed = Tensor::<1>::random([1], Distribution::Uniform(0.0, f64::from(1 << 24)), device);
    let mut rng = ChaCha8Rng::seed_from_u64(f64::from(seed.into_scalar::<f32>()) as u64);
    let mut bits = vec![0; 2 * shape.iter().product::<usize>()];
    rng.fill_bytes(&mut bits);
    let (below, scale) = ((keep * 65536.0).round() as u32, (1.0 / keep) as f32);
    let value = |bits: &[u8; 2]| if u32::from(u16::from_le_bytes(*bits)) < below { scale } else { 0.0 };
    let values: Vec<f32> = bits.as_chunks().0.iter().map(value).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
