//! What an upstream may have at once, and who waits for it.

use std::time::Duration;

use crate::config::{
    reader::Section,
    values::{count, duration},
    writer::Writer,
};

pub(crate) mod key {
    pub(crate) const MAX_CONNECTIONS: &str = "max_connections";
    pub(crate) const MAX_REQUESTS: &str = "max_requests";
    pub(crate) const QUEUE: &str = "queue";
    pub(crate) const LENGTH: &str = "length";
    pub(crate) const TIMEOUT: &str = "timeout";
}

/// What an upstream may have at once, of all workers together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapSettings {
    /// Connections, idle ones included; `None`: any number.
    pub max_connections: Option<usize>,
    /// Requests in progress; `None`: any number.
    pub max_requests: Option<usize>,
    /// How many requests may wait for their turn.
    pub queue_length: usize,
    /// How long one may wait.
    pub queue_timeout: Duration,
}

/// Each is a file descriptor here and a connection there.
const MAX_CONNECTIONS: usize = 1_000_000;
const MAX_REQUESTS: usize = 1_000_000;
/// A burst's worth: a longer queue is served too late.
const DEFAULT_QUEUE_LENGTH: usize = 256;
/// Each that waits holds its request's memory.
const MAX_QUEUE_LENGTH: usize = 100_000;
/// Most clients still want an answer then.
const DEFAULT_QUEUE_TIMEOUT: Duration = Duration::from_secs(1);
const MIN_QUEUE_TIMEOUT: Duration = Duration::from_millis(1);
const MAX_QUEUE_TIMEOUT: Duration = Duration::from_mins(5);

impl CapSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let max_connections = section.optional(key::MAX_CONNECTIONS, count(1..=MAX_CONNECTIONS));
        let max_requests = section.optional(key::MAX_REQUESTS, count(1..=MAX_REQUESTS));
        let is_capped =
            [key::MAX_CONNECTIONS, key::MAX_REQUESTS].iter().any(|cap| section.peek(cap).is_some());
        let (queue_length, queue_timeout) = section.section(key::QUEUE, |queue| {
            if queue.is_present() && !is_capped {
                let message = "has no effect without max_connections or max_requests; expected \
                               it to be absent";
                queue.own_mistake(message.to_owned());
            }
            let within = MIN_QUEUE_TIMEOUT..=MAX_QUEUE_TIMEOUT;
            (
                queue.or(key::LENGTH, DEFAULT_QUEUE_LENGTH, count(0..=MAX_QUEUE_LENGTH)),
                queue.or(key::TIMEOUT, DEFAULT_QUEUE_TIMEOUT, duration(within)),
            )
        });
        Self { max_connections, max_requests, queue_length, queue_timeout }
    }

    pub(super) fn write(&self, writer: Writer) -> Writer {
        let optional = |writer: Writer, key, most: Option<usize>| match most {
            Some(most) => writer.count(key, most),
            None => writer,
        };
        let writer = optional(writer, key::MAX_CONNECTIONS, self.max_connections);
        let writer = optional(writer, key::MAX_REQUESTS, self.max_requests);
        if self.max_connections.or(self.max_requests).is_none() {
            return writer;
        }
        let queue = Writer::default()
            .count(key::LENGTH, self.queue_length)
            .duration(key::TIMEOUT, self.queue_timeout);
        writer.value(key::QUEUE, queue.table())
    }
}

impl Default for CapSettings {
    fn default() -> Self {
        Self {
            max_connections: None,
            max_requests: None,
            queue_length: DEFAULT_QUEUE_LENGTH,
            queue_timeout: DEFAULT_QUEUE_TIMEOUT,
        }
    }
}
