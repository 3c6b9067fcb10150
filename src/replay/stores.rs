//! The stores of a process.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use crate::shared::SharedStore;

use super::{MemoryStore, ReplayLimits, ReplicatedStore, table::SharedTable};

/// The stores of a process, by the name of the rule that each belongs to. Their content belongs to
/// the process: a reload, which opens them again with other limits, forgets nothing.
#[derive(Debug, Clone, Default)]
pub struct ReplayStores(Arc<Mutex<BTreeMap<String, SharedTable>>>);

impl ReplayStores {
    /// The store of that name, for this process alone.
    pub fn memory(&self, name: &str, limits: ReplayLimits) -> MemoryStore {
        let mut tables = self.0.lock();
        MemoryStore::new(tables.entry(name.to_owned()).or_default().clone(), limits)
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
