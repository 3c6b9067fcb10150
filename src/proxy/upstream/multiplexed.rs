//! The HTTP/2 connections of one worker to one upstream: as many as its open streams need, since
//! the peer's limit of streams is one of a connection (RFC 9113 §5.1.2).

mod arrivals;
mod connection;

use std::{cell::RefCell, io, rc::Rc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    task::spawn_local,
    time::{Instant, timeout},
};

use crate::{bounded::backoff::random_fraction, proxy::upstream::settings::UpstreamSettings};

use super::{UpstreamError, connect, lookup::NameLookup};

pub(super) use arrivals::Arrivals;
pub(super) use connection::MultiplexedConnection;
pub(in crate::proxy) use connection::OpenStream;

/// With a peer that allows 100 streams on each, the least that RFC 9113 §6.5.2 recommends, these
/// are 3,200 calls at once for each worker. What is beyond waits for a stream.
const MAX_CONNECTIONS: usize = 32;

/// After that long another connection takes its place, for which the name is looked up again. As
/// old as that may be what an upstream that moves is known by.
const MAX_AGE: Duration = Duration::from_mins(5);

/// So much of the age is random: the workers' connections are not renewed all at once.
const AGE_JITTER: f64 = 0.2;

/// Between two attempts to renew a connection.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(10);

/// The connections to one upstream.
#[derive(Debug)]
pub(super) struct MultiplexedConnections {
    /// `host:port`
    authority: String,
    settings: UpstreamSettings,
    lookup: Rc<NameLookup>,
    /// The oldest first.
    open: RefCell<Vec<Rc<MultiplexedConnection>>>,
    opening: RefCell<Option<watch::Receiver<Opened>>>,
    /// A stream has ended.
    freed: Rc<Notify>,
    max_age: Duration,
}

/// `None`: still connecting.
type Opened = Option<Result<(), ConnectFailure>>;

/// Why there is no further connection, for all who wait for it.
#[derive(Debug, Clone)]
enum ConnectFailure {
    Timeout(Duration),
    Refused(io::ErrorKind, String),
}

impl MultiplexedConnections {
    pub(super) fn new(
        authority: &str,
        settings: &UpstreamSettings,
        lookup: &Rc<NameLookup>,
    ) -> Rc<Self> {
        Self::with_max_age(authority, settings, lookup, MAX_AGE)
    }

    fn with_max_age(
        authority: &str,
        settings: &UpstreamSettings,
        lookup: &Rc<NameLookup>,
        max_age: Duration,
    ) -> Rc<Self> {
        Rc::new(Self {
            authority: authority.to_owned(),
            settings: settings.clone(),
            lookup: Rc::clone(lookup),
            open: RefCell::default(),
            opening: RefCell::default(),
            freed: Rc::default(),
            max_age,
        })
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
        let allowed = self.settings.response_timeout;
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
            if self.open.borrow().len() >= MAX_CONNECTIONS {
                freed.await;
                continue;
            }
            tokio::select! {
                () = freed => {}
                opened = self.opened() => opened?,
            }
        }
    }

    fn take(self: &Rc<Self>, newer_than: Option<Instant>) -> Option<Rc<OpenStream>> {
        let now = Instant::now();
        self.close_surplus(now);
        if self.open.borrow().iter().any(|connection| connection.renew_at() <= now) {
            drop(self.begin_opening());
        }
        let open = self.open.borrow();
        let newer_than = newer_than.filter(|_| open.len() < MAX_CONNECTIONS);
        let is_new = |connection: &MultiplexedConnection| {
            newer_than.is_none_or(|moment| connection.opened() >= moment)
        };
        let usable = open.iter().filter(|connection| is_new(connection) && connection.has_room());
        // Of equals the oldest: the others become idle and are closed.
        usable.min_by_key(|connection| connection.streams()).map(OpenStream::new)
    }

    /// Forgets connections that the peer has closed or is about to, and those that are no longer
    /// needed. Their open streams come to their end.
    fn close_surplus(&self, now: Instant) {
        let mut kept = 0;
        self.open.borrow_mut().retain(|connection| {
            let is_idle = connection
                .idle_since()
                .is_some_and(|since| now.duration_since(since) >= self.settings.idle_timeout);
            let keep = connection.is_open() && (kept == 0 || !is_idle);
            kept += usize::from(keep);
            keep
        });
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
    fn begin_opening(self: &Rc<Self>) -> watch::Receiver<Opened> {
        // One that ended without a result was abandoned.
        let under_way = self.opening.borrow().clone().filter(|it| it.has_changed().is_ok());
        if let Some(under_way) = under_way {
            return under_way;
        }
        let (outcome, waiting) = watch::channel(None);
        *self.opening.borrow_mut() = Some(waiting.clone());
        let this = Rc::clone(self);
        spawn_local(async move {
            let opened = this.open_another().await;
            if opened.is_err() {
                this.put_off_renewal();
            }
            // In this order: who waits again after this result waits for another connection.
            this.opening.borrow_mut().take();
            outcome.send_replace(Some(opened));
        });
        waiting
    }

    async fn open_another(&self) -> Result<(), ConnectFailure> {
        let allowed = self.settings.connect_timeout;
        let connecting = connect::http2(&self.authority, &self.lookup, &self.freed);
        let connection = timeout(allowed, connecting)
            .await
            .map_err(|_| ConnectFailure::Timeout(allowed))?
            .map_err(|error| ConnectFailure::Refused(error.kind(), error.to_string()))?;
        let now = Instant::now();
        let age = self.max_age.mul_f64(1.0 - AGE_JITTER * random_fraction());
        connection.set_renew_at(now + age);
        let mut open = self.open.borrow_mut();
        open.retain(|older| older.renew_at() > now);
        open.push(Rc::new(connection));
        Ok(())
    }

    fn put_off_renewal(&self) {
        let next = Instant::now() + RENEWAL_INTERVAL;
        for connection in self.open.borrow().iter() {
            connection.set_renew_at(connection.renew_at().max(next));
        }
    }
}

impl From<ConnectFailure> for UpstreamError {
    fn from(failure: ConnectFailure) -> Self {
        match failure {
            ConnectFailure::Timeout(allowed) => Self::ConnectTimeout(allowed),
            ConnectFailure::Refused(kind, text) => Self::Refused(io::Error::new(kind, text)),
        }
    }
}
