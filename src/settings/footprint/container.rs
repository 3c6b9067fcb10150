//! How much memory the control group of this process allows.

use std::path::Path;

use crate::config::files::read_whole;

/// Where a control group says how much its processes may take: version 2, as seen from within and
/// from outside of a container, and version 1.
const LIMITS: [&str; 3] = [
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    "/sys/fs/cgroup/memory.limit_in_bytes",
];

/// The least that a control group of this process allows. `None`: it allows everything.
pub fn container_bytes() -> Option<u64> {
    let own = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::"));
    let own = own.map(|own| format!("/sys/fs/cgroup{own}/memory.max"));
    let files = own.iter().map(String::as_str).chain(LIMITS);
    files.filter_map(|file| limit_in(Path::new(file))).min()
}

fn limit_in(file: &Path) -> Option<u64> {
    /// Version 1 writes a number of pages as large as its type for "no limit".
    const NO_LIMIT: u64 = 1 << 60;
    let limit = read(file)?.trim().parse().ok()?;
    (limit < NO_LIMIT).then_some(limit)
}

fn read(file: &Path) -> Option<String> {
    /// A line for each hierarchy of control groups.
    const MOST: u64 = 64 * 1024;
    let bytes = read_whole(file, MOST).ok()?;
    std::str::from_utf8(&bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_group_has_a_limit_or_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, limit) in [
            ("268435456\n", Some(256 * 1024 * 1024)),
            ("max\n", None),
            ("9223372036854771712\n", None),
            ("", None),
        ] {
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(limit_in(file.path()), limit, "{text}");
        }
        assert_eq!(limit_in(Path::new("/nowhere")), None);
    }
}
