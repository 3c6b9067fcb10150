//! What may be used once only: a bounded memory of what was here lately, for the whole process.

mod memory;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use self::memory::Memory;
use crate::clock::UnixTime;

pub use self::memory::Sighting;

/// What was seen, by whose memory it is. A reload forgets nothing of it.
#[derive(Debug, Clone, Default)]
pub struct ReplayBook(Arc<Mutex<BTreeMap<String, ReplayMemory>>>);

/// One memory, shared by all workers. Each look takes a lock for as long as a lookup in a table
/// takes.
#[derive(Debug, Clone, Default)]
pub struct ReplayMemory(Arc<Mutex<Memory>>);

impl ReplayBook {
    /// The memory of that name, which holds at most so many entries from now on.
    pub fn memory(&self, name: &str, entries: usize) -> ReplayMemory {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = book.entry(name.to_owned()).or_default();
        memory.hold_at_most(entries);
        memory.clone()
    }
}

impl ReplayMemory {
    /// From now on; nothing that is remembered is forgotten for it. None before it is said.
    pub fn hold_at_most(&self, entries: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).hold_at_most(entries);
    }

    /// Sees something that has this digest, and remembers it until then.
    pub fn see(&self, digest: [u8; 32], now: UnixTime, until: UnixTime) -> Sighting {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).see(digest, now, until)
    }

    /// Forgets that it was seen: nothing came of it.
    pub fn take_back(&self, digest: &[u8; 32]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take_back(digest);
    }
}
