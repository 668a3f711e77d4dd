//! The choice of a backend at run time.
//!
//! burn's tensors carry their device, so one program holds every compiled backend and `--backend` picks one.

use burn::tensor::{Device, DeviceType};

use crate::error::{Result, TrainingError};

/// Where tensors live and compute. `flex` is always there; the others are cargo features of the same name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    /// burn's CPU backend, the fastest one here.
    #[default]
    Flex,
    /// burn's older CPU backend, which burn has deprecated.
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

    /// What `cargo run` has to be told for it: nothing for `flex`, which is always there.
    pub fn features(self) -> String {
        match self {
            Self::Flex => String::new(),
            other => format!(" --features {}", other.name()),
        }
    }

    /// Device number `index` of this backend. `package` is named in the error when the backend is not compiled in.
    pub fn device(self, index: usize, package: &'static str) -> Result<Device> {
        let kind = match self {
            Self::Flex => DeviceType::Flex,
            #[cfg(feature = "ndarray")]
            Self::Ndarray => DeviceType::NdArray,
            #[cfg(feature = "wgpu")]
            Self::Wgpu => DeviceType::Wgpu,
            #[cfg(feature = "vulkan")]
            Self::Vulkan => DeviceType::Vulkan,
            #[cfg(feature = "metal")]
            Self::Metal => DeviceType::Metal,
            #[cfg(feature = "cuda")]
            Self::Cuda => DeviceType::Cuda,
            #[cfg(feature = "rocm")]
            Self::Rocm => DeviceType::Rocm,
            #[allow(unreachable_patterns)]
            _ => return Err(TrainingError::BackendNotCompiled { name: self.name(), package }),
        };
        let devices = Device::enumerate(kind);
        let found = devices.len();
        devices.into_iter().nth(index).ok_or(TrainingError::NoSuchDevice { index, backend: self.name(), found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flex_is_always_there_with_one_device() {
        assert!(Backend::Flex.device(0, "app").is_ok());
        assert!(matches!(Backend::Flex.device(1, "app"), Err(TrainingError::NoSuchDevice { index: 1, found: 1, .. })));
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_backend_not_compiled_in_names_its_feature() {
        let error = Backend::Cuda.device(0, "sentiment").unwrap_err().to_string();
        assert!(error.contains("cargo run -p sentiment --features cuda"), "{error}");
    }
}
