//! A worker's token cache: verified tokens, and those with a wrong signature.

pub mod settings;

use std::{cell::Cell, rc::Rc, time::Duration};

use crate::{
    bounded::BoundedMap, clock::UnixTime, policy::ids::IssuerId,
    token::cache::settings::CacheSettings,
};

use super::verifier::VerifiedToken;

/// The verified-token cache of one worker: no lock, no sharing.
///
/// An entry is found by the token's bytes in full, and counts only while the key that verified
/// the token is in the issuer's set, the token is within its own times and was not revoked: all
/// that is checked by [`super::TokenVerifier`] on every hit. A revoked token is kept like others,
/// so that repeating it costs no signature check. Beside it, a small one for tokens whose
/// signature was wrong, so that repeating a forged token costs the attacker more than us.
#[derive(Debug)]
pub struct TokenCache {
    verified: BoundedMap<CachedToken>,
    rejected: BoundedMap<RejectedToken>,
    max_age: i64,
}

#[derive(Debug)]
pub(super) struct CachedToken {
    pub(super) token: Rc<VerifiedToken>,
    /// The key set's generation when the key was last seen in it.
    pub(super) generation: Cell<u64>,
    /// The generation of the revocations when the token was last found clear.
    pub(super) clear: Cell<u64>,
    verified_at: UnixTime,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct RejectedToken {
    pub(super) issuer: IssuerId,
    /// The key set's generation under which the signature was wrong.
    pub(super) generation: u64,
    /// Whether the issuer is the route's, since the token names none.
    pub(super) is_unnamed: bool,
}

/// The generation of no revocations.
pub(super) const NEVER_CLEAR: u64 = 0;

impl TokenCache {
    /// An empty cache with the bounds of the settings.
    pub fn new(settings: &CacheSettings) -> Self {
        Self {
            verified: BoundedMap::new(settings.entries, settings.bytes),
            rejected: BoundedMap::new(settings.rejected_entries, settings.rejected_bytes()),
            max_age: i64::try_from(Duration::as_secs(&settings.max_age)).unwrap_or(i64::MAX),
        }
    }

    /// Keeps the verified tokens that count under another configuration as well. Each is looked up
    /// again among what is revoked: that generation was another list's.
    pub(super) fn carry_over(&mut self, mut counts: impl FnMut(&Rc<VerifiedToken>) -> bool) {
        self.verified.retain(|entry| {
            entry.clear.set(NEVER_CLEAR);
            counts(&entry.token)
        });
        self.rejected.clear();
    }

    /// A verified token that is not older than `max_age`. A clock that went backwards makes an
    /// entry look young, never older than it is, and `exp` is checked besides.
    pub(super) fn find(&self, token: &[u8], now: UnixTime) -> Option<&CachedToken> {
        let entry = self.verified.find(token)?;
        (now.0.saturating_sub(entry.verified_at.0) < self.max_age).then_some(entry)
    }

    /// Caches a token, with the generations of the key set and of the revocations under which it
    /// was found valid; [`NEVER_CLEAR`] for one that was not.
    pub(super) fn insert(
        &mut self,
        bytes: &[u8],
        token: Rc<VerifiedToken>,
        (generation, clear): (u64, u64),
        now: UnixTime,
    ) {
        let memory = token.memory();
        let (generation, clear) = (Cell::new(generation), Cell::new(clear));
        let entry = CachedToken { token, generation, clear, verified_at: now };
        self.verified.insert(bytes, entry, memory);
    }

    pub(super) fn remove(&mut self, token: &[u8]) {
        self.verified.remove(token);
    }

    pub(super) fn find_rejected(&self, token: &[u8]) -> Option<RejectedToken> {
        self.rejected.find(token).copied()
    }

    pub(super) fn insert_rejected(&mut self, token: &[u8], rejected: RejectedToken) {
        self.rejected.insert(token, rejected, size_of::<RejectedToken>());
    }
}
