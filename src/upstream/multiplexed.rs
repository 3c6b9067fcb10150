//! The HTTP/2 connections of one worker to one upstream: as many as its open streams need, since
//! the peer's limit of streams is one of a connection (RFC 9113 §5.1.2).

mod arrivals;
mod connection;

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    task::spawn_local,
    time::{Instant, timeout},
};

use crate::upstream::settings::UpstreamSettings;

use super::{
    UpstreamCaps, UpstreamError, UpstreamSocket, connect,
    http1::{Http1Connection, IdleConnections},
    transport::{NewSocket, Transport},
};
use crate::tls::HandshakeFailure;

pub(super) use arrivals::{ArrivalNews, Arrivals};
pub(super) use connection::MultiplexedConnection;
pub(crate) use connection::OpenStream;

/// With a peer that allows 100 streams on each, the least that RFC 9113 §6.5.2 recommends, these
/// are 3,200 calls at once for each worker. What is beyond waits for a stream.
const MAX_CONNECTIONS: usize = 32;

/// Between two attempts to renew a connection.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(10);

/// The connections to one upstream.
#[derive(Debug)]
pub(super) struct MultiplexedConnections {
    settings: UpstreamSettings,
    transport: Rc<Transport>,
    /// Takes a new connection for which the upstream has chosen HTTP/1.1.
    http1: Rc<IdleConnections<UpstreamSocket>>,
    caps: Arc<UpstreamCaps>,
    /// The oldest first.
    open: RefCell<Vec<Rc<MultiplexedConnection>>>,
    opening: RefCell<Option<watch::Receiver<OpeningState>>>,
    /// A stream has ended.
    freed: Rc<Notify>,
    /// A connection is open as long as its streams, and no longer.
    is_closed: Cell<bool>,
}

/// `None`: still connecting.
type OpeningState = Option<Result<(), ConnectFailure>>;

/// Why there is no further connection, for all who wait for it.
#[derive(Debug, Clone)]
enum ConnectFailure {
    Timeout(Duration),
    Refused(io::ErrorKind, String),
    Handshake(HandshakeFailure),
    ChoseHttp1,
}

impl MultiplexedConnections {
    pub(super) fn new(
        settings: &UpstreamSettings,
        transport: &Rc<Transport>,
        http1: &Rc<IdleConnections<UpstreamSocket>>,
        caps: &Arc<UpstreamCaps>,
    ) -> Rc<Self> {
        Rc::new(Self {
            settings: settings.clone(),
            transport: Rc::clone(transport),
            http1: Rc::clone(http1),
            caps: Arc::clone(caps),
            open: RefCell::default(),
            opening: RefCell::default(),
            freed: Rc::default(),
            is_closed: Cell::new(false),
        })
    }

    /// Closes the connections, each with the last of its streams. What is opened from now on is
    /// closed likewise.
    pub(super) fn close(&self) {
        self.is_closed.set(true);
        self.open.borrow_mut().clear();
    }

    /// A stream of the connection with the fewest, or of a further connection. With `newer_than`,
    /// only of connections that were opened after that moment, if there may be another.
    ///
    /// # Errors
    /// No connection can be opened, or no stream ends in time.
    pub(super) async fn stream(
        self: &Rc<Self>,
        newer_than: Option<Instant>,
    ) -> Result<Rc<OpenStream>, UpstreamError> {
        // Not a moment longer than the upstream may take to answer.
        let allowed = self.settings.limits.response_timeout;
        let stream = timeout(allowed, self.next_stream(newer_than)).await;
        stream.map_err(|_| UpstreamError::StreamTimeout(allowed))?
    }

    async fn next_stream(
        self: &Rc<Self>,
        newer_than: Option<Instant>,
    ) -> Result<Rc<OpenStream>, UpstreamError> {
        loop {
            let freed = self.freed.notified();
            if let Some(stream) = self.take(newer_than) {
                return Ok(stream);
            }
            if !self.may_open() {
                freed.await;
                continue;
            }
            tokio::select! {
                () = freed => {}
                opened = self.opened() => opened?,
            }
        }
    }

    /// Whether a further connection may be opened. Without any this worker could serve nothing.
    fn may_open(&self) -> bool {
        match self.open.borrow().len() {
            0 => true,
            open => open < MAX_CONNECTIONS && self.caps.has_connection_left(),
        }
    }

