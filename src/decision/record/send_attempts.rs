//! What is noted of a request while it is sent.

use std::{fmt, rc::Rc};

use http::HeaderMap;

use super::{EndpointName, RequestRecord};
use crate::{identity::ProxyHeaders, reason::Reason};

/// The attempts to send one request.
#[derive(Clone, Copy)]
pub(crate) struct SendAttempts<'r> {
    record: &'r RequestRecord,
    /// `None`: they are among the others already.
    proxy_headers: Option<&'r ProxyHeaders<'r>>,
    begin: &'r dyn Fn(),
}

impl<'r> SendAttempts<'r> {
    /// `begin` is called each time that there is a connection and sending begins, but for requests
    /// that are sent again.
    pub(crate) fn new(
        record: &'r RequestRecord,
        proxy_headers: &'r ProxyHeaders<'r>,
        begin: &'r dyn Fn(),
    ) -> Self {
        Self { record, proxy_headers: Some(proxy_headers), begin }
    }

    /// Those after one that got no answer.
    pub(crate) fn again(self) -> Self {
        Self { begin: &|| (), ..self }
    }

    /// The request.
    pub(crate) fn record(&self) -> &'r RequestRecord {
        self.record
    }

    /// The first endpoint was chosen.
    pub(crate) fn at(&self, endpoint: &Rc<EndpointName>) {
        self.record.attempt(endpoint);
    }

    /// The last attempt failed, and the next one goes to that endpoint.
    pub(crate) fn next(&self, endpoint: &Rc<EndpointName>, failed: Reason) {
        self.record.spans().attempt_failed(failed);
        self.record.attempt(endpoint);
    }

    /// There is a connection.
    pub(crate) fn begin(&self) {
        (self.begin)();
    }

    /// Writes the headers of ours that are not among the others.
    pub(crate) fn write_proxy_headers(&self, out: &mut Vec<u8>) {
        self.proxy_headers.iter().for_each(|own| own.write(out));
    }

    /// The attempts with a head that has the headers of ours among the others.
    pub(crate) fn with_proxy_headers_in(self, headers: &mut HeaderMap) -> Self {
        self.proxy_headers.iter().for_each(|own| own.set(headers));
        Self { proxy_headers: None, ..self }
    }
}

impl fmt::Debug for SendAttempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendAttempts").field("record", self.record).finish_non_exhaustive()
    }
}
