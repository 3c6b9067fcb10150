//! Clients that speak TLS.

use std::{
    io::{self, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};
use tokio_rustls::TlsConnector;

use crate::{
    support::{
        DEADLINE,
        authority::{Authority, Identity},
        client::{Answer, Request},
        h2::H2,
        wire::{Head, Unframed},
    },
    tls::scene::NAME,
};

/// What a client brings along.
pub(crate) struct Offer<'a> {
    pub(crate) trusts: &'a Authority,
    pub(crate) shows: Option<&'a Identity>,
    pub(crate) alpn: &'a [&'a str],
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
}

/// A connection over TLS that is read like HTTP/1.1.
pub(crate) struct TlsClient {
    reader: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

impl<'a> Offer<'a> {
    /// A client that trusts the authority, with nothing else to say.
    pub(crate) fn trusting(trusts: &'a Authority) -> Self {
        Self { trusts, shows: None, alpn: &[], versions: ALL_VERSIONS }
    }

    pub(crate) fn shows(self, identity: &'a Identity) -> Self {
        Self { shows: Some(identity), ..self }
    }

    pub(crate) fn alpn(self, alpn: &'a [&'a str]) -> Self {
        Self { alpn, ..self }
    }

    pub(crate) fn versions(self, versions: &'a [&'static SupportedProtocolVersion]) -> Self {
        Self { versions, ..self }
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(self.trusts.roots());
        let mut config = match self.shows {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(vec![identity.certificate.clone()], identity.key())
                .unwrap(),
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().into()).collect();
        Arc::new(config)
    }

    pub(crate) fn connect(&self, address: SocketAddr) -> io::Result<TlsClient> {
        TlsClient::connect(address, self.config(), NAME)
    }
}

/// A TCP connection with the deadlines of the tests.
pub(crate) fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

impl TlsClient {
    /// Connects and completes the handshake, as far as it goes.
    pub(crate) fn connect(
        address: SocketAddr,
        config: Arc<ClientConfig>,
        name: &str,
    ) -> io::Result<Self> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut connection = ClientConnection::new(config, name).unwrap();
        let mut stream = tcp(address);
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(Self { reader: BufReader::new(StreamOwned::new(connection, stream)) })
    }

    pub(crate) fn session(&self) -> &ClientConnection {
        &self.reader.get_ref().conn
    }

    /// The certificate that the proxy showed.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.session().peer_certificates().unwrap()[0].clone()
    }

    pub(crate) fn stream(&mut self) -> &mut BufReader<StreamOwned<ClientConnection, TcpStream>> {
        &mut self.reader
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    pub(crate) fn try_exchange(&mut self, request: &Request) -> io::Result<Answer> {
        self.send(&request.bytes())?;
        let head = Head::read(&mut self.reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = head.start.split(' ').nth(1).unwrap().parse().unwrap();
        let body = head.read_body(&mut self.reader, Unframed::UntilClose)?;
        Ok(Answer { status, head, body })
    }

    pub(crate) fn exchange(&mut self, request: &Request) -> Answer {
        self.try_exchange(request).unwrap()
    }

    /// What still comes until the proxy ends the connection. An alert is an error.
    pub(crate) fn end(mut self) -> io::Result<Vec<u8>> {
        use io::ErrorKind::{ConnectionReset, UnexpectedEof, WouldBlock};
        let mut bytes = Vec::new();
        match self.reader.read_to_end(&mut bytes) {
            Err(error) if error.kind() == WouldBlock => panic!("not closed in time"),
            Err(error) if ![ConnectionReset, UnexpectedEof].contains(&error.kind()) => Err(error),
            _ => Ok(bytes),
        }
    }
}

/// An HTTP/2 client that has agreed on it in the handshake.
pub(crate) fn h2(offer: &Offer<'_>, address: SocketAddr) -> H2 {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let connector = TlsConnector::from(offer.config());
    let sender = runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from(NAME).unwrap();
        let stream = connector.connect(name, socket).await.unwrap();
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    });
    H2 { runtime, sender }
}

/// Reads from a plain connection until it ends, in whatever way.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("not closed in time"),
        _ => bytes,
    }
}
