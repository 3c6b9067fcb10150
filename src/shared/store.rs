//! What callers hold.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use redis::{Cmd, FromRedisValue};

use crate::{
    clock::{Clock, UnixTime},
    readiness::{Dependency, DependencyKind},
    refresh::FileVersions,
    shared::settings::{LostStore, SharedSettings, UseSettings},
    telemetry::MetricRegistry,
};

use super::{
    Connections, LogBatch, LogPosition, SharedKey, SharedKind, Supervisor,
    link::{AnswerError, RedisConnection, RedisLink},
    log::{self, MAX_ENTRY_BYTES, StreamEntry},
    metrics::{Metrics, Operation, OperationOutcome},
    rate::{self, RateAnswer, RateRule},
    seal::{self, Seal, SealError},
    write::{SharedWriter, Write, millis, queue},
};

/// What replicas share. Cheap to clone, usable from any thread. The default shares nothing.
///
/// No operation fails or takes longer than the configured deadline. Without a connection every read
/// returns `None` (*unknown*) at once.
#[derive(Debug, Clone, Default)]
pub struct SharedStore(Option<Arc<Inner>>);

/// Why nothing can be shared as it is configured.
#[derive(Debug, thiserror::Error)]
#[error("shared.integrity_key_file: {0}")]
pub struct SharedError(String);

struct Inner {
    settings: SharedSettings,
    /// As they were when it was made.
    files: FileVersions,
    seal: Seal,
    clock: Arc<dyn Clock>,
    link: Arc<RedisLink>,
    sets: SharedWriter,
    appends: SharedWriter,
    metrics: Arc<Metrics>,
}

/// The largest value that is shared, in bytes. A larger one is rare, and fetching it again is
/// cheaper than moving it.
pub(super) const MAX_VALUE_BYTES: usize = 64 * 1024;

/// The largest value as it is kept.
const MAX_SEALED_BYTES: usize = MAX_VALUE_BYTES + seal::OVERHEAD;

/// What surrounds an answer, and refusals.
const ANSWER_OVERHEAD: usize = 256;

impl SharedStore {
    /// Whether there is anything to share with.
    pub fn is_configured(&self) -> bool {
        self.0.is_some()
    }

    /// A store and the task that keeps it connected, to be run on whichever runtime lasts.
    ///
    /// # Errors
    /// If the integrity key can't be read. A server that can't be reached is no error.
    pub fn new(
        settings: &SharedSettings,
        clock: Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Result<(Self, Supervisor), SharedError> {
        // Before reading: a change in between shows as one at the next reload.
        let files = FileVersions::now(settings.files());
        let key = settings.integrity.read_key().map_err(SharedError)?;
        let metrics = Arc::new(Metrics::register(metrics));
        let link = Arc::<RedisLink>::default();
        let (sets, set_queue) = queue(Operation::Set, &metrics);
        let (appends, append_queue) = queue(Operation::Append, &metrics);
        let supervisor = Supervisor {
            settings: Arc::new(settings.clone()),
            link: Arc::clone(&link),
            sets: set_queue,
            appends: append_queue,
            metrics: Arc::clone(&metrics),
        };
        let inner = Inner {
            settings: settings.clone(),
            files,
            seal: Seal::new(key.as_deref().map(Vec::as_slice)),
            clock,
            link,
            sets,
            appends,
            metrics,
        };
        Ok((Self(Some(Arc::new(inner))), supervisor))
    }

    /// The store of a configuration after that of `earlier`. An unchanged one goes on with its
    /// connection, and needs no second supervisor.
    ///
    /// # Errors
    /// See [`Self::new`].
    pub fn beside(
        earlier: Option<&Self>,
        settings: &SharedSettings,
        clock: &Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Result<(Self, Option<Supervisor>), SharedError> {
        let running = earlier.and_then(|earlier| earlier.0.as_ref());
        let versions = FileVersions::now(settings.files());
        if let Some(running) = running
            && (&running.settings, &running.files) == (settings, &versions)
        {
            return Ok((Self(Some(Arc::clone(running))), None));
        }
        let (store, supervisor) = Self::new(settings, Arc::clone(clock), metrics)?;
        Ok((store, Some(supervisor)))
    }

    /// Shows in metrics whether it is connected, from now on: its configuration is in force.
    pub fn show(&self) {
        self.0.iter().for_each(|inner| inner.metrics.show());
    }

    /// Ends that.
    pub fn hide(&self) {
        self.0.iter().for_each(|inner| inner.metrics.hide());
    }

    /// Whether both are the same connection, or none.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }

    /// The longest that an operation keeps its caller waiting.
    pub fn patience(&self) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, |inner| inner.settings.timeout)
    }

    /// What counts for once-only marks while the store can't be reached.
    pub fn on_lost_replays(&self) -> LostStore {
        self.uses().replay
    }

