//! `[server.limits]`: what one client, or all of them, may take.

use std::{path::PathBuf, time::Duration};

use crate::config::{
    files::directory,
    reader::Section,
    values::{count, duration, size},
    writer::{Writer, Written},
};

mod key {
    pub(super) const CONNECTIONS: &str = "connections";
    pub(super) const HEADER_BYTES: &str = "header_bytes";
    pub(super) const HEADER_TIMEOUT: &str = "header_timeout";
    pub(super) const IDLE_TIMEOUT: &str = "idle_timeout";
    pub(super) const BODY_TIMEOUT: &str = "body_timeout";
    pub(super) const HTTP2_STREAMS: &str = "http2_streams";
    pub(super) const BODY_BYTES: &str = "body_bytes";
    pub(super) const BUFFER_BYTES: &str = "buffer_bytes";
    pub(super) const BODY_MEMORY: &str = "body_memory";
    pub(super) const BODY_RATE: &str = "body_rate";
    pub(super) const BUFFER_FOLDER: &str = "buffer_folder";
}

/// `[server.limits]`: what one client, or all of them, may take.
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// Open downstream connections, all workers together.
    pub connections: usize,
    /// Bytes of one request's header block, HTTP/1.1 and HTTP/2 alike.
    pub header_bytes: usize,
    /// From the first byte of a request (or from accept) until its header block is complete.
    pub header_timeout: Duration,
    /// How long a connection may wait between two requests.
    pub idle_timeout: Duration,
    /// How long a body, in either direction, may make no progress at all.
    pub body_timeout: Duration,
    /// Concurrent streams of one HTTP/2 connection.
    pub http2_streams: u32,
    /// Request bodies that have to be held until their signature is verified.
    pub held: HeldBodySettings,
}

/// What request bodies may take that are held until their signature is verified.
#[derive(Debug, Clone)]
pub struct HeldBodySettings {
    /// The largest one, in bytes; a larger one is 413.
    pub body_bytes: usize,
    /// What is kept in memory of each, in bytes; a larger one is written to an unlinked file.
    pub body_memory: usize,
    /// All of them together, in memory and in files; beyond, further ones are 503.
    pub buffer_bytes: usize,
    /// What one has to bring in a second on the average, in bytes, once the body timeout has
    /// passed; a slower one is 408. 0: no bound.
    pub body_rate: usize,
    /// Where the files are. `None`: the system's folder for temporary files.
    pub buffer_folder: Option<PathBuf>,
}

/// At some 20 KiB for an idle HTTP/1.1 connection about 200 MiB. One on which an HTTP/2 client does
/// its worst takes more (windows, streams and their headers): where clients are not trusted, lower
/// this or `http2_streams`.
const DEFAULT_CONNECTIONS: usize = 10_000;
/// Beyond this the system's file descriptors are the limit.
const MAX_CONNECTIONS: usize = 1_000_000;
/// Large enough for an 8 KiB token, cookies and tracing headers; hyper's own HTTP/2 default of
/// 16 KiB is what makes big tokens break on HTTP/2 only.
const DEFAULT_HEADER_BYTES: usize = 64 * 1024;
/// hyper's HTTP/1 buffer can't be smaller.
const MIN_HEADER_BYTES: usize = 8 * 1024;
/// Headers are held in memory per connection.
const MAX_HEADER_BYTES: usize = 1024 * 1024;
/// A header block fits into a few packets: ten seconds is a slow client, more is an attack.
const DEFAULT_HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Common load balancers keep their connections for 60 s; whoever closes second loses no request.
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_mins(2);
/// nginx's `proxy_read_timeout`, which upstreams that stream already live with.
const DEFAULT_BODY_TIMEOUT: Duration = Duration::from_mins(1);
/// hyper's and nginx's order of magnitude.
const DEFAULT_HTTP2_STREAMS: u32 = 200;
/// Loan applications, consents and reports of accounts with their documents stay below it.
const DEFAULT_BODY_BYTES: usize = 10 * 1024 * 1024;
/// The typical signed request is a few KiB of JSON: it never touches a disk.
const DEFAULT_BODY_MEMORY: usize = 1024 * 1024;
/// Twenty-five of the largest, or hundreds of thousands of the usual ones.
const DEFAULT_BUFFER_BYTES: usize = 256 * 1024 * 1024;
/// 32 kbit/s: below what the slowest mobile networks in use bring. A message of 10 KiB has the
/// timeout and 2.5 s, the largest one 43 minutes.
const DEFAULT_BODY_RATE: usize = 4 * 1024;
/// Above this honest clients are refused.
const MAX_BODY_RATE: usize = 10 * 1024 * 1024;
/// What is signed is a message, not a medium.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024 * 1024;
/// A large disk.
const MAX_BUFFER_BYTES: usize = 1024 * 1024 * 1024 * 1024;
/// Each stream costs memory before anything about it is verified.
const MAX_HTTP2_STREAMS: usize = 10_000;
/// Below this a deadline refuses honest clients on a busy machine.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
/// Above this a deadline bounds nothing.
const MAX_TIMEOUT: Duration = Duration::from_hours(1);

