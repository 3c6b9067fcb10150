//! The connections that all operations share, and what is known of their health.

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
use redis::{
    Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind,
    aio::MultiplexedConnection,
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout},
};

use crate::shared::settings::NodeAddress;

use super::{
    meter::Allowance,
    metrics::OperationOutcome,
    slots::{SLOTS, SlotMap, node_named},
};

/// Where operations find their connection. Without one they fail at once: the circuit is open
/// until the supervisor has closed it again.
#[derive(Debug, Default)]
pub(super) struct RedisLink {
    connections: ArcSwapOption<ConnectionMap>,
    /// How many connections there have been: wakes those who wait for the next one.
    established: watch::Sender<u64>,
    /// A node of a cluster says that a key is elsewhere.
    moved: Notify,
}

/// The open connections.
#[derive(Debug)]
pub(super) enum ConnectionMap {
    /// All keys are on one server.
    One(Arc<RedisConnection>),
    /// Each node of a cluster has some.
    Cluster(SlotMap),
}

/// An open connection. Commands of all threads are pipelined on it and answered in that order.
pub(super) struct RedisConnection {
    redis: MultiplexedConnection,
    allowance: Arc<Allowance>,
    node: NodeAddress,
    /// Distinguishes it from earlier connections: the server may have lost its data since.
    generation: u64,
    unanswered: AtomicU32,
    broken: Notify,
    has_logged_refusal: AtomicBool,
    has_logged_forgery: AtomicBool,
}

/// Why an operation has no answer.
#[derive(Debug)]
pub(super) enum AnswerError {
    /// It failed.
    Failed(OperationOutcome),
    /// Another node of the cluster has the key: for good, or for this once.
    Redirected {
        /// That node.
        to: NodeAddress,
        /// For this once.
        asking: bool,
    },
}

/// Operations that may be under way at once; more of them wait, within their deadline.
pub(super) const MAX_UNDER_WAY: usize = 100;

/// After so many timeouts in a row the connection counts as dead. A single one is a pause.
const MAX_UNANSWERED: u32 = 5;

impl RedisLink {
    /// The connection that a key's operations go over.
    pub(super) fn connection(&self, name: &str) -> Result<Arc<RedisConnection>, OperationOutcome> {
        let connections = self.connections.load();
        let found = match connections.as_deref() {
            Some(ConnectionMap::One(connection)) => Some(connection),
            Some(ConnectionMap::Cluster(slots)) => slots.connection(name),
            None => None,
        };
        found.cloned().ok_or(OperationOutcome::Disconnected)
    }

    /// Whether there is any connection.
    pub(super) fn is_connected(&self) -> bool {
        self.connections.load().is_some()
    }

    /// What can't be reached at the moment, in words; `None` if all can.
    pub(super) fn trouble(&self) -> Option<String> {
        match self.connections.load().as_deref() {
            None => Some("not connected; nothing is shared".to_owned()),
            Some(ConnectionMap::One(_)) => None,
            Some(ConnectionMap::Cluster(slots)) => match slots.unserved() {
                0 => None,
                unserved => Some(format!("no node serves {unserved} of {SLOTS} slots")),
            },
        }
    }

    /// Sends an operation and waits for its answer, at another node of the cluster if it has to be.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        connection: &RedisConnection,
        command: &Cmd,
        max_bytes: usize,
        deadline: Duration,
    ) -> Result<T, OperationOutcome> {
        let until = Instant::now() + deadline;
        let mut redis = connection.redis();
        let answer = command.query_async::<T>(&mut redis);
        match connection.answer(max_bytes, deadline, answer).await {
            Ok(answer) => Ok(answer),
            Err(AnswerError::Failed(outcome)) => Err(outcome),
            Err(AnswerError::Redirected { to, asking }) => {
                let left = until.saturating_duration_since(Instant::now());
                self.follow(&to, asking, command, max_bytes, left).await
            }
        }
    }

    /// Sends an operation to the node that another one has named. Once only.
    async fn follow<T: FromRedisValue>(
        &self,
        to: &NodeAddress,
        asking: bool,
        command: &Cmd,
        max_bytes: usize,
        deadline: Duration,
    ) -> Result<T, OperationOutcome> {
        if !asking {
            self.moved.notify_one();
        }
        let named = match self.connections.load().as_deref() {
            Some(ConnectionMap::Cluster(slots)) => slots.node(to).cloned(),
            _ => None,
        };
        let connection = named.ok_or(OperationOutcome::Error)?;
        let mut redis = connection.redis();
        let answer = async {
            if !asking {
                return command.query_async::<T>(&mut redis).await;
            }
            let mut pipeline = redis::pipe();
            pipeline.cmd("ASKING").ignore().add_command(command.clone());
            pipeline.query_async::<(T,)>(&mut redis).await.map(|(answer,)| answer)
        };
        connection.answer(max_bytes, deadline, answer).await.map_err(|error| error.outcome())
    }

    /// From now on, operations go over these. `opened` of them are new.
    pub(super) fn attach(&self, connections: ConnectionMap, opened: u64) {
        self.connections.store(Some(Arc::new(connections)));
        self.established.send_if_modified(|count| {
            *count += opened;
            opened > 0
        });
    }

    pub(super) fn detach(&self) {
        self.connections.store(None);
    }

    /// Resolves once a node has said that a key is elsewhere.
    pub(super) async fn moved(&self) {
        self.moved.notified().await;
    }

    pub(super) fn report_moved(&self) {
        self.moved.notify_one();
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

    /// Marks the connections so far as seen.
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
        node: NodeAddress,
        generation: u64,
    ) -> Self {
        Self {
            redis,
            allowance,
            node,
            generation,
            unanswered: AtomicU32::new(0),
            broken: Notify::new(),
            has_logged_refusal: AtomicBool::new(false),
            has_logged_forgery: AtomicBool::new(false),
        }
    }

    /// The server at its other end.
    pub(super) fn node(&self) -> &NodeAddress {
        &self.node
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
    ) -> Result<T, AnswerError> {
        self.allowance.add(max_bytes);
        match timeout(deadline, answer).await {
            Ok(Ok(value)) => {
                self.unanswered.store(0, Ordering::Relaxed);
                Ok(value)
            }
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => {
                self.not_answered();
                Err(AnswerError::Failed(OperationOutcome::Timeout))
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
    pub(super) fn failed(&self, error: &RedisError) -> AnswerError {
        if let Some(redirected) = self.redirected(error) {
            self.unanswered.store(0, Ordering::Relaxed);
            return redirected;
        }
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
        AnswerError::Failed(OperationOutcome::Error)
    }

    /// `MOVED 3999 10.0.0.1:6379` and `ASK …`.
    fn redirected(&self, error: &RedisError) -> Option<AnswerError> {
        let (node, _) = error.redirect_node()?;
        let (host, port) = node.rsplit_once(':')?;
        let to = node_named(host, port.parse().ok()?, &self.node)?;
        let asking = matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Ask));
        Some(AnswerError::Redirected { to, asking })
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

impl AnswerError {
    /// What it is where no replica follows.
    pub(super) fn outcome(&self) -> OperationOutcome {
        match self {
            Self::Failed(outcome) => *outcome,
            Self::Redirected { .. } => OperationOutcome::Error,
        }
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