    /// What counts for limits while the store can't be reached.
    pub fn on_lost_limits(&self) -> LostStore {
        self.uses().limits
    }

    /// Into so many parts a rate is divided while each replica decides alone.
    pub fn replicas(&self) -> u32 {
        self.uses().replicas
    }

    fn uses(&self) -> UseSettings {
        self.0.as_ref().map(|inner| inner.settings.uses).unwrap_or_default()
    }

    /// Whether what should be shared is; `None`: nothing should.
    pub fn dependency(&self) -> Option<Dependency> {
        let inner = self.0.as_ref()?;
        let address = inner.settings.address.to_string();
        Some(Dependency::optional(DependencyKind::SharedStore, &address, inner.link.trouble()))
    }

    /// Notifies of new connections, including those not yet marked as seen.
    pub fn connections(&self) -> Connections {
        Connections::new(self.0.as_ref().map(|inner| inner.link.established()))
    }

    /// The value that some replica has stored, while it is valid.
    pub async fn get(&self, key: &SharedKey) -> Option<Bytes> {
        let inner = self.0.as_ref()?;
        let result = inner.get(key).await;
        inner.counted(Operation::Get, result, |_| OperationOutcome::Hit)
    }

    /// Stores a value for a while. Does not wait for it, and it may be lost.
    pub fn set(&self, key: &SharedKey, value: &[u8], ttl: Duration) {
        if let Some(inner) = &self.0 {
            inner.set(key, value, ttl);
        }
    }

    /// Sets the key unless it is present (`SET NX`): whether this call set it. It lasts for the
    /// first caller's time to live. `None`: unknown.
    pub async fn set_if_absent(&self, key: &SharedKey, ttl: Duration) -> Option<bool> {
        let inner = self.0.as_ref()?;
        let result = inner.set_if_absent(key, ttl).await;
        let outcome = |is_first: &bool| {
            if *is_first { OperationOutcome::SetIfAbsent } else { OperationOutcome::Seen }
        };
        inner.counted(Operation::SetIfAbsent, result, outcome)
    }

    /// Takes one request from the bucket of a rate. `None`: unknown.
    pub async fn take(&self, key: &SharedKey, rule: &RateRule) -> Option<RateAnswer> {
        let inner = self.0.as_ref()?;
        let result = inner.take(key, rule).await;
        inner.counted(Operation::Take, result, |answer| answer.outcome())
    }

    /// Deletes the key. Whether it worked is not known; if not, the key expires with its time to
    /// live.
    pub async fn forget(&self, key: &SharedKey) {
        if let Some(inner) = &self.0 {
            let result = inner.forget(key).await;
            inner.counted(Operation::Forget, result, |()| OperationOutcome::Done);
        }
    }

    /// Adds an entry to the log of that kind, where every replica will read it, until its time to
    /// live is over. Does not wait for it. While there is no connection it stays queued, within
    /// bounds; it may come twice.
    pub fn append(&self, kind: SharedKind, entry: &[u8], ttl: Duration) {
        if let Some(inner) = &self.0 {
            inner.append(kind, entry, ttl);
        }
    }

    /// Reads on in a log, and moves the position. `None`: unavailable, and the position stays.
    ///
    /// Delivery is at least once, one's own entries included; after a new connection all of them
    /// are read again.
    pub async fn read_since(
        &self,
        kind: SharedKind,
        position: &mut LogPosition,
    ) -> Option<LogBatch> {
        let inner = self.0.as_ref()?;
        let result = inner.read_since(kind, position).await;
        inner.counted(Operation::Read, result, |_| OperationOutcome::Done)
    }
}

impl Inner {
    /// At most the largest value's length is requested: a larger one comes truncated, and fails its
    /// MAC.
    async fn get(&self, key: &SharedKey) -> Result<Bytes, OperationOutcome> {
        let name = key.name(&self.settings.prefix);
        let connection = self.link.connection(&name)?;
        let mut command = redis::cmd("GETRANGE");
        command.arg(&name).arg(0).arg(MAX_SEALED_BYTES);
        let max_bytes = MAX_SEALED_BYTES + ANSWER_OVERHEAD;
        let deadline = self.settings.timeout;
        let sealed: Bytes = self.link.ask(&connection, &command, max_bytes, deadline).await?;
        if sealed.is_empty() {
            return Err(OperationOutcome::Miss);
        }
        self.opened(&name, &sealed, &connection)
    }

    fn set(&self, key: &SharedKey, value: &[u8], ttl: Duration) {
        if value.len() > MAX_VALUE_BYTES {
            return self.sets.count(OperationOutcome::Oversize);
        }
        // A value that waited for a connection would be stale.
        let name = key.name(&self.settings.prefix);
        if let Err(outcome) = self.link.connection(&name) {
            return self.sets.count(outcome);
        }
        self.sets.write(self.sealed(name, value, ttl));
    }

