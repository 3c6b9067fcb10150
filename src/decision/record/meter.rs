//! What is counted of a request from its beginning to its end.

use http::StatusCode;

use super::{Outcome, RequestRecord};
use crate::{gate::Gate, identity::RequestId};

/// A request has begun.
pub(super) fn begin(gate: &Gate) {
    gate.meter().in_flight.enter();
}

/// It has ended. How long it took is counted where it was forwarded: refusals take microseconds,
/// and would hide a slow service. A tunnel lasts as long as both sides like, which is no latency.
pub(super) fn end(gate: &Gate, record: &RequestRecord) {
    let meter = gate.meter();
    meter.in_flight.leave();
    if let Some(took) = record.times().decision(record.began()) {
        meter.decision.observe(took);
    }
    let counters = gate.counters(record.route());
    let Some(status) = record.status() else { return };
    counters.answers.count(status);
    let was_forwarded = matches!(record.outcome(), Some(Outcome::Forwarded | Outcome::Failed));
    if was_forwarded && status != StatusCode::SWITCHING_PROTOCOLS {
        counters
            .seconds
            .observe_request(record.times().total(record.began()), || own_id(record.id()));
    }
}

/// The id, if this process has made it: what a proxy before it says may be a client's word.
#[cold]
fn own_id(id: &RequestId) -> Option<String> {
    match id {
        RequestId::Made(_) => Some(id.to_string()),
        RequestId::Accepted(_) => None,
    }
}