impl LimitSettings {
    pub(super) fn build(section: &mut Section<'_>) -> Self {
        let timeout = || duration(MIN_TIMEOUT..=MAX_TIMEOUT);
        let streams = |node: &_| {
            let streams = count(1..=MAX_HTTP2_STREAMS)(node)?;
            Ok(u32::try_from(streams).unwrap_or(DEFAULT_HTTP2_STREAMS))
        };
        Self {
            connections: section.or(
                key::CONNECTIONS,
                DEFAULT_CONNECTIONS,
                count(1..=MAX_CONNECTIONS),
            ),
            header_bytes: section.or(
                key::HEADER_BYTES,
                DEFAULT_HEADER_BYTES,
                size(MIN_HEADER_BYTES..=MAX_HEADER_BYTES),
            ),
            header_timeout: section.or(key::HEADER_TIMEOUT, DEFAULT_HEADER_TIMEOUT, timeout()),
            idle_timeout: section.or(key::IDLE_TIMEOUT, DEFAULT_IDLE_TIMEOUT, timeout()),
            body_timeout: section.or(key::BODY_TIMEOUT, DEFAULT_BODY_TIMEOUT, timeout()),
            http2_streams: section.or(key::HTTP2_STREAMS, DEFAULT_HTTP2_STREAMS, streams),
            held: HeldBodySettings::build(section),
        }
    }

    pub(super) fn write(&self) -> Written {
        let writer = Writer::default()
            .count(key::CONNECTIONS, self.connections)
            .size(key::HEADER_BYTES, self.header_bytes)
            .duration(key::HEADER_TIMEOUT, self.header_timeout)
            .duration(key::IDLE_TIMEOUT, self.idle_timeout)
            .duration(key::BODY_TIMEOUT, self.body_timeout)
            .value(key::HTTP2_STREAMS, i64::from(self.http2_streams).into());
        self.held.write(writer).table()
    }
}

impl HeldBodySettings {
    fn build(section: &mut Section<'_>) -> Self {
        let body_bytes = section.or(key::BODY_BYTES, DEFAULT_BODY_BYTES, size(0..=MAX_BODY_BYTES));
        let buffer_bytes =
            section.or(key::BUFFER_BYTES, DEFAULT_BUFFER_BYTES, size(0..=MAX_BUFFER_BYTES));
        if buffer_bytes < body_bytes {
            section.mistake(
                key::BUFFER_BYTES,
                "is less than body_bytes; expected room for one body at least".to_owned(),
            );
        }
        Self {
            body_bytes,
            body_memory: section.or(
                key::BODY_MEMORY,
                DEFAULT_BODY_MEMORY,
                size(0..=MAX_BODY_BYTES),
            ),
            buffer_bytes,
            body_rate: section.or(key::BODY_RATE, DEFAULT_BODY_RATE, size(0..=MAX_BODY_RATE)),
            buffer_folder: section.optional(key::BUFFER_FOLDER, directory),
        }
    }
    fn write(&self, writer: Writer) -> Writer {
        writer
            .size(key::BODY_BYTES, self.body_bytes)
            .size(key::BODY_MEMORY, self.body_memory)
            .size(key::BUFFER_BYTES, self.buffer_bytes)
            .size(key::BODY_RATE, self.body_rate)
            .optional_path(key::BUFFER_FOLDER, self.buffer_folder.as_deref())
    }
}
