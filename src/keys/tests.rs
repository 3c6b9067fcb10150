//! The room as a whole, by scenario.

mod discovery;
mod fetching;
mod files;
mod fleet;
mod lookup;
mod metadata_outage;
mod probing;
mod refreshing;
mod single_keys;
mod snapshots;
mod store;
mod waiting;
