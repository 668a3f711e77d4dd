//! What a backend says about one of its devices: name, type, graphics API, driver and memory.

use crate::machine::processor;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// A processor or a graphics adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapter {
    /// The name of the processor, or the name of the graphics adapter that its driver reports, such as `NVIDIA H100`.
    pub name: String,
    /// The type of the device: `processor`, or, for a graphics adapter, `discrete`, `integrated`, `virtual`, `software`
    /// or `other`.
    pub kind: String,
    /// The API through which the backend uses the device, such as `Vulkan`; `None` for a processor.
    pub api: Option<String>,
    /// The driver and its version; `None` if they are not known.
    pub driver: Option<String>,
    /// The size of the device's memory in bytes; `None` if it is not known. Graphics APIs do not report this size.
    pub memory_bytes: Option<u64>,
}

impl Adapter {
    /// Describes a device: its name, type, graphics API, driver and memory. Opens the device if it is a GPU.
    ///
    /// # Panics
    ///
    /// If the driver of the device fails. [`caught`](crate::panics::caught) converts the panic to an error.
    pub fn of(device: &Device) -> Self {
        #[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
        if let burn::backend::DispatchDevice::Cube(device) = device.as_dispatch() {
            return gpu::adapter(device);
        }
        let _ = device;
        Self { name: processor(), kind: "processor".to_owned(), api: None, driver: None, memory_bytes: None }
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
mod gpu {
    use burn::backend::CubeDevice;

    use super::Adapter;

    pub fn adapter(device: &CubeDevice) -> Adapter {
        let client = device.client();
        let properties = client.properties();
        let name = match properties.identity.name.as_str() {
            "" => format!("{device:?}"),
            name => name.to_owned(),
        };
        let adapter = Adapter {
            name,
            kind: "discrete".to_owned(),
            api: Some(format!("{:?}", device.runtime())),
            driver: None,
            memory_bytes: properties.memory.max_memory(),
        };
        #[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal"))]
        if let CubeDevice::Wgpu(device) = device {
            return super::graphics::completed(adapter, device.backend);
        }
        adapter
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal"))]
mod graphics {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use burn::tensor::wgpu::WgpuBackend;
    use burn::tensor::wgpu::wgpu::{AdapterInfo, Backends, DeviceType, Instance, InstanceDescriptor};

    use super::Adapter;

    /// Completes the description with the type, graphics API and driver that wgpu reports for the adapter. CubeCL
    /// reports only the name of the adapter. If several graphics APIs have an adapter with this name, the first of
    /// these adapters in wgpu's order is used, because CubeCL prefers it too.
    pub fn completed(adapter: Adapter, api: WgpuBackend) -> Adapter {
        let Some(info) = list(api).into_iter().find(|info| info.name == adapter.name) else { return adapter };
        let kind = match info.device_type {
            DeviceType::DiscreteGpu => "discrete",
            DeviceType::IntegratedGpu => "integrated",
            DeviceType::VirtualGpu => "virtual",
            DeviceType::Cpu => "software",
            DeviceType::Other => "other",
        };
        let driver = format!("{} {}", info.driver, info.driver_info).trim().to_owned();
        Adapter {
            kind: kind.to_owned(),
            api: Some(format!("{:?}", info.backend)),
            driver: (!driver.is_empty()).then_some(driver),
            ..adapter
        }
    }

    fn list(api: WgpuBackend) -> Vec<AdapterInfo> {
        let backends = match api {
            WgpuBackend::Vulkan => Backends::VULKAN,
            WgpuBackend::Metal => Backends::METAL,
            _ => Backends::all(),
        };
        let descriptor = InstanceDescriptor { backends, ..InstanceDescriptor::new_without_display_handle() };
        let adapters = Instance::new(descriptor).enumerate_adapters(backends);
        // Outside of browsers, the future is ready when it is polled for the first time.
        match pin!(adapters).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(adapters) => adapters.iter().map(|adapter| adapter.get_info()).collect(),
            Poll::Pending => Vec::new(),
        }
    }
}
