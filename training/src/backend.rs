//! The choice of a backend at run time.
//!
//! burn's tensors carry their device, so one program holds every compiled backend and `--backend` picks one.

use burn::tensor::Device;

use crate::error::{Result, TrainingError};

/// Where tensors live and compute. `flex` and `ndarray` run on any CPU; the others are cargo features of the same name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    /// burn's CPU backend, the fastest one here.
    #[default]
    Flex,
    /// burn's older CPU backend on `ndarray`.
    Ndarray,
    /// Any GPU through WebGPU.
    Wgpu,
    /// A GPU through Vulkan.
    Vulkan,
    /// An Apple GPU.
    Metal,
    /// An NVIDIA GPU.
    Cuda,
    /// An AMD GPU.
    Rocm,
}

impl Backend {
    /// The name on the command line, which is the cargo feature's too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Cuda => "cuda",
            Self::Rocm => "rocm",
        }
    }

    /// Device number `index` of this backend. `package` is named in the error when the backend is not compiled in.
    pub fn device(self, index: usize, package: &'static str) -> Result<Device> {
        let only_device = |device| {
            if index == 0 { Ok(device) } else { Err(TrainingError::NoSuchDevice { index, backend: self.name() }) }
        };
        match self {
            Self::Flex => only_device(Device::flex()),
            // Deprecated in favour of flex, and kept as the independent CPU implementation to check against.
            #[allow(deprecated)]
            Self::Ndarray => only_device(Device::ndarray()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(graphics_device(index))),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok(Device::vulkan(graphics_device(index))),
            #[cfg(feature = "metal")]
            Self::Metal => Ok(Device::metal(graphics_device(index))),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(index)),
            #[cfg(feature = "rocm")]
            Self::Rocm => Ok(Device::rocm(index)),
            #[allow(unreachable_patterns)]
            _ => Err(TrainingError::BackendNotCompiled { name: self.name(), package }),
        }
    }
}

/// Number 0 is the adapter that the system prefers, which on a machine without a GPU is its software Vulkan.
#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal"))]
fn graphics_device(index: usize) -> burn::tensor::DeviceKind {
    use burn::tensor::DeviceKind;
    if index == 0 { DeviceKind::DefaultDevice } else { DeviceKind::DiscreteGpu(index - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_backends_are_always_there_with_one_device() {
        for backend in [Backend::Flex, Backend::Ndarray] {
            assert!(backend.device(0, "app").is_ok());
            assert!(matches!(backend.device(1, "app"), Err(TrainingError::NoSuchDevice { index: 1, .. })));
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_backend_not_compiled_in_names_its_feature() {
        let error = Backend::Cuda.device(0, "sentiment").unwrap_err().to_string();
        assert!(error.contains("cargo run -p sentiment --features cuda"), "{error}");
    }
}
