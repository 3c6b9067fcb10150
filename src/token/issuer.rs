//! One configured issuer: what its tokens must be like, and which of its keys a token names.

pub mod settings;

use std::sync::Arc;

use crate::{
    clock::UnixTime,
    introspection::{Introspector, settings::IntrospectWhen},
    jose::VerificationKey,
    keys::{KeyLookup, KeySet, KeyWait, LiveKeySet},
    reason::Reason,
    token::issuer::settings::IssuerSettings,
};

use super::{
    jwt::{JwtCandidate, JwtRules, LogoutRules},
    path::AfterSignature,
    statement::StatementRules,
};

/// One configured issuer: its rules, its keys, and its introspection.
#[derive(Debug)]
pub(super) struct Issuer {
    /// The exact `iss` of its tokens.
    pub(super) iss: String,
    pub(super) rules: JwtRules,
    pub(super) logout: Option<LogoutRules>,
    pub(super) keys: Arc<LiveKeySet>,
    pub(super) introspection: Option<IssuerIntrospection>,
    pub(super) after_signature: AfterSignature,
}

/// The introspection of an issuer.
#[derive(Debug)]
pub(super) struct IssuerIntrospection {
    pub(super) introspector: Arc<Introspector>,
    pub(super) rules: StatementRules,
}

impl Issuer {
    pub(super) fn new(
        settings: &IssuerSettings,
        keys: Arc<LiveKeySet>,
        introspector: Option<Arc<Introspector>>,
    ) -> Self {
        let introspection = introspector.map(|introspector| IssuerIntrospection {
            rules: StatementRules::new(
                settings,
                settings.introspection.as_ref().unwrap_or_else(|| introspector.settings()),
            ),
            introspector,
        });
        let when = introspection.as_ref().map(|introspection| introspection.introspector.when());
        Self {
            iss: settings.issuer.clone(),
            rules: JwtRules::new(settings),
            logout: LogoutRules::new(settings),
            keys,
            introspection,
            after_signature: AfterSignature::of(when),
        }
    }

    /// Whether its tokens are introspected and never verified locally, whatever their form.
    pub(super) fn is_introspection_only(&self) -> bool {
        let when =
            self.introspection.as_ref().map(|introspection| introspection.introspector.when());
        when == Some(IntrospectWhen::Only)
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
        match self.keys.refresh_for(candidate.jws().header().kid().unwrap_or_default()).await {
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
    match keys.lookup(candidate.jws().header().kid(), candidate.jws().algorithm()) {
        KeyLookup::Found(key) => Ok(Arc::clone(key)),
        KeyLookup::UnknownKid => Err(Reason::KidUnknown),
        KeyLookup::NoSuitableKey => Err(Reason::KeyUnsuitable),
        KeyLookup::Ambiguous => Err(Reason::KeyAmbiguous),
    }
}
