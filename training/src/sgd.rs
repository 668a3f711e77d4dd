//! Stochastic gradient descent, with momentum as PyTorch has it.
//!
//! It is burn's, but for the plain rule on `flex`: there the weights are changed where they are, which for a large vocabulary
//! saves more time than the layers below it take.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{LearningRate, Optimizer, SgdConfig, SgdState};
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

use crate::host::{self, CHUNK};

/// The rule.
#[derive(Clone)]
pub struct Sgd {
    l2: f32,
    momentum: f64,
    composed: burn::optim::Sgd,
}

impl Sgd {
    /// `l2` times the weights is added to the gradient.
    pub fn new(l2: f32, momentum: f64) -> Self {
        let moving = (momentum > 0.0).then_some(MomentumConfig { momentum, dampening: 0.0, nesterov: false });
        let decay = (l2 > 0.0).then(|| WeightDecayConfig::new(l2));
        Self { l2, momentum, composed: SgdConfig::new().with_weight_decay(decay).with_momentum(moving).build() }
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
        if self.momentum > 0.0 || !host::has(&tensor) || !host::has(&grad) {
            return self.composed.step(lr, tensor, grad, state);
        }
        let (keep, lr) = (1.0 - lr as f32 * self.l2, lr as f32);
        let grad = grad.into_data();
        let Ok(grad) = grad.as_slice::<f32>() else { unreachable!("`host::has` has seen that it is of 32 bits") };
        let change = |(weights, grads): (&mut [f32], &[f32])| {
            for (weight, grad) in weights.iter_mut().zip(grads) {
                *weight = keep * *weight - lr * grad;
            }
        };
        let changed =
            host::change(tensor, |weights| weights.par_chunks_mut(CHUNK).zip(grad.par_chunks(CHUNK)).for_each(change));
        (changed, None)
    }

    fn to_device<const D: usize>(state: SgdState<D>, device: &Device) -> SgdState<D> {
        burn::optim::Sgd::to_device(state, device)
    }
}
