//! The proof that a request was signed: an append-only journal, one JSON line per request.
//!
//! Each line holds the hash of the one before, so that a line that was removed or altered shows;
//! from time to time a line is signed with the operator's key. [`Journal`] writes it on a thread
//! of its own, in groups that are synchronised to disk together; [`verify()`] reads it back, years
//! later and anywhere.

mod body;
mod chain;
mod entry;
mod file;
mod health;
mod journal;
mod journals;
mod line;
mod metrics;
pub mod settings;
#[cfg(test)]
mod tests;
pub mod verify;
mod writer;

pub(crate) use self::body::BodyBytes;
pub(crate) use self::metrics::Metrics;
pub use self::{
    body::EvidenceBody,
    entry::EvidenceEntry,
    journal::{EvidenceError, Journal, NotRecorded},
    journals::Journals,
    verify::{Finding, VerifyReport, verify},
};
