//! The connections of a pool that are not in use.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    mem,
    pin::Pin,
    rc::{Rc, Weak},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    task::unconstrained,
    time::{Instant, sleep, timeout},
};

use super::{Http1Connection, socket::Peeked};
use crate::upstream::UpstreamCaps;

/// A connection idle for less has most likely not been closed since: it is not looked at before it
/// is used. What closes them earlier is a restart of the upstream, at any moment.
const SUSPECT_AFTER: Duration = Duration::from_millis(5);

/// Keep-alive times of upstreams are whole seconds, one at least. What can't be sent a second time
/// does not take a connection that may be at its end: another costs less than a lost request.
const SAFE_IDLE: Duration = Duration::from_millis(900);

/// How long after a connection became idle, or was closed, all of them are looked at. A busy
/// connection is not watched each time.
const LOOK_AFTER: Duration = Duration::from_millis(50);

/// Unused connections, the latest last.
#[derive(Debug)]
pub(crate) struct IdleConnections<S> {
    connections: RefCell<Vec<IdleConnection<S>>>,
    /// The latest moment that is known: when a request began or its answer came.
    latest: Cell<Instant>,
    /// 0 once the endpoint has gone away.
    max: Cell<usize>,
    max_age: Duration,
    /// The task that closes them, while it waits for another.
    watcher: RefCell<Option<Waker>>,
    is_watched: Cell<bool>,
    /// Of the upstream: others may need a connection that is idle here.
    caps: Option<Arc<UpstreamCaps>>,
}

#[derive(Debug)]
struct IdleConnection<S> {
    connection: Http1Connection<S>,
    since: Instant,
    /// When it has waited too long. Comparing moments costs a tenth of subtracting them.
    ends: Instant,
}

impl<S> IdleConnections<S> {
    pub(crate) fn new(max: usize, max_age: Duration) -> Self {
        Self {
            connections: RefCell::default(),
            latest: Cell::new(Instant::now()),
            max: Cell::new(max),
            max_age,
            watcher: RefCell::default(),
            is_watched: Cell::new(false),
            caps: None,
        }
    }

    /// With the caps of the upstream.
    pub(in crate::upstream) fn within(mut self, caps: &Arc<UpstreamCaps>) -> Self {
        self.caps = Some(Arc::clone(caps)).filter(|caps| caps.bound_connections());
        self
    }

    fn is_wanted_elsewhere(&self) -> bool {
        self.caps.as_ref().is_some_and(|caps| caps.wants_idle())
    }

    /// A request began, or its answer came, at that moment.
    pub(crate) fn saw(&self, now: Instant) {
        self.latest.set(now);
    }

    /// A connection for a request that can or can't be sent a second time.
    pub(super) fn take(&self, is_repeatable: bool) -> Option<Http1Connection<S>>
    where
        S: Peeked,
    {
        self.take_idle(is_repeatable).map(|idle| idle.connection)
    }

    /// Whether there is one for such a request. Those that were closed are gone afterwards.
    pub(in crate::upstream) fn has_usable(&self, is_repeatable: bool) -> bool
    where
        S: Peeked,
    {
        let usable = self.take_idle(is_repeatable);
        usable.map(|idle| self.connections.borrow_mut().push(idle)).is_some()
    }

    fn take_idle(&self, is_repeatable: bool) -> Option<IdleConnection<S>>
    where
        S: Peeked,
    {
        let mut connections = self.connections.borrow_mut();
        self.close_old(&mut connections);
        loop {
            let idle = self.latest.get().duration_since(connections.last()?.since);
            if idle >= SAFE_IDLE && !is_repeatable {
                return None;
            }
            let mut taken = connections.pop()?;
            if idle < SUSPECT_AFTER || !taken.connection.socket.has_news() {
                return Some(taken);
            }
        }
    }

    /// Its age counts from the latest moment known, which spares a look at the clock (50 ns). At
    /// worst it is closed too early, by as long as the body of its last answer took.
    pub(in crate::upstream) fn keep(&self, connection: Http1Connection<S>) {
        let mut connections = self.connections.borrow_mut();
        self.close_old(&mut connections);
        let now = self.latest.get();
        let is_kept = connection.renew_at > now && connections.len() < self.max.get();
        if is_kept && !self.is_wanted_elsewhere() {
            connections.push(IdleConnection { connection, since: now, ends: now + self.max_age });
            self.watcher.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Closes all of them. None is kept any more.
    pub(in crate::upstream) fn close(&self) {
        self.max.set(0);
        self.connections.borrow_mut().clear();
    }

    /// Closes those that have waited too long: after a burst, steady use keeps only the latest
    /// young.
    fn close_old(&self, connections: &mut Vec<IdleConnection<S>>) {
        let now = self.latest.get();
        let is_old = |idle: &IdleConnection<S>| idle.ends <= now;
        // Usually there is none, as one look at the oldest shows.
        if connections.first().is_some_and(is_old) {
            let old = connections.partition_point(is_old);
            connections.drain(..old);
        }
    }
}

impl<S: AsyncRead + Unpin + 'static> IdleConnections<S> {
    /// Has a task close those that the upstream has closed, or that have waited too long, once for
    /// all. It ends with the pool.
    pub(in crate::upstream) fn watch(self: &Rc<Self>) {
        if !self.is_watched.replace(true) {
            tokio::task::spawn_local(watch(Rc::downgrade(self)));
        }
    }

    /// Closes what is over, and wakes when another is. How long until the oldest has waited too
    /// long, if there is one.
    fn look(&self, cx: &mut Context<'_>) -> Option<Duration> {
        let now = Instant::now();
        let mut connections = self.connections.borrow_mut();
        while self.is_wanted_elsewhere() && !connections.is_empty() {
            drop(connections.remove(0));
        }
        connections
            .retain_mut(|idle| now < idle.ends && is_silent(&mut idle.connection.socket, cx));
        self.watcher.replace(Some(cx.waker().clone()));
        Some(connections.first()?.ends.duration_since(now))
    }
}

impl<S> Drop for IdleConnections<S> {
    fn drop(&mut self) {
        self.watcher.take().into_iter().for_each(Waker::wake);
    }
}

async fn watch<S: AsyncRead + Unpin + 'static>(idle: Weak<IdleConnections<S>>) {
    // Each of them is looked at: the budget of a task is for what may go on without end.
    let look =
        || unconstrained(poll_fn(|cx| Poll::Ready(idle.upgrade().map(|idle| idle.look(cx)))));
    while let Some(next) = look().await {
        let caps = idle.upgrade().and_then(|idle| idle.caps.clone());
        let something = async {
            match &caps {
                None => woken().await,
                Some(caps) => tokio::select! {
                    () = woken() => {}
                    () = caps.asked_for_idle() => {}
                },
            }
        };
        match next {
            // Whatever it was, the next look shows.
            Some(next) => drop(timeout(next, something).await),
            None => something.await,
        }
        sleep(LOOK_AFTER).await;
    }
}

/// Ready when the task is woken, for any reason.
async fn woken() {
    let mut sleeps = true;
    poll_fn(|_| if mem::take(&mut sleeps) { Poll::Pending } else { Poll::Ready(()) }).await;
}

/// Whether nothing comes: neither the end, nor an answer to nothing.
pub(super) fn is_silent(socket: &mut (impl AsyncRead + Unpin), cx: &mut Context<'_>) -> bool {
    let mut byte = [0];
    Pin::new(socket).poll_read(cx, &mut ReadBuf::new(&mut byte)).is_pending()
}

#[cfg(test)]
mod tests;
