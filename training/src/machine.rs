//! Memory of this process and this machine.

use crate::error::{Result, TrainingError};

/// Lets the allocator keep freed memory for new tensors. Call it at the start of a program that trains.
///
/// By default glibc returns large blocks to the kernel after every step and requests them again, and the kernel fills
/// each new page with zeros, which takes time in every step. On other systems the function does nothing.
pub fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "glibc has no safe interface for this")]
    // SAFETY: mallopt only sets parameters and may be called at any time. If it fails, the default stays.
    unsafe {
        // Setting M_MMAP_THRESHOLD would not help: its maximum is smaller than the logits of a large vocabulary.
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}

/// Checks that the free memory can hold `copies` values of 4 bytes for each parameter.
pub(crate) fn check_memory(parameters: f64, copies: f64) -> Result<()> {
    let needed = parameters * copies * 4.0;
    match available_memory() {
        Some(available) if needed > available as f64 => Err(TrainingError::TooLarge {
            parameters,
            needed: needed / GIBIBYTE,
            available: available as f64 / GIBIBYTE,
        }),
        _ => Ok(()),
    }
}

const GIBIBYTE: f64 = (1u64 << 30) as f64;

/// The free memory of the machine in bytes; `None` on systems other than Linux.
fn available_memory() -> Option<u64> {
    kibibytes("/proc/meminfo", "MemAvailable:")
}

/// The largest amount of memory that this process has used so far, in bytes; `None` on systems other than Linux.
pub fn peak_memory() -> Option<u64> {
    kibibytes("/proc/self/status", "VmHWM:")
}

/// Reads the value of the line `NAME VALUE kB` in a file of `/proc`, and returns it in bytes.
fn kibibytes(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_network_larger_than_the_memory_is_an_error() {
        super::check_memory(1e6, 4.0).unwrap();
        let error = super::check_memory(1e15, 4.0).unwrap_err();
        assert!(matches!(error, crate::TrainingError::TooLarge { parameters: 1e15, .. }), "{error}");
    }

    #[test]
    fn peak_memory_is_more_than_a_megabyte() {
        assert!(super::peak_memory().is_some_and(|bytes| bytes > 1 << 20));
    }
}
