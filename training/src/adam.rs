//! Adam ([Kingma & Ba 2015](https://arxiv.org/abs/1412.6980)) and AdamW
//! ([Loshchilov & Hutter 2019](https://arxiv.org/abs/1711.05101)).
//!
//! On the CPU backend `flex`, one pass over a parameter updates its values and moments in place. A step composed of
//! tensor operations would read the values and moments about a dozen times and allocate memory for each intermediate
//! result. The powers of β are computed in double precision, unlike in burn's own Adam, because the first steps are
//! sensitive to the rounding of these powers.

use burn::optim::{AdamW, AdamWState, AdaptiveMomentumState, LearningRate, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};
use pulp::Arch;
use rayon::prelude::*;

#[cfg(feature = "cube")]
use crate::gpu;
use crate::host::{self, CHUNK};

/// The decay rate β₁ of the first moment: PyTorch's default.
pub const BETA_1: f32 = 0.9;
/// The decay rate β₂ of the second moment: PyTorch's default.
pub const BETA_2: f32 = 0.999;
/// The value ε that is added to the denominator of an update: PyTorch's default.
pub const EPSILON: f32 = 1e-8;

/// The optimizers Adam and AdamW. The state has the same type as the state of burn's AdamW.
#[derive(Clone)]
pub struct Adam {
    l2: f32,
    decay: f32,
}

impl Adam {
    /// Creates the optimizer. `l2` is the factor of the L2 term: `l2` times the weights is added to the gradient
    /// (Adam). `decay` is the factor of decoupled weight decay: in each step, the weights shrink by `decay` times the
    /// learning rate (AdamW).
    pub fn new(l2: f32, decay: f32) -> Self {
        Self { l2, decay }
    }
}

impl Optimizer for Adam {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<AdamWState<D>>,
    ) -> (Tensor<D>, Option<AdamWState<D>>) {
        let zero = || AdaptiveMomentumState::new(0, tensor.zeros_like(), tensor.zeros_like());
        let state = state.map_or_else(zero, |state| state.momentum);
        let step = Step::new(self, lr, state.time + 1);
        let (tensor, state) = step.update(tensor, grad, state);
        (tensor, Some(AdamWState::new(state)))
    }

    fn to_device<const D: usize>(state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        AdamW::to_device(state, device)
    }
}

/// The coefficients of one step of Adam or AdamW.
#[derive(Clone, Copy)]
pub struct Step {
    /// The number of the step, counted from 1.
    time: usize,
    /// The factor of the L2 term.
    pub l2: f32,
    /// The factor by which decoupled weight decay multiplies the weights: 1 − learning rate × decay.
    pub keep: f32,
    /// The learning rate divided by `1 − β₁ᵗ`, which corrects the bias of the first moment.
    pub lr: f32,
    /// The factor `1 / √(1 − β₂ᵗ)`, which corrects the bias of the second moment.
    pub scale: f32,
}

impl Step {
    fn new(adam: &Adam, lr: LearningRate, time: usize) -> Self {
        let correction = |beta: f32| 1.0 - f64::from(beta).powi(time as i32);
        Self {
            time,
            l2: adam.l2,
            keep: (1.0 - lr * f64::from(adam.decay)) as f32,
            lr: (lr / correction(BETA_1)) as f32,
            scale: correction(BETA_2).sqrt().recip() as f32,
        }
    }

    /// Updates a parameter and its moments. Kernels of this crate update single-precision tensors on the backend `flex`
    /// and on GPUs. burn's tensor operations update all other tensors.
    fn update<const D: usize>(
        self,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: AdaptiveMomentumState<D>,
    ) -> (Tensor<D>, AdaptiveMomentumState<D>) {
        #[cfg(feature = "cube")]
        if gpu::serves(&tensor) && gpu::serves(&grad) {
            let [tensor, moment_1, moment_2] = gpu::adam(self, [tensor, state.moment_1, state.moment_2, grad]);
            return (tensor, AdaptiveMomentumState { time: self.time, moment_1, moment_2, max_moment_2: None });
        }
        match host::is_slice(&tensor) && host::is_slice(&grad) {
            true => self.in_place(tensor, grad, state),
            false => self.composed(tensor, grad, state),
        }
    }

    fn composed<const D: usize>(
        self,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: AdaptiveMomentumState<D>,
    ) -> (Tensor<D>, AdaptiveMomentumState<D>) {
        let grad = if self.l2 > 0.0 { grad + tensor.clone().mul_scalar(self.l2) } else { grad };
        let moment_1 = state.moment_1.mul_scalar(BETA_1) + grad.clone().mul_scalar(1.0 - BETA_1);
        let moment_2 = state.moment_2.mul_scalar(BETA_2) + grad.powi_scalar(2).mul_scalar(1.0 - BETA_2);
        let deviation = moment_2.clone().sqrt().mul_scalar(self.scale).add_scalar(EPSILON);
        let tensor = tensor.mul_scalar(self.keep) - moment_1.clone().div(deviation).mul_scalar(self.lr);
        (tensor, AdaptiveMomentumState { time: self.time, moment_1, moment_2, max_moment_2: None })
    }

