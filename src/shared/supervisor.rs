//! The task that keeps the connection: connects, sends, detects its end, reconnects.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{bounded::Backoff, shared::settings::SharedSettings};

use super::{
    connect::{ConnectError, Opened, connect, ping},
    link::{RedisConnection, RedisLink},
    metrics::Metrics,
    write::Queue,
};

/// Keeps a store connected for as long as it runs; once dropped, the store stays disconnected.
#[derive(Debug)]
pub struct Supervisor {
    pub(super) settings: SharedSettings,
    pub(super) link: Arc<RedisLink>,
    pub(super) sets: Queue,
    pub(super) appends: Queue,
    pub(super) metrics: Arc<Metrics>,
}

/// How a connection ended.
enum Ending {
    Closed,
    Silent,
    /// Every handle of the store is dropped.
    Unused,
}

/// Between attempts to connect. The first wait is short, as a restart of the server is. Half of
/// each wait is random, so that replicas do not reconnect all at once.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(10), jitter: 0.5 };

/// After a connection that lasted this long, the backoff restarts. One that breaks sooner each time
/// must not be opened ten times a second.
const GOOD: Duration = Duration::from_secs(10);

/// Between two `PING`s: how long a dead, idle connection may go unnoticed.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Longer than any pause of a healthy server.
const PING_DEADLINE: Duration = Duration::from_secs(1);

/// `PONG`, or a refusal.
const MAX_PING_BYTES: usize = 256;

impl Supervisor {
    /// Runs until every handle of the store is dropped.
    pub async fn run(mut self) {
        let mut waits = Waits::default();
        let mut logged = None;
        let mut generation = 0;
        while !self.is_unused() {
            generation += 1;
            let held = match connect(&self.settings, generation).await {
                Ok(opened) => {
                    logged = None;
                    let began = Instant::now();
                    self.serve(opened).await;
                    began.elapsed()
                }
                Err(error) => {
                    self.log_failure(&error, &mut logged);
                    Duration::ZERO
                }
            };
            sleep(waits.after(held)).await;
        }
    }

    fn is_unused(&self) -> bool {
        self.sets.is_closed() && self.appends.is_closed()
    }

    /// Logs a failure once, and again when it is another one.
    fn log_failure(&self, error: &ConnectError, logged: &mut Option<String>) {
        let cause = error.to_string();
        if logged.as_ref() != Some(&cause) {
            let url = &self.settings.address;
            tracing::warn!(%url, cause, "the shared store can't be reached: nothing is shared");
            *logged = Some(cause);
        }
    }

    /// Lets the store use a connection until it ends.
    async fn serve(&mut self, opened: Opened) {
        let url = &self.settings.address;
        let ending = {
            let _attached = Attached::new(&self.link, &opened.connection, &self.metrics);
            tracing::info!(%url, "the shared store is connected");
            let deadline = self.settings.timeout;
            let writing = async {
                let sets = self.sets.send(&opened.connection, deadline);
                let appends = self.appends.send(&opened.connection, deadline);
                tokio::join!(sets, appends);
            };
            tokio::select! {
                () = opened.driver => Ending::Closed,
                () = opened.connection.broken() => Ending::Silent,
                () = silence(&opened.connection) => Ending::Silent,
                () = writing => Ending::Unused,
            }
        };
        self.sets.interrupted();
        self.appends.interrupted();
        let cause = match ending {
            Ending::Closed => "closed",
            Ending::Silent => "no response, or no usable one",
            Ending::Unused => return,
        };
        tracing::warn!(%url, cause, "the connection to the shared store ended: nothing is shared");
    }
}

/// Counts the connections in a row that failed or broke soon.
#[derive(Debug, Default)]
struct Waits {
    failures: u32,
}

impl Waits {
    /// After a connection that held for that time; zero if there was none.
    fn after(&mut self, held: Duration) -> Duration {
        if held >= GOOD {
            self.failures = 0;
        }
        let wait = BACKOFF.after(self.failures);
        self.failures = self.failures.saturating_add(1);
        wait
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

/// A connection that the store uses; dropped, whatever the reason, it does not.
struct Attached<'s> {
    link: &'s RedisLink,
    metrics: &'s Metrics,
}

impl<'s> Attached<'s> {
    fn new(link: &'s RedisLink, connection: &Arc<RedisConnection>, metrics: &'s Metrics) -> Self {
        link.attach(Arc::clone(connection));
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
        let mut waits = Waits { failures: 7 };
        assert!(waits.after(GOOD / 2) > BACKOFF.first);
        assert!(waits.after(GOOD) <= BACKOFF.first);
    }
}
