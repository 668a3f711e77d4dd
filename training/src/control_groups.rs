//! The memory limits of Linux control groups. Containers and batch systems limit the memory of a process in this way.

use std::path::Path;

/// The names of the files in which one version of control groups stores limits and memory use.
struct Version {
    /// The folder of the root group.
    root: &'static str,
    /// The file with the largest allowed memory of the group in bytes.
    limit: &'static str,
    /// The file with the used memory of the group in bytes.
    used: &'static str,
    /// The key, in the file `memory.stat`, of the number of used bytes that the kernel frees when memory is short.
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

/// Returns the smallest free memory, in bytes, of the control groups that contain this process; `None` if no group has
/// a limit. `root` is the folder that contains `proc` and `sys`.
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
    // In a container, `path` may be a path on the host that does not exist here. Then only the root group is read.
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