    fn in_place<const D: usize>(
        self,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: AdaptiveMomentumState<D>,
    ) -> (Tensor<D>, AdaptiveMomentumState<D>) {
        let device = tensor.device();
        let [mut weights, mut moment_1, mut moment_2] =
            [tensor, state.moment_1, state.moment_2].map(|tensor| tensor.into_data());
        self.run(grad.into_data(), [&mut weights, &mut moment_1, &mut moment_2]);
        let [weights, moment_1, moment_2] = [weights, moment_1, moment_2].map(|data| Tensor::from_data(data, &device));
        (weights, AdaptiveMomentumState { time: self.time, moment_1, moment_2, max_moment_2: None })
    }

    /// Applies one step of Adam in place. `updated` are the values of a parameter, of its first moment and of its
    /// second moment.
    fn run(self, grads: TensorData, updated: [&mut TensorData; 3]) {
        let [weights, moment_1, moment_2] = updated.map(|data| data.as_mut_slice::<f32>());
        let (Ok(weights), Ok(moment_1), Ok(moment_2), Ok(grads)) = (weights, moment_1, moment_2, grads.as_slice())
        else {
            unreachable!("`host::is_slice` checks for single precision")
        };
        let weights = weights.par_chunks_mut(CHUNK);
        let moments = moment_1.par_chunks_mut(CHUNK).zip(moment_2.par_chunks_mut(CHUNK));
        weights.zip(moments).zip(grads.par_chunks(CHUNK)).for_each(|((weights, (moment_1, moment_2)), grads)| {
            // Uses the widest vector instructions of the processor.
            Arch::new().dispatch(|| self.update_values(weights, moment_1, moment_2, grads));
        });
    }

    #[inline(always)]
    fn update_values(self, weights: &mut [f32], moment_1: &mut [f32], moment_2: &mut [f32], grads: &[f32]) {
        for (((weight, first), second), grad) in weights.iter_mut().zip(moment_1).zip(moment_2).zip(grads) {
            let grad = grad + self.l2 * *weight;
            *first = BETA_1 * *first + (1.0 - BETA_1) * grad;
            *second = BETA_2 * *second + (1.0 - BETA_2) * grad * grad;
            *weight = self.keep * *weight - self.lr * *first / (second.sqrt() * self.scale + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: usize = 50;
    const LR: f64 = 0.01;

    /// The gradient at a weight: a periodic function that decreases with the steps.
    fn grad(weight: f64, step: usize) -> f64 {
        (3.0 * weight).sin() / step as f64
    }

    /// The published update rule for one weight, in double precision.
    fn reference(mut weight: f64, l2: f64, decay: f64) -> f64 {
        let (beta_1, beta_2) = (0.9, 0.999);
        let (mut first, mut second) = (0.0, 0.0);
        for step in 1..=STEPS {
            let grad = grad(weight, step) + l2 * weight;
            first = beta_1 * first + (1.0 - beta_1) * grad;
            second = beta_2 * second + (1.0 - beta_2) * grad * grad;
            let corrected = [first / (1.0 - beta_1.powi(step as i32)), second / (1.0 - beta_2.powi(step as i32))];
            weight -= LR * decay * weight;
            weight -= LR * corrected[0] / (corrected[1].sqrt() + 1e-8);
        }
        weight
    }

    #[test]
    fn weights_follow_the_published_update_rule() {
        // More values than one chunk, so that several threads work.
        let start: Vec<f32> = (0..20_000).map(|index| index as f32 / 5_000.0 - 2.0).collect();
        for (l2, decay) in [(0.0, 0.0), (0.1, 0.0), (0.0, 0.1)] {
            let adam = Adam::new(l2, decay);
            let (mut tensor, mut state) = (Tensor::<1>::from_floats(start.as_slice(), &Device::flex()), None);
            for step in 1..=STEPS {
                let grad = (tensor.clone() * 3.0).sin() / step as f32;
                (tensor, state) = adam.step(LR, tensor, grad, state);
            }
            let weights: Vec<f32> = tensor.into_data().try_to_vec().unwrap();
            for (&weight, &start) in weights.iter().zip(&start) {
                let exact = reference(start.into(), l2.into(), decay.into());
                approx::assert_abs_diff_eq!(f64::from(weight), exact, epsilon = 5e-6);
            }
        }
    }
}
