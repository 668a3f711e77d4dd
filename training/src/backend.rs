//! The choice of a backend at run time.
//!
//! burn selects the backend of a tensor by the device of the tensor. Therefore one program can contain several
//! backends.

use burn::tensor::{Device, DeviceType};

use crate::error::{Result, TrainingError};

/// A burn backend. `flex` is always compiled in. Every other backend needs the cargo feature of the same name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// burn's CPU backend, with the fused recurrent kernels of this workspace.
    #[default]
    Flex,
    /// burn's older CPU backend, deprecated by burn.
    Ndarray,
    /// Any GPU that WebGPU supports.
    Wgpu,
    /// Any GPU that Vulkan supports.
    Vulkan,
    /// An Apple GPU, through Metal.
    Metal,
    /// An NVIDIA GPU, through CUDA.
    Cuda,
    /// An AMD GPU, through ROCm.
    Rocm,
}

impl Backend {
    /// Returns the name on the command line, which is also the name of the cargo feature.
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

    /// All backends, whether they are compiled in or not.
    pub const ALL: [Self; 7] =
        [Self::Flex, Self::Ndarray, Self::Wgpu, Self::Vulkan, Self::Metal, Self::Cuda, Self::Rocm];

    /// Returns the cargo feature that compiles this backend in; `None` for the default backend.
    pub fn feature(self) -> Option<&'static str> {
        (self != Self::Flex).then(|| self.name())
    }

    /// Returns whether the backend computes on the CPU, and therefore needs no GPU driver.
    pub fn is_cpu(self) -> bool {
        matches!(self, Self::Flex | Self::Ndarray)
    }

    /// Returns whether the program was built with this backend.
    pub fn is_compiled(self) -> bool {
        self.kind().is_some()
    }

    /// Returns the devices of this backend on this machine.
    ///
    /// # Errors
    ///
    /// [`TrainingError::BackendNotCompiled`] if the program was built without the backend.
    pub fn devices(self) -> Result<Vec<Device>> {
        let kind = self.kind().ok_or(TrainingError::BackendNotCompiled { name: self.name() })?;
        Ok(Device::enumerate(kind).into_vec())
    }

    /// Returns the device of this backend with the number `index`, counted from 0.
    ///
    /// # Errors
    ///
    /// [`TrainingError::BackendNotCompiled`] if the program was built without the backend;
    /// [`TrainingError::NoSuchDevice`] if the backend has no device `index`.
    pub fn device(self, index: usize) -> Result<Device> {
        let devices = self.devices()?;
        let found = devices.len();
        devices.into_iter().nth(index).ok_or(TrainingError::NoSuchDevice { index, backend: self.name(), found })
    }

    /// Returns burn's device type for the backend; `None` if the backend is not compiled in.
    fn kind(self) -> Option<DeviceType> {
        Some(match self {
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
            _ => return None,
        })
    }
}

impl std::str::FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        Self::ALL.into_iter().find(|backend| backend.name() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("no backend `{text}`; known backends: {known}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flex_is_always_compiled_in_and_has_one_device() {
        assert!(Backend::Flex.device(0).is_ok());
        assert!(matches!(Backend::Flex.device(1), Err(TrainingError::NoSuchDevice { index: 1, found: 1, .. })));
    }

    #[test]
    fn names_parse_to_their_backends() {
        assert!(Backend::ALL.into_iter().all(|backend| backend.name().parse() == Ok(backend)));
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_backend_that_is_not_compiled_in_is_an_error() {
        assert!(matches!(Backend::Cuda.device(0), Err(TrainingError::BackendNotCompiled { name: "cuda" })));
    }
}
