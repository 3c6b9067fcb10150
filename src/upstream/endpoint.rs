//! One place where an upstream is reached.

use std::rc::Rc;

use super::{
    UpstreamError, UpstreamSocket, connect,
    http1::{Http1Connection, IdleConnections},
    lookup::NameLookup,
    multiplexed::MultiplexedConnections,
    settings::{UpstreamAddress, UpstreamSettings},
};

/// The connections of one worker to one endpoint.
#[derive(Debug)]
pub(super) struct UpstreamEndpoint {
    address: UpstreamAddress,
    lookup: Rc<NameLookup>,
    /// With HTTP/1.1: those that are not in use.
    pub(super) idle: Rc<IdleConnections<UpstreamSocket>>,
    /// With HTTP/2.
    pub(super) multiplexed: Option<Rc<MultiplexedConnections>>,
}

impl UpstreamEndpoint {
    pub(super) fn new(address: &UpstreamAddress, settings: &UpstreamSettings) -> Self {
        let lookup = Rc::<NameLookup>::default();
        let multiplexed = match address {
            UpstreamAddress::H2c(authority) => {
                Some(MultiplexedConnections::new(authority, settings, &lookup))
            }
            UpstreamAddress::Http(_) | UpstreamAddress::Unix(_) => None,
        };
        let idle = Rc::new(IdleConnections::new(settings.max_idle, settings.idle_timeout));
        Self { address: address.clone(), lookup, idle, multiplexed }
    }

    /// A new HTTP/1.1 connection.
    pub(super) async fn connect_http1(
        &self,
    ) -> Result<Http1Connection<UpstreamSocket>, UpstreamError> {
        connect::http1(&self.address, &self.lookup).await
    }
}
