//! What is noted of a request while it is sent.

use std::fmt;

use http::HeaderMap;

use crate::decision::RequestRecord;

use super::{endpoint::UpstreamEndpoint, own_headers::OwnHeaders};

/// The attempts to send one request.
#[derive(Clone, Copy)]
pub(crate) struct SendAttempts<'r> {
    record: &'r RequestRecord,
    /// `None`: they are among the others already.
    own_headers: Option<&'r OwnHeaders<'r>>,
    begin: &'r dyn Fn(),
}

impl<'r> SendAttempts<'r> {
    /// `begin` is called each time that there is a connection and sending begins, but for requests
    /// that are sent again.
    pub(crate) fn new(
        record: &'r RequestRecord,
        own_headers: &'r OwnHeaders<'r>,
        begin: &'r dyn Fn(),
    ) -> Self {
        Self { record, own_headers: Some(own_headers), begin }
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

    /// Writes the headers of ours that are not among the others.
    pub(super) fn write_own_headers(&self, out: &mut Vec<u8>) {
        self.own_headers.iter().for_each(|own| own.write(out));
    }

    /// The attempts with a head that has the headers of ours among the others.
    pub(super) fn with_own_headers_in(self, headers: &mut HeaderMap) -> Self {
        self.own_headers.iter().for_each(|own| own.set(headers));
        Self { own_headers: None, ..self }
    }
}

impl fmt::Debug for SendAttempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendAttempts").field("record", self.record).finish_non_exhaustive()
    }
}
