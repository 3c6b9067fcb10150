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
    /// The memory of that name.
    pub fn memory(&self, name: &str) -> ReplayMemory {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.entry(name.to_owned()).or_default().clone()
    }
}

impl ReplayMemory {
    /// Sees something that has this digest, and remembers it until then, if fewer than `most` are
    /// remembered.
    pub fn see(&self, digest: [u8; 32], now: UnixTime, until: UnixTime, most: usize) -> Sighting {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).see(digest, now, until, most)
    }

    /// Forgets that it was seen: nothing came of it.
    pub fn take_back(&self, digest: &[u8; 32]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take_back(digest);
    }
}
