//! The operations that this crate computes with its own kernels on burn's GPU backends (`wgpu`, `vulkan`, `metal`,
//! `cuda`, `rocm`), which share one type, [`Cube`].
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
// Only the gradients use the backward kernels.
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

/// The largest number of units of a cube. WebGPU guarantees 256.
const MAX_UNITS: u32 = 1024;
const MAX_UNITS_OF_PROCESSORS: u32 = 64;
/// The number of units of a cube in a kernel that adds many values.
const REDUCING_UNITS: u32 = 256;
/// The largest number of cubes in one dimension of a launch. WebGPU guarantees 65,535.
const MAX_CUBES: usize = 1 << 15;

/// Whether this crate has GPU kernels for tensors of the given types on the device. The environment variable
/// `RNN_ZOO_GPU_KERNELS=0` turns them off, to compare them with burn's operations.
pub(crate) fn has_kernels(device: &Device, types: &[DType]) -> bool {
    let on_gpu = matches!(device.clone().without_autodiff().as_dispatch(), DispatchDevice::Cube(_));
    let is_on = || std::env::var("RNN_ZOO_GPU_KERNELS").as_deref() != Ok("0");
    on_gpu && crate::fused::kernels_apply(device, types) && is_on()
}

/// The largest number of units of a cube. The environment variable `RNN_ZOO_GPU_UNITS` lowers it, for tests.
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

/// The number of units of a cube in a kernel that adds many values.
fn reducing_units(client: &Client) -> u32 {
    units(client).min(REDUCING_UNITS)
}

/// The value of an environment variable, if it is a positive number.
fn limit(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok().filter(|limit| *limit > 0)
}

/// The cubes of a kernel that needs `count` units or cubes in any arrangement, as a grid that WebGPU allows.
fn grid(count: usize) -> CubeCount {
    let width = count.clamp(1, MAX_CUBES);
    CubeCount::Static(width as u32, count.div_ceil(width).max(1) as u32, 1)
}

/// A tensor of 32-bit floats without initial values.
fn empty(like: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape.into(), DType::F32)
}

/// The values of a tensor of integers, contiguous and with 32 bits.
fn indices(tensor: CubeTensor) -> CubeTensor {
    into_contiguous(if tensor.dtype == DType::I32 { tensor } else { Cube::int_cast(tensor, IntDType::I32) })
}
