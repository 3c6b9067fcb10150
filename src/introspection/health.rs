//! How an introspection endpoint does: counted, logged, and shown on `/readyz`.

use std::time::Duration;

use prometheus::Histogram;

use crate::{
    clock::UnixTime,
    lookup::EndpointHealth,
    readiness::{Dependency, DependencyKind},
};

use super::{IntrospectionError, Metrics};

/// How one issuer's endpoint does.
#[derive(Debug)]
pub(super) struct IntrospectionHealth {
    endpoint: EndpointHealth,
    seconds: Histogram,
}

/// Outcomes besides [`IntrospectionError::CODES`].
const ACTIVE: &str = "active";
const INACTIVE: &str = "inactive";
/// A stale response stood in.
const STALE: &str = "stale";

impl IntrospectionHealth {
    pub(super) fn new(issuer: &str, metrics: &Metrics) -> Self {
        let outcomes = [ACTIVE, INACTIVE, STALE].iter().chain(IntrospectionError::CODES).copied();
        Self {
            endpoint: EndpointHealth::new(issuer, &metrics.requests, outcomes, Some(&metrics.up)),
            seconds: metrics.seconds.with_label_values(&[issuer]),
        }
    }

    pub(super) fn observe(&self, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
    }

    pub(super) fn responded(&self, active: bool) {
        if let Some(unlogged) = self.endpoint.responded(if active { ACTIVE } else { INACTIVE }) {
            tracing::info!(issuer = self.endpoint.name(), unlogged, "introspection works");
        }
    }

    pub(super) fn failed(&self, error: &IntrospectionError, stale: bool, now: UnixTime) {
        if stale {
            self.endpoint.count(STALE);
        }
        if let Some(more) = self.endpoint.failed(error, now) {
            let issuer = self.endpoint.name();
            let hint = hint(error);
            tracing::warn!(issuer, %error, more, stale, hint, "introspection fails");
        }
    }

    /// Shows in metrics whether it is up, from now on.
    pub(super) fn show(&self) {
        self.endpoint.show();
    }

    /// Ends that.
    pub(super) fn hide(&self) {
        self.endpoint.hide();
    }

    pub(super) fn dependency(&self, now: UnixTime) -> Dependency {
        let (name, trouble) = (self.endpoint.name(), self.endpoint.trouble(now));
        Dependency::optional(DependencyKind::Introspection, name, trouble)
    }
}

/// What to do; `None`: the error says it.
fn hint(error: &IntrospectionError) -> Option<&'static str> {
    matches!(error, IntrospectionError::Refused { .. }).then_some(
        "compare client_id and the secret with the provider's, and whether it may introspect",
    )
}
