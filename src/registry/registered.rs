//! A registry's entry for one signer.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crate::{
    clock::{ClockAnchor, UnixTime},
    jose::{Algorithm, JwkSet, VerificationKey},
    json::Object,
    keys::{KeyLookup, KeySet},
    policy::RequiredValue,
    registry::settings::FieldRequirement,
};

/// A signer's keys, and the fields that a requirement names. Nothing else of the response is kept.
#[derive(Debug)]
pub struct Registered {
    keys: KeySet,
    /// The fields of the requirements, by their names in the configuration.
    fields: Object,
    fetched_at: UnixTime,
    /// Since when it is in memory.
    since: ClockAnchor,
    /// When a wrong signature may trigger a renewal again.
    next_renewal: AtomicI64,
    /// When the next renewal in the background may start.
    next_refresh: AtomicI64,
}

/// Why a signer's signature does not count though the registry knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unapproved {
    /// Their entry does not have the required fields.
    NotApproved,
    /// They are not whom the token belongs to.
    OtherCaller,
}

impl Registered {
    /// `now` is later than `fetched_at` for one that was kept on disk.
    pub(super) fn new(keys: JwkSet, fields: Object, fetched_at: UnixTime, now: UnixTime) -> Self {
        Self {
            keys: KeySet::new(keys),
            fields,
            fetched_at,
            since: ClockAnchor::at(now),
            next_renewal: AtomicI64::new(i64::MIN),
            next_refresh: AtomicI64::new(i64::MIN),
        }
    }

    /// The key for a signature; see [`KeySet::lookup`].
    pub fn key_for(&self, kid: Option<&str>, algorithm: Algorithm) -> KeyLookup<'_> {
        self.keys.lookup(kid, algorithm)
    }

    /// Checks the signer against the required fields; `claims` are those of the caller's token.
    ///
    /// # Errors
    /// See [`Unapproved`]. A missing field never matches.
    pub fn check(
        &self,
        require: &[FieldRequirement],
        claims: Option<&Object>,
    ) -> Result<(), Unapproved> {
        for FieldRequirement { field, value } in require {
            if !value.is_met_by(self.fields.get(field.as_str()), claims) {
                return Err(match value {
                    RequiredValue::AnyOf(_) => Unapproved::NotApproved,
                    RequiredValue::Claim(_) => Unapproved::OtherCaller,
                });
            }
        }
        Ok(())
    }

    /// Whether the keys are the same.
    pub fn has_same_keys(&self, other: &Self) -> bool {
        self.keys.has_same_keys(&other.keys)
    }

    /// Whether only its age is another.
    pub(super) fn has_same_content(&self, other: &Self) -> bool {
        self.fields == other.fields && self.has_same_keys(other)
    }

    /// When it was fetched.
    pub fn fetched_at(&self) -> UnixTime {
        self.fetched_at
    }

    /// How old it is, in seconds, by whichever clock says more. Negative if it is from the future.
    pub(super) fn age(&self, now: UnixTime) -> i64 {
        self.since.latest(now).0.saturating_sub(self.fetched_at.0)
    }

    pub(super) fn keys(&self) -> &[Arc<VerificationKey>] {
        self.keys.keys()
    }

    pub(super) fn fields(&self) -> &Object {
        &self.fields
    }

    /// Takes over when the one before may be renewed by force: a renewal gives no right to the
    /// next.
    pub(super) fn succeeds(&self, earlier: &Self) {
        let next = earlier.next_renewal.load(Ordering::Relaxed);
        self.next_renewal.store(next, Ordering::Relaxed);
    }

    /// Whether a wrong signature may trigger a renewal now; if so, no other may for the cooldown.
    pub(super) fn claims_renewal(&self, now: UnixTime, cooldown: i64) -> bool {
        claim(&self.next_renewal, now, cooldown)
    }

    /// The renewal did not happen: another one may start sooner.
    pub(super) fn allow_renewal(&self, at: UnixTime) {
        self.next_renewal.fetch_min(at.0, Ordering::Relaxed);
    }

    /// Whether a background renewal may start now; if so, no other may for `pause` seconds.
    pub(super) fn claims_refresh(&self, now: UnixTime, pause: i64) -> bool {
        claim(&self.next_refresh, now, pause)
    }

    /// About what it takes in memory.
    pub(super) fn memory(&self) -> usize {
        /// A parsed RSA key with its verifiers, as measured with a counting allocator, rounded up.
        const KEY_BYTES: usize = 4 * 1024;
        size_of::<Self>() + self.keys().len() * KEY_BYTES + self.fields.memory()
    }
}

/// A turn that is farther away than the pause was claimed before the clock was set back: it is due.
fn claim(next: &AtomicI64, now: UnixTime, pause: i64) -> bool {
    let due = next.load(Ordering::Relaxed);
    let later = now.0.saturating_add(pause);
    let is_due = now.0 >= due || due > later;
    is_due && next.compare_exchange(due, later, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}
