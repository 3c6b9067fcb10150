//! `[upstreams.NAME]`: the upstream services.

pub(crate) mod caps;
mod eject;
mod endpoints;
mod health;
mod upgrades;

use std::{fmt, path::PathBuf, time::Duration};

use http::Uri;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        urls::reveals_user_information,
        values::{Names, check_name, count, duration, keyword, name_of, reference},
        writer::{Writer, Written, table_of},
    },
    decision::denials::settings::MaintenanceSettings,
    listener::settings::socket_path,
    policy::{
        BasePath,
        ids::PerUpstream,
        settings::{ExchangeLimitSettings, ExchangeLimits},
        upstream_credential::CredentialChoice,
    },
    tls::settings::{Http2Offer, UpstreamTlsSettings, upstream::server_name_of},
};

pub(crate) mod key {
    pub(crate) const URL: &str = "url";
    pub(crate) const CONNECT_TIMEOUT: &str = "connect_timeout";
    pub(crate) const IDLE_TIMEOUT: &str = "idle_timeout";
    pub(crate) const MAX_IDLE: &str = "max_idle";
    pub(crate) const RETRY: &str = "retry";
    pub(crate) const UPGRADES: &str = "upgrades";
    pub(crate) const CREDENTIAL: &str = "credential";
    pub(crate) const TLS: &str = "tls";
    pub(crate) const URLS: &str = "urls";
    pub(crate) const WEIGHT: &str = "weight";
    pub(crate) const RESOLVE: &str = "resolve";
    pub(crate) const BALANCE: &str = "balance";
    pub(crate) const RETRY_BUDGET: &str = "retry_budget";
    pub(crate) const EJECT: &str = "eject";
    pub(crate) const FAILURES: &str = "failures";
    pub(crate) const FOR: &str = "for";
    pub(crate) const AT_MOST: &str = "at_most";
    pub(crate) const ON_STATUS: &str = "on_status";
    pub(crate) const HEALTH: &str = "health";
    pub(crate) const PATH: &str = "path";
    pub(crate) const INTERVAL: &str = "interval";
    pub(crate) const TIMEOUT: &str = "timeout";
    pub(crate) const EXPECT: &str = "expect";
}

pub use caps::CapSettings;
pub use eject::EjectSettings;
pub use endpoints::{BalanceRule, EndpointSettings, Resolve, WeightedUrl};
pub use health::HealthSettings;
pub use upgrades::UpgradeProtocols;
pub(crate) use upgrades::WEBSOCKET;

/// `[upstreams.NAME]`
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamSettings {
    /// The name in the configuration: what routes, metrics and logs call it.
    pub name: String,
    /// Where the service is; the first of several.
    pub address: UpstreamAddress,
    /// The path that all its paths begin with.
    pub path: BasePath,
    /// An upstream that has several endpoints, or may have. Boxed, as most have one.
    pub endpoints: Option<Box<EndpointSettings>>,
    /// `[upstreams.NAME.tls]`, with `https://`.
    pub tls: Option<Box<UpstreamTlsSettings>>,
    /// For the connection to be established, TLS included.
    pub connect_timeout: Duration,
    /// What requests of its routes may take that do not say so themselves.
    pub limits: ExchangeLimits,
    /// How long an unused connection is kept; below the upstream's own keep-alive.
    pub idle_timeout: Duration,
    /// Unused connections kept per worker.
    pub max_idle: usize,
    /// What is sent again after a connection broke without an answer.
    pub retry: RetryRule,
    /// What it may have at once.
    pub caps: CapSettings,
    /// Which protocols a connection may switch to.
    pub upgrades: UpgradeProtocols,
    /// What is answered in its place; `None`: it is in use.
    pub maintenance: Option<MaintenanceSettings>,
    /// What it receives as credential, unless a route says otherwise; `None`: as
    /// `credential.forward` says.
    pub credential: Option<CredentialChoice>,
}

