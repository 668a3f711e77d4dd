//! `backends`: lists the backends and their devices, and checks each device with a small training step.

use burn::tensor::Device;
use serde::Serialize;
use training::adapter::Adapter;
use training::backend::Backend;
use training::panics::caught;

use crate::check::{Check, Reference};
use crate::error::{CliError, Result};
use crate::output::{columns, log, print_json, print_line};

/// One row of the table, or one JSON object: a device of a backend, or a backend that has no device.
#[derive(Debug, Serialize)]
struct Row {
    /// The name of the backend.
    backend: &'static str,
    /// Whether the program was built with the backend.
    compiled: bool,
    /// The number for the option `--device`; `None` if the backend has no device.
    device: Option<usize>,
    /// The name, type, driver and memory of the device; `None` if the device could not be opened.
    #[serde(flatten)]
    adapter: Option<Adapter>,
    /// The result of the small training step; `None` if the step could not be computed.
    #[serde(flatten)]
    check: Option<Check>,
    /// What is wrong, and what to do; `None` for a device that works.
    problem: Option<String>,
}

/// Prints one row per device, as a table or as JSON.
///
/// # Errors
///
/// [`CliError::NoWorkingDevice`] if a backend is compiled in and none of its devices works.
pub fn run(json: bool) -> Result<()> {
    let reference = Reference::new();
    let rows: Vec<Row> = Backend::ALL.into_iter().flat_map(|backend| rows(backend, &reference)).collect();
    match json {
        true => rows.iter().try_for_each(print_json)?,
        false => columns(&table(&rows)).iter().try_for_each(|line| print_line(line))?,
    }
    let is_broken = |backend: &Backend| {
        let mut own = rows.iter().filter(|row| row.backend == backend.name() && row.compiled).peekable();
        own.peek().is_some() && own.all(|row| row.problem.is_some())
    };
    let broken: Vec<&str> = Backend::ALL.iter().filter(|backend| is_broken(backend)).map(|one| one.name()).collect();
    if broken.is_empty() { Ok(()) } else { Err(CliError::NoWorkingDevice { backends: broken.join(", ") }) }
}

fn rows(backend: Backend, reference: &Reference) -> Vec<Row> {
    let without = |compiled, problem| {
        vec![Row {
            backend: backend.name(),
            compiled,
            device: None,
            adapter: None,
            check: None,
            problem: Some(problem),
        }]
    };
    if !backend.is_compiled() {
        return without(false, format!("not compiled in; build with --features {}", backend.name()));
    }
    match caught(|| backend.devices()) {
        Ok(Ok(devices)) if devices.is_empty() => without(true, format!("no device found; {}", remedy(backend))),
        Ok(Ok(devices)) => {
            devices.iter().enumerate().map(|(index, device)| row(backend, index, device, reference)).collect()
        }
        Ok(Err(error)) => without(true, error.to_string()),
        Err(message) => without(true, format!("{message}; {}", remedy(backend))),
    }
}

fn row(backend: Backend, index: usize, device: &Device, reference: &Reference) -> Row {
    if !backend.is_cpu() {
        // A faulty driver can end the program. The last line of the log then names the device.
        log(&format!("checking {}, device {index}", backend.name()));
    }
    let adapter = caught(|| Adapter::of(device));
    let check = adapter.as_ref().map_err(Clone::clone).and_then(|_| caught(|| reference.check(device)));
    let problem = match &check {
        Ok(check) if check.is_equal() => None,
        Ok(check) => Some(format!(
            "wrong results: the relative difference from the results of the CPU is {:.0e}; {}",
            check.difference,
            remedy(backend)
        )),
        Err(message) => Some(format!("{message}; {}", remedy(backend))),
    };
    let (name, device) = (backend.name(), Some(index));
    Row { backend: name, compiled: true, device, adapter: adapter.ok(), check: check.ok(), problem }
}

/// Returns what to do if a backend has no working device.
fn remedy(backend: Backend) -> &'static str {
    match backend {
        Backend::Flex | Backend::Ndarray => "please report this as a bug of rnn-zoo",
        Backend::Wgpu => "install or update the driver of the GPU (on Linux, Vulkan)",
        Backend::Vulkan => "install or update the Vulkan driver of the GPU, or try --features wgpu",
        Backend::Metal => "Metal needs macOS; on other systems use --features wgpu",
        Backend::Cuda => "install or update NVIDIA's driver and CUDA, or try --features vulkan",
        Backend::Rocm => "install or update AMD's driver and ROCm, or try --features vulkan",
    }
}

/// Returns the table that is printed without `--json`. If a device could not be opened, the columns of its name, type,
/// API, driver and memory contain `–`.
fn table(rows: &[Row]) -> Vec<[String; 8]> {
    let unknown = || "–".to_owned();
    let mut lines =
        vec![["backend", "device", "adapter", "type", "API", "driver", "memory", "check"].map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        let of =
            |value: &dyn Fn(&Adapter) -> Option<String>| row.adapter.as_ref().and_then(value).unwrap_or_else(unknown);
        let check = row
            .check
            .map(|check| format!("ok, difference from the CPU {:.0e}, step {:.1} ms", check.difference, check.step_ms));
        [
            row.backend.to_owned(),
            row.device.map_or_else(unknown, |device| device.to_string()),
            of(&|adapter| Some(adapter.name.clone())),
            of(&|adapter| Some(adapter.kind.clone())),
            of(&|adapter| adapter.api.clone()),
            of(&|adapter| adapter.driver.clone()),
            of(&|adapter| adapter.memory_bytes.map(|bytes| format!("{:.1} GB", bytes as f64 / 1e9))),
            row.problem.clone().or(check).unwrap_or_else(unknown),
        ]
    }));
    lines
}
