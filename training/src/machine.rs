//! The memory of this process and of this machine, and the name of the processor.

use std::path::Path;

use crate::control_groups;
use crate::error::{Result, TrainingError};

/// Lets the allocator keep freed memory for new tensors. Call this function at the start of a program that trains.
///
/// By default, glibc returns large blocks to the kernel after every optimizer step and requests them again. The kernel
/// then fills each new page with zeros, which takes time in every step. On systems without glibc, the function does
/// nothing.
pub fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "glibc has no safe interface for this")]
    // SAFETY: mallopt only sets parameters and may be called at any time. If it fails, the default stays.
    unsafe {
        // Setting M_MMAP_THRESHOLD would not help: its maximum is smaller than a tensor of logits for a large
        // vocabulary.
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}

/// Checks that the free memory can hold a network with `parameters` parameters, when each parameter needs `copies`
/// values of 4 bytes.
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

/// Returns the free memory in bytes: of the machine, or of the container (control group) of this process if that is
/// less. `None` on systems other than Linux.
pub fn available_memory() -> Option<u64> {
    available_under(Path::new("/"))
}

/// Returns the free memory in bytes. `root` is the folder that contains the folders `proc` and `sys`: `/`, except in
/// tests.
fn available_under(root: &Path) -> Option<u64> {
    let machine = kibibytes(&root.join("proc/meminfo"), "MemAvailable:");
    machine.into_iter().chain(control_groups::available_memory(root)).min()
}

/// Returns the largest amount of memory that this process has used so far, in bytes; `None` on systems other than
/// Linux.
pub fn peak_memory() -> Option<u64> {
    kibibytes(Path::new("/proc/self/status"), "VmHWM:")
}

/// Returns the memory that this process uses now, in bytes; `None` on systems other than Linux.
pub fn resident_memory() -> Option<u64> {
    kibibytes(Path::new("/proc/self/status"), "VmRSS:")
}

/// Returns the name of the processor, such as `Intel(R) Xeon(R) Processor @ 2.50GHz`, or the name of its architecture
/// if the system does not report the name.
pub fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or(std::env::consts::ARCH, |(_, name)| name).to_owned()
}

/// Reads the value of the line `NAME VALUE kB` in a file of `/proc`, and returns it in bytes.
fn kibibytes(file: &Path, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    #[test]
    fn a_network_larger_than_the_memory_is_an_error() {
        super::check_memory(1e6, 4.0).unwrap();
        let error = super::check_memory(1e15, 4.0).unwrap_err();
        assert!(matches!(error, crate::TrainingError::TooLarge { parameters: 1e15, .. }), "{error}");
    }

    /// Writes files of `proc` and `sys`, and returns the free memory that they tell of, in KiB.
    fn available(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        super::available_under(root.path()).map(|bytes| bytes / 1024)
    }

    const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:    4000 kB\n");

    #[test]
    fn the_limits_of_control_groups_bound_the_free_memory() {
        let second = ("proc/self/cgroup", "0::/box/inner\n");
        let [limit, used] =
            [("sys/fs/cgroup/box/memory.max", "2048000\n"), ("sys/fs/cgroup/box/memory.current", "1126400")];
        let cache = ("sys/fs/cgroup/box/memory.stat", "anon 7\ninactive_file 102400\n");
        let unlimited = ("sys/fs/cgroup/box/inner/memory.max", "max\n");
        assert_eq!(available(&[]), None);
        assert_eq!(available(&[MACHINE]), Some(4000));
        assert_eq!(available(&[MACHINE, second, unlimited]), Some(4000));
        assert_eq!(available(&[MACHINE, second, unlimited, limit]), Some(2000));
        assert_eq!(available(&[MACHINE, second, unlimited, limit, used]), Some(900));
        assert_eq!(available(&[MACHINE, second, unlimited, limit, used, cache]), Some(1000));
        // More is used than is allowed, after the limit was lowered.
        assert_eq!(available(&[MACHINE, second, limit, ("sys/fs/cgroup/box/memory.current", "9999999")]), Some(0));
        // In a container, the files of its own group are those of the root.
        let inside = ("sys/fs/cgroup/memory.max", "1024000");
        assert_eq!(available(&[MACHINE, ("proc/self/cgroup", "0::/\n"), inside]), Some(1000));
        assert_eq!(available(&[MACHINE, ("proc/self/cgroup", "0::/../outside\n"), inside]), Some(1000));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]

        #[test]
        fn the_smallest_limit_of_nested_groups_bounds_the_free_memory(limits in prop::collection::vec(1..8000u64, 3)) {
            let paths = ["", "box/", "box/inner/"].map(|group| format!("sys/fs/cgroup/{group}memory.max"));
            let texts: Vec<String> = limits.iter().map(|limit| (1024 * limit).to_string()).collect();
            let group = ("proc/self/cgroup", "0::/box/inner\n");
            let mut files = vec![MACHINE, group];
            files.extend(paths.iter().zip(&texts).map(|(path, text)| (path.as_str(), text.as_str())));
            let smallest = limits.iter().copied().min().unwrap().min(4000);
            prop_assert_eq!(available(&files), Some(smallest));
        }
    }

    #[test]
    fn the_first_version_of_control_groups_has_other_files() {
        let first = ("proc/self/cgroup", "12:pids:/box\n7:cpu,memory:/box\n0::/box\n");
        let files = |limit| {
            let limit = ("sys/fs/cgroup/memory/box/memory.limit_in_bytes", limit);
            let used = ("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "512000\n");
            let cache = ("sys/fs/cgroup/memory/box/memory.stat", "inactive_file 5\ntotal_inactive_file 102400\n");
            available(&[MACHINE, first, limit, used, cache])
        };
        assert_eq!(files("1024000"), Some(600));
        assert_eq!(files("9223372036854771712"), Some(4000));
    }

    #[test]
    fn peak_memory_is_more_than_a_megabyte() {
        assert!(super::peak_memory().is_some_and(|bytes| bytes > 1 << 20));
        assert!(super::resident_memory() <= super::peak_memory());
    }
}
