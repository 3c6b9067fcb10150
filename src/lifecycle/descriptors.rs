//! File descriptors: how many a configuration can use, and how many the process may have.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::settings::Settings;

/// Per worker, besides its listeners: what its runtime waits with.
const PER_WORKER: usize = 7;
/// For logs, journals, the control thread, connections to identity providers and the shared store.
const RESERVE: usize = 64;

/// Raises the limit of this process as far as it may itself, and returns what it then is. A soft
/// limit of 1,024, which is usual, protects programs that use `select(2)`.
///
/// # Errors
/// Why it could not be raised.
pub fn raise_limit() -> io::Result<DescriptorLimit> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(DescriptorLimit(maximum))
}

/// How many file descriptors a process may have; `None`: any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptorLimit(Option<u64>);

impl DescriptorLimit {
    /// What this process can raise its limit to.
    pub fn highest() -> Self {
        Self(getrlimit(Resource::Nofile).maximum)
    }

    /// What it is now.
    pub fn present() -> Self {
        Self(getrlimit(Resource::Nofile).current)
    }

    /// A warning, if the configuration can use more.
    pub fn shortage(self, settings: &Settings) -> Option<String> {
        let (available, needed) = (self.0?, descriptors_needed(settings));
        let connections = settings.server.limits.connections;
        (available < needed).then(|| {
            format!(
                "server.limits.connections: {connections} connections can need {needed} file \
                 descriptors, and the limit is {available} (ulimit -n); beyond it connections \
                 wait, and requests get 502"
            )
        })
    }
}

/// A descriptor for each connection and one for its request at the upstream, and those that the
/// pools keep.
pub fn descriptors_needed(settings: &Settings) -> u64 {
    let workers = settings.worker_count();
    let pooled: usize = settings.upstreams.iter().map(|upstream| upstream.max_idle).sum();
    let connections = settings.server.limits.connections.saturating_mul(2);
    let needed = workers
        .saturating_mul(pooled + settings.listeners.len() + PER_WORKER)
        .saturating_add(connections + RESERVE);
    u64::try_from(needed).unwrap_or(u64::MAX)
}
