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
    /// `systemd:https` or `systemd:0`: a socket that the process was started with.
    Systemd(String),
}

/// Before the name, or the number, of a socket of systemd's.
const SYSTEMD: &str = "systemd:";

/// The longest path of a unix socket, in bytes (`sun_path` of `unix(7)` without its NUL).
const MAX_SOCKET_PATH_BYTES: usize = 107;

impl ListenAddress {
    /// The address of that text.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            socket_path(path).map(Self::Unix)
        } else if let Some(name) = text.strip_prefix(SYSTEMD) {
            is_descriptor_name(name).then(|| Self::Systemd(name.to_owned()))
        } else {
            text.parse().ok().map(Self::Tcp)
        }
    }

    /// Whether only the machine (or pod) itself can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
            // Its unit says where it is.
            Self::Systemd(_) => false,
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
            Self::Systemd(name) => write!(f, "{SYSTEMD}{name}"),
        }
    }
}

/// `IP:PORT`, `[IP]:PORT`, `unix:/PATH` or `systemd:NAME`.
pub(crate) fn listen_address(node: &Node) -> Parsed<ListenAddress> {
    const EXPECTED: &str = "an address with a port such as \"127.0.0.1:8080\", \
                            \"unix:/path/to/socket\" or \"systemd:NAME\"";
    let text = node.as_text().ok_or_else(|| node.mismatch(EXPECTED))?;
    ListenAddress::parse(text).ok_or_else(|| node.mismatch(EXPECTED))
}

/// The path of a unix socket: absolute, and short enough for the system.
pub(crate) fn socket_path(path: &str) -> Option<PathBuf> {
    let fits = path.starts_with('/') && path.len() <= MAX_SOCKET_PATH_BYTES && !path.contains('\0');
    fits.then(|| PathBuf::from(path))
}

/// `FileDescriptorName=` of systemd.socket(5): up to 255 ASCII characters without control
/// characters and `:`.
fn is_descriptor_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    (1..=255).contains(&name.len()) && name.bytes().all(is_allowed)
}
