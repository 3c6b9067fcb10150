//! `[server]`, `[server.limits]` and `[admin]`: the downstream side. `[server.tls]` is in `tls`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    time::Duration,
};

use crate::{
    config::{
        reader::Section,
        values::{count, duration, size},
    },
    decision::held_body::settings::HeldBodySettings,
    listener::settings::{ListenAddress, listen_address},
    tls::settings::TlsSettings,
};

/// `[server]`
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where requests come in.
    pub listen: ListenAddress,
    /// Threads that serve requests. `None`: one per available core.
    pub workers: Option<NonZeroUsize>,
    /// After SIGTERM: how long new connections are still accepted while readiness says no, so
    /// that load balancers can take notice.
    pub shutdown_grace: Duration,
    /// After the grace: how long requests in flight may take to finish.
    pub drain_timeout: Duration,
    /// `[server.tls]`. `None`: plain HTTP.
    pub tls: Option<TlsSettings>,
    /// `[server.limits]`
    pub limits: LimitSettings,
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

/// `[admin]`
#[derive(Debug, Clone)]
pub struct AdminSettings {
    /// Where `/livez`, `/readyz`, `/metrics`, `/keys` and `/config` are served.
    pub listen: ListenAddress,
}

/// Every interface: a sidecar that only its own pod can reach is of no use, and what has no route
/// is refused anyway.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);
/// Loopback: what the operator sees is nobody else's business until somebody says so.
const DEFAULT_ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);
/// More threads than any machine has cores to run them on.
const MAX_WORKERS: usize = 1024;
/// What a Kubernetes endpoint controller and a load balancer usually need to notice.
const DEFAULT_SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// With the grace 25 s: five below Kubernetes' `terminationGracePeriodSeconds` of 30.
const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// A process that takes longer to stop is taken for stuck.
const MAX_SHUTDOWN: Duration = Duration::from_hours(1);

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
/// Each stream costs memory before anything about it is verified.
const MAX_HTTP2_STREAMS: usize = 10_000;
/// Below this a deadline refuses honest clients on a busy machine.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
/// Above this a deadline bounds nothing.
const MAX_TIMEOUT: Duration = Duration::from_hours(1);

impl ServerSettings {
    pub(crate) fn build(section: &mut Section<'_>) -> Self {
        let shutdown = Duration::ZERO..=MAX_SHUTDOWN;
        let listen = ListenAddress::Tcp(DEFAULT_LISTEN);
        Self {
            listen: section.or("listen", listen, listen_address),
            workers: NonZeroUsize::new(section.or("workers", 0, count(0..=MAX_WORKERS))),
            shutdown_grace: section.or(
                "shutdown_grace",
                DEFAULT_SHUTDOWN_GRACE,
                duration(shutdown.clone()),
            ),
            drain_timeout: section.or("drain_timeout", DEFAULT_DRAIN_TIMEOUT, duration(shutdown)),
            tls: section.section("tls", TlsSettings::build),
            limits: section.section("limits", LimitSettings::build),
        }
    }
}

impl LimitSettings {
    fn build(section: &mut Section<'_>) -> Self {
        let timeout = || duration(MIN_TIMEOUT..=MAX_TIMEOUT);
        let streams = |node: &_| {
            let streams = count(1..=MAX_HTTP2_STREAMS)(node)?;
            Ok(u32::try_from(streams).unwrap_or(DEFAULT_HTTP2_STREAMS))
        };
        Self {
            connections: section.or("connections", DEFAULT_CONNECTIONS, count(1..=MAX_CONNECTIONS)),
            header_bytes: section.or(
                "header_bytes",
                DEFAULT_HEADER_BYTES,
                size(MIN_HEADER_BYTES..=MAX_HEADER_BYTES),
            ),
            header_timeout: section.or("header_timeout", DEFAULT_HEADER_TIMEOUT, timeout()),
            idle_timeout: section.or("idle_timeout", DEFAULT_IDLE_TIMEOUT, timeout()),
            body_timeout: section.or("body_timeout", DEFAULT_BODY_TIMEOUT, timeout()),
            http2_streams: section.or("http2_streams", DEFAULT_HTTP2_STREAMS, streams),
            held: HeldBodySettings::build(section),
        }
    }
}

impl AdminSettings {
    pub(crate) fn build(section: &mut Section<'_>) -> Self {
        let listen = ListenAddress::Tcp(DEFAULT_ADMIN_LISTEN);
        Self { listen: section.or("listen", listen, listen_address) }
    }
}
