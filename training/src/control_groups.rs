//! Memory limits of control groups (Linux), with which containers and batch systems bound the memory of a process.

use std::path::Path;

/// The names of the files of one version of control groups.
struct Version {
    /// The folder of the root group.
    root: &'static str,
    limit: &'static str,
    used: &'static str,
    /// The name in `memory.stat` of the part of `used` that the kernel frees when memory is short.
    cache: &'static str,
}

const SECOND: Version =
    Version { root: "sys/fs/cgroup", limit: "memory.max", used: "memory.current", cache: "inactive_file" };
const FIRST: Version = Version {
    root: "sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    cache: "total_inactive_file",
};

/// Returns the smallest free memory in bytes of the groups that contain this process. `root` contains `proc` and `sys`.
/// `None` if no group has a limit.
pub fn available_memory(root: &Path) -> Option<u64> {
    let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    groups.lines().filter_map(|line| available_in(root, line)).min()
}

/// Returns the smallest free memory of a group and the groups that contain it. `line` is a line of `/proc/self/cgroup`:
/// `NUMBER:CONTROLLERS:PATH`. In version 2 of control groups, CONTROLLERS is empty.
fn available_in(root: &Path, line: &str) -> Option<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let version = match controllers {
        "" => SECOND,
        list if list.split(',').any(|name| name == "memory") => FIRST,
        _ => return None,
    };
    let root = root.join(version.root);
    // In a container, the path may be that on the host, whose folders are not visible.
    let group = root.join(path.trim_start_matches('/'));
    let groups = group.ancestors().take_while(|dir| dir.starts_with(&root));
    groups.filter_map(|dir| available_here(dir, &version)).min()
}

fn available_here(dir: &Path, version: &Version) -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).ok();
    let number = |text: String| text.trim().parse::<u64>().ok();
    let limit = read(version.limit).and_then(number)?;
    let used = read(version.used).and_then(number).unwrap_or(0);
    let statistics = read("memory.stat").unwrap_or_default();
    let cache = statistics.lines().find_map(|line| line.strip_prefix(version.cache)?.trim().parse().ok()).unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(cache)))
}
