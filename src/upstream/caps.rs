//! What an upstream may have at once, of all workers together: requests in progress, connections,
//! and those who wait for them.

use std::{sync::Arc, time::Duration};

use prometheus::{IntCounter, IntGauge};
use tokio::{
    sync::Notify,
    time::{Instant, interval, timeout_at},
};

use crate::{
    bounded::{Place, SharedPlaces},
    upstream::settings::CapSettings,
};

/// The caps of one upstream.
#[derive(Debug)]
pub(crate) struct UpstreamCaps {
    /// For requests of any kind; `None`: any number.
    requests: Option<Arc<SharedPlaces>>,
    connections: Option<ConnectionCap>,
    queue_timeout: Duration,
    metrics: CapMetrics,
}

/// What is counted of them.
#[derive(Debug, Clone)]
pub(crate) struct CapMetrics {
    /// Open connections.
    pub(super) connections: IntGauge,
    /// Requests that wait.
    pub(super) queued: IntGauge,
    /// Requests that had to wait.
    pub(super) waits: IntCounter,
    /// Requests that found no room to wait, or waited for too long.
    pub(super) refusals: IntCounter,
}

#[derive(Debug)]
struct ConnectionCap {
    open: Arc<SharedPlaces>,
    /// Requests over HTTP/1.1, each of which needs one for itself. Counted before a connection is
    /// chosen, so that those who wait do so in one line, and get the connections that are there.
    in_use: Arc<SharedPlaces>,
    /// Idle connections elsewhere are needed here.
    wanted: Arc<Notify>,
}

/// The upstream has all that it may have, and so has the queue.
#[derive(Debug, thiserror::Error)]
#[error("the upstream has as many requests or connections as it may have")]
pub(crate) struct UpstreamIsBusy;

/// A connection that is counted until it is dropped.
#[derive(Debug)]
pub(crate) struct CountedConnection {
    gauge: IntGauge,
    _place: Option<Place>,
}

/// A request that finds no idle connection waits for one of another worker: how often these are
/// asked.
const ASK_AGAIN: Duration = Duration::from_millis(20);

impl UpstreamCaps {
    /// Caps of these settings. What is counted under `earlier` ones of the same upstream counts
    /// here as well, and the other way round.
    pub(crate) fn new(
        settings: &CapSettings,
        earlier: Option<&Self>,
        metrics: CapMetrics,
    ) -> Arc<Self> {
        let room = settings.queue_length;
        let places = |most| SharedPlaces::new(most, room);
        let requests = settings.max_requests.map(|most| {
            let earlier = earlier.and_then(|earlier| earlier.requests.as_ref());
            resized(earlier, most, room).unwrap_or_else(|| places(most))
        });
        let connections = settings.max_connections.map(|most| {
            let earlier = earlier.and_then(|earlier| earlier.connections.as_ref());
            let kept = earlier.map(|earlier| earlier.resized(most, room));
            kept.unwrap_or_else(|| ConnectionCap {
                open: places(most),
                in_use: places(most),
                wanted: Arc::default(),
            })
        });
        Arc::new(Self { requests, connections, queue_timeout: settings.queue_timeout, metrics })
    }

    /// Whether requests are counted.
    pub(crate) fn count_requests(&self) -> bool {
        self.requests.is_some() || self.connections.is_some()
    }

    /// Whether connections are bounded.
    pub(super) fn bound_connections(&self) -> bool {
        self.connections.is_some()
    }

    /// The places of one more request, for which it may have to wait. With HTTP/1.1 it needs a
    /// connection for itself.
    ///
    /// # Errors
    /// There is none in time.
    pub(crate) async fn enter(&self, is_http1: bool) -> Result<Vec<Place>, UpstreamIsBusy> {
        let until = Instant::now() + self.queue_timeout;
        let connections = self.connections.as_ref().filter(|_| is_http1);
        let mut taken = Vec::with_capacity(2);
        for places in self.requests.iter().chain(connections.map(|cap| &cap.in_use)) {
            taken.push(match places.take() {
                Some(place) => place,
                None => self.wait(places, until).await?,
            });
        }
        Ok(taken)
    }

    /// Counts a connection that a request over HTTP/1.1 is to open. If all that may be are open,
    /// one is idle elsewhere, and is closed for it.
    ///
    /// # Errors
    /// None is closed in time.
    pub(super) async fn connection(&self) -> Result<CountedConnection, UpstreamIsBusy> {
        let Some(ConnectionCap { open, wanted, .. }) = &self.connections else {
            return Ok(self.counted(None));
        };
        if let Some(place) = open.take() {
            return Ok(self.counted(Some(place)));
        }
        let until = Instant::now() + self.queue_timeout;
        let mut asking = interval(ASK_AGAIN);
        let ask = async {
            loop {
                asking.tick().await;
                wanted.notify_waiters();
            }
        };
        tokio::select! {
            biased;
            place = self.wait(open, until) => Ok(self.counted(Some(place?))),
            never = ask => never,
        }
    }

    /// Whether one more connection may be opened.
    pub(super) fn has_connection_left(&self) -> bool {
        self.connections.as_ref().is_none_or(|cap| cap.open.has_free())
    }

    /// Counts a connection that is opened in any case: the first of a worker over HTTP/2, without
    /// which it could serve nothing, or one that takes the place of another.
    pub(super) fn connection_anyway(&self) -> CountedConnection {
        self.counted(self.connections.as_ref().and_then(|cap| cap.open.take()))
    }

    /// Whether a request waits for an idle connection to be closed.
    pub(super) fn wants_idle(&self) -> bool {
        self.connections.as_ref().is_some_and(|cap| cap.open.waiting() > 0)
    }

    /// Resolves when a request asks for idle connections.
    pub(super) async fn asked_for_idle(&self) {
        match &self.connections {
            Some(cap) => cap.wanted.notified().await,
            None => std::future::pending().await,
        }
    }

    async fn wait(
        &self,
        places: &Arc<SharedPlaces>,
        until: Instant,
    ) -> Result<Place, UpstreamIsBusy> {
        let waiting = places.wait().ok_or_else(|| self.refused())?;
        self.metrics.waits.inc();
        let _queued = Queued::begin(&self.metrics.queued);
        timeout_at(until, waiting).await.map_err(|_| self.refused())
    }

    fn refused(&self) -> UpstreamIsBusy {
        self.metrics.refusals.inc();
        UpstreamIsBusy
    }

    fn counted(&self, place: Option<Place>) -> CountedConnection {
        let gauge = self.metrics.connections.clone();
        gauge.inc();
        CountedConnection { gauge, _place: place }
    }
}

impl ConnectionCap {
    fn resized(&self, most: usize, room: usize) -> Self {
        let Self { open, in_use, wanted } = self;
        open.resize(most, room);
        in_use.resize(most, room);
        Self { open: Arc::clone(open), in_use: Arc::clone(in_use), wanted: Arc::clone(wanted) }
    }
}

fn resized(
    earlier: Option<&Arc<SharedPlaces>>,
    most: usize,
    room: usize,
) -> Option<Arc<SharedPlaces>> {
    let places = earlier?;
    places.resize(most, room);
    Some(Arc::clone(places))
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

/// A request that waits, for the gauge.
struct Queued<'g>(&'g IntGauge);

impl<'g> Queued<'g> {
    fn begin(gauge: &'g IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
