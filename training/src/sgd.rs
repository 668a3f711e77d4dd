//! Stochastic gradient descent (SGD), with PyTorch's definition of momentum.
//!
//! On the CPU backend `flex` and on GPUs, SGD without momentum updates the weights in place. This is faster than burn's
//! SGD if the model has large embeddings. All other cases use burn's SGD.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{LearningRate, Optimizer, SgdConfig, SgdState};
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

#[cfg(feature = "cube")]
use crate::gpu;
use crate::host::{self, CHUNK};

/// Stochastic gradient descent with optional momentum.
#[derive(Clone)]
pub struct Sgd {
    l2: f32,
    momentum: f64,
    composed: burn::optim::Sgd,
}

impl Sgd {
    /// Creates the optimizer. `l2` is the factor of the L2 penalty, PyTorch's `weight_decay`: the optimizer adds `l2`
    /// times the weights to the gradient.
    pub fn new(l2: f32, momentum: f64) -> Self {
        let momentum_config = (momentum > 0.0).then_some(MomentumConfig { momentum, dampening: 0.0, nesterov: false });
        let decay = (l2 > 0.0).then(|| WeightDecayConfig::new(l2));
        Self {
            l2,
            momentum,
            composed: SgdConfig::new().with_weight_decay(decay).with_momentum(momentum_config).build(),
        }
    }
}

impl Optimizer for Sgd {
    type State<const D: usize> = SgdState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<SgdState<D>>,
    ) -> (Tensor<D>, Option<SgdState<D>>) {
        #[cfg(feature = "cube")]
        if self.momentum == 0.0 && gpu::serves(&tensor) && gpu::serves(&grad) {
            let keep = 1.0 - lr as f32 * self.l2;
            return (gpu::descend(tensor, grad, keep, lr as f32), None);
        }
        if self.momentum > 0.0 || !host::is_slice(&tensor) || !host::is_slice(&grad) {
            return self.composed.step(lr, tensor, grad, state);
        }
        let (keep, lr) = (1.0 - lr as f32 * self.l2, lr as f32);
        let grad = grad.into_data();
        let Ok(grad) = grad.as_slice::<f32>() else { unreachable!("`host::is_slice` checks for single precision") };
        let update = |(weights, grads): (&mut [f32], &[f32])| {
            for (weight, grad) in weights.iter_mut().zip(grads) {
                *weight = keep * *weight - lr * grad;
            }
        };
        let updated =
            host::update(tensor, |weights| weights.par_chunks_mut(CHUNK).zip(grad.par_chunks(CHUNK)).for_each(update));
        (updated, None)
    }

    fn to_device<const D: usize>(state: SgdState<D>, device: &Device) -> SgdState<D> {
        burn::optim::Sgd::to_device(state, device)
    }
}
