//! `[[listeners]]`: further places where requests arrive, each with its own TLS, routes and limits.

use std::fmt;

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        values::{check_name, parsed, text},
        writer::{Writer, Written, list_of},
    },
    listener::settings::{ListenAddress, listen_address},
    policy::{HostPattern, MAX_LISTENERS, settings::route_name},
    proxy::settings::AcceptSettings,
    tls::settings::TlsSettings,
};

pub(crate) mod key {
    pub(crate) const LISTENERS: &str = "listeners";
    pub(crate) const NAME: &str = "name";
    pub(crate) const LISTEN: &str = "listen";
    pub(crate) const TLS: &str = "tls";
    pub(crate) const ROUTES: &str = "routes";
    pub(crate) const HOSTS: &str = "hosts";
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
    /// The connections that it takes.
    pub accepts: AcceptSettings,
}

/// The name of the listener of `server.listen`.
pub(crate) const SERVER_LISTENER: &str = "server";

/// What a listener that has all routes says.
const ALL_ROUTES: &str = "all";

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
    pub fn of_server(
        listen: ListenAddress,
        tls: Option<TlsSettings>,
        accepts: AcceptSettings,
    ) -> Self {
        let name = SERVER_LISTENER.to_owned();
        Self { name, listen, tls, routes: None, hosts: Vec::new(), accepts }
    }

    fn read(section: &mut Section<'_>) -> Option<Self> {
        let name = section.optional(key::NAME, listener_name);
        let listen = section.required(key::LISTEN, ADDRESS, listen_address);
        let host = parsed("a host such as \"api.example.com\"", HostPattern::parse);
        let tls = section.section(key::TLS, TlsSettings::read);
        let routes = section.optional(key::ROUTES, routes).flatten();
        let hosts = section.list(key::HOSTS, "a list of hosts", host).unwrap_or_default();
        let accepts = AcceptSettings::read(section, listen.as_ref());
        let listen = listen?;
        let name = name.unwrap_or_else(|| listen.to_string());
        Some(Self { name, listen, tls, routes, hosts, accepts })
    }

    fn write(&self) -> Written {
        let writer = Writer::default().text(key::NAME, &self.name).text(key::LISTEN, &self.listen);
        let writer = match &self.routes {
            None => writer.text(key::ROUTES, ALL_ROUTES),
            Some(names) => writer.list(key::ROUTES, names),
        };
        let writer = writer
            .list(key::HOSTS, self.hosts.iter().map(HostPattern::as_str))
            .optional_value(key::TLS, self.tls.as_ref().map(TlsSettings::write));
        self.accepts.write(writer).table()
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
