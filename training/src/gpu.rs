//! Gradient clipping and optimizer steps on burn's GPU backends, with one kernel launch per parameter.
//!
//! burn's operations need about ten kernel launches per parameter for a step of Adam, and a launch takes longer than
//! the computation itself.

// A launch without bounds checks is unsafe: the buffers must have the sizes that the kernel expects.
#![allow(unsafe_code)]
// A kernel has one argument per buffer.
#![allow(clippy::too_many_arguments)]

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Cube, Dispatch, DispatchDevice, backend_extension};
use burn::tensor::{DType, Device, Shape, Tensor};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::adam::{BETA_1, BETA_2, EPSILON, Step};

/// The value that is added to the norm to avoid a division by zero, as in PyTorch.
const EPSILON_OF_NORM: f32 = crate::clip::EPSILON as f32;
/// The number of units (CUDA: threads) of a cube (CUDA: thread block). WebGPU guarantees that a cube can have this many
/// units.
const UNITS: usize = 256;
/// The largest number of partial sums from which the squared norm of one gradient is computed.
const PARTS: usize = 64;
/// The number of gradient elements per partial sum. Large gradients have more elements per partial sum, because the
/// number of partial sums is at most [`PARTS`].
const VALUES_PER_PART: usize = 1 << 12;
/// The largest number of cubes (CUDA: thread blocks) in one dimension of a launch. WebGPU guarantees this number.
const MAX_CUBES: usize = 1 << 15;

/// Returns whether the device is a GPU.
pub fn is_gpu(device: &Device) -> bool {
    matches!(device.clone().without_autodiff().as_dispatch(), DispatchDevice::Cube(_))
}

/// Returns whether the kernels of this file support a tensor: it must be on a GPU, in single precision.
pub fn serves<const D: usize>(tensor: &Tensor<D>) -> bool {
    is_gpu(&tensor.device()) && tensor.dtype() == DType::F32
}

/// The squared norm of several gradients, as partial sums on the device.
pub struct SquaredNorm {
    /// The partial sums: `PARTS` values for each gradient, one gradient after the other. Unused values are 0.
    parts: Tensor<1>,
    /// The number of gradients whose partial sums are already in `parts`.
    used: usize,
}

impl SquaredNorm {
    /// Allocates the partial sums for the norm of at most `gradients` gradients.
    pub fn new(gradients: usize, device: &Device) -> Self {
        Self { parts: Tensor::zeros([gradients.max(1) * PARTS], device), used: 0 }
    }

    /// Adds the squared norm of one gradient.
    pub fn add<const D: usize>(&mut self, grad: &Tensor<D>) {
        let (grad, parts) = (grad.clone().into_dispatch(), self.parts.clone().into_dispatch());
        self.parts = Tensor::from_dispatch(<Dispatch as OptimizerKernels>::add_squares(grad, parts, self.used * PARTS));
        self.used += 1;
    }

    /// Returns a tensor `[3]` with three values: `loss` times `scale`; the norm of all gradients times `scale`; and the
    /// factor by which the gradients must be multiplied. This factor is `scale` if the second value is at most `max`.
    /// If the second value is larger, the factor is smaller, so that the multiplied gradients have the norm `max`.
    /// `loss` has the shape `[1]`.
    pub fn finish(self, loss: Tensor<1>, scale: f32, max: f32) -> Tensor<1> {
        let (parts, loss) = (self.parts.into_dispatch(), loss.into_dispatch());
        Tensor::from_dispatch(<Dispatch as OptimizerKernels>::clip_factor(parts, loss, scale, max))
    }
}

/// Multiplies a gradient by the third value of `factors`, the result of [`SquaredNorm::finish`]. Then clamps each
/// element to the range from `−bound` to `bound`.
pub fn scale<const D: usize>(grad: Tensor<D>, factors: &Tensor<1>, bound: f32) -> Tensor<D> {
    let factors = factors.clone().into_dispatch();
    Tensor::from_dispatch(<Dispatch as OptimizerKernels>::scale(grad.into_dispatch(), factors, bound))
}

