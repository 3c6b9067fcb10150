//! `[[listeners]]`: further places where requests arrive, each with its own TLS, routes and limits.

use std::fmt;

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        values::{check_name, count, parsed, text},
        writer::{Writer, Written, list_of},
    },
    identity::forwarded::settings::TrustedProxy,
    listener::settings::{ListenAddress, listen_address},
    policy::{HostPattern, MAX_LISTENERS, settings::route_name},
    proxy::settings::proxy_protocol::ProxyProtocolSettings,
    tls::settings::TlsSettings,
};

pub(crate) mod key {
    pub(crate) const LISTENERS: &str = "listeners";
    pub(crate) const NAME: &str = "name";
    pub(crate) const LISTEN: &str = "listen";
    pub(crate) const TLS: &str = "tls";
    pub(crate) const ROUTES: &str = "routes";
    pub(crate) const HOSTS: &str = "hosts";
    pub(crate) const PROXY_PROTOCOL: &str = "proxy_protocol";
    pub(crate) const MAX_CONNECTIONS: &str = "max_connections";
    pub(crate) const MAX_CONNECTIONS_PER_ADDRESS: &str = "max_connections_per_address";
}

/// One place where requests arrive: an element of `[[listeners]]`, or `server.listen`.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// What metrics and logs call it, and what a reload recognises it by.
    pub name: String,
    /// The address.
    pub listen: ListenAddress,
    /// `None`: plain HTTP.
    pub tls: Option<TlsSettings>,
    /// The names of the routes that it has; `None`: all, those without a name as well.
    pub routes: Option<Vec<String>>,
    /// The hosts of requests that it takes; empty: all.
    pub hosts: Vec<HostPattern>,
    /// `None`: connections begin with HTTP or TLS.
    pub proxy_protocol: Option<ProxyProtocolSettings>,
    /// Open connections, all workers together. `None`: as many as `server.limits.connections`.
    pub max_connections: Option<usize>,
    /// Of these, the ones from one client address. `None`: all of them.
    pub max_connections_per_address: Option<usize>,
}

/// The name of the listener of `server.listen`.
pub(crate) const SERVER_LISTENER: &str = "server";

/// What a listener that has all routes says.
const ALL_ROUTES: &str = "all";

/// As `server.limits.connections`.
const MAX_CONNECTIONS: usize = 1_000_000;

/// Reads `[[listeners]]`.
pub(crate) fn read(root: &mut Section<'_>) -> Vec<ListenerSettings> {
    let listeners = root.tables(key::LISTENERS, ListenerSettings::read);
    // One place is that of server.listen.
    if listeners.len() >= MAX_LISTENERS {
        root.mistake(key::LISTENERS, format!("expected at most {} of them", MAX_LISTENERS - 1));
    }
    listeners.into_iter().flatten().collect()
}

/// Writes `[[listeners]]`; `None` if there are none.
pub(crate) fn write<'l>(
    listeners: impl IntoIterator<Item = &'l ListenerSettings>,
) -> Option<Written> {
    let written: Vec<_> = listeners.into_iter().map(ListenerSettings::write).collect();
    (!written.is_empty()).then(|| list_of(written))
}

/// The routes that an element of `[[listeners]]` names; `None`: it has all, or its mistakes are
/// reported where it is read.
pub(crate) fn named_routes(listener: &Node) -> Option<Vec<String>> {
    match listener.member(key::ROUTES).map(|routes| &routes.value) {
        Some(Value::List(names)) => {
            Some(names.iter().filter_map(Node::as_text).map(str::to_owned).collect())
        }
        _ => None,
    }
}

impl ListenerSettings {
    /// The listener of `server.listen`.
    pub fn of_server(listen: ListenAddress, tls: Option<TlsSettings>) -> Self {
        Self {
            name: SERVER_LISTENER.to_owned(),
            listen,
            tls,
            routes: None,
            hosts: Vec::new(),
            proxy_protocol: None,
            max_connections: None,
            max_connections_per_address: None,
        }
    }

