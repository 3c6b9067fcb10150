//! Writes in the background: queued, sent in batches, counted.

use std::{sync::Arc, time::Duration};

use redis::{Cmd, Pipeline, RedisError, RedisResult};
use tokio::{sync::mpsc, time::sleep};

use super::{
    link::{AnswerError, RedisConnection, RedisLink},
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

/// At what must not be lost, once every sender is dropped: five seconds of them.
const LAST_ATTEMPTS: u32 = 50;

/// Between two attempts at what must not be lost.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// An expiry that every server accepts: a hundred years.
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
    /// Writes what comes, until every sender is dropped and what they have sent is written, or
    /// could not be.
    pub(super) async fn run(&mut self, link: &RedisLink, deadline: Duration) {
        let mut last_attempts = LAST_ATTEMPTS;
        loop {
            if self.batch.is_empty() && self.writes.recv_many(&mut self.batch, BATCH).await == 0 {
                return;
            }
            self.send(link, deadline).await;
            if self.batch.is_empty() {
                continue;
            }
            if self.writes.is_closed() {
                // A later store is in use, and this one must end.
                last_attempts -= 1;
                if last_attempts == 0 || !link.is_connected() {
                    return;
                }
            }
            sleep(RETRY_PAUSE).await;
        }
    }

    /// Sends the batch, a pipeline to each server. What may not be lost, and could not be written,
    /// is in the batch afterwards.
    async fn send(&mut self, link: &RedisLink, deadline: Duration) {
        let mut batch = std::mem::take(&mut self.batch);
        while let Some(first) = batch.first() {
            let connection = match link.connection(&first.name) {
                Ok(connection) => connection,
                Err(outcome) => {
                    let write = batch.remove(0);
                    self.not_written(write, outcome);
                    continue;
                }
            };
            let is_there = |write: &mut Write| {
                link.connection(&write.name).is_ok_and(|other| Arc::ptr_eq(&other, &connection))
            };
            let writes: Vec<_> = batch.extract_if(.., is_there).collect();
            if writes.is_empty() {
                // The connection was replaced meanwhile: the next round finds the new one.
                self.batch.append(&mut batch);
                return;
            }
            self.send_to(&connection, link, writes, deadline).await;
        }
    }

    async fn send_to(
        &mut self,
        connection: &RedisConnection,
        link: &RedisLink,
        writes: Vec<Write>,
        deadline: Duration,
    ) {
        let mut redis = connection.redis();
        let pipeline = self.pipeline(&writes);
        let answers = pipeline.query_async::<Vec<RedisResult<redis::Value>>>(&mut redis);
        let max_bytes = writes.len().saturating_mul(MAX_ANSWER_BYTES);
        match connection.answer(max_bytes, deadline, answers).await {
            Ok(answers) => {
                for (write, answer) in writes.into_iter().zip(answers) {
                    self.answered(write, answer.as_ref().err(), connection, link);
                }
            }
            Err(error) => {
                for write in writes {
                    self.not_written(write, error.outcome());
                }
            }
        }
    }

    fn pipeline(&self, writes: &[Write]) -> Pipeline {
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        for write in writes {
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

    fn answered(
        &mut self,
        write: Write,
        error: Option<&RedisError>,
        connection: &RedisConnection,
        link: &RedisLink,
    ) {
        match error.map(|error| connection.failed(error)) {
            None => self.metrics.count(self.operation, OperationOutcome::Done),
            // The same would be refused again.
            Some(AnswerError::Failed(outcome)) => self.metrics.count(self.operation, outcome),
            Some(redirected @ AnswerError::Redirected { asking, .. }) => {
                if !asking {
                    link.report_moved();
                }
                self.not_written(write, redirected.outcome());
            }
        }
    }

    fn not_written(&mut self, write: Write, outcome: OperationOutcome) {
        self.metrics.count(self.operation, outcome);
        if self.is_log() {
            self.batch.push(write);
        }
    }
}