/// Computes one step of Adam or AdamW for one parameter. `tensors` are its weights, first moment, second moment and
/// gradient. Returns the updated weights, first moment and second moment.
pub fn adam<const D: usize>(step: Step, tensors: [Tensor<D>; 4]) -> [Tensor<D>; 3] {
    let [weights, moment_1, moment_2, grad] = tensors.map(Tensor::into_dispatch);
    let (weights, moment_1, moment_2) = <Dispatch as OptimizerKernels>::adam(weights, moment_1, moment_2, grad, step);
    [weights, moment_1, moment_2].map(Tensor::from_dispatch)
}

/// Computes one step of SGD without momentum: `keep · weights − lr · gradient`. `keep` is the factor by which weight
/// decay shrinks the weights; 1 for no weight decay.
pub fn descend<const D: usize>(weights: Tensor<D>, grad: Tensor<D>, keep: f32, lr: f32) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as OptimizerKernels>::descend(
        weights.into_dispatch(),
        grad.into_dispatch(),
        keep,
        lr,
    ))
}

/// The GPU kernels of this file as operations of a burn backend.
#[backend_extension(Cube: cfg(feature = "cube"))]
trait OptimizerKernels: Backend {
    fn add_squares(grad: FloatTensor<Self>, parts: FloatTensor<Self>, first: usize) -> FloatTensor<Self>;

    fn clip_factor(parts: FloatTensor<Self>, loss: FloatTensor<Self>, scale: f32, max: f32) -> FloatTensor<Self>;

    fn scale(grad: FloatTensor<Self>, factors: FloatTensor<Self>, bound: f32) -> FloatTensor<Self>;

    fn adam(
        weights: FloatTensor<Self>,
        moment_1: FloatTensor<Self>,
        moment_2: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        step: Step,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    fn descend(weights: FloatTensor<Self>, grad: FloatTensor<Self>, keep: f32, lr: f32) -> FloatTensor<Self>;
}

impl OptimizerKernels for Cube {
    fn add_squares(grad: CubeTensor, parts: CubeTensor, first: usize) -> CubeTensor {
        let grad = into_contiguous(grad);
        let count = grad.meta.num_elements();
        let parts_used = count.div_ceil(VALUES_PER_PART).clamp(1, PARTS);
        // SAFETY: the kernel writes at most `PARTS` values from the index `first` on. `SquaredNorm::new` has allocated
        // them.
        unsafe {
            sum_of_squares::launch_unchecked(
                &grad.client.clone(),
                CubeCount::Static(parts_used as u32, 1, 1),
                CubeDim::new_1d(UNITS as u32),
                grad.into_buffer_arg(),
                parts.clone().into_buffer_arg(),
                first,
                count,
            );
        }
        parts
    }

    fn clip_factor(parts: CubeTensor, loss: CubeTensor, scale: f32, max: f32) -> CubeTensor {
        let count = parts.meta.num_elements();
        let (client, device) = (parts.client.clone(), parts.device.clone());
        let factors = empty_device_contiguous_dtype(client.clone(), device, Shape::new([3]), DType::F32);
        // SAFETY: the kernel reads `count` values and a loss, and writes three values.
        unsafe {
            factor_of_norm::launch_unchecked(
                &client,
                CubeCount::Static(1, 1, 1),
                CubeDim::new_1d(UNITS as u32),
                parts.into_buffer_arg(),
                loss.into_buffer_arg(),
                factors.clone().into_buffer_arg(),
                count,
                scale,
                max,
            );
        }
        factors
    }

    fn scale(grad: CubeTensor, factors: CubeTensor, bound: f32) -> CubeTensor {
        let grad = owned(grad);
        let count = grad.meta.num_elements();
        // SAFETY: the kernel changes `count` values.
        unsafe {
            scale_values::launch_unchecked(
                &grad.client,
                elementwise(count),
                CubeDim::new_1d(UNITS as u32),
                grad.clone().into_buffer_arg(),
                factors.into_buffer_arg(),
                count,
                bound,
            );
        }
        grad
    }

    fn adam(
        weights: CubeTensor,
        moment_1: CubeTensor,
        moment_2: CubeTensor,
        grad: CubeTensor,
        step: Step,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let [weights, moment_1, moment_2] = [weights, moment_1, moment_2].map(owned);
        let count = weights.meta.num_elements();
        // SAFETY: all four tensors have `count` values.
        unsafe {
            adam_step::launch_unchecked(
                &weights.client,
                elementwise(count),
                CubeDim::new_1d(UNITS as u32),
                weights.clone().into_buffer_arg(),
                moment_1.clone().into_buffer_arg(),
                moment_2.clone().into_buffer_arg(),
                into_contiguous(grad).into_buffer_arg(),
                count,
                step.l2,
                step.keep,
                step.lr,
                step.scale,
            );
        }
        (weights, moment_1, moment_2)
    }

