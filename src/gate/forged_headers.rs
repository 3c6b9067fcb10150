//! Clients that set headers of ours: the service does not get them, and an operator has to know.

use std::{net::IpAddr, time::Duration};

use http::HeaderName;

use super::Route;
use crate::telemetry::SeldomLine;

/// The line of such a client.
#[derive(Debug)]
pub(super) struct ForgedHeaders(SeldomLine);

/// A client, or a proxy in front, may send them with every request.
const INTERVAL: Duration = Duration::from_mins(1);

impl Default for ForgedHeaders {
    fn default() -> Self {
        Self(SeldomLine::new(INTERVAL))
    }
}

impl ForgedHeaders {
    /// The header was removed from a request.
    #[cold]
    pub(super) fn removed(&self, header: &HeaderName, route: &Route, client: Option<IpAddr>) {
        let Some(left_out) = self.0.due() else { return };
        tracing::warn!(
            %header,
            client = client.map(tracing::field::display),
            route = route.label(),
            left_out,
            hint = "the service did not get it: find out who the client is, and why it sends it",
            "a client has set an identity header of ours: removed"
        );
    }
}
