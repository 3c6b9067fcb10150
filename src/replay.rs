//! The once-only rule: what must not be accepted twice (threats S-8).
//!
//! A message or proof is named by a [`ReplayId`]. [`ReplayStore::check_and_insert`] inserts it and
//! returns whether it is new; the [`ReplayReservation`] that comes with a new one is committed when
//! the message is acted on, and rolled back when it was not. [`ReplayStore`] defines the
//! guarantees.

mod memory;
mod replicated;
mod reservation;
mod retention;
mod store;
mod stores;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use self::store::ID_BYTES;
pub use self::{
    memory::MemoryStore,
    replicated::ReplicatedStore,
    reservation::ReplayReservation,
    store::{ReplayCheck, ReplayId, ReplayLimits, ReplayStore},
    stores::ReplayStores,
    table::ReplayState,
};
