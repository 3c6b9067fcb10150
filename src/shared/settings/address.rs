//! Where the shared store is: a server, a cluster, or a primary that sentinels name.

use std::fmt;

use rustls::pki_types::ServerName;

use crate::config::{node::Node, reader::Parsed, urls::reveals_user_information};

/// Where the store is, and whether TLS is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedAddress {
    /// `rediss://`
    pub tls: bool,
    /// The servers.
    pub layout: SharedLayout,
    /// The database's number (`SELECT`). A cluster has one only.
    pub database: u16,
}

/// How the servers belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SharedLayout {
    /// `redis://`: one of them.
    Server(NodeAddress),
    /// `redis+cluster://`: some nodes of a cluster, which name all of them.
    Cluster(Vec<NodeAddress>),
    /// `redis+sentinel://`: the sentinels of a primary, by the name that they know it under.
    Sentinel {
        /// The sentinels, each of which is enough.
        sentinels: Vec<NodeAddress>,
        /// The primary's name.
        master: String,
    },
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeAddress {
    /// A name or an address, IPv6 without its brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// What both `redis` and `valkey` listen on.
const DEFAULT_PORT: u16 = 6379;
/// What sentinels listen on.
const DEFAULT_SENTINEL_PORT: u16 = 26379;
/// More than have to be named.
const MAX_NODES: usize = 64;

pub(super) const EXPECTED_URL: &str = "\"redis://HOST:PORT/DATABASE\", \"redis+cluster://HOST:PORT,HOST:PORT\" or \
     \"redis+sentinel://HOST:PORT,HOST:PORT/NAME\", or \"rediss…\" for TLS";

impl SharedAddress {
    /// The servers that are named.
    pub fn nodes(&self) -> &[NodeAddress] {
        match &self.layout {
            SharedLayout::Server(node) => std::slice::from_ref(node),
            SharedLayout::Cluster(nodes) | SharedLayout::Sentinel { sentinels: nodes, .. } => nodes,
        }
    }
}

impl fmt::Display for SharedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        let nodes: Vec<_> = self.nodes().iter().map(NodeAddress::to_string).collect();
        let (nodes, database) = (nodes.join(","), self.database);
        match &self.layout {
            SharedLayout::Server(_) => write!(f, "{scheme}://{nodes}/{database}"),
            SharedLayout::Cluster(_) => write!(f, "{scheme}+cluster://{nodes}"),
            SharedLayout::Sentinel { master, .. } => {
                write!(f, "{scheme}+sentinel://{nodes}/{master}/{database}")
            }
        }
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl NodeAddress {
    /// `HOST:PORT`, or `HOST` where there is a usual port.
    fn parse(text: &str, usual_port: u16) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(rest.strip_prefix(':')?)),
            None => match text.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            None => usual_port,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok()?,
            Some(_) => return None,
        };
        Self::of(host, port)
    }

    /// As a server names another one.
    pub(in crate::shared) fn of(host: &str, port: u16) -> Option<Self> {
        // A name that could not be in a certificate is no host name either.
        ServerName::try_from(host).ok().filter(|_| port != 0)?;
        Some(Self { host: host.to_owned(), port })
    }
}

pub(super) fn address(node: &Node) -> Parsed<SharedAddress> {
    let text = node.as_text().ok_or_else(|| node.mismatch(EXPECTED_URL))?;
    if reveals_user_information(text) {
        return Err(
            "the URL holds a user name or password; expected one without, and username and \
             password_file beside it"
                .to_owned(),
        );
    }
    parse_address(text).ok_or_else(|| node.mismatch(EXPECTED_URL))
}

fn parse_address(text: &str) -> Option<SharedAddress> {
    let (scheme, rest) = text.split_once("://")?;
    let (tls, kind) = match scheme.strip_prefix("rediss") {
        Some(kind) => (true, kind),
        None => (false, scheme.strip_prefix("redis")?),
    };
    let (nodes, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (layout, database) = match kind {
        "" => (SharedLayout::Server(NodeAddress::parse(nodes, DEFAULT_PORT)?), database(path)?),
        "+cluster" if path.is_empty() => (SharedLayout::Cluster(list(nodes, DEFAULT_PORT)?), 0),
        "+sentinel" => {
            let (master, path) = path.split_once('/').unwrap_or((path, ""));
            let sentinels = list(nodes, DEFAULT_SENTINEL_PORT)?;
            let master = Some(master).filter(|name| is_master_name(name))?.to_owned();
            (SharedLayout::Sentinel { sentinels, master }, database(path)?)
        }
        _ => return None,
    };
    Some(SharedAddress { tls, layout, database })
}

fn list(nodes: &str, usual_port: u16) -> Option<Vec<NodeAddress>> {
    let nodes: Option<Vec<_>> =
        nodes.split(',').map(|node| NodeAddress::parse(node, usual_port)).collect();
    nodes.filter(|nodes| nodes.len() <= MAX_NODES)
}

fn database(path: &str) -> Option<u16> {
    match path {
        "" => Some(0),
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok(),
        _ => None,
    }
}

/// What sentinels accept in their own configuration.
fn is_master_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !name.is_empty() && name.bytes().all(allowed)
}
