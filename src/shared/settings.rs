//! `[shared]`: the Redis or Valkey through which replicas share what they have learnt.

pub mod written;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use http::Uri;
use rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use crate::{
    config::{
        files::{read_secret, readable_file},
        node::Node,
        reader::{Parsed, Section},
        urls::reveals_user_information,
        values::{duration, text, word},
    },
    tls::settings::authorities_file,
};

/// `[shared]`: names of files, never what is in them.
#[derive(Debug, Clone)]
pub struct SharedSettings {
    /// Where the server is.
    pub address: SharedAddress,
    /// Who we are there (ACL). `None`: the default user.
    pub username: Option<String>,
    /// The password: the file's text, one trailing line break removed.
    pub password_file: Option<PathBuf>,
    /// PEM file of the certificate authorities to trust for the server, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// What every name there begins with.
    pub prefix: String,
    /// For one operation, once there is a connection.
    pub timeout: Duration,
    /// What keeps those who can write there from forging values.
    pub integrity: Integrity,
}

/// Where the server is, and whether it is spoken to under TLS.
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

/// How values are distinguished from forged ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integrity {
    /// They carry an HMAC-SHA-256 under the key in this file: its bytes, one trailing line break
    /// removed.
    KeyFile(PathBuf),
    /// They do not: who can write to the server decides which tokens pass.
    None,
}

/// What both `redis` and `valkey` listen on.
const DEFAULT_PORT: u16 = 6379;
/// Ours alone, wherever else the server serves.
const DEFAULT_PREFIX: &str = "countersign";
/// It goes with every key.
const MAX_PREFIX_BYTES: usize = 64;
/// A neighbour's answer takes one; a request that waits for fifty without success has lost less
/// than it takes to ask the source.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(50);
/// Below this a busy machine's own pauses would count as failures.
const MIN_TIMEOUT: Duration = Duration::from_millis(5);
/// Requests wait for it; at that age the source itself is as fast.
const MAX_TIMEOUT: Duration = Duration::from_secs(1);
/// As long as the hash (RFC 2104 §3).
const MIN_INTEGRITY_KEY_BYTES: usize = 32;

const EXPECTED_URL: &str = "\"redis://HOST:PORT/DATABASE\", or \"rediss://…\" for TLS";
const EXPECTED_KEY: &str = "the path of a file with 32 random bytes or more, the same for all \
                            replicas (or integrity = \"none\": who can write to the server then \
                            decides which tokens pass)";

impl SharedSettings {
    /// `None` without the section: nothing is shared.
    pub(crate) fn build(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let address = section.required("url", EXPECTED_URL, address);
        let username = section.optional("username", text);
        let password_file = section.optional("password_file", password_file);
        if username.is_some() && section.peek("password_file").is_none() {
            let message = "missing; expected the path of a file with the password of username";
            section.mistake("password_file", message.to_owned());
        }
        let ca_file = section.optional("ca_file", authorities_file);
        if section.peek("ca_file").is_some() && address.as_ref().is_some_and(|at| !at.tls) {
            let message = "has no effect without TLS; expected a url with rediss://";
            section.mistake("ca_file", message.to_owned());
        }
        let prefix = section.or("prefix", DEFAULT_PREFIX.to_owned(), prefix);
        let timeout = section.or("timeout", DEFAULT_TIMEOUT, duration(MIN_TIMEOUT..=MAX_TIMEOUT));
        let integrity = Integrity::build(section);
        Some(Self {
            address: address?,
            username,
            password_file,
            ca_file,
            prefix,
            timeout,
            integrity: integrity?,
        })
    }
}

impl SharedSettings {
    /// The password as it is in its file now, so that a changed one needs no reload.
    ///
    /// # Errors
    /// In words that hold nothing of it.
    pub fn read_password(&self) -> Result<Option<Zeroizing<String>>, String> {
        self.password_file.as_deref().map(read_password).transpose()
    }
}

impl Integrity {
    /// The key as it is in its file now. `None` if none is wanted.
    ///
    /// # Errors
    /// In words that hold nothing of it.
    pub fn read_key(&self) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        match self {
            Self::KeyFile(path) => read_integrity_key(path).map(Some),
            Self::None => Ok(None),
        }
    }

    /// One of the two, said in so many words: a wrong accept is a breach (threats X-2).
    fn build(section: &mut Section<'_>) -> Option<Self> {
        if section.peek("integrity").is_none() {
            let path = section.required("integrity_key_file", EXPECTED_KEY, integrity_key_file);
            return path.map(Self::KeyFile);
        }
        if section.node("integrity_key_file").is_some() {
            let message = "contradicts integrity = \"none\"; expected one of the two";
            section.mistake("integrity_key_file", message.to_owned());
        }
        section.optional("integrity", none)
    }
}

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

fn password_file(node: &Node) -> Parsed<PathBuf> {
    let path = readable_file(node)?;
    read_password(&path).map(|_| path)
}

fn read_password(path: &Path) -> Result<Zeroizing<String>, String> {
    let bytes = read_secret(path)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) if !text.is_empty() => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(format!("the file {} holds no password; expected a text", path.display())),
    }
}

fn integrity_key_file(node: &Node) -> Parsed<PathBuf> {
    let path = readable_file(node)?;
    read_integrity_key(&path).map(|_| path)
}

fn read_integrity_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let key = read_secret(path)?;
    if key.len() < MIN_INTEGRITY_KEY_BYTES {
        return Err(format!(
            "the file {} holds a key of {} bytes; expected at least {MIN_INTEGRITY_KEY_BYTES}, \
             made at random",
            path.display(),
            key.len()
        ));
    }
    Ok(key)
}

fn none(node: &Node) -> Parsed<Integrity> {
    const WORDS: &[(&str, ())] = &[("none", ())];
    word(WORDS)(node).map(|()| Integrity::None)
}

fn address(node: &Node) -> Parsed<SharedAddress> {
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
    // What could not be in a certificate is no name of a machine either.
    ServerName::try_from(host.as_str()).ok()?;
    Some(SharedAddress { tls, host, port, database })
}

/// What stands before the first colon of every key.
fn prefix(node: &Node) -> Parsed<String> {
    let prefix = text(node)?;
    let allowed = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    if prefix.len() <= MAX_PREFIX_BYTES && prefix.chars().all(allowed) {
        Ok(prefix)
    } else {
        Err(node
            .mismatch(&format!("1 to {MAX_PREFIX_BYTES} letters, digits, \"-\", \"_\" or \".\"")))
    }
}