    fn read(section: &mut Section<'_>) -> Option<Self> {
        let name = section.optional(key::NAME, listener_name);
        let listen = section.required(key::LISTEN, ADDRESS, listen_address);
        let host = parsed("a host such as \"api.example.com\"", HostPattern::parse);
        let connections = || count(1..=MAX_CONNECTIONS);
        let tls = section.section(key::TLS, TlsSettings::read);
        let routes = section.optional(key::ROUTES, routes).flatten();
        let hosts = section.list(key::HOSTS, "a list of hosts", host).unwrap_or_default();
        let proxy_protocol = section.section(key::PROXY_PROTOCOL, ProxyProtocolSettings::read);
        let max_connections = section.optional(key::MAX_CONNECTIONS, connections());
        let per_address = section.optional(key::MAX_CONNECTIONS_PER_ADDRESS, connections());
        let listen = listen?;
        let listener = Self {
            name: name.unwrap_or_else(|| listen.to_string()),
            listen,
            tls,
            routes,
            hosts,
            proxy_protocol,
            max_connections,
            max_connections_per_address: per_address,
        };
        listener.check_peers(section);
        Some(listener)
    }

    /// What depends on clients having an address.
    fn check_peers(&self, section: &Section<'_>) {
        let is_unix = matches!(self.listen, ListenAddress::Unix(_));
        let proxies = self.proxy_protocol.as_ref().map(|proxied| &*proxied.from);
        if is_unix && proxies.is_none() && self.max_connections_per_address.is_some() {
            let message = "has no effect: clients of a unix socket have no address".to_owned();
            section.mistake(key::MAX_CONNECTIONS_PER_ADDRESS, message);
        }
        let reaches = |proxy: &TrustedProxy| match &self.listen {
            ListenAddress::Unix(_) => *proxy == TrustedProxy::Unix,
            ListenAddress::Tcp(_) => *proxy != TrustedProxy::Unix,
            ListenAddress::Systemd(_) => true,
        };
        if let Some(proxies) = proxies
            && !proxies.iter().all(reaches)
        {
            let message = if is_unix {
                "a unix socket has peers without addresses; expected from = [\"unix\"]"
            } else {
                "found \"unix\", and the listener is no unix socket"
            };
            section.mistake(key::PROXY_PROTOCOL, message.to_owned());
        }
    }

    fn write(&self) -> Written {
        let writer = Writer::default().text(key::NAME, &self.name).text(key::LISTEN, &self.listen);
        let writer = match &self.routes {
            None => writer.text(key::ROUTES, ALL_ROUTES),
            Some(names) => writer.list(key::ROUTES, names),
        };
        let proxy_protocol = self.proxy_protocol.as_ref().map(ProxyProtocolSettings::write);
        let writer = writer
            .list(key::HOSTS, self.hosts.iter().map(HostPattern::as_str))
            .optional_value(key::TLS, self.tls.as_ref().map(TlsSettings::write))
            .optional_value(key::PROXY_PROTOCOL, proxy_protocol);
        let writer = match self.max_connections {
            Some(most) => writer.count(key::MAX_CONNECTIONS, most),
            None => writer,
        };
        match self.max_connections_per_address {
            Some(most) => writer.count(key::MAX_CONNECTIONS_PER_ADDRESS, most).table(),
            None => writer.table(),
        }
    }
}

impl fmt::Display for ListenerSettings {
    /// As messages name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the listener {:?} ({})", self.name, self.listen)
    }
}

const ADDRESS: &str = "an address such as \"0.0.0.0:8443\", \"unix:/path/to/socket\" or \
                       \"systemd:NAME\"";

/// An address is a good name as well: it is what a listener without a name is called.
fn listener_name(node: &Node) -> Parsed<String> {
    let name = text(node)?;
    match listen_address(node) {
        Ok(_) => Ok(name),
        Err(_) => check_name(&name).map(|()| name),
    }
}

/// `"all"`, or names of routes.
fn routes(node: &Node) -> Parsed<Option<Vec<String>>> {
    const EXPECTED: &str = "\"all\", or a list of routes' names";
    match &node.value {
        Value::Text(all) if all == ALL_ROUTES => Ok(None),
        Value::List(names) if !names.is_empty() => {
            names.iter().map(route_name).collect::<Parsed<_>>().map(Some)
        }
        _ => Err(node.mismatch(EXPECTED)),
    }
}
