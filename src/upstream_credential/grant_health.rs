//! How a token endpoint does: counted, logged, and shown on `/readyz`.

use std::time::Duration;

use prometheus::Histogram;

use crate::{
    clock::UnixTime,
    lookup::{EndpointHealth, NotSent},
    readiness::{Dependency, DependencyKind},
};

use super::{GrantError, Metrics, grant_answer::GrantAnswer};

/// How one credential's endpoint does.
#[derive(Debug)]
pub(super) struct GrantHealth {
    endpoint: EndpointHealth,
    seconds: Histogram,
}

/// Outcomes besides [`GrantError::CODES`].
const GRANTED: &str = "granted";
const DENIED: &str = "denied";

impl GrantHealth {
    pub(super) fn new(credential: &str, metrics: &Metrics) -> Self {
        let outcomes = [GRANTED, DENIED].iter().chain(GrantError::CODES).copied();
        Self {
            endpoint: EndpointHealth::new(
                credential,
                &metrics.requests,
                outcomes,
                Some(&metrics.up),
            ),
            seconds: metrics.seconds.with_label_values(&[credential]),
        }
    }

    pub(super) fn observe(&self, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
    }

    pub(super) fn responded(&self, answer: &GrantAnswer) {
        let (outcome, credential) = match answer {
            GrantAnswer::Granted(_) => (GRANTED, self.endpoint.name()),
            GrantAnswer::Denied(error) => {
                let credential = self.endpoint.name();
                tracing::info!(credential, error, "no token is issued for the caller");
                (DENIED, credential)
            }
        };
        if let Some(unlogged) = self.endpoint.responded(outcome) {
            tracing::info!(credential, unlogged, "the token endpoint is available again");
        }
    }

    /// `kept`: a token of before is still good.
    pub(super) fn failed(&self, error: &GrantError, kept: bool, now: UnixTime) {
        if let Some(more) = self.endpoint.failed(error, now) {
            let credential = self.endpoint.name();
            tracing::warn!(credential, %error, more, kept, "the token endpoint fails");
        }
    }

    /// A request that was not even queued.
    pub(super) fn refused(&self) {
        self.endpoint.count(NotSent::Busy.code());
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
        Dependency::optional(DependencyKind::UpstreamCredential, name, trouble)
    }
}
