//! The task that keeps the store connected: connects, writes, detects the end, reconnects.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    bounded::Backoff,
    shared::settings::{NodeAddress, SharedLayout, SharedSettings},
};

use super::{
    cluster,
    connect::{ConnectError, Opened, connect, ping},
    link::{ConnectionMap, RedisConnection, RedisLink},
    metrics::Metrics,
    sentinel,
    write::Queue,
};

/// Keeps a store connected for as long as it runs; once dropped, the store stays disconnected.
#[derive(Debug)]
pub struct Supervisor {
    pub(super) settings: Arc<SharedSettings>,
    pub(super) link: Arc<RedisLink>,
    pub(super) sets: Queue,
    pub(super) appends: Queue,
    pub(super) metrics: Arc<Metrics>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Closed,
    Silent,
    /// The sentinels name another primary.
    Replaced,
}

/// Between attempts to connect. The first wait is short, as a restart of the server is. Half of
/// each wait is random, so that replicas do not reconnect all at once.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(10), jitter: 0.5 };

/// The same where others take over: they need a second or two, and must be found soon after.
pub(super) const FAILOVER_BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1), jitter: 0.5 };

/// After a connection that lasted this long, the backoff restarts. One that breaks sooner each time
/// must not be opened ten times a second.
const GOOD: Duration = Duration::from_secs(10);

/// Between two `PING`s: how long a dead, idle connection may go unnoticed.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Longer than any pause of a healthy server.
pub(super) const PING_DEADLINE: Duration = Duration::from_secs(1);

/// `PONG`, or a refusal.
const MAX_PING_BYTES: usize = 256;

impl Supervisor {
    /// Runs until every handle of the store is dropped.
    pub async fn run(self) {
        let Self { settings, link, mut sets, mut appends, metrics } = self;
        let writing = async {
            tokio::join!(sets.run(&link, settings.timeout), appends.run(&link, settings.timeout));
        };
        let keeping = async {
            match &settings.address.layout {
                SharedLayout::Server(node) => {
                    Keeper::new(&settings, &link, &metrics).keep(Finder::Named(node)).await;
                }
                SharedLayout::Sentinel { sentinels, master } => {
                    let finder = Finder::Sentinels { sentinels, master };
                    Keeper::new(&settings, &link, &metrics).keep(finder).await;
                }
                SharedLayout::Cluster(seeds) => {
                    cluster::keep(&settings, seeds, &link, &metrics).await;
                }
            }
        };
        tokio::select! {
            () = writing => {}
            () = keeping => {}
        }
    }
}

/// Keeps the one connection of a store that is one server at a time.
struct Keeper<'s> {
    settings: &'s SharedSettings,
    link: &'s RedisLink,
    metrics: &'s Metrics,
}

/// How the server is found.
#[derive(Clone, Copy)]
enum Finder<'s> {
    Named(&'s NodeAddress),
    Sentinels { sentinels: &'s [NodeAddress], master: &'s str },
}

impl<'s> Keeper<'s> {
    fn new(settings: &'s SharedSettings, link: &'s RedisLink, metrics: &'s Metrics) -> Self {
        Self { settings, link, metrics }
    }

    /// Never ends.
    async fn keep(&self, finder: Finder<'_>) {
        let mut waits = Waits::new(match finder {
            Finder::Named(_) => BACKOFF,
            Finder::Sentinels { .. } => FAILOVER_BACKOFF,
        });
        let mut logged = FailureLog::default();
        let mut generation = 0;
        loop {
            generation += 1;
            let held = match self.connect(finder, generation).await {
                Ok(opened) => {
                    logged = FailureLog::default();
                    let began = Instant::now();
                    self.serve(opened, finder).await;
                    began.elapsed()
                }
                Err(error) => {
                    logged.log(self.settings, &error);
                    Duration::ZERO
                }
            };
            sleep(waits.after(held)).await;
        }
    }

    async fn connect(&self, finder: Finder<'_>, generation: u64) -> Result<Opened, ConnectError> {
        let node = match finder {
            Finder::Named(node) => node.clone(),
            Finder::Sentinels { sentinels, master } => {
                sentinel::primary(self.settings, sentinels, master).await?
            }
        };
        connect(self.settings, &node, generation).await
    }

