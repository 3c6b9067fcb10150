//! One configured issuer: what its tokens must be like, and which of its keys a token names.

use std::sync::Arc;

use crate::{
    clock::UnixTime,
    config::IssuerSettings,
    jose::VerificationKey,
    keys::{IssuerKeys, KeyLookup, KeySet, KeyWait},
    reason::Reason,
};

use super::jwt::{JwtCandidate, JwtRules};

/// One configured issuer: its rules and its keys.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) rules: JwtRules,
    pub(super) keys: Arc<IssuerKeys>,
}

impl Issuer {
    pub(super) fn new(settings: &IssuerSettings, keys: Arc<IssuerKeys>) -> Self {
        Self { rules: JwtRules::new(settings), keys }
    }

    /// The key for a token, and the generation of the set it is from. Waits, within bounds, for
    /// a refresh when the `kid` is unknown.
    pub(super) async fn key_for(
        &self,
        candidate: &JwtCandidate<'_>,
        now: UnixTime,
    ) -> Result<(Arc<VerificationKey>, u64), Reason> {
        let keys = self.keys.current(now).ok_or(Reason::KeysUnavailable)?;
        match find_key(&keys, candidate) {
            Err(Reason::KidUnknown) => {}
            verdict => return verdict.map(|key| (key, keys.generation())),
        }
        match self.keys.refresh_for(candidate.jws().kid().unwrap_or_default()).await {
            KeyWait::Refreshed => {
                let keys = self.keys.current(now).ok_or(Reason::KeysUnavailable)?;
                find_key(&keys, candidate).map(|key| (key, keys.generation()))
            }
            KeyWait::Unknown => Err(Reason::KidUnknown),
            KeyWait::Unavailable => Err(Reason::KeysUnavailable),
        }
    }
}

fn find_key(keys: &KeySet, candidate: &JwtCandidate<'_>) -> Result<Arc<VerificationKey>, Reason> {
    match keys.lookup(candidate.jws().kid(), candidate.jws().algorithm()) {
        KeyLookup::Found(key) => Ok(Arc::clone(key)),
        KeyLookup::UnknownKid => Err(Reason::KidUnknown),
        KeyLookup::NoSuitableKey => Err(Reason::KeyUnsuitable),
        KeyLookup::Ambiguous => Err(Reason::KeyAmbiguous),
    }
}
