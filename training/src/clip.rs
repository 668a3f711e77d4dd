//! Gradient clipping, by global norm ([Pascanu et al. 2013](https://arxiv.org/abs/1211.5063)) or by value.
//!
//! burn's clipping bounds the gradient of each parameter alone, which changes the direction of the update. Here one
//! norm is computed over all parameters, and one factor scales all gradients, as `torch.nn.utils.clip_grad_norm_` does.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use pulp::Arch;
use rayon::prelude::*;

#[cfg(feature = "cube")]
use crate::gpu;
use crate::host;

/// The value that is added to the norm to avoid a division by zero, as in PyTorch.
pub const EPSILON: f64 = 1e-6;

/// The kind of gradient clipping, with its limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clip {
    /// Scales all gradients by one factor, so that their global L2 norm is at most this value.
    Norm(f64),
    /// Clamps each value of all gradients to the range from minus this limit to this limit.
    Value(f64),
}

/// Multiplies all gradients by `scale` and then clips them. Returns the gradients, and their global norm after scaling
/// and before clipping.
///
/// If the norm is NaN or infinite, the gradients are returned unchanged on the CPU; on a GPU they are changed, and must
/// not be used.
pub fn clip<M: Module>(
    module: &M,
    mut grads: GradientsParams,
    scale: f64,
    clip: Option<Clip>,
) -> (GradientsParams, f64) {
    #[cfg(feature = "cube")]
    if let Some(device) = module.devices().into_iter().find(gpu::is_gpu) {
        let no_loss = Tensor::zeros([1], &device.without_autodiff());
        let (grads, factors) = clip_on_gpu(module, grads, no_loss, scale, clip);
        return (grads, factors.narrow(0, 1, 1).into_scalar::<f32>().into());
    }
    let mut norm = SquaredNorm { grads: &mut grads, sum: 0.0, parts: Vec::new() };
    module.visit(&mut norm);
    let norm = norm.total().sqrt() * scale;
    let (factor, bound) = match clip {
        Some(Clip::Norm(max)) if norm > max => (max / (norm + EPSILON) * scale, f64::INFINITY),
        Some(Clip::Value(max)) => (scale, max),
        _ => (scale, f64::INFINITY),
    };
    if norm.is_finite() && (factor, bound) != (1.0, f64::INFINITY) {
        module.visit(&mut Scale { grads: &mut grads, factor, bound });
    }
    (grads, norm)
}

/// Multiplies all gradients by `scale` and then clips them, on a GPU, without waiting for the GPU. `loss` has the shape
/// `[1]`. Returns the gradients, and a tensor `[3]` on the GPU with three values:
///
/// 1. `loss` times `scale`
/// 2. the global norm after scaling and before clipping
/// 3. the factor by which the gradients were multiplied: `scale`, or less if [`Clip::Norm`] shortened the gradients
///
/// If the norm is NaN or infinite, the returned gradients must not be used.
#[cfg(feature = "cube")]
pub(crate) fn clip_on_gpu<M: Module>(
    module: &M,
    mut grads: GradientsParams,
    loss: Tensor<1>,
    scale: f64,
    clip: Option<Clip>,
) -> (GradientsParams, Tensor<1>) {
    let (max, bound) = match clip {
        Some(Clip::Norm(max)) => (max as f32, f32::MAX),
        Some(Clip::Value(bound)) => (f32::MAX, bound as f32),
        None => (f32::MAX, f32::MAX),
    };
    let mut norm = NormOnGpu { norm: gpu::SquaredNorm::new(grads.len(), &loss.device()), grads: &grads };
    module.visit(&mut norm);
    let factors = norm.norm.finish(loss, scale as f32, max);
    module.visit(&mut ScaleOnGpu { grads: &mut grads, factors: &factors, bound });
    (grads, factors)
}

#[cfg(feature = "cube")]
struct NormOnGpu<'a> {
    norm: gpu::SquaredNorm,
    grads: &'a GradientsParams,
}

#[cfg(feature = "cube")]
impl ModuleVisitor for NormOnGpu<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.get::<D>(param.id) {
            self.norm.add(&grad);
        }
    }
}

#[cfg(feature = "cube")]
struct ScaleOnGpu<'a> {
    grads: &'a mut GradientsParams,
    factors: &'a Tensor<1>,
    bound: f32,
}

#[cfg(feature = "cube")]
impl ModuleVisitor for ScaleOnGpu<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.remove::<D>(param.id) {
            self.grads.register(param.id, gpu::scale(grad, self.factors, self.bound));
        }
    }
}

struct SquaredNorm<'a> {
    /// The gradients of the module that is visited.
    grads: &'a mut GradientsParams,
    /// The sum of squares of those gradients that are in CPU memory.
    sum: f64,
    /// The sum of squares of each gradient that is on another device, with shape `[1]`.
    parts: Vec<Tensor<1>>,
}

