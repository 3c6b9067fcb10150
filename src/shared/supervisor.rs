//! The task that keeps the connection: makes it, feeds it, notices its end, makes the next.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use crate::shared::settings::SharedSettings;

use super::{
    backoff::Backoff,
    connect::{ConnectError, Opened, connect, ping},
    instruments::Instruments,
    link::{Connection, Link},
    write::Queue,
};

/// Keeps a store connected for as long as it runs; dropped, the store is on its own.
#[derive(Debug)]
pub struct Supervisor {
    pub(super) settings: SharedSettings,
    pub(super) link: Arc<Link>,
    pub(super) puts: Queue,
    pub(super) appends: Queue,
    pub(super) instruments: Arc<Instruments>,
}

/// How a connection ended.
enum Ending {
    Closed,
    Silent,
    /// Nobody holds the store any more.
    Unused,
}

/// Between two looks whether the server still answers: how long a dead connection that nobody
/// uses may go unnoticed.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Longer than any pause of a server that will go on.
const PING_DEADLINE: Duration = Duration::from_secs(1);

/// `PONG`, or a refusal.
const MAX_PING_BYTES: usize = 256;

impl Supervisor {
    /// Runs until nobody holds the store any more.
    pub async fn run(mut self) {
        let mut backoff = Backoff::default();
        let mut told = None;
        let mut generation = 0;
        while !self.is_unused() {
            generation += 1;
            let held = match connect(&self.settings, generation).await {
                Ok(opened) => {
                    told = None;
                    let began = Instant::now();
                    self.serve(opened).await;
                    began.elapsed()
                }
                Err(error) => {
                    self.tell(&error, &mut told);
                    Duration::ZERO
                }
            };
            sleep(backoff.after(held)).await;
        }
    }

    fn is_unused(&self) -> bool {
        self.puts.is_closed() && self.appends.is_closed()
    }

    /// A failure is said once, and again when it is another one.
    fn tell(&self, error: &ConnectError, told: &mut Option<String>) {
        let cause = error.to_string();
        if told.as_ref() != Some(&cause) {
            let url = &self.settings.address;
            tracing::warn!(%url, cause, "the shared store can't be reached: nothing is shared");
            *told = Some(cause);
        }
    }

    /// Lets the store use a connection until it ends.
    async fn serve(&mut self, opened: Opened) {
        let url = &self.settings.address;
        let ending = {
            let _attached = Attached::new(&self.link, &opened.connection, &self.instruments);
            tracing::info!(%url, "the shared store is connected");
            let deadline = self.settings.timeout;
            let writing = async {
                let puts = self.puts.send(&opened.connection, deadline);
                let appends = self.appends.send(&opened.connection, deadline);
                tokio::join!(puts, appends);
            };
            tokio::select! {
                () = opened.driver => Ending::Closed,
                () = opened.connection.broken() => Ending::Silent,
                () = silence(&opened.connection) => Ending::Silent,
                () = writing => Ending::Unused,
            }
        };
        self.puts.interrupted();
        self.appends.interrupted();
        let cause = match ending {
            Ending::Closed => "closed",
            Ending::Silent => "no answer, or none that is of use",
            Ending::Unused => return,
        };
        tracing::warn!(%url, cause, "the connection to the shared store ended: nothing is shared");
    }
}

/// Ends when the server does not answer any more.
async fn silence(connection: &Connection) {
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
    link: &'s Link,
    instruments: &'s Instruments,
}

impl<'s> Attached<'s> {
    fn new(link: &'s Link, connection: &Arc<Connection>, instruments: &'s Instruments) -> Self {
        link.attach(Arc::clone(connection));
        instruments.connected(true);
        Self { link, instruments }
    }
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        self.link.detach();
        self.instruments.connected(false);
    }
}
