//! All backends give the results of 64-bit floats on `flex`.

use burn::tensor::{DType, Device};

use crate::assert_near;
use crate::gradients::Ragged;

fn devices() -> Vec<Device> {
    vec![
        Device::flex(),
        #[cfg(feature = "ndarray")]
        #[allow(deprecated)]
        Device::ndarray(),
        #[cfg(feature = "wgpu")]
        Device::wgpu(Default::default()),
        #[cfg(feature = "vulkan")]
        Device::vulkan(Default::default()),
    ]
}

#[test]
fn losses_gradients_and_labels_are_equal() {
    let (ragged, all) = (Ragged::new(), [0, 1, 2, 3]);
    let expected = ragged.results(&all, 0.0, &Device::flex(), DType::F64);
    let labels = ragged.decode(&Device::flex(), DType::F64);
    for device in devices() {
        let found = ragged.results(&all, f64::NAN, &device, DType::F32);
        assert_near(&found.losses, &expected.losses, 1e-5);
        assert_near(&found.emissions, &expected.emissions, 1e-5);
        for (found, expected) in found.parameters.iter().zip(&expected.parameters) {
            assert_near(found, expected, 1e-5);
        }
        assert_eq!(ragged.decode(&device, DType::F32), labels);
    }
}
