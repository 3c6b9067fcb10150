//! Addresses to listen on.

use std::{fmt, net::SocketAddr, path::PathBuf};

use crate::config::{node::Node, reader::Parsed};

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// `127.0.0.1:8080`; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// `unix:/run/countersign/in.sock`
    Unix(PathBuf),
}

/// The longest path of a unix socket, in bytes (`sun_path` of `unix(7)` without its NUL).
const MAX_SOCKET_PATH_BYTES: usize = 107;

impl ListenAddress {
    /// Whether only the machine (or pod) itself can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// Whether both can't be listened on at once.
    pub(crate) fn conflicts_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(one), Self::Tcp(two)) => one == two && one.port() != 0,
            (one, two) => one == two,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `IP:PORT`, `[IP]:PORT` or `unix:/PATH`.
pub(crate) fn listen_address(node: &Node) -> Parsed<ListenAddress> {
    const EXPECTED: &str =
        "an address with a port such as \"127.0.0.1:8080\", or \"unix:/path/to/socket\"";
    let text = node.as_text().ok_or_else(|| node.mismatch(EXPECTED))?;
    let address = match text.strip_prefix("unix:") {
        Some(path) => socket_path(path).map(ListenAddress::Unix),
        None => text.parse().ok().map(ListenAddress::Tcp),
    };
    address.ok_or_else(|| node.mismatch(EXPECTED))
}

/// The path of a unix socket: absolute, and short enough for the system.
pub(crate) fn socket_path(path: &str) -> Option<PathBuf> {
    let fits = path.starts_with('/') && path.len() <= MAX_SOCKET_PATH_BYTES && !path.contains('\0');
    fits.then(|| PathBuf::from(path))
}
