//! In-place access to tensor values in host memory: single precision on the backend `flex`.

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Tensor};

/// The number of values that one task of a thread processes.
pub const CHUNK: usize = 1 << 14;

/// Whether the values of a tensor are in host memory, so that [`update`] can change them in place. [`update`] copies
/// the values first if another tensor shares them.
pub fn is_slice<const D: usize>(tensor: &Tensor<D>) -> bool {
    let device = tensor.device().without_autodiff();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_)) && tensor.dtype() == DType::F32
}

/// Changes the values of a tensor by calling `update`. Requires that [`is_slice`] returns true for the tensor.
pub fn update<const D: usize>(tensor: Tensor<D>, update: impl FnOnce(&mut [f32])) -> Tensor<D> {
    let device = tensor.device();
    let mut data = tensor.into_data();
    if let Ok(values) = data.as_mut_slice() {
        update(values);
    }
    Tensor::from_data(data, &device)
}
