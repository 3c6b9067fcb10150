//! The one connection that all operations share, and what is known of its health.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, aio::MultiplexedConnection};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use super::{meter::Allowance, metrics::OperationOutcome};

/// Where operations find the connection. Without one they fail at once: the circuit is open
/// until the supervisor has closed it again.
#[derive(Debug, Default)]
pub(super) struct RedisLink {
    connection: ArcSwapOption<RedisConnection>,
    /// How many connections there have been: wakes those who wait for the next one.
    established: watch::Sender<u64>,
}

/// An open connection. Commands of all threads are pipelined on it and answered in that order.
pub(super) struct RedisConnection {
    redis: MultiplexedConnection,
    allowance: Arc<Allowance>,
    /// Distinguishes it from earlier connections: the server may have lost its data since.
    generation: u64,
    unanswered: AtomicU32,
    broken: Notify,
    has_logged_refusal: AtomicBool,
    has_logged_forgery: AtomicBool,
}

/// Operations that may be under way at once; more of them wait, within their deadline.
pub(super) const MAX_UNDER_WAY: usize = 100;

/// So many deadlines passed in a row, and the connection is taken for dead. A single one is a
/// pause.
const MAX_UNANSWERED: u32 = 5;

impl RedisLink {
    pub(super) fn connection(&self) -> Result<Arc<RedisConnection>, OperationOutcome> {
        self.connection.load_full().ok_or(OperationOutcome::Disconnected)
    }

    pub(super) fn attach(&self, connection: Arc<RedisConnection>) {
        self.connection.store(Some(connection));
        self.established.send_modify(|count| *count += 1);
    }

    pub(super) fn detach(&self) {
        self.connection.store(None);
    }

    pub(super) fn established(&self) -> watch::Receiver<u64> {
        self.established.subscribe()
    }
}

/// The connections of a store, as they are made.
#[derive(Debug)]
pub struct Connections(Option<watch::Receiver<u64>>);

impl Connections {
    pub(super) fn new(established: Option<watch::Receiver<u64>>) -> Self {
        Self(established)
    }

    /// What was made so far is no news any more.
    pub fn mark_seen(&mut self) {
        self.0.iter_mut().for_each(watch::Receiver::mark_unchanged);
    }

    /// Resolves once there has been another connection since [`Self::mark_seen`]. Never for a
    /// store that shares nothing.
    pub async fn next(&mut self) {
        if let Some(established) = &mut self.0
            && established.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

impl RedisConnection {
    pub(super) fn new(
        redis: MultiplexedConnection,
        allowance: Arc<Allowance>,
        generation: u64,
    ) -> Self {
        Self {
            redis,
            allowance,
            generation,
            unanswered: AtomicU32::new(0),
            broken: Notify::new(),
            has_logged_refusal: AtomicBool::new(false),
            has_logged_forgery: AtomicBool::new(false),
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// What an operation is sent with.
    pub(super) fn redis(&self) -> MultiplexedConnection {
        self.redis.clone()
    }

    /// Waits for the answer to an operation, of that many bytes at most.
    pub(super) async fn answer<T>(
        &self,
        max_bytes: usize,
        deadline: Duration,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, OperationOutcome> {
        self.allowance.add(max_bytes);
        match timeout(deadline, answer).await {
            Ok(Ok(value)) => {
                self.unanswered.store(0, Ordering::Relaxed);
                Ok(value)
            }
            Ok(Err(error)) => {
                self.failed(&error);
                Err(OperationOutcome::Error)
            }
            Err(_) => {
                self.not_answered();
                Err(OperationOutcome::Timeout)
            }
        }
    }

    fn not_answered(&self) {
        if self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_UNANSWERED {
            self.broken.notify_one();
        }
    }

    /// An error of one command says nothing about the next, except from a server that is the wrong
    /// one (by now): its name must be resolved again.
    pub(super) fn failed(&self, error: &RedisError) {
        let wrong_server = matches!(
            error.kind(),
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                    | ServerErrorKind::MasterDown
                    | ServerErrorKind::ReadOnly
            )
        );
        if wrong_server || error.is_unrecoverable_error() {
            self.broken.notify_one();
        } else {
            self.unanswered.store(0, Ordering::Relaxed);
        }
        if !self.has_logged_refusal.swap(true, Ordering::Relaxed) {
            let cause = error_code(error);
            tracing::warn!(cause, "the shared store refused an operation");
        }
    }

    /// Another party writes there. Logged once per connection, counted each time.
    pub(super) fn report_forgery(&self) {
        if !self.has_logged_forgery.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the shared store holds what was not written by a replica with the same key; it \
                 is passed over"
            );
        }
    }

    /// Ends when the connection is of no use any more.
    pub(super) async fn broken(&self) {
        self.broken.notified().await;
    }
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// The code of an error. A server's text may repeat what it was sent, passwords included.
pub(super) fn error_code(error: &RedisError) -> String {
    /// The error code of a server's response, such as `WRONGPASS`.
    const MAX_CODE_BYTES: usize = 32;
    let is_code = |code: &&str| {
        code.len() <= MAX_CODE_BYTES && code.bytes().all(|byte| byte.is_ascii_uppercase())
    };
    if error.is_io_error() {
        return error.to_string();
    }
    match error.code().filter(is_code) {
        Some(code) => format!("{} ({code})", error.category()),
        None => error.category().to_owned(),
    }
}