impl SquaredNorm<'_> {
    /// Returns the sum of squares of all gradients. The sums in `parts` are added on the device, so that the CPU waits
    /// for a GPU only once per step.
    fn total(self) -> f64 {
        match self.parts.is_empty() {
            true => self.sum,
            false => self.sum + f64::from(Tensor::cat(self.parts, 0).sum().into_scalar::<f32>()),
        }
    }
}

impl ModuleVisitor for SquaredNorm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(grad) = self.grads.remove::<D>(param.id) else { return };
        let grad = if host::is_slice(&grad) {
            host::update(grad, |values| self.sum += sum_of_squares(values))
        } else {
            self.parts.push(grad.clone().powi_scalar(2).sum());
            grad
        };
        self.grads.register(param.id, grad);
    }
}

struct Scale<'a> {
    /// The gradients of the module that is visited.
    grads: &'a mut GradientsParams,
    /// The factor by which all gradients are multiplied.
    factor: f64,
    /// The limit of the absolute value of each gradient element, after scaling.
    bound: f64,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(grad) = self.grads.remove::<D>(param.id) else { return };
        let scaled = match host::is_slice(&grad) {
            true => host::update(grad, |values| scale(values, self.factor as f32, self.bound as f32)),
            false => grad.mul_scalar(self.factor).clamp(-self.bound, self.bound),
        };
        self.grads.register(param.id, scaled);
    }
}

/// Returns the sum of the squared values. The order of additions, and therefore the rounding, does not depend on the
/// number of threads.
fn sum_of_squares(values: &[f32]) -> f64 {
    let sum = |values: &[f32]| {
        let (groups, rest) = values.as_chunks::<16>();
        let mut sums = [0.0f32; 16];
        for group in groups {
            for (sum, value) in sums.iter_mut().zip(group) {
                *sum += value * value;
            }
        }
        sums.iter().map(|sum| f64::from(*sum)).sum::<f64>()
            + rest.iter().map(|value| f64::from(value * value)).sum::<f64>()
    };
    let parts: Vec<f64> = values.par_chunks(host::CHUNK).map(|values| Arch::new().dispatch(|| sum(values))).collect();
    parts.iter().sum()
}

fn scale(values: &mut [f32], factor: f32, bound: f32) {
    let scale = |values: &mut [f32]| {
        for value in values {
            *value = (*value * factor).clamp(-bound, bound);
        }
    };
    values.par_chunks_mut(host::CHUNK).for_each(|values| Arch::new().dispatch(|| scale(values)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    /// A layer 2 → 1 with the gradients (3, 0) of the weight and 4 of the bias: the global norm is 5.
    fn layer_and_gradients() -> (Linear, GradientsParams) {
        let device = Device::flex().autodiff();
        let layer = LinearConfig::new(2, 1).init(&device);
        let loss = layer.forward(Tensor::<2>::from_floats([[0.75, 0.0]], &device)).mul_scalar(4.0).sum();
        let grads = GradientsParams::from_grads(loss.backward(), &layer);
        (layer, grads)
    }

    fn weight_and_bias(layer: &Linear, grads: &GradientsParams) -> (f32, f32) {
        let weight = grads.get::<2>(layer.weight.id).unwrap().sum().into_scalar();
        let bias = grads.get::<1>(layer.bias.as_ref().unwrap().id).unwrap().sum().into_scalar();
        (weight, bias)
    }

    #[test]
    fn the_norm_is_taken_over_all_parameters() {
        let (layer, grads) = layer_and_gradients();
        let (clipped, norm) = clip(&layer, grads, 1.0, Some(Clip::Norm(1.0)));
        approx::assert_relative_eq!(norm, 5.0, epsilon = 1e-6);
        let (weight, bias) = weight_and_bias(&layer, &clipped);
        approx::assert_relative_eq!(weight, 0.6, epsilon = 1e-6);
        approx::assert_relative_eq!(bias, 0.8, epsilon = 1e-6);
    }

    #[test]
    fn small_gradients_are_only_scaled() {
        let (layer, grads) = layer_and_gradients();
        let (scaled, norm) = clip(&layer, grads, 0.5, Some(Clip::Norm(10.0)));
        approx::assert_relative_eq!(norm, 2.5, epsilon = 1e-6);
        assert_eq!(weight_and_bias(&layer, &scaled), (1.5, 2.0));
    }

    #[test]
    fn each_value_is_clamped() {
        let (layer, grads) = layer_and_gradients();
        let (clipped, norm) = clip(&layer, grads, 0.5, Some(Clip::Value(1.75)));
        approx::assert_relative_eq!(norm, 2.5, epsilon = 1e-6);
        assert_eq!(weight_and_bias(&layer, &clipped), (1.5, 1.75));
    }
}
