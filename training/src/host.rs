//! Values that can be read and changed where they are: single precision on `flex`.

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Tensor};

/// How many values a thread takes at once.
pub const CHUNK: usize = 1 << 14;

/// Whether a tensor's values can be had without a copy, if nobody else holds them.
pub fn has<const D: usize>(tensor: &Tensor<D>) -> bool {
    let device = tensor.device().without_autodiff();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_)) && tensor.dtype() == DType::F32
}

/// Lets `change` read or change the values of a tensor of which [`has`] is true.
pub fn change<const D: usize>(tensor: Tensor<D>, change: impl FnOnce(&mut [f32])) -> Tensor<D> {
    let device = tensor.device();
    let mut data = tensor.into_data();
    if let Ok(values) = data.as_mut_slice() {
        change(values);
    }
    Tensor::from_data(data, &device)
}