/// What is sent a second time where a connection that had served before breaks without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryRule {
    /// Nothing.
    None,
    /// Methods that have the effect of one request when they are sent twice.
    Idempotent,
    /// Every method: what the request does may be done twice.
    Unanswered,
}

/// How an upstream is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamAddress {
    /// `http://host:port`: HTTP/1.1 over TCP. The authority as `host:port`.
    Http(String),
    /// `h2c://host:port`: HTTP/2 with prior knowledge over TCP. The authority as `host:port`.
    H2c(String),
    /// `https://host:port`: over TLS, HTTP/2 or HTTP/1.1. The authority as `host:port`.
    Https(String),
    /// `unix:/path`: HTTP/1.1 over a unix socket.
    Unix(PathBuf),
}

/// What is spoken with an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// HTTP/1.1
    Http1,
    /// HTTP/2
    Http2,
    /// What the handshake agrees on.
    Negotiated,
}

/// A nearby host answers a SYN at once or not at all.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// gunicorn closes its idle connections after 2 s, Node.js, uvicorn and Apache after 5 s: we should
/// close first, so that no request meets a connection that is just being closed.
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_millis(1500);
/// Enough for bursts; what is beyond is closed after use.
const DEFAULT_MAX_IDLE: usize = 100;
/// Each is a file descriptor per worker.
const MAX_MAX_IDLE: usize = 10_000;
/// Below this no connection over a network is established.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
/// Long reports exist; longer silence is a hang.
const MAX_TIMEOUT: Duration = Duration::from_hours(1);

const RETRIES: &[(&str, RetryRule)] = &[
    ("none", RetryRule::None),
    ("idempotent", RetryRule::Idempotent),
    ("unanswered", RetryRule::Unanswered),
];

const EXPECTED_URL: &str = "\"https://HOST:PORT\", \"http://HOST:PORT\" or \"h2c://HOST:PORT\", \
                            each with a path or without, or \"unix:/PATH\"";

/// Reads `[upstreams]`. `defaults` holds for what an upstream does not say.
pub(crate) fn read(
    section: &mut Section<'_>,
    credentials: &Names<CredentialChoice>,
    defaults: &ExchangeLimits,
) -> PerUpstream<UpstreamSettings> {
    let upstreams = section.each_table(|name, upstream| {
        if let Err(message) = check_name(name) {
            upstream.own_mistake(message);
        }
        UpstreamSettings::read(name, upstream, credentials, defaults)
    });
    upstreams.into_iter().flatten().collect()
}

/// Writes `[upstreams]`.
pub(crate) fn write(
    upstreams: &PerUpstream<UpstreamSettings>,
    credentials: &Names<CredentialChoice>,
) -> Written {
    let written =
        |upstream: &UpstreamSettings| (upstream.name.clone(), upstream.write(credentials));
    table_of(upstreams.iter().map(written))
}

impl UpstreamSettings {
    /// Whether connections of the one serve the other: what differs, if anything, concerns the
    /// requests before they get there.
    pub(crate) fn has_same_connections(&self, other: &Self) -> bool {
        let Self { path, maintenance, credential, .. } = self.clone();
        *self == Self { path, maintenance, credential, ..other.clone() }
    }

    /// Whether both are the same service, however it is used.
    pub(crate) fn is_same_service(&self, other: &Self) -> bool {
        self.name == other.name
            && self.address == other.address
            && self.addresses().eq(other.addresses())
    }
}

