//! The signer's key, found before any of the body is read.

use std::sync::Arc;

use crate::{
    clock::UnixTime,
    config::{SignatureSettings, SignerKeys},
    jose::{Algorithm, Object, SignedPayload, VerificationKey},
    keys::{IssuerKeys, KeyLookup, KeySet, KeyWait},
    providers::Providers,
    reason::Reason,
};

use super::signer::Signers;

/// Where keys are looked for.
#[derive(Debug)]
pub(super) enum KeySource {
    /// A key set: the keys of all signers, or of the only one.
    Set(Arc<IssuerKeys>),
    /// Settings that name a source that is not there; validated settings do not.
    Nowhere,
}

/// The key that is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sought<'s> {
    pub(super) signer: &'s str,
    /// The signature's `kid`, if it has a say.
    pub(super) kid: Option<&'s str>,
    pub(super) algorithm: Algorithm,
}

/// A key that was found, and where.
#[derive(Debug)]
pub(super) struct FoundKey {
    pub(super) key: Arc<VerificationKey>,
}

impl KeySource {
    pub(super) fn new(index: usize, settings: &SignatureSettings, providers: &Providers) -> Self {
        let set = match &settings.keys {
            SignerKeys::Issuer(issuer) => providers.keys.issuer(*issuer).cloned(),
            SignerKeys::Set(_) => providers.signer_keys(index),
        };
        set.map_or(Self::Nowhere, Self::Set)
    }

    /// The key of the signer, and of nobody else.
    pub(super) async fn find(
        &self,
        sought: &Sought<'_>,
        signers: &Signers,
        _claims: Option<&Object>,
        now: UnixTime,
    ) -> Result<FoundKey, Reason> {
        match self {
            Self::Set(keys) => find_in_set(keys, sought, signers, now).await,
            Self::Nowhere => Err(Reason::KeysUnavailable),
        }
    }
}

impl FoundKey {
    /// The same, if the signature is right under it.
    pub(super) fn confirmed_by(self, signed: &SignedPayload) -> Result<Self, Reason> {
        if signed.verifies_under(&self.key) { Ok(self) } else { Err(Reason::SignatureInvalid) }
    }
}

async fn find_in_set(
    keys: &IssuerKeys,
    sought: &Sought<'_>,
    signers: &Signers,
    now: UnixTime,
) -> Result<FoundKey, Reason> {
    let kid = if signers.are_named_by_kid() {
        if sought.kid.is_some_and(|kid| kid != sought.signer) {
            return Err(Reason::SignerMismatch);
        }
        Some(sought.signer)
    } else {
        sought.kid
    };
    let current = keys.current(now).ok_or(Reason::KeysUnavailable)?;
    let unknown = match (look_up(&current, kid, sought.algorithm, signers), kid) {
        (Err(Reason::SignerUnknown), Some(kid)) => kid,
        (verdict, _) => return verdict,
    };
    match keys.refresh_for(unknown).await {
        KeyWait::Refreshed => {
            let renewed = keys.current(now).ok_or(Reason::KeysUnavailable)?;
            look_up(&renewed, kid, sought.algorithm, signers)
        }
        KeyWait::Unknown => Err(Reason::SignerUnknown),
        KeyWait::Unavailable => Err(Reason::KeysUnavailable),
    }
}

/// A key without a name belongs to no signer that is known by one (threats S-7).
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
        KeyLookup::Found(key) => Ok(FoundKey { key: Arc::clone(key) }),
        KeyLookup::UnknownKid | KeyLookup::Ambiguous => Err(Reason::SignerUnknown),
        KeyLookup::NoSuitableKey => Err(Reason::SignatureAlgorithmNotAllowed),
    }
}
