//! Whether the container has the memory that the settings allow the process to take.

use std::{num::NonZeroUsize, path::Path, thread};

use super::warning;
use crate::{
    config::files::read_whole,
    proxy::{
        self,
        settings::limits::{CONNECTION_BYTES, PROCESS_BYTES},
    },
    settings::{Settings, whole::key},
};

const MIB: u64 = 1024 * 1024;

/// Where a control group says how much its processes may take: version 2, as seen from within and
/// from outside of a container, and version 1.
const LIMITS: [&str; 3] = [
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    "/sys/fs/cgroup/memory.limit_in_bytes",
];

/// What something takes at most, and the settings that say so.
type Part = (&'static str, u64);

impl Settings {
    pub(super) fn memory_warning(&self) -> Option<String> {
        self.memory_warning_within(container_bytes()?)
    }

    /// A warning if the process may take more than `available` bytes.
    pub(in crate::settings) fn memory_warning_within(&self, available: u64) -> Option<String> {
        let parts = self.most_memory();
        let sum: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
        if sum <= available {
            return None;
        }
        let shown = |bytes: u64| bytes.div_ceil(MIB);
        let parts: Vec<_> = parts
            .iter()
            .filter(|(_, bytes)| *bytes > 0)
            .map(|(name, bytes)| format!("{} MiB for {name}", shown(*bytes)))
            .collect();
        let text = format!(
            "the process may take {} MiB and the container has {}: {}",
            shown(sum),
            available / MIB,
            parts.join(", ")
        );
        Some(warning(&[key::SERVER, proxy::settings::key::LIMITS], &text))
    }

    fn most_memory(&self) -> [Part; 6] {
        let limits = &self.server.limits;
        let workers = self.server.workers.or_else(|| thread::available_parallelism().ok());
        let workers = workers.map_or(1, NonZeroUsize::get);
        let cached = if self.cache.entries == 0 { 0 } else { self.cache.bytes * workers };
        let introspected: usize = self
            .issuers
            .iter()
            .filter_map(|issuer| issuer.introspection.as_ref())
            .map(|introspection| introspection.cache_bytes)
            .sum();
        let held = if self.holds_bodies() { limits.held.buffer_bytes } else { 0 };
        [
            ("the process itself", PROCESS_BYTES),
            ("memory", limits.memory),
            ("connections that wait", limits.connections * CONNECTION_BYTES),
            ("buffer_bytes", held),
            ("cache.bytes of all workers", cached),
            ("cache_bytes of introspection", introspected),
        ]
        .map(|(name, bytes)| (name, bytes as u64))
    }
}

/// The least that a control group of this process allows. `None`: it allows everything.
fn container_bytes() -> Option<u64> {
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
            ("268435456\n", Some(256 * MIB)),
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
