//! `[server.limits]`: what one client, or all of them, may take.

use std::time::Duration;

use crate::{
    config::{
        reader::Section,
        values::{count, duration, size},
        writer::{Writer, Written},
    },
    decision::held_body::settings::HeldBodySettings,
    wire::http1::HeadLimits,
};

pub(crate) mod key {
    pub(crate) const CONNECTIONS: &str = "connections";
    pub(crate) const HEADER_BYTES: &str = "header_bytes";
    pub(crate) const HEADER_LINES: &str = "header_lines";
    pub(crate) const HEADER_TIMEOUT: &str = "header_timeout";
    pub(crate) const IDLE_TIMEOUT: &str = "idle_timeout";
    pub(crate) const BODY_TIMEOUT: &str = "body_timeout";
    pub(crate) const HTTP2_STREAMS: &str = "http2_streams";
    pub(crate) const MEMORY: &str = "memory";
    pub(crate) const CONNECTION_MEMORY: &str = "connection_memory";
}

/// `[server.limits]`: what one client, or all of them, may take.
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// Open downstream connections, all workers together.
    pub connections: usize,
    /// Bytes of one request's header block, HTTP/1.1 and HTTP/2 alike.
    pub header_bytes: usize,
    /// Lines of one request's header block, HTTP/1.1 and HTTP/2 alike.
    pub header_lines: usize,
    /// From the first byte of a request (or from accept) until its header block is complete.
    pub header_timeout: Duration,
    /// How long a connection may wait between two requests.
    pub idle_timeout: Duration,
    /// How long a body, in either direction, may make no progress at all.
    pub body_timeout: Duration,
    /// Concurrent streams of one HTTP/2 connection.
    pub http2_streams: u32,
    /// Bytes that requests in flight, and what waits of their bodies, may take over all
    /// connections.
    pub memory: usize,
    /// Bytes of the bodies of one connection that may wait.
    pub connection_memory: usize,
    /// Request bodies that have to be held until their signature is verified.
    pub held: HeldBodySettings,
}

/// What a process takes with all that is loaded at its start: some 17 MiB were measured after the
/// first requests, and 20 with TLS.
pub(crate) const PROCESS_BYTES: usize = 24 * 1024 * 1024;
/// A worker's stack, buffers and tables: 200 KiB were measured.
pub(crate) const WORKER_BYTES: usize = 512 * 1024;
/// What a connection takes that waits for its next request. What it takes while it has some is a
/// part of `memory`.
pub(crate) const CONNECTION_BYTES: usize = 12 * 1024;
/// What TLS takes of it besides: two thousand measured, 15 KiB each.
pub(crate) const TLS_CONNECTION_BYTES: usize = 20 * 1024;

/// At [`CONNECTION_BYTES`] 120 MiB, if all of them wait.
const DEFAULT_CONNECTIONS: usize = 10_000;
/// Beyond this the system's file descriptors are the limit.
const MAX_CONNECTIONS: usize = 1_000_000;
/// Large enough for a 16 KiB token, cookies and tracing headers; hyper's own HTTP/2 default of
/// 16 KiB is what makes big tokens break on HTTP/2 only.
const DEFAULT_HEADER_BYTES: usize = 64 * 1024;
/// hyper's HTTP/1 buffer can't be smaller.
const MIN_HEADER_BYTES: usize = 8 * 1024;
/// Headers are held in memory per connection.
const MAX_HEADER_BYTES: usize = 1024 * 1024;
/// No browser or client library comes near it; `header_bytes` usually decides before.
const DEFAULT_HEADER_LINES: usize = 200;
/// What a request needs by itself, and what the proxies before it add.
const MIN_HEADER_LINES: usize = 20;
/// Above 100 lines, 64 bytes for each are set aside while a head is parsed, in one connection
/// after the other.
const MAX_HEADER_LINES: usize = 10_000;
/// A header block fits into a few packets: ten seconds is a slow client, more is an attack.
const DEFAULT_HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Common load balancers keep their connections for 60 s; the side that closes second loses no
/// request.
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_mins(2);
/// nginx's `proxy_read_timeout`, which upstreams that stream already live with.
const DEFAULT_BODY_TIMEOUT: Duration = Duration::from_mins(1);
/// hyper's and nginx's order of magnitude.
const DEFAULT_HTTP2_STREAMS: u32 = 200;
/// Each stream costs memory before anything about it is verified.
const MAX_HTTP2_STREAMS: usize = 10_000;
/// With what a process takes besides, below the 256 MiB that a sidecar is commonly given.
const DEFAULT_MEMORY: usize = 192 * 1024 * 1024;
/// Some dozens of requests.
const MIN_MEMORY: usize = 1024 * 1024;
/// More than any machine has.
const MAX_MEMORY: usize = 1 << 40;
/// Four full reads of an upstream: enough for a fast client on a long way.
const DEFAULT_CONNECTION_MEMORY: usize = 256 * 1024;
/// Less would be read in pieces smaller than a packet.
const MIN_CONNECTION_MEMORY: usize = 1;
/// Below this a deadline refuses honest clients on a busy machine.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
/// Above this a deadline bounds nothing.
const MAX_TIMEOUT: Duration = Duration::from_hours(1);

impl LimitSettings {
    /// How large the head of a request may be.
    pub(crate) fn head(&self) -> HeadLimits {
        HeadLimits { bytes: self.header_bytes, lines: self.header_lines }
    }

    pub(super) fn read(section: &mut Section<'_>) -> Self {
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
            header_lines: section.or(
                key::HEADER_LINES,
                DEFAULT_HEADER_LINES,
                count(MIN_HEADER_LINES..=MAX_HEADER_LINES),
            ),
            header_timeout: section.or(key::HEADER_TIMEOUT, DEFAULT_HEADER_TIMEOUT, timeout()),
            idle_timeout: section.or(key::IDLE_TIMEOUT, DEFAULT_IDLE_TIMEOUT, timeout()),
            body_timeout: section.or(key::BODY_TIMEOUT, DEFAULT_BODY_TIMEOUT, timeout()),
            http2_streams: section.or(key::HTTP2_STREAMS, DEFAULT_HTTP2_STREAMS, streams),
            memory: section.or(key::MEMORY, DEFAULT_MEMORY, size(MIN_MEMORY..=MAX_MEMORY)),
            connection_memory: section.or(
                key::CONNECTION_MEMORY,
                DEFAULT_CONNECTION_MEMORY,
                size(MIN_CONNECTION_MEMORY..=MAX_MEMORY),
            ),
            held: HeldBodySettings::read(section),
        }
    }

    pub(super) fn write(&self) -> Written {
        let writer = Writer::default()
            .count(key::CONNECTIONS, self.connections)
            .size(key::HEADER_BYTES, self.header_bytes)
            .count(key::HEADER_LINES, self.header_lines)
            .duration(key::HEADER_TIMEOUT, self.header_timeout)
            .duration(key::IDLE_TIMEOUT, self.idle_timeout)
            .duration(key::BODY_TIMEOUT, self.body_timeout)
            .value(key::HTTP2_STREAMS, i64::from(self.http2_streams).into())
            .size(key::MEMORY, self.memory)
            .size(key::CONNECTION_MEMORY, self.connection_memory);
        self.held.write(writer).table()
    }
}