    fn descend(weights: CubeTensor, grad: CubeTensor, keep: f32, lr: f32) -> CubeTensor {
        let weights = owned(weights);
        let count = weights.meta.num_elements();
        // SAFETY: both tensors have `count` values.
        unsafe {
            gradient_step::launch_unchecked(
                &weights.client,
                elementwise(count),
                CubeDim::new_1d(UNITS as u32),
                weights.clone().into_buffer_arg(),
                into_contiguous(grad).into_buffer_arg(),
                count,
                keep,
                lr,
            );
        }
        weights
    }
}

/// Returns the tensor if it is contiguous and shares its memory with no other tensor, and otherwise a contiguous copy.
fn owned(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    if tensor.can_mut() { tensor } else { tensor.copy() }
}

/// Returns the launch size of a kernel with one unit (CUDA: thread) per value: the number of cubes (CUDA: thread
/// blocks) in each dimension.
fn elementwise(values: usize) -> CubeCount {
    let cubes = values.div_ceil(UNITS).max(1);
    let width = cubes.min(MAX_CUBES);
    CubeCount::Static(width as u32, cubes.div_ceil(width) as u32, 1)
}

#[cube(launch_unchecked)]
fn sum_of_squares(values: &[f32], parts: &mut [f32], first: usize, count: usize) {
    let mut shared = Shared::new_slice(UNITS);
    let unit = UNIT_POS_X as usize;
    let mut sum = 0.0f32;
    for index in range_stepped(ABSOLUTE_POS, count, CUBE_COUNT * UNITS) {
        sum = fma(values[index], values[index], sum);
    }
    shared[unit] = sum;
    sync_cube();
    if unit == 0 {
        let mut sum = 0.0f32;
        for other in 0..UNITS {
            sum += shared[other];
        }
        parts[first + CUBE_POS] = sum;
    }
}

#[cube(launch_unchecked)]
fn factor_of_norm(parts: &[f32], loss: &[f32], factors: &mut [f32], count: usize, scale: f32, max: f32) {
    let mut shared = Shared::new_slice(UNITS);
    let unit = UNIT_POS_X as usize;
    let mut sum = 0.0f32;
    for index in range_stepped(unit, count, UNITS) {
        sum += parts[index];
    }
    shared[unit] = sum;
    sync_cube();
    if unit == 0 {
        let mut sum = 0.0f32;
        for other in 0..UNITS {
            sum += shared[other];
        }
        let norm = sum.sqrt() * scale;
        factors[0] = loss[0] * scale;
        factors[1] = norm;
        factors[2] = if norm > max { max / (norm + EPSILON_OF_NORM) * scale } else { scale };
    }
}

#[cube(launch_unchecked)]
fn scale_values(values: &mut [f32], factors: &[f32], count: usize, bound: f32) {
    let index = ABSOLUTE_POS;
    if index < count {
        values[index] = clamp(values[index] * factors[2], -bound, bound);
    }
}

#[cube(launch_unchecked)]
fn adam_step(
    weights: &mut [f32],
    moment_1: &mut [f32],
    moment_2: &mut [f32],
    grads: &[f32],
    count: usize,
    l2: f32,
    keep: f32,
    lr: f32,
    scale: f32,
) {
    let index = ABSOLUTE_POS;
    if index < count {
        let weight = weights[index];
        let grad = grads[index] + l2 * weight;
        let first = BETA_1 * moment_1[index] + (1.0f32 - BETA_1) * grad;
        let second = BETA_2 * moment_2[index] + (1.0f32 - BETA_2) * grad * grad;
        moment_1[index] = first;
        moment_2[index] = second;
        weights[index] = keep * weight - lr * first / (second.sqrt() * scale + EPSILON);
    }
}

#[cube(launch_unchecked)]
fn gradient_step(weights: &mut [f32], grads: &[f32], count: usize, keep: f32, lr: f32) {
    let index = ABSOLUTE_POS;
    if index < count {
        weights[index] = keep * weights[index] - lr * grads[index];
    }
}
