//! Writes in the background: queued, sent in batches, counted.

use std::{sync::Arc, time::Duration};

use redis::{Cmd, Pipeline, RedisResult};
use tokio::{sync::mpsc, time::sleep};

use super::{
    link::RedisConnection,
    log,
    metrics::{Metrics, Operation, OperationOutcome},
};

/// Something to write, in the form in which it goes out.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) name: String,
    pub(super) sealed: Vec<u8>,
    pub(super) ttl: Duration,
}

/// The end of a queue that writes go in at.
#[derive(Debug, Clone)]
pub(super) struct SharedWriter {
    operation: Operation,
    queue: mpsc::Sender<Write>,
    metrics: Arc<Metrics>,
}

/// The end that they come out of.
#[derive(Debug)]
pub(super) struct Queue {
    operation: Operation,
    writes: mpsc::Receiver<Write>,
    /// Taken out and not yet written.
    batch: Vec<Write>,
    metrics: Arc<Metrics>,
}

/// Writes of one kind that may wait: 16 MiB of the largest, and some milliseconds' worth.
const QUEUED: usize = 256;

/// Writes that are sent at once: 2 MiB of the largest, within one deadline.
const BATCH: usize = 32;

/// `OK`, an entry's name, or a refusal.
const MAX_ANSWER_BYTES: usize = 256;

/// Between two attempts at what must not be lost.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// What no server takes for too far away: a hundred years.
const MAX_TTL: Duration = Duration::from_hours(100 * 365 * 24);

pub(super) fn queue(operation: Operation, metrics: &Arc<Metrics>) -> (SharedWriter, Queue) {
    let (sender, writes) = mpsc::channel(QUEUED);
    let writer = SharedWriter { operation, queue: sender, metrics: Arc::clone(metrics) };
    let metrics = Arc::clone(metrics);
    (writer, Queue { operation, writes, batch: Vec::with_capacity(BATCH), metrics })
}

/// A time to live as the server takes it, in milliseconds and never zero.
pub(super) fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.min(MAX_TTL).as_millis()).unwrap_or(u64::MAX).max(1)
}

impl SharedWriter {
    pub(super) fn write(&self, write: Write) {
        if self.queue.try_send(write).is_err() {
            self.metrics.count(self.operation, OperationOutcome::Dropped);
        }
    }

    pub(super) fn count(&self, outcome: OperationOutcome) {
        self.metrics.count(self.operation, outcome);
    }
}

impl Queue {
    /// Whether every sender is dropped.
    pub(super) fn is_closed(&self) -> bool {
        self.writes.is_closed()
    }

    /// Writes what is there and what comes, until every sender is dropped.
    pub(super) async fn send(&mut self, connection: &RedisConnection, deadline: Duration) {
        loop {
            if self.batch.is_empty() && self.writes.recv_many(&mut self.batch, BATCH).await == 0 {
                return;
            }
            let mut redis = connection.redis();
            let pipeline = self.pipeline();
            let answers = pipeline.query_async::<Vec<RedisResult<redis::Value>>>(&mut redis);
            let max_bytes = self.batch.len().saturating_mul(MAX_ANSWER_BYTES);
            match connection.answer(max_bytes, deadline, answers).await {
                Ok(answers) => self.written(&answers, connection),
                Err(outcome) => self.not_written(outcome).await,
            }
        }
    }

    fn pipeline(&self) -> Pipeline {
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        for write in &self.batch {
            pipeline.add_command(self.command(write));
        }
        pipeline
    }

    fn command(&self, write: &Write) -> Cmd {
        if self.is_log() {
            return log::append(&write.name, &write.sealed);
        }
        let mut command = redis::cmd("SET");
        command.arg(&write.name).arg(&write.sealed).arg("PX").arg(millis(write.ttl));
        command
    }

    /// A lost log entry is lost for every replica; any other value can be fetched again.
    fn is_log(&self) -> bool {
        self.operation == Operation::Append
    }

    fn written(&mut self, answers: &[RedisResult<redis::Value>], connection: &RedisConnection) {
        for answer in answers {
            let outcome = match answer {
                Ok(_) => OperationOutcome::Done,
                Err(error) => {
                    connection.failed(error);
                    OperationOutcome::Error
                }
            };
            self.metrics.count(self.operation, outcome);
        }
        self.batch.clear();
    }

    async fn not_written(&mut self, outcome: OperationOutcome) {
        for _ in &self.batch {
            self.metrics.count(self.operation, outcome);
        }
        if self.is_log() {
            sleep(RETRY_PAUSE).await;
        } else {
            self.batch.clear();
        }
    }

    /// The connection is gone: what can be lost is.
    pub(super) fn interrupted(&mut self) {
        if !self.is_log() {
            for _ in self.batch.drain(..) {
                self.metrics.count(self.operation, OperationOutcome::Error);
            }
        }
    }
}