    async fn set_if_absent(
        &self,
        key: &SharedKey,
        ttl: Duration,
    ) -> Result<bool, OperationOutcome> {
        let name = key.name(&self.settings.prefix);
        let mut command = redis::cmd("SET");
        command.arg(&name).arg("1").arg("NX").arg("PX").arg(millis(ttl));
        match self.ask(&name, &command, ANSWER_OVERHEAD).await? {
            redis::Value::Okay => Ok(true),
            redis::Value::Nil => Ok(false),
            _ => Err(OperationOutcome::Error),
        }
    }

    async fn take(&self, key: &SharedKey, rule: &RateRule) -> Result<RateAnswer, OperationOutcome> {
        let name = key.name(&self.settings.prefix);
        let command = rule.command(&name);
        RateAnswer::parse(self.ask(&name, &command, rate::MAX_ANSWER_BYTES).await?)
    }

    async fn forget(&self, key: &SharedKey) -> Result<(), OperationOutcome> {
        let name = key.name(&self.settings.prefix);
        let mut command = redis::cmd("DEL");
        command.arg(&name);
        self.ask::<redis::Value>(&name, &command, ANSWER_OVERHEAD).await.map(|_| ())
    }

    /// Sends an operation on one key, and waits for its answer.
    async fn ask<T: FromRedisValue>(
        &self,
        name: &str,
        command: &Cmd,
        max_bytes: usize,
    ) -> Result<T, OperationOutcome> {
        let connection = self.link.connection(name)?;
        self.link.ask(&connection, command, max_bytes, self.settings.timeout).await
    }

    fn append(&self, kind: SharedKind, entry: &[u8], ttl: Duration) {
        if entry.len() > MAX_ENTRY_BYTES {
            let bytes = entry.len();
            tracing::warn!(
                bytes,
                most = MAX_ENTRY_BYTES,
                "too large to share with the other replicas"
            );
            return self.appends.count(OperationOutcome::Oversize);
        }
        self.appends.write(self.sealed(kind.log_name(&self.settings.prefix), entry, ttl));
    }

    async fn read_since(
        &self,
        kind: SharedKind,
        position: &mut LogPosition,
    ) -> Result<LogBatch, OperationOutcome> {
        let name = kind.log_name(&self.settings.prefix);
        let connection = self.link.connection(&name)?;
        let from = position.on(&connection);
        let command = log::read(&name, from);
        let mut redis = connection.redis();
        let answer = command.query_async::<Vec<StreamEntry>>(&mut redis);
        let batch = connection.answer(log::MAX_BATCH_BYTES, self.settings.timeout, answer).await;
        let batch = batch.map_err(|error| {
            // Another node has other positions: the next connection there reads from the beginning.
            if matches!(error, AnswerError::Redirected { asking: false, .. }) {
                self.link.report_moved();
            }
            error.outcome()
        })?;
        *position = from.after(&batch).ok_or(OperationOutcome::Error)?;
        let entries = batch.iter().filter_map(|entry| self.entry(&name, entry, &connection));
        Ok(LogBatch { entries: entries.collect(), has_more: batch.len() >= log::BATCH })
    }

    /// A forged entry is skipped; the others count.
    fn entry(
        &self,
        name: &str,
        entry: &StreamEntry,
        connection: &RedisConnection,
    ) -> Option<Bytes> {
        let sealed = log::value(entry).cloned().unwrap_or_default();
        match self.opened(name, &sealed, connection) {
            Ok(entry) => Some(entry),
            Err(OperationOutcome::Miss) => None,
            Err(outcome) => {
                self.metrics.count(Operation::Read, outcome);
                None
            }
        }
    }

    fn sealed(&self, name: String, value: &[u8], ttl: Duration) -> Write {
        // In whole seconds, rounded up: the server counts the milliseconds.
        let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let end = UnixTime(self.clock.now().0.saturating_add(seconds));
        let sealed = self.seal.close(&name, value, end);
        Write { name, sealed, ttl }
    }

    fn opened(
        &self,
        name: &str,
        sealed: &Bytes,
        from: &RedisConnection,
    ) -> Result<Bytes, OperationOutcome> {
        let opened = self.seal.open(name, sealed, self.clock.now());
        match opened {
            Ok(value) if value.len() <= MAX_VALUE_BYTES => Ok(value),
            Err(SealError::Ended) => Err(OperationOutcome::Miss),
            Ok(_) | Err(SealError::Forged) => {
                from.report_forgery();
                Err(OperationOutcome::Rejected)
            }
        }
    }

    fn counted<T>(
        &self,
        operation: Operation,
        result: Result<T, OperationOutcome>,
        success: impl FnOnce(&T) -> OperationOutcome,
    ) -> Option<T> {
        let outcome = result.as_ref().map_or_else(|outcome| *outcome, success);
        self.metrics.count(operation, outcome);
        result.ok()
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedStore").field("settings", &self.settings).finish_non_exhaustive()
    }
}
