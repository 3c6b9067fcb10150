//! What a configuration lets the process take at most: memory, file descriptors aside.
//!
//! Each part is a setting in bytes, or a number of things and what one of them takes, a constant
//! beside the setting. Connections, workers and requests were measured (docs/performance.md); lines,
//! entries, ids and spans are estimated, rounded up.

mod caches;
mod container;
mod queues;
mod server;

use std::{num::NonZeroUsize, thread};

use super::{Settings, warnings::warning, whole::key};
use crate::{config::values::format_size, proxy};

pub use container::container_bytes;

const MIB: u64 = 1024 * 1024;

/// What a configuration lets the process take at most.
#[derive(Debug)]
pub struct Footprint {
    /// Threads that serve requests.
    pub workers: usize,
    /// What takes memory, without what takes none.
    pub memory: Vec<MemoryPart>,
}

/// What something takes at most.
#[derive(Debug)]
pub struct MemoryPart {
    /// The setting that bounds it, as the configuration names it.
    pub setting: String,
    /// How much.
    pub bytes: u64,
    /// What it is, and what the figure is computed from.
    pub basis: String,
}

impl Footprint {
    /// All parts together.
    pub fn memory_bytes(&self) -> u64 {
        self.memory.iter().fold(0, |sum, part| sum.saturating_add(part.bytes))
    }

    /// A warning, if there are fewer bytes of memory than that.
    pub fn shortage(&self, available: u64) -> Option<String> {
        let sum = self.memory_bytes();
        if sum <= available {
            return None;
        }
        let part = |part: &MemoryPart| format!("{} for {}", mib(part.bytes), part.setting);
        let parts: Vec<_> = self.memory.iter().map(part).collect();
        let text = format!(
            "the process may take {}, and the limit is {}: {}",
            mib(sum),
            mib(available),
            parts.join(", ")
        );
        Some(warning(&[key::SERVER, proxy::settings::key::LIMITS], &text))
    }
}

impl Settings {
    /// What the process may take.
    pub fn footprint(&self) -> Footprint {
        let workers = self.worker_count();
        let mut memory = self.server_memory(workers);
        memory.extend(self.cache_memory(workers));
        memory.extend(self.queue_memory());
        memory.retain(|part| part.bytes > 0);
        Footprint { workers, memory }
    }

    /// One worker per core that this process may use; a container's CPU quota counts.
    pub(crate) fn worker_count(&self) -> usize {
        self.server
            .workers
            .or_else(|| thread::available_parallelism().ok())
            .map_or(1, NonZeroUsize::get)
    }

    /// A warning, if the control group of this process allows less than that.
    pub(super) fn memory_warning(&self) -> Option<String> {
        self.footprint().shortage(container_bytes()?)
    }
}

impl MemoryPart {
    fn new(setting: &[&str], bytes: usize, basis: &str) -> Self {
        Self { setting: setting.join("."), bytes: bytes as u64, basis: basis.to_owned() }
    }

    /// So many of that size each.
    fn each(setting: &[&str], (count, bytes): (usize, usize), basis: &str) -> Self {
        let basis = format!("{count} × {}: {basis}", format_size(bytes));
        Self::new(setting, count.saturating_mul(bytes), &basis)
    }
}

/// `12 MiB`, rounded up.
fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(MIB))
}
