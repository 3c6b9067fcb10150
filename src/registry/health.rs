//! How a registry does: counted, logged, and shown on `/readyz`.

use crate::{
    clock::UnixTime,
    fetch::quoted,
    lookup::{EndpointHealth, LookupFailure, NotSent},
    readiness::{Dependency, DependencyKind},
};

use super::{Metrics, Registered, error::SourceError};

/// How one registry does.
#[derive(Debug)]
pub(super) struct RegistryHealth {
    endpoint: EndpointHealth,
    place: String,
}

/// The outcome besides [`SourceError::CODES`].
const FOUND: &str = "found";

impl RegistryHealth {
    pub(super) fn new(name: &str, place: String, metrics: &Metrics) -> Self {
        let outcomes = [FOUND].iter().chain(SourceError::CODES).copied();
        let endpoint = EndpointHealth::new(name, &metrics.lookups, outcomes, None);
        Self { endpoint, place }
    }

    /// The registry knows a signer. A changed key is worth a line: it decides who signs.
    pub(super) fn found(&self, signer: &str, earlier: Option<&Registered>, now: &Registered) {
        self.responded(FOUND);
        if let Some(earlier) = earlier {
            let (before, after) = (thumbprints(earlier), thumbprints(now));
            if before != after {
                let (registry, signer) = (self.endpoint.name(), quoted(signer));
                tracing::info!(registry, signer, before, after, "a signer's key changed");
            }
        }
    }

    /// The registry has no key of a signer.
    pub(super) fn unknown(&self, signer: &str, was_known: bool, error: &SourceError) {
        self.responded(error.code());
        let (registry, signer) = (self.endpoint.name(), quoted(signer));
        if was_known {
            tracing::warn!(registry, signer, %error, "a signer is no longer in the registry");
        } else {
            tracing::debug!(registry, signer, %error, "no such signer");
        }
    }

    /// No response.
    pub(super) fn failed(&self, error: &SourceError, now: UnixTime) {
        if let Some(more) = self.endpoint.failed(error, now) {
            let registry = self.endpoint.name();
            tracing::warn!(registry, %error, more, "the registry is unavailable");
        }
    }

    /// A lookup that was not even queued.
    pub(super) fn refused(&self) {
        self.endpoint.count(NotSent::Busy.code());
    }

    pub(super) fn dependency(&self, now: UnixTime) -> Dependency {
        let trouble = self.endpoint.trouble(now);
        let trouble = trouble.map(|trouble| format!("{}: {trouble}", self.place));
        Dependency::optional(DependencyKind::Registry, self.endpoint.name(), trouble)
    }

    fn responded(&self, outcome: &str) {
        if let Some(unlogged) = self.endpoint.responded(outcome) {
            tracing::info!(
                registry = self.endpoint.name(),
                unlogged,
                "the registry is available again"
            );
        }
    }
}

fn thumbprints(entry: &Registered) -> String {
    let thumbprints = entry.keys().iter().map(|key| key.thumbprint().to_text());
    thumbprints.collect::<Vec<_>>().join(" ")
}
