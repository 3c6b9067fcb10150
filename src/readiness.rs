//! What is not ready yet, by name.
//!
//! What has to be ready first holds a [`ReadinessGuard`] and releases it when it is. The release
//! wakes waiters: there is no polling. [`SourceReadiness`] has the two states of key sets and lists
//! that are waited for; [`ProcessReadiness`] is what the process itself adds to `/readyz`.
//!
//! Guards signal that something has become ready. Keys grow too old without an event, so `/readyz`
//! queries their rooms each time.

mod dependency;
mod process;
pub(crate) mod settings;

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::watch;

pub use self::{
    dependency::{Dependency, DependencyKind, Importance},
    process::ProcessReadiness,
};

/// A set of named guards. Ready while none of them is held.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<watch::Sender<Held>>);

/// The guards that are held, in the order in which they were made.
#[derive(Debug, Default)]
struct Held {
    names: BTreeMap<u64, String>,
    next: u64,
}

/// Keeps its [`Readiness`] from being ready until it is released or dropped.
#[derive(Debug)]
#[must_use = "dropped, it is released"]
pub struct ReadinessGuard {
    readiness: Readiness,
    id: u64,
}

impl Readiness {
    /// Not ready from now on, until the guard is released.
    pub fn guard(&self, name: impl Into<String>) -> ReadinessGuard {
        let mut id = 0;
        self.0.send_modify(|held| {
            id = held.next;
            held.next += 1;
            held.names.insert(id, name.into());
        });
        ReadinessGuard { readiness: self.clone(), id }
    }

    /// The names of the guards that are held; empty means ready.
    pub fn pending(&self) -> Vec<String> {
        self.0.borrow().names.values().cloned().collect()
    }

    /// Whether no guard is held.
    pub fn is_ready(&self) -> bool {
        self.0.borrow().names.is_empty()
    }

    /// Resolves as soon as no guard is held.
    pub async fn ready(&self) {
        self.until(|held| held.names.is_empty()).await;
    }

    async fn until(&self, condition: impl FnMut(&Held) -> bool) {
        // Can't fail: the sender is in `self`.
        let _ = self.0.subscribe().wait_for(condition).await;
    }
}

impl ReadinessGuard {
    /// Marks it as ready. A second call has no effect.
    pub fn release(&self) {
        self.readiness.0.send_if_modified(|held| held.names.remove(&self.id).is_some());
    }

    /// Whether it was released.
    pub fn is_released(&self) -> bool {
        !self.readiness.0.borrow().names.contains_key(&self.id)
    }

    /// Resolves as soon as it is released.
    pub async fn released(&self) {
        self.readiness.until(|held| !held.names.contains_key(&self.id)).await;
    }
}

impl Drop for ReadinessGuard {
    fn drop(&mut self) {
        self.release();
    }
}

/// What is waited for of the sources that decisions depend on.
#[derive(Debug, Default)]
pub struct SourceReadiness {
    first_read: Readiness,
    usable: Readiness,
}

/// One source, until it has been read.
#[derive(Debug)]
pub struct SourceGuard {
    first_read: ReadinessGuard,
    usable: ReadinessGuard,
}

impl SourceReadiness {
    /// A source that was not read yet.
    pub fn source(&self, name: &str) -> SourceGuard {
        SourceGuard { first_read: self.first_read.guard(name), usable: self.usable.guard(name) }
    }

    /// Ready once every source was read for the first time, well or not: nothing is gained by
    /// waiting on.
    pub fn first_read(&self) -> &Readiness {
        &self.first_read
    }

    /// Ready once every source has been usable for the first time: decisions can be made.
    pub fn usable(&self) -> &Readiness {
        &self.usable
    }
}

impl SourceGuard {
    /// It was read, well or not.
    pub fn mark_read(&self) {
        self.first_read.release();
    }

    /// Whether it was.
    pub fn was_read(&self) -> bool {
        self.first_read.is_released()
    }

    /// Decisions can be made by what was read.
    pub fn is_usable(&self) {
        self.usable.release();
        self.first_read.release();
    }

    /// Resolves once it was read, well or not.
    pub async fn first_read(&self) {
        self.first_read.released().await;
    }

    /// Resolves once decisions can be made by it.
    pub async fn usable(&self) {
        self.usable.released().await;
    }
}

#[cfg(test)]
mod tests;
