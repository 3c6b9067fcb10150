//! `[server]`: the downstream side. `[server.tls]` is in `tls`.

pub(crate) mod accepting;
pub(crate) mod limits;
pub(crate) mod listeners;
pub(crate) mod proxy_protocol;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    time::Duration,
};

use crate::{
    config::{
        reader::Section,
        values::{count, duration, format_duration},
        writer::{Writer, Written},
    },
    listener::settings::{ListenAddress, listen_address},
    policy::settings::HostSettings,
    tls::settings::TlsSettings,
};

pub use accepting::AcceptSettings;
pub use limits::LimitSettings;
pub use listeners::ListenerSettings;
pub use proxy_protocol::ProxyProtocolSettings;

pub(crate) mod key {
    pub(crate) const LISTEN: &str = "listen";
    pub(crate) const WORKERS: &str = "workers";
    pub(crate) const SHUTDOWN_GRACE: &str = "shutdown_grace";
    pub(crate) const DRAIN_TIMEOUT: &str = "drain_timeout";
    pub(crate) const STREAM_DRAIN_TIMEOUT: &str = "stream_drain_timeout";
    pub(crate) const TLS: &str = "tls";
    pub(crate) const LIMITS: &str = "limits";
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where requests arrive. `None`: at `[[listeners]]` only.
    pub listen: Option<ListenAddress>,
    /// Threads that serve requests. `None`: one per available core.
    pub workers: Option<NonZeroUsize>,
    /// After SIGTERM: how long new connections are still accepted while `/readyz` responds 503, so
    /// that load balancers notice.
    pub shutdown_grace: Duration,
    /// After the grace: how long requests in flight may take to finish.
    pub drain_timeout: Duration,
    /// The same of what has no end of its own: tunnels, streams of events and of gRPC. At most
    /// `drain_timeout`.
    pub stream_drain_timeout: Duration,
    /// Which hosts of requests are taken.
    pub hosts: HostSettings,
    /// `[server.tls]`. `None`: plain HTTP.
    pub tls: Option<TlsSettings>,
    /// The connections that `listen` takes.
    pub accepts: AcceptSettings,
    /// `[server.limits]`
    pub limits: LimitSettings,
}

/// Every interface: a sidecar that only its own pod can reach is of no use, and what has no route
/// is refused anyway.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);
/// More threads than any machine has cores to run them on.
const MAX_WORKERS: usize = 1024;
/// What a Kubernetes endpoint controller and a load balancer usually need to notice.
const DEFAULT_SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// With the grace 25 s: five below Kubernetes' `terminationGracePeriodSeconds` of 30.
const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// A process that takes longer to stop counts as stuck.
const MAX_SHUTDOWN: Duration = Duration::from_hours(1);

impl ServerSettings {
    /// `has_listeners`: there are `[[listeners]]`, so that there is no default address here.
    pub(crate) fn read(section: &mut Section<'_>, has_listeners: bool) -> Self {
        let shutdown = Duration::ZERO..=MAX_SHUTDOWN;
        let default = (!has_listeners).then_some(ListenAddress::Tcp(DEFAULT_LISTEN));
        let listen = section.optional(key::LISTEN, listen_address).or(default);
        if listen.is_none() && section.peek(key::LISTEN).is_none() {
            Self::need_no_listen(section);
        }
        let (drain_timeout, stream_drain_timeout) = read_drain(section);
        let accepts = AcceptSettings::read(section, listen.as_ref());
        Self {
            listen,
            accepts,
            workers: NonZeroUsize::new(section.or(key::WORKERS, 0, count(0..=MAX_WORKERS))),
            shutdown_grace: section.or(
                key::SHUTDOWN_GRACE,
                DEFAULT_SHUTDOWN_GRACE,
                duration(shutdown),
            ),
            drain_timeout,
            stream_drain_timeout,
            hosts: HostSettings::read(section),
            tls: section.section(key::TLS, TlsSettings::read),
            limits: section.section(key::LIMITS, LimitSettings::read),
        }
    }

    /// Reports what is of `listen` only.
    fn need_no_listen(section: &Section<'_>) {
        use accepting::key as accepts;
        let of_listen = [
            key::TLS,
            accepts::PROXY_PROTOCOL,
            accepts::MAX_CONNECTIONS,
            accepts::MAX_CONNECTIONS_PER_ADDRESS,
        ];
        for key in of_listen.into_iter().filter(|key| section.peek(key).is_some()) {
            let message =
                format!("has no effect without server.listen; expected {key} of the listeners");
            section.mistake(key, message);
        }
    }

    pub(crate) fn write(&self) -> Written {
        let writer = Writer::default()
            .optional(key::LISTEN, self.listen.as_ref())
            .count(key::WORKERS, self.workers.map_or(0, NonZeroUsize::get))
            .duration(key::SHUTDOWN_GRACE, self.shutdown_grace)
            .duration(key::DRAIN_TIMEOUT, self.drain_timeout)
            .duration(key::STREAM_DRAIN_TIMEOUT, self.stream_drain_timeout);
        self.accepts
            .write(self.hosts.write(writer))
            .optional_value(key::TLS, self.tls.as_ref().map(TlsSettings::write))
            .value(key::LIMITS, self.limits.write())
            .table()
    }
}

/// The longest for what is in flight, and for streams.
fn read_drain(section: &mut Section<'_>) -> (Duration, Duration) {
    let within = || duration(Duration::ZERO..=MAX_SHUTDOWN);
    let all = section.or(key::DRAIN_TIMEOUT, DEFAULT_DRAIN_TIMEOUT, within());
    let streams = section.or(key::STREAM_DRAIN_TIMEOUT, all, within());
    if streams > all {
        let (found, most) = (format_duration(streams), format_duration(all));
        let message =
            format!("found {found}; expected no more than {} ({most})", key::DRAIN_TIMEOUT);
        section.mistake(key::STREAM_DRAIN_TIMEOUT, message);
    }
    (all, streams)
}
