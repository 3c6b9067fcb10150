//! What connections to an endpoint are made of: a socket, and TLS over it.

use std::{cell::Cell, io, net::SocketAddr, rc::Rc, sync::Arc};

use tokio::net::{TcpStream, UnixStream};

use crate::tls::{UpstreamTls, settings::Http2Offer};

use super::{
    UpstreamError, UpstreamSocket,
    caps::CountedConnection,
    http1::SocketKind,
    lookup::NameLookup,
    settings::{UpstreamAddress, UpstreamProtocol},
    tls_socket::TlsSocket,
};

/// How one endpoint is reached.
#[derive(Debug)]
pub(super) struct Transport {
    address: UpstreamAddress,
    lookup: Rc<NameLookup>,
    /// With `https://`.
    tls: Option<Arc<UpstreamTls>>,
    /// What the latest connection has agreed on, where that is negotiated.
    speaks_http2: Cell<Option<bool>>,
}

/// A connection that was made just now.
#[derive(Debug)]
pub(super) enum NewSocket {
    Http1(UpstreamSocket),
    Http2(UpstreamSocket),
}

impl Transport {
    pub(super) fn new(address: &UpstreamAddress, tls: Option<&Arc<UpstreamTls>>) -> Rc<Self> {
        Self::with(address, NameLookup::default(), tls)
    }

    /// To that one of the addresses of its name.
    pub(super) fn to(
        known: SocketAddr,
        address: &UpstreamAddress,
        tls: Option<&Arc<UpstreamTls>>,
    ) -> Rc<Self> {
        Self::with(address, NameLookup::known(known), tls)
    }

    fn with(
        address: &UpstreamAddress,
        lookup: NameLookup,
        tls: Option<&Arc<UpstreamTls>>,
    ) -> Rc<Self> {
        Rc::new(Self {
            address: address.clone(),
            lookup: Rc::new(lookup),
            tls: tls.cloned(),
            speaks_http2: Cell::new(None),
        })
    }

    /// What is spoken, and whether that is known before there is a connection.
    pub(super) fn protocol(&self) -> UpstreamProtocol {
        UpstreamProtocol::of(&self.address, self.tls.as_ref().map(|tls| tls.http2()))
    }

    /// Whether HTTP/1.1 was agreed on last, where that is negotiated.
    pub(super) fn has_agreed_on_http1(&self) -> bool {
        self.speaks_http2.get() == Some(false)
    }

    /// The next connection shows it again.
    pub(super) fn forget_protocol(&self) {
        self.speaks_http2.set(None);
    }

    /// One that is to be spoken HTTP/1.1 on.
    pub(super) async fn http1(
        &self,
        counted: CountedConnection,
    ) -> Result<UpstreamSocket, UpstreamError> {
        let kind = match &self.address {
            UpstreamAddress::Unix(path) => UnixStream::connect(path)
                .await
                .map(SocketKind::Unix)
                .map_err(UpstreamError::Refused)?,
            UpstreamAddress::Http(authority)
            | UpstreamAddress::H2c(authority)
            | UpstreamAddress::Https(authority) => {
                let socket = self.tcp(authority).await?;
                self.secured(authority, socket, Http2Offer::Never).await?
            }
        };
        Ok(UpstreamSocket::new(kind, counted))
    }

    /// One on which HTTP/2 is spoken, unless the upstream chooses HTTP/1.1.
    pub(super) async fn http2(
        &self,
        counted: CountedConnection,
    ) -> Result<NewSocket, UpstreamError> {
        let (UpstreamAddress::H2c(authority) | UpstreamAddress::Https(authority)) = &self.address
        else {
            return self.http1(counted).await.map(NewSocket::Http1);
        };
        let socket = self.tcp(authority).await?;
        let Some(tls) = &self.tls else {
            let socket = UpstreamSocket::new(SocketKind::Tcp(socket), counted);
            return Ok(NewSocket::Http2(socket));
        };
        let kind = self.secured(authority, socket, tls.http2()).await?;
        let socket = UpstreamSocket::new(kind, counted);
        let is_http2 = socket.is_http2();
        self.speaks_http2.set(Some(is_http2));
        Ok(if is_http2 { NewSocket::Http2(socket) } else { NewSocket::Http1(socket) })
    }

    async fn secured(
        &self,
        authority: &str,
        socket: TcpStream,
        offer: Http2Offer,
    ) -> Result<SocketKind, UpstreamError> {
        let Some(tls) = &self.tls else {
            return Ok(SocketKind::Tcp(socket));
        };
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let stream = tls.connect(host, offer, socket).await?;
        Ok(SocketKind::Tls(Box::new(TlsSocket::new(stream))))
    }

    async fn tcp(&self, authority: &str) -> Result<TcpStream, UpstreamError> {
        self.try_tcp(authority).await.map_err(UpstreamError::Refused)
    }

    async fn try_tcp(&self, authority: &str) -> io::Result<TcpStream> {
        let addresses = self.lookup.addresses(authority).await?;
        let socket = TcpStream::connect(addresses.as_slice()).await?;
        socket.set_nodelay(true)?;
        Ok(socket)
    }
}
