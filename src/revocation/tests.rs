//! What is revoked, for how long, and what happens when the list is unavailable.

mod denylist;
mod document;
mod logouts;
mod watching;

use std::sync::Arc;

use crate::{clock::UnixTime, telemetry::MetricRegistry};

use super::{Metrics, TokenFacts};

/// The present of every test clock.
const NOW: UnixTime = UnixTime(1_800_000_000);

const ISS: &str = "https://idp.example.com";

/// A token that names everything that can be looked up.
fn token() -> TokenFacts<'static> {
    TokenFacts {
        iss: ISS,
        jti: Some("t1"),
        sub: Some("alice"),
        sid: Some("s1"),
        client_id: Some("web"),
        azp: None,
        issued_at: Some(NOW.0 - 10),
    }
}

fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn metrics() -> Metrics {
    Metrics::register(&MetricRegistry::default())
}
