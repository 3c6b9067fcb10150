//! Signers that are looked up in a registry, through the running proxy: each way of writing a key,
//! every fault of the registry, and rotation in the middle of the traffic.

mod check;
mod faults;
mod formats;
mod lists;
mod origins;
mod participants;
pub(crate) mod scene;
mod snapshots;
