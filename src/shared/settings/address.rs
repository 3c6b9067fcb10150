//! Where the shared store is.

use std::fmt;

use http::Uri;
use rustls::pki_types::ServerName;

use crate::config::{node::Node, reader::Parsed, urls::reveals_user_information};

/// The server's address, and whether TLS is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedAddress {
    /// `rediss://`
    pub tls: bool,
    /// A name or an address, IPv6 without its brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The database's number (`SELECT`).
    pub database: u16,
}

/// What both `redis` and `valkey` listen on.
const DEFAULT_PORT: u16 = 6379;
pub(super) const EXPECTED_URL: &str = "\"redis://HOST:PORT/DATABASE\", or \"rediss://…\" for TLS";

impl fmt::Display for SharedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, database, .. } = self;
        let scheme = if self.tls { "rediss" } else { "redis" };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}/{database}")
        } else {
            write!(f, "{scheme}://{host}:{port}/{database}")
        }
    }
}

pub(super) fn address(node: &Node) -> Parsed<SharedAddress> {
    let text = node.as_text().ok_or_else(|| node.mismatch(EXPECTED_URL))?;
    if reveals_user_information(text) {
        return Err(format!(
            "the URL holds a user name or password; expected {EXPECTED_URL} without, and \
             username and password_file beside it"
        ));
    }
    parse_address(text).ok_or_else(|| node.mismatch(EXPECTED_URL))
}

fn parse_address(text: &str) -> Option<SharedAddress> {
    let url: Uri = text.parse().ok()?;
    if url.query().is_some() || text.contains('#') {
        return None;
    }
    let tls = match url.scheme_str()? {
        "redis" => false,
        "rediss" => true,
        _ => return None,
    };
    let host = url.host()?;
    let after_host = url.authority()?.as_str().strip_prefix(host)?;
    let port = match after_host.strip_prefix(':') {
        None => DEFAULT_PORT,
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
    };
    let database = match url.path().trim_start_matches('/') {
        "" => 0,
        number => number.parse().ok()?,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    // A name that could not be in a certificate is no host name either.
    ServerName::try_from(host.as_str()).ok()?;
    Some(SharedAddress { tls, host, port, database })
}
