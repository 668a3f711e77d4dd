//! In-place changes of tensors in CPU memory: single-precision tensors on burn's CPU backend `flex`.

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Tensor};

/// The number of values in one chunk of a tensor. Several threads process a tensor chunk by chunk.
pub const CHUNK: usize = 1 << 14;

/// Returns whether the values of a tensor are in CPU memory in single precision, so that [`update`] can change them in
/// place. [`update`] copies the values first if another tensor shares them.
pub fn is_slice<const D: usize>(tensor: &Tensor<D>) -> bool {
    let device = tensor.device().without_autodiff();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_)) && tensor.dtype() == DType::F32
}

/// Passes the values of a tensor to the closure `update`, which changes them, and returns the changed tensor.
/// [`is_slice`] must return true for the tensor.
pub fn update<const D: usize>(tensor: Tensor<D>, update: impl FnOnce(&mut [f32])) -> Tensor<D> {
    let device = tensor.device();
    let mut data = tensor.into_data();
    if let Ok(values) = data.as_mut_slice() {
        update(values);
    }
    Tensor::from_data(data, &device)
}
