//! This process and its machine.

use crate::error::{Result, TrainingError};

/// Keeps the memory of dropped tensors for the next ones, for as long as the process runs; for the start of a program that
/// trains.
///
/// The C library of Linux would return megabytes to the system after every step and ask for them again, and the kernel
/// fills each page with zeros on its way: a tenth of a step. On other systems nothing is done.
pub fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "the C library offers no other way")]
    // SAFETY: it only sets numbers, and may be called at any time. Where it refuses one, the default stays.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0); // the scores of a large vocabulary are beyond every threshold that it takes
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}

/// Refuses a network that this machine has not the memory for: `copies` times its parameters of 4 bytes.
pub fn check_memory(parameters: f64, copies: f64) -> Result<()> {
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

/// Memory that could be had, in bytes; `None` where the system does not tell.
fn available_memory() -> Option<u64> {
    kibibytes("/proc/meminfo", "MemAvailable:")
}

/// Largest resident memory of this process so far, in bytes; `None` where the system does not tell.
pub fn peak_memory() -> Option<u64> {
    kibibytes("/proc/self/status", "VmHWM:")
}

/// The bytes in a line of a file of Linux, which gives them in units of 1024.
fn kibibytes(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn what_no_machine_holds_is_refused() {
        super::check_memory(1e6, 4.0).unwrap();
        let error = super::check_memory(1e15, 4.0).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("1e15"), "{error}");
    }

    #[test]
    fn this_process_uses_some_memory() {
        assert!(super::peak_memory().is_some_and(|bytes| bytes > 1 << 20));
    }
}
