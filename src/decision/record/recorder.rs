//! Where the requests of a worker end.

use std::{rc::Rc, sync::Arc};

use super::RequestRecord;
use crate::{
    decision::{Arrival, Engine},
    telemetry::{SHOWN_METHOD, SHOWN_PATH, cut},
};

/// Begins the records of one worker's requests, and reports them when they end.
#[derive(Debug)]
pub(in crate::decision) struct Recorder {
    engine: Arc<Engine>,
}

impl Recorder {
    pub(in crate::decision) fn new(engine: &Arc<Engine>) -> Rc<Self> {
        Rc::new(Self { engine: Arc::clone(engine) })
    }

    pub(in crate::decision) fn begin(self: &Rc<Self>, arrival: &Arrival<'_>) -> Rc<RequestRecord> {
        Rc::new(RequestRecord::new(self, arrival.listener, arrival.peer))
    }

    /// Whether the request's details are needed at its end.
    pub(super) fn keeps_details(&self, _record: &RequestRecord) -> bool {
        self.engine.access_log
    }

    /// The one place where a request ends.
    #[inline]
    pub(super) fn ended(&self, record: &RequestRecord) {
        if self.engine.access_log {
            log_access(record);
        }
    }
}

/// One line per request: method, canonical path (never the query, which may carry secrets),
/// status and time.
fn log_access(record: &RequestRecord) {
    let details = record.details.get();
    let request = details.and_then(|details| details.request.as_ref());
    tracing::info!(
        target: "countersign::access",
        method = request.map(|request| cut(request.method().as_str(), SHOWN_METHOD)),
        path = request.map(|request| cut(request.path(), SHOWN_PATH)),
        status = record.status.get().map(|status| status.as_u16()),
        micros = u64::try_from(record.began.elapsed().as_micros()).unwrap_or(u64::MAX),
        "request"
    );
}
