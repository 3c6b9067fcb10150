//! One HTTP/2 connection and its open streams.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::{sync::Notify, time::Instant};

use crate::upstream::{RequestBody, UpstreamSocket, age, exec::LocalExec};

use super::arrivals::{ArrivalNews, Arrivals};

/// What hyper runs: the connection itself.
type MultiplexedDriver =
    http2::Connection<TokioIo<Arrivals<UpstreamSocket>>, RequestBody, LocalExec>;

/// A connection that serves requests side by side.
#[derive(Debug)]
pub(in crate::upstream) struct MultiplexedConnection {
    sender: http2::SendRequest<RequestBody>,
    /// `None` once it has ended.
    driver: Rc<RefCell<Option<MultiplexedDriver>>>,
    streams: Cell<usize>,
    opened: Instant,
    /// When another connection is to take its place.
    renew_at: Cell<Instant>,
    /// Since when it has no stream.
    idle_since: Cell<Instant>,
    has_answered: Cell<bool>,
    freed: Rc<Notify>,
}

/// A stream, open as long as the request's body or its answer is being transferred.
#[derive(Debug)]
pub(crate) struct OpenStream(Rc<MultiplexedConnection>);

impl MultiplexedConnection {
    /// Runs a connection, once the peer has sent its settings: until then its limit is unknown.
    /// `freed` is notified whenever a stream ends.
    pub(in crate::upstream) async fn run(
        sender: http2::SendRequest<RequestBody>,
        driver: MultiplexedDriver,
        arrivals: &Rc<ArrivalNews>,
        freed: Rc<Notify>,
    ) -> Option<Self> {
        let driver = Rc::new(RefCell::new(Some(driver)));
        tokio::task::spawn_local(drive(Rc::clone(&driver), Rc::clone(arrivals)));
        loop {
            let arrival = arrivals.came.notified();
            if driver.borrow().is_none() {
                return None;
            }
            if limit(&driver) > 0 {
                break;
            }
            arrival.await;
        }
        let now = Instant::now();
        Some(Self {
            sender,
            driver,
            streams: Cell::new(0),
            opened: now,
            renew_at: Cell::new(age::renewal(now)),
            idle_since: Cell::new(now),
            has_answered: Cell::new(false),
            freed,
        })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Whether the peer allows another stream now.
    pub(super) fn has_room(&self) -> bool {
        self.streams.get() < limit(&self.driver)
    }

    pub(super) fn streams(&self) -> usize {
        self.streams.get()
    }

    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    /// `None` while it has a stream.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        (self.streams.get() == 0).then(|| self.idle_since.get())
    }

    pub(super) fn renew_at(&self) -> Instant {
        self.renew_at.get()
    }

    pub(super) fn set_renew_at(&self, at: Instant) {
        self.renew_at.set(at);
    }
}

impl OpenStream {
    pub(super) fn new(connection: &Rc<MultiplexedConnection>) -> Rc<Self> {
        connection.streams.set(connection.streams.get() + 1);
        Rc::new(Self(Rc::clone(connection)))
    }

    /// What sends a request on it.
    pub(in crate::upstream) fn sender(&self) -> http2::SendRequest<RequestBody> {
        self.0.sender.clone()
    }

    /// Whether the connection has brought an answer before.
    pub(in crate::upstream) fn is_of_proven_connection(&self) -> bool {
        self.0.has_answered.get()
    }

    /// An answer came.
    pub(in crate::upstream) fn answered(&self) {
        self.0.has_answered.set(true);
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let Self(connection) = self;
        let left = connection.streams.get().saturating_sub(1);
        connection.streams.set(left);
        if left == 0 {
            connection.idle_since.set(Instant::now());
        }
        connection.freed.notify_one();
    }
}

/// How many streams may be open.
fn limit(driver: &RefCell<Option<MultiplexedDriver>>) -> usize {
    driver.borrow().as_ref().map_or(0, MultiplexedDriver::current_max_send_streams)
}

async fn drive(driver: Rc<RefCell<Option<MultiplexedDriver>>>, arrivals: Rc<ArrivalNews>) {
    if let Err(error) = poll_fn(|cx| poll(&driver, cx)).await {
        tracing::debug!(%error, "upstream connection ended");
    }
    arrivals.came.notify_waiters();
}

fn poll(
    driver: &RefCell<Option<MultiplexedDriver>>,
    cx: &mut Context<'_>,
) -> Poll<hyper::Result<()>> {
    let mut driver = driver.borrow_mut();
    let Some(running) = driver.as_mut() else {
        return Poll::Ready(Ok(()));
    };
    let end = ready!(Pin::new(running).poll(cx));
    // hyper knows a connection as closed once this is dropped.
    *driver = None;
    Poll::Ready(end)
}
