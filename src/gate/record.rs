//! What is counted and logged of a denial.

use super::{Denial, Gate, Route};
use crate::{
    identity::PeerAddress,
    policy::CanonicalRequest,
    reason::{Cause, Subject},
    telemetry::{SHOWN_METHOD, SHOWN_PATH, cut},
};

impl Gate {
    /// Counts and logs a denial. Called once for each, where it becomes an answer.
    ///
    /// The line holds the canonical path, which is printable ASCII, and never the query, which
    /// may hold secrets. `denial_id` is what the answer calls itself.
    pub fn record(
        &self,
        denial: &Denial,
        request: Option<&CanonicalRequest>,
        denial_id: Option<&str>,
    ) {
        let issuer = self.issuer_label(denial.issuer());
        self.metrics.denied(denial.reason(), issuer);
        let route = denial.route();
        route.map_or(&self.unrouted, Route::counters).denied.inc();
        tracing::info!(
            reason = denial.reason().code(),
            route = route.map_or("(none)", Route::label),
            issuer,
            subject = denial.subject().map(Subject::in_words),
            method = request.map(|request| cut(request.method().as_str(), SHOWN_METHOD)),
            path = request.map(|request| cut(request.path(), SHOWN_PATH)),
            denial_id,
            "denied"
        );
    }

    /// Counts and logs a request that was refused before it could be read.
    pub fn record_unserved(&self, cause: &Cause, peer: Option<&PeerAddress>) {
        self.metrics.denied(cause.reason(), "");
        self.unrouted.denied.inc();
        tracing::info!(
            reason = cause.reason().code(),
            route = "(none)",
            issuer = "",
            subject = cause.subject().map(Subject::in_words),
            peer = peer.map(PeerAddress::as_str),
            "denied"
        );
    }
}