    fn take(self: &Rc<Self>, newer_than: Option<Instant>) -> Option<Rc<OpenStream>> {
        let now = Instant::now();
        // Their open streams come to their end.
        self.open.borrow_mut().retain(|connection| connection.is_open());
        if self.open.borrow().iter().any(|connection| connection.renew_at() <= now) {
            drop(self.begin_opening());
        }
        let stream = self.emptiest(newer_than).as_ref().map(OpenStream::new)?;
        self.open.borrow_mut().retain(|connection| {
            connection
                .idle_since()
                .is_none_or(|since| now.duration_since(since) < self.settings.idle_timeout)
        });
        if self.is_closed.get() {
            self.open.borrow_mut().clear();
        }
        Some(stream)
    }

    /// Of equals the oldest: the others become idle and are closed.
    fn emptiest(&self, newer_than: Option<Instant>) -> Option<Rc<MultiplexedConnection>> {
        let open = self.open.borrow();
        let newer_than = newer_than.filter(|_| open.len() < MAX_CONNECTIONS);
        let is_new = |connection: &MultiplexedConnection| {
            newer_than.is_none_or(|moment| connection.opened() >= moment)
        };
        let usable = open.iter().filter(|connection| is_new(connection) && connection.has_room());
        usable.min_by_key(|connection| connection.streams()).cloned()
    }

    /// Waits for the connection that is being opened, or begins to open one.
    async fn opened(self: &Rc<Self>) -> Result<(), UpstreamError> {
        let mut opening = self.begin_opening();
        let opened = opening.wait_for(Option::is_some).await;
        match opened.ok().and_then(|opened| opened.clone()) {
            Some(Ok(())) => Ok(()),
            Some(Err(failure)) => Err(failure.into()),
            None => Err(UpstreamError::Refused(io::Error::other("connecting was given up"))),
        }
    }

    /// Opens a connection, unless one is being opened already.
    fn begin_opening(self: &Rc<Self>) -> watch::Receiver<OpeningState> {
        // One that ended without a result was abandoned.
        let under_way = self.opening.borrow().clone().filter(|it| it.has_changed().is_ok());
        if let Some(under_way) = under_way {
            return under_way;
        }
        let (outcome, waiting) = watch::channel(None);
        *self.opening.borrow_mut() = Some(waiting.clone());
        let this = Rc::clone(self);
        spawn_local(async move {
            let opened = this.renewed(this.open_another().await);
            // In this order: who waits again after this result waits for another connection.
            this.opening.borrow_mut().take();
            outcome.send_replace(Some(opened));
            if this.is_closed.get() && outcome.is_closed() {
                // Those who waited for it have gone away.
                this.open.borrow_mut().clear();
            }
        });
        waiting
    }

    async fn open_another(&self) -> Result<(), ConnectFailure> {
        let allowed = self.settings.connect_timeout;
        let connection = timeout(allowed, self.connect()).await;
        let connection = connection.map_err(|_| ConnectFailure::Timeout(allowed))??;
        let now = Instant::now();
        let mut open = self.open.borrow_mut();
        open.retain(|older| older.renew_at() > now);
        open.push(Rc::new(connection));
        Ok(())
    }

    async fn connect(&self) -> Result<MultiplexedConnection, ConnectFailure> {
        match self.transport.http2(self.caps.connection_anyway()).await? {
            NewSocket::Http2(socket) => Ok(connect::http2(socket, &self.freed).await?),
            NewSocket::Http1(socket) => {
                self.http1.keep(Http1Connection::new(socket));
                self.http1.watch();
                Err(ConnectFailure::ChoseHttp1)
            }
        }
    }

    /// What cannot be replaced is used on: its renewal is put off.
    fn renewed(&self, opened: Result<(), ConnectFailure>) -> Result<(), ConnectFailure> {
        opened.inspect_err(|_| {
            let next = Instant::now() + RENEWAL_INTERVAL;
            for connection in self.open.borrow().iter() {
                connection.set_renew_at(connection.renew_at().max(next));
            }
        })
    }
}

impl From<ConnectFailure> for UpstreamError {
    fn from(failure: ConnectFailure) -> Self {
        match failure {
            ConnectFailure::Timeout(allowed) => Self::ConnectTimeout(allowed),
            ConnectFailure::Refused(kind, text) => Self::Refused(io::Error::new(kind, text)),
            ConnectFailure::Handshake(failure) => Self::Handshake(failure),
            ConnectFailure::ChoseHttp1 => Self::ChoseHttp1,
        }
    }
}

impl From<UpstreamError> for ConnectFailure {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Handshake(failure) => Self::Handshake(failure),
            UpstreamError::Refused(error) => error.into(),
            other => Self::Refused(io::ErrorKind::Other, other.to_string()),
        }
    }
}

impl From<io::Error> for ConnectFailure {
    fn from(error: io::Error) -> Self {
        Self::Refused(error.kind(), error.to_string())
    }
}

#[cfg(test)]
mod tests;