impl UpstreamSettings {
    fn read(
        name: &str,
        section: &mut Section<'_>,
        credentials: &Names<CredentialChoice>,
        defaults: &ExchangeLimits,
    ) -> Option<Self> {
        let timeout = || duration(MIN_TIMEOUT..=MAX_TIMEOUT);
        let (address, endpoints) = endpoints::read(section).unzip();
        let tls = read_tls(section, address.as_ref());
        let http2 = tls.as_ref().map(|tls| tls.http2);
        let protocol = address.as_ref().map(|address| UpstreamProtocol::of(address, http2));
        if protocol == Some(UpstreamProtocol::Http2) && section.peek(key::UPGRADES).is_some() {
            let message = "has no effect with h2c:// or http2 = \"only\", since HTTP/2 has no \
                           upgrade; expected it to be absent";
            section.mistake(key::UPGRADES, message.to_owned());
        }
        Some(Self {
            name: name.to_owned(),
            tls,
            connect_timeout: section.or(key::CONNECT_TIMEOUT, DEFAULT_CONNECT_TIMEOUT, timeout()),
            limits: ExchangeLimitSettings::read(section).over(defaults),
            idle_timeout: section.or(key::IDLE_TIMEOUT, DEFAULT_IDLE_TIMEOUT, timeout()),
            max_idle: section.or(key::MAX_IDLE, DEFAULT_MAX_IDLE, count(0..=MAX_MAX_IDLE)),
            retry: section.or(key::RETRY, RetryRule::Idempotent, keyword(RETRIES)),
            caps: CapSettings::read(section),
            upgrades: UpgradeProtocols::read(section),
            maintenance: MaintenanceSettings::read(section),
            path: endpoints::read_path(section),
            endpoints: endpoints.flatten(),
            credential: section.optional(key::CREDENTIAL, reference("a credential", credentials)),
            // Last, so that a bad URL does not hide the mistakes above.
            address: address?,
        })
    }

    fn write(&self, credentials: &Names<CredentialChoice>) -> Written {
        let credential = self.credential.and_then(|choice| name_of(credentials, choice));
        let writer = self
            .write_endpoints(Writer::default())
            .duration(key::CONNECT_TIMEOUT, self.connect_timeout)
            .duration(key::IDLE_TIMEOUT, self.idle_timeout)
            .count(key::MAX_IDLE, self.max_idle)
            .keyword(key::RETRY, RETRIES, &self.retry)
            .optional(key::CREDENTIAL, credential)
            .optional_value(key::TLS, self.tls.as_ref().map(|tls| tls.write()));
        let writer = self.caps.write(self.limits.write(writer));
        let writer = MaintenanceSettings::write(self.maintenance.as_ref(), writer);
        match self.protocol() {
            UpstreamProtocol::Http2 => writer.table(),
            UpstreamProtocol::Http1 | UpstreamProtocol::Negotiated => {
                self.upgrades.write(writer).table()
            }
        }
    }

    fn write_endpoints(&self, writer: Writer) -> Writer {
        match &self.endpoints {
            Some(endpoints) => endpoints.write(&self.path, writer),
            None => writer.text(key::URL, format_args!("{}{}", self.address, self.path.as_str())),
        }
    }

    /// Where the service is, or each of its endpoints.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &UpstreamAddress> {
        let several = self.endpoints.iter().flat_map(|endpoints| &endpoints.urls);
        let others = several.map(|url| &url.address).filter(|address| **address != self.address);
        std::iter::once(&self.address).chain(others)
    }

    /// What is spoken with it.
    pub fn protocol(&self) -> UpstreamProtocol {
        UpstreamProtocol::of(&self.address, self.tls.as_ref().map(|tls| tls.http2))
    }
}

impl UpstreamProtocol {
    pub(super) fn of(address: &UpstreamAddress, http2: Option<Http2Offer>) -> Self {
        match (address, http2) {
            (UpstreamAddress::Http(_) | UpstreamAddress::Unix(_), _)
            | (UpstreamAddress::Https(_), Some(Http2Offer::Never)) => Self::Http1,
            (UpstreamAddress::H2c(_), _) | (UpstreamAddress::Https(_), Some(Http2Offer::Only)) => {
                Self::Http2
            }
            (UpstreamAddress::Https(_), Some(Http2Offer::Auto) | None) => Self::Negotiated,
        }
    }
}

