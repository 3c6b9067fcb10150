//! One place where an upstream is reached.

use std::{cell::Cell, rc::Rc};

use super::{
    UpstreamError, UpstreamSocket,
    balance::UsedEndpoint,
    connect,
    http1::{Http1Connection, IdleConnections},
    lookup::NameLookup,
    multiplexed::MultiplexedConnections,
    settings::{UpstreamAddress, UpstreamSettings},
};

/// The connections of one worker to one endpoint.
#[derive(Debug)]
pub(crate) struct UpstreamEndpoint {
    address: UpstreamAddress,
    lookup: Rc<NameLookup>,
    /// With HTTP/1.1: those that are not in use.
    pub(super) idle: Rc<IdleConnections<UpstreamSocket>>,
    /// With HTTP/2.
    pub(super) multiplexed: Option<Rc<MultiplexedConnections>>,
    /// Requests whose answers have not come to their end.
    pub(super) in_flight: Cell<usize>,
    /// One of several: what it is for all workers.
    pub(super) shared: Option<UsedEndpoint>,
}

impl UpstreamEndpoint {
    /// The only one.
    pub(super) fn new(address: &UpstreamAddress, settings: &UpstreamSettings) -> Self {
        Self::with(address, settings, NameLookup::default(), None)
    }

    /// One of several.
    pub(super) fn of_several(used: &UsedEndpoint, settings: &UpstreamSettings) -> Self {
        let lookup = used.target.address.map_or_else(NameLookup::default, NameLookup::known);
        Self::with(&used.target.url, settings, lookup, Some(used.clone()))
    }

    fn with(
        address: &UpstreamAddress,
        settings: &UpstreamSettings,
        lookup: NameLookup,
        shared: Option<UsedEndpoint>,
    ) -> Self {
        let lookup = Rc::new(lookup);
        let multiplexed = match address {
            UpstreamAddress::H2c(authority) => {
                Some(MultiplexedConnections::new(authority, settings, &lookup))
            }
            UpstreamAddress::Http(_) | UpstreamAddress::Unix(_) => None,
        };
        let idle = Rc::new(IdleConnections::new(settings.max_idle, settings.idle_timeout));
        Self {
            address: address.clone(),
            lookup,
            idle,
            multiplexed,
            in_flight: Cell::new(0),
            shared,
        }
    }

    /// A new HTTP/1.1 connection.
    pub(super) async fn connect_http1(
        &self,
    ) -> Result<Http1Connection<UpstreamSocket>, UpstreamError> {
        connect::http1(&self.address, &self.lookup).await
    }

    /// It has gone away: connections are closed, those in use after it.
    pub(super) fn close(&self) {
        self.idle.close();
        self.multiplexed.iter().for_each(|connections| connections.close());
    }
}