    /// Lets the store use a connection until it ends.
    async fn serve(&self, opened: Opened, finder: Finder<'_>) {
        let url = &self.settings.address;
        let Opened { connection, driver } = opened;
        let ending = {
            let _attached = Attached::new(self.link, &connection, self.metrics);
            tracing::info!(%url, server = %connection.node(), "the shared store is connected");
            tokio::select! {
                ending = ending(&connection, driver) => ending,
                () = self.replaced(&connection, finder) => Ending::Replaced,
            }
        };
        let cause = ending.cause();
        tracing::warn!(%url, cause, "the connection to the shared store ended: nothing is shared");
    }

    /// Resolves once the sentinels name another server than this one, which may not know it: an
    /// isolated primary takes writes that are lost later.
    async fn replaced(&self, connection: &RedisConnection, finder: Finder<'_>) {
        let Finder::Sentinels { sentinels, master } = finder else {
            return std::future::pending().await;
        };
        loop {
            sleep(PING_INTERVAL).await;
            let named = sentinel::named_by_any(self.settings, sentinels, master).await;
            if named.is_ok_and(|node| node != *connection.node()) {
                return;
            }
        }
    }
}

/// Resolves when a connection is of no use any more. Polls its driver.
pub(super) async fn ending(connection: &RedisConnection, driver: super::connect::Driver) -> Ending {
    tokio::select! {
        () = driver => Ending::Closed,
        () = connection.broken() => Ending::Silent,
        () = silence(connection) => Ending::Silent,
    }
}

/// Ends when the server does not answer any more.
async fn silence(connection: &RedisConnection) {
    loop {
        sleep(PING_INTERVAL).await;
        let pong = ping(connection.redis());
        if connection.answer(MAX_PING_BYTES, PING_DEADLINE, pong).await.is_err() {
            return;
        }
    }
}

impl Ending {
    pub(super) fn cause(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Silent => "no response, or no usable one",
            Self::Replaced => "the sentinels name another primary",
        }
    }
}

const HINT: &str = "check that the store runs; until it is back, each replica decides alone";

/// Logs a failure once, and again when it is another one.
#[derive(Debug, Default)]
pub(super) struct FailureLog(Option<String>);

impl FailureLog {
    pub(super) fn log(&mut self, settings: &SharedSettings, error: &ConnectError) {
        let cause = error.to_string();
        if self.0.as_ref() != Some(&cause) {
            let url = &settings.address;
            tracing::warn!(%url, cause, hint = HINT, "the shared store can't be reached: nothing is shared");
            self.0 = Some(cause);
        }
    }
}

/// Counts the connections in a row that failed or broke soon.
#[derive(Debug)]
pub(super) struct Waits {
    backoff: Backoff,
    failures: u32,
}

impl Waits {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self { backoff, failures: 0 }
    }

    /// After a connection that held for that time; zero if there was none.
    pub(super) fn after(&mut self, held: Duration) -> Duration {
        if held >= GOOD {
            self.failures = 0;
        }
        let wait = self.backoff.after(self.failures);
        self.failures = self.failures.saturating_add(1);
        wait
    }
}

/// A connection that the store uses; dropped, whatever the reason, it does not.
struct Attached<'s> {
    link: &'s RedisLink,
    metrics: &'s Metrics,
}

impl<'s> Attached<'s> {
    fn new(link: &'s RedisLink, connection: &Arc<RedisConnection>, metrics: &'s Metrics) -> Self {
        link.attach(ConnectionMap::One(Arc::clone(connection)), 1);
        metrics.connected(true);
        Self { link, metrics }
    }
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        self.link.detach();
        self.metrics.connected(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connection_that_held_ends_the_backoff() {
        let mut waits = Waits { backoff: BACKOFF, failures: 7 };
        assert!(waits.after(GOOD / 2) > BACKOFF.first);
        assert!(waits.after(GOOD) <= BACKOFF.first);
    }
}
