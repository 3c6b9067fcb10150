//! One place where an upstream is reached.

use std::{cell::Cell, rc::Rc, sync::Arc};

use http::{Version, header::UPGRADE, request::Parts};

use crate::{decision::record::EndpointName, tls::UpstreamTls};

use super::{
    UpstreamError, UpstreamSocket,
    balance::UsedEndpoint,
    caps::{CountedConnection, UpstreamCaps},
    http1::{Http1Connection, IdleConnections},
    multiplexed::MultiplexedConnections,
    settings::{UpstreamAddress, UpstreamProtocol, UpstreamSettings},
    transport::Transport,
};

/// The connections of one worker to one endpoint.
#[derive(Debug)]
pub(crate) struct UpstreamEndpoint {
    /// In logs.
    pub(super) name: Rc<EndpointName>,
    transport: Rc<Transport>,
    /// With HTTP/1.1: those that are not in use.
    pub(super) idle: Rc<IdleConnections<UpstreamSocket>>,
    /// With HTTP/2, and where it may be agreed on.
    pub(super) multiplexed: Option<Rc<MultiplexedConnections>>,
    /// Requests whose answers have not come to their end.
    pub(super) in_flight: Cell<usize>,
    /// One of several: what it is for all workers.
    pub(super) shared: Option<UsedEndpoint>,
}

impl UpstreamEndpoint {
    /// The only one.
    pub(super) fn new(
        address: &UpstreamAddress,
        settings: &UpstreamSettings,
        tls: Option<&Arc<UpstreamTls>>,
        caps: &Arc<UpstreamCaps>,
    ) -> Self {
        let name = EndpointName::new(&settings.name, address, address);
        Self::with(Transport::new(address, tls), name, settings, caps, None)
    }

    /// One of several.
    pub(super) fn of_several(
        used: &UsedEndpoint,
        settings: &UpstreamSettings,
        tls: Option<&Arc<UpstreamTls>>,
        caps: &Arc<UpstreamCaps>,
    ) -> Self {
        let transport = match used.target.address {
            Some(address) => Transport::to(address, &used.target.url, tls),
            None => Transport::new(&used.target.url, tls),
        };
        let name = EndpointName::new(&settings.name, &used.target, &used.target.url);
        Self::with(transport, name, settings, caps, Some(used.clone()))
    }

    fn with(
        transport: Rc<Transport>,
        name: EndpointName,
        settings: &UpstreamSettings,
        caps: &Arc<UpstreamCaps>,
        shared: Option<UsedEndpoint>,
    ) -> Self {
        let idle = IdleConnections::new(settings.max_idle, settings.idle_timeout);
        let idle = Rc::new(idle.within(caps));
        let multiplexed = match transport.protocol() {
            UpstreamProtocol::Http1 => None,
            UpstreamProtocol::Http2 | UpstreamProtocol::Negotiated => {
                Some(MultiplexedConnections::new(settings, &transport, &idle, caps))
            }
        };
        let name = Rc::new(name);
        Self { name, transport, idle, multiplexed, in_flight: Cell::new(0), shared }
    }

    /// A new HTTP/1.1 connection.
    pub(super) async fn connect_http1(
        &self,
        counted: CountedConnection,
    ) -> Result<Http1Connection<UpstreamSocket>, UpstreamError> {
        self.transport.http1(counted).await.map(Http1Connection::new)
    }

    /// It has gone away: connections are closed, those in use after it.
    pub(super) fn close(&self) {
        self.idle.close();
        self.multiplexed.iter().for_each(|connections| connections.close());
    }

    /// Whether the next request most likely goes over HTTP/1.1.
    pub(super) fn expects_http1(&self) -> bool {
        match self.transport.protocol() {
            UpstreamProtocol::Http1 => true,
            UpstreamProtocol::Http2 => false,
            UpstreamProtocol::Negotiated => self.transport.has_agreed_on_http1(),
        }
    }

    /// An unused connection was closed: the upstream may have restarted with another protocol.
    pub(super) fn forget_protocol(&self) {
        self.transport.forget_protocol();
    }

    /// Whether a request of an endpoint that may agree on HTTP/2 goes over HTTP/1.1: one that
    /// upgrades, which HTTP/2 can't (RFC 9113 §8.6), and where HTTP/1.1 was agreed on and a
    /// connection is open. Else the next connection shows which it is.
    pub(super) fn takes_http1(&self, request: &Parts, is_repeatable: bool) -> bool {
        self.transport.protocol() == UpstreamProtocol::Negotiated
            && request.version != Version::HTTP_2
            && (self.transport.has_agreed_on_http1() && self.idle.has_usable(is_repeatable)
                || request.headers.contains_key(UPGRADE))
    }
}
