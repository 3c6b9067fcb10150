//! The stores of a process.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use crate::shared::SharedStore;

use super::{MemoryStore, ReplayLimits, ReplicatedStore, table::SharedTable};

/// The stores of a process, by the name of the rule that each belongs to. Their content belongs to
/// the process: a reload, which opens them again with other limits, forgets nothing. Each id stays
/// for the window under which it was inserted.
#[derive(Debug, Clone, Default)]
pub struct ReplayStores(Arc<Mutex<BTreeMap<String, SharedTable>>>);

impl ReplayStores {
    /// The store of that name, for this process alone.
    pub fn memory(&self, name: &str, limits: ReplayLimits) -> MemoryStore {
        let table = self.0.lock().entry(name.to_owned()).or_default().clone();
        table.lock().open(limits);
        MemoryStore::new(table, limits)
    }

    /// The store of that name, for all replicas that share `shared`.
    pub fn replicated(
        &self,
        name: &str,
        limits: ReplayLimits,
        shared: SharedStore,
    ) -> ReplicatedStore {
        ReplicatedStore::new(self.memory(name, limits), shared)
    }
}
