//! The operations that this crate computes with its own kernels on burn's GPU backends (`wgpu`, `vulkan`, `metal`,
//! `cuda`, `rocm`). All of these backends have one type, [`Cube`]. In CubeCL, the language of the kernels, a *cube* is
//! a thread block, and a *unit* is a thread of a cube.
//!
//! | module | operation |
//! |---|---|
//! | `layer` | a recurrent layer, in one launch for all steps |
//! | `embedding` | the gradient of an embedding |
//! | `cross_entropy` | softmax and cross-entropy over many classes |
//! | `product` | matrix products of the backward pass |

// A launch without bounds checks is unsafe: the buffers must have the shapes that the kernel expects.
#![allow(unsafe_code)]
// A kernel has one argument per buffer.
#![allow(clippy::too_many_arguments)]
// Without the feature `autodiff`, nothing calls the backward kernels.
#![cfg_attr(not(feature = "autodiff"), allow(dead_code))]

pub(crate) mod cross_entropy;
pub(crate) mod embedding;
pub(crate) mod layer;
mod product;

use burn::backend::ops::IntTensorOps;
use burn::backend::{Cube, DispatchDevice};
use burn::tensor::{DType, Device, IntDType, Shape};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// The largest number of units (threads) of a cube (thread block) on a GPU. A GPU may allow fewer units, but WebGPU
/// guarantees 256.
const MAX_UNITS: u32 = 1024;
/// The largest number of units (threads) of a cube (thread block) on a CPU (software adapter).
const MAX_UNITS_OF_PROCESSORS: u32 = 64;
/// The largest number of units (threads) of a cube (thread block) in a kernel that adds many values.
const REDUCING_UNITS: u32 = 256;
/// The largest number of cubes (thread blocks) in one dimension of a launch. WebGPU guarantees 65,535 cubes.
const MAX_CUBES: usize = 1 << 15;

/// Returns whether this crate has GPU kernels for tensors of the given types on the device. The environment variable
/// `RNN_ZOO_GPU_KERNELS=0` turns the kernels off, so that they can be compared with burn's operations.
pub(crate) fn has_kernels(device: &Device, types: &[DType]) -> bool {
    let on_gpu = matches!(device.clone().without_autodiff().as_dispatch(), DispatchDevice::Cube(_));
    let is_on = || std::env::var("RNN_ZOO_GPU_KERNELS").as_deref() != Ok("0");
    on_gpu && crate::fused::kernels_apply(device, types) && is_on()
}

/// Returns the largest number of units (threads) of a cube (thread block). The environment variable `RNN_ZOO_GPU_UNITS`
/// lowers the number, for tests.
///
/// A plane (warp) is a group of units that run at the same time, at least 32 on a GPU. If the device is a CPU (software
/// adapter), it runs the planes of a cube one after the other and switches between them at each barrier, which is slow.
/// Cubes on such devices therefore have fewer units.
fn units(client: &Client) -> u32 {
    let hardware = &client.properties().hardware;
    let most = if hardware.plane_size_max < 32 { MAX_UNITS_OF_PROCESSORS } else { MAX_UNITS };
    let units = hardware.max_units_per_cube.min(most);
    limit("RNN_ZOO_GPU_UNITS").map_or(units, |limit| units.min(limit as u32))
}

/// Returns the number of units (threads) of a cube (thread block) in a kernel that adds many values.
fn reducing_units(client: &Client) -> u32 {
    units(client).min(REDUCING_UNITS)
}

/// Returns the value of an environment variable, if it is a positive number.
fn limit(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok().filter(|limit| *limit > 0)
}

/// Returns a grid of at least `count` cubes (thread blocks), in dimensions that WebGPU allows.
fn grid(count: usize) -> CubeCount {
    let width = count.clamp(1, MAX_CUBES);
    CubeCount::Static(width as u32, count.div_ceil(width).max(1) as u32, 1)
}

/// Returns a tensor of 32-bit floats, whose values are unspecified, on the device of `like`.
fn empty(like: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape.into(), DType::F32)
}

/// Converts a tensor of integers to a contiguous tensor of 32-bit integers.
fn indices(tensor: CubeTensor) -> CubeTensor {
    into_contiguous(if tensor.dtype == DType::I32 { tensor } else { Cube::int_cast(tensor, IntDType::I32) })
}