/// `[upstreams.NAME.tls]`, whose defaults are those of `https://`.
fn read_tls(
    section: &mut Section<'_>,
    address: Option<&UpstreamAddress>,
) -> Option<Box<UpstreamTlsSettings>> {
    let is_present = section.peek(key::TLS).is_some();
    let tls = section.section(key::TLS, UpstreamTlsSettings::read);
    match address {
        Some(UpstreamAddress::Https(_)) => return Some(Box::new(tls)),
        Some(_) if is_present => {
            let message = "has no effect without https://; expected it to be absent";
            section.mistake(key::TLS, message.to_owned());
        }
        _ => {}
    }
    None
}

impl UpstreamAddress {
    /// The host, without the brackets of an IPv6 address, and the port. `None`: no TCP.
    pub(crate) fn host_and_port(&self) -> Option<(&str, u16)> {
        let (Self::Http(authority) | Self::H2c(authority) | Self::Https(authority)) = self else {
            return None;
        };
        let (host, port) = authority.rsplit_once(':')?;
        Some((host.trim_start_matches('[').trim_end_matches(']'), port.parse().ok()?))
    }
}

impl fmt::Display for UpstreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(authority) => write!(f, "http://{authority}"),
            Self::H2c(authority) => write!(f, "h2c://{authority}"),
            Self::Https(authority) => write!(f, "https://{authority}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

fn upstream_address(node: &Node) -> Parsed<UpstreamAddress> {
    let text = node.as_text().ok_or_else(|| node.mismatch(EXPECTED_URL))?;
    if let Some(path) = text.strip_prefix("unix:") {
        return socket_path(path)
            .map(UpstreamAddress::Unix)
            .ok_or_else(|| node.mismatch("\"unix:\" and an absolute path of at most 107 bytes"));
    }
    if reveals_user_information(text) {
        return Err(format!("the URL holds a user name or password; expected {EXPECTED_URL}"));
    }
    let url: Uri = text.parse().map_err(|_| node.mismatch(EXPECTED_URL))?;
    let (wrap, default_port): (fn(String) -> UpstreamAddress, _) = match url.scheme_str() {
        Some("http") => (UpstreamAddress::Http, 80),
        Some("h2c") => (UpstreamAddress::H2c, 80),
        Some("https") => (UpstreamAddress::Https, 443),
        _ => return Err(node.mismatch(EXPECTED_URL)),
    };
    if url.query().is_some() || text.contains('#') {
        return Err(node.mismatch(&format!("{EXPECTED_URL} without a query")));
    }
    let host = url.host().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| node.mismatch(EXPECTED_URL))?;
    let port = port(&url, default_port).ok_or_else(|| node.mismatch("a port from 1 to 65535"))?;
    if url.scheme_str() == Some("https") && server_name_of(host).is_none() {
        return Err(node.mismatch("a host that a certificate can name"));
    }
    Ok(wrap(format!("{host}:{port}")))
}

/// The path of a URL; none of what is no URL, which is reported as such.
fn base_path(node: &Node) -> Parsed<BasePath> {
    let url = node.as_text().filter(|text| !text.starts_with("unix:"));
    let url = url.and_then(|text| text.parse::<Uri>().ok()).filter(|url| url.query().is_none());
    let path = BasePath::parse(url.as_ref().map_or("", Uri::path));
    path.map_err(|error| format!("{} ({error})", node.mismatch("a path such as \"/base\"")))
}

/// The port that is given, or the scheme's own. `None` for one that can't be connected to.
fn port(url: &Uri, default: u16) -> Option<u16> {
    let authority = url.authority()?.as_str();
    let after_host = authority.strip_prefix(url.host()?)?;
    match after_host.strip_prefix(':') {
        None => Some(default),
        Some(port) => port.parse().ok().filter(|port| *port != 0),
    }
}
