//! The signer's key, found before any of the body is read.

use std::sync::Arc;

use crate::{
    clock::UnixTime,
    jose::{Algorithm, SignedPayload, VerificationKey},
    json::Object,
    keys::{KeyLookup, KeySet, KeyWait, LiveKeySet},
    providers::LiveSignerKeys,
    reason::Reason,
    registry::{LookupError, Registered, Registry, Unapproved},
};

use super::{pending::ClaimedSignature, signer::Signers};

/// A key that was found, and where.
#[derive(Debug)]
pub(super) struct FoundKey {
    pub(super) key: Arc<VerificationKey>,
    /// Where a changed key may be found.
    renewable: Option<(Arc<Registry>, Arc<Registered>)>,
}

/// The key of the signer, never another's.
pub(super) async fn find(
    keys: &LiveSignerKeys,
    claimed: &ClaimedSignature,
    signers: &Signers,
    claims: Option<&Object>,
    now: UnixTime,
) -> Result<FoundKey, Reason> {
    match keys {
        LiveSignerKeys::Set(keys) => find_in_set(keys, claimed, signers, now).await,
        LiveSignerKeys::Registry(registry) => find_in_registry(registry, claimed, claims).await,
    }
}

/// The same for an explanation, which sends no lookup to a registry: `None` where a request would
/// wait for one. Keys for an unknown `kid` are fetched as for a request, within their cooldown.
pub(super) async fn find_aside(
    keys: &LiveSignerKeys,
    claimed: &ClaimedSignature,
    signers: &Signers,
    claims: Option<&Object>,
    now: UnixTime,
) -> Result<Option<FoundKey>, Reason> {
    let registry = match keys {
        LiveSignerKeys::Set(keys) => {
            return find_in_set(keys, claimed, signers, now).await.map(Some);
        }
        LiveSignerKeys::Registry(registry) => registry,
    };
    let Some(entry) = registry.find_cached(&claimed.signer) else {
        return Ok(None);
    };
    let entry = entry.map_err(not_found)?;
    key_of(registry, &entry, claimed, claims).map(Some)
}

fn not_found(error: LookupError) -> Reason {
    match error {
        LookupError::Unknown => Reason::SignerUnknown,
        LookupError::Unavailable => Reason::KeysUnavailable,
    }
}

impl FoundKey {
    /// Whether the signature is valid under it.
    pub(super) fn verifies(&self, signed: &SignedPayload) -> bool {
        signed.verifies_under(&self.key)
    }

    /// A display name.
    pub(super) fn describe(&self) -> String {
        match self.key.kid() {
            Some(kid) => format!("{}, kid {kid:?}", self.key.kind()),
            None => format!("{}, without kid", self.key.kind()),
        }
    }

    /// The key under which the signature is valid: this one, or its successor.
    pub(super) async fn confirmed_by(
        self,
        signed: &SignedPayload,
        claimed: &ClaimedSignature,
        claims: Option<&Object>,
    ) -> Result<Self, Reason> {
        if signed.verifies_under(&self.key) {
            return Ok(self);
        }
        let (registry, entry) = self.renewable.ok_or(Reason::SignatureInvalid)?;
        let renewed = registry.find_renewed(&claimed.signer, &entry).await;
        if renewed.has_same_keys(&entry) {
            return Err(Reason::SignatureInvalid);
        }
        let found = key_of(&registry, &renewed, claimed, claims)?;
        if signed.verifies_under(&found.key) { Ok(found) } else { Err(Reason::SignatureInvalid) }
    }
}

async fn find_in_registry(
    registry: &Arc<Registry>,
    claimed: &ClaimedSignature,
    claims: Option<&Object>,
) -> Result<FoundKey, Reason> {
    let entry = registry.find(&claimed.signer).await.map_err(not_found)?;
    match key_of(registry, &entry, claimed, claims) {
        // The key may have changed, or the signer may have been approved since: one more lookup.
        Err(
            Reason::SignerNotApproved
            | Reason::SignerMismatch
            | Reason::SignatureAlgorithmNotAllowed,
        ) => {
            let renewed = registry.find_renewed(&claimed.signer, &entry).await;
            key_of(registry, &renewed, claimed, claims)
        }
        verdict => verdict,
    }
}

/// The signer's key, if the registry approves of the signer. A `kid` that none of the signer's
/// keys has is another's.
fn key_of(
    registry: &Arc<Registry>,
    entry: &Arc<Registered>,
    claimed: &ClaimedSignature,
    claims: Option<&Object>,
) -> Result<FoundKey, Reason> {
    registry.check(entry, claims).map_err(|unapproved| match unapproved {
        Unapproved::NotApproved => Reason::SignerNotApproved,
        Unapproved::OtherCaller => Reason::SignerMismatch,
    })?;
    match entry.key_for(claimed.wanted_kid(), claimed.algorithm) {
        KeyLookup::Found(key) => Ok(FoundKey {
            key: Arc::clone(key),
            renewable: Some((Arc::clone(registry), Arc::clone(entry))),
        }),
        KeyLookup::UnknownKid => Err(Reason::SignerMismatch),
        KeyLookup::NoSuitableKey => Err(Reason::SignatureAlgorithmNotAllowed),
        KeyLookup::Ambiguous => Err(Reason::SignerUnknown),
    }
}

async fn find_in_set(
    keys: &LiveKeySet,
    claimed: &ClaimedSignature,
    signers: &Signers,
    now: UnixTime,
) -> Result<FoundKey, Reason> {
    let kid = if signers.are_named_by_kid() {
        if claimed.wanted_kid().is_some_and(|kid| kid != claimed.signer) {
            return Err(Reason::SignerMismatch);
        }
        Some(claimed.signer.as_str())
    } else {
        claimed.wanted_kid()
    };
    let current = keys.current(now).ok_or(Reason::KeysUnavailable)?;
    let unknown = match (look_up(&current, kid, claimed.algorithm, signers), kid) {
        (Err(Reason::SignerUnknown), Some(kid)) => kid,
        (verdict, _) => return verdict,
    };
    match keys.refresh_for(unknown).await {
        KeyWait::Refreshed => {
            let renewed = keys.current(now).ok_or(Reason::KeysUnavailable)?;
            look_up(&renewed, kid, claimed.algorithm, signers)
        }
        KeyWait::Unknown => Err(Reason::SignerUnknown),
        KeyWait::Unavailable => Err(Reason::KeysUnavailable),
    }
}

/// A key without a name belongs to no named signer (threats S-7).
fn look_up(
    keys: &KeySet,
    kid: Option<&str>,
    algorithm: Algorithm,
    signers: &Signers,
) -> Result<FoundKey, Reason> {
    match keys.lookup(kid, algorithm) {
        KeyLookup::Found(key) if signers.are_named_by_kid() && key.kid() != kid => {
            Err(Reason::SignerUnknown)
        }
        KeyLookup::Found(key) => Ok(FoundKey { key: Arc::clone(key), renewable: None }),
        KeyLookup::UnknownKid | KeyLookup::Ambiguous => Err(Reason::SignerUnknown),
        KeyLookup::NoSuitableKey => Err(Reason::SignatureAlgorithmNotAllowed),
    }
}
