//! What is noted of a request while it is sent.

use std::fmt;

use crate::decision::RequestRecord;

use super::endpoint::UpstreamEndpoint;

/// The attempts to send one request.
#[derive(Clone, Copy)]
pub(crate) struct SendAttempts<'r> {
    record: &'r RequestRecord,
    begin: &'r dyn Fn(),
}

impl<'r> SendAttempts<'r> {
    /// `begin` is called each time that there is a connection and sending begins, but for requests
    /// that are sent again.
    pub(crate) fn new(record: &'r RequestRecord, begin: &'r dyn Fn()) -> Self {
        Self { record, begin }
    }

    /// Those after one that got no answer.
    pub(super) fn again(self) -> Self {
        Self { begin: &|| (), ..self }
    }

    /// The request.
    pub(super) fn record(&self) -> &'r RequestRecord {
        self.record
    }

    /// An endpoint was chosen.
    pub(super) fn at(&self, endpoint: &UpstreamEndpoint) {
        self.record.attempt(&endpoint.name);
    }

    /// There is a connection.
    pub(super) fn begin(&self) {
        (self.begin)();
    }
}

impl fmt::Debug for SendAttempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendAttempts").field("record", self.record).finish_non_exhaustive()
    }
}
