//! `[shared]`: the Redis or Valkey through which replicas share what they have learnt.

mod address;
mod lost_store;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use zeroize::Zeroizing;

use crate::{
    config::{
        files::{judged_file, read_secret},
        node::Node,
        reader::{Parsed, Section},
        values::{duration, keyword, text},
        writer::{Writer, Written},
    },
    tls::settings::authorities_file,
};

use address::{EXPECTED_URL, address};

pub use address::{NodeAddress, SharedAddress, SharedLayout};
pub(crate) use lost_store::key as use_key;
pub use lost_store::{LostStore, UseSettings};

pub(crate) mod key {
    pub(crate) const URL: &str = "url";
    pub(crate) const USERNAME: &str = "username";
    pub(crate) const PASSWORD_FILE: &str = "password_file";
    pub(crate) const SENTINEL_PASSWORD_FILE: &str = "sentinel_password_file";
    pub(crate) const CA_FILE: &str = "ca_file";
    pub(crate) const PREFIX: &str = "prefix";
    pub(crate) const TIMEOUT: &str = "timeout";
    pub(crate) const INTEGRITY: &str = "integrity";
    pub(crate) const INTEGRITY_KEY_FILE: &str = "integrity_key_file";
}

/// `[shared]`: names of files, never what is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedSettings {
    /// Where the server is.
    pub address: SharedAddress,
    /// Who we are there (ACL). `None`: the default user.
    pub username: Option<String>,
    /// The password: the file's text, one trailing line break removed.
    pub password_file: Option<PathBuf>,
    /// The password of the sentinels. `None`: they want none.
    pub sentinel_password_file: Option<PathBuf>,
    /// PEM file of the certificate authorities to trust for the server, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// What every name there begins with.
    pub prefix: String,
    /// For one operation, once there is a connection.
    pub timeout: Duration,
    /// What keeps those who can write there from forging values.
    pub integrity: Integrity,
    /// What counts while the store can't be reached.
    pub uses: UseSettings,
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

/// Ours alone, wherever else the server serves.
const DEFAULT_PREFIX: &str = "countersign";
/// It goes with every key.
const MAX_PREFIX_BYTES: usize = 64;
/// A local server responds within one; a request that times out after fifty has lost less than a
/// lookup at the source takes.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(50);
/// Below this a busy machine's own pauses would count as failures.
const MIN_TIMEOUT: Duration = Duration::from_millis(5);
/// Requests wait for it; at that age the source itself is as fast.
const MAX_TIMEOUT: Duration = Duration::from_secs(1);
/// As long as the hash (RFC 2104 §3).
const MIN_INTEGRITY_KEY_BYTES: usize = 32;

/// The only keyword of `integrity`.
const NONE: &[(&str, ())] = &[("none", ())];

const EXPECTED_KEY: &str = "the path of a file with 32 random bytes or more, the same for all \
                            replicas (or integrity = \"none\": who can write to the server then \
                            decides which tokens pass)";

impl SharedSettings {
    /// `None` without the section: nothing is shared.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let address = section.required(key::URL, EXPECTED_URL, address);
        let username = section.optional(key::USERNAME, text);
        let password_file = section.optional(key::PASSWORD_FILE, password_file_of);
        if username.is_some() && section.peek(key::PASSWORD_FILE).is_none() {
            let message = "missing; expected the path of a file with the password of username";
            section.mistake(key::PASSWORD_FILE, message.to_owned());
        }
        let sentinel_password_file =
            section.optional(key::SENTINEL_PASSWORD_FILE, password_file_of);
        let has_sentinels = |at: &SharedAddress| matches!(at.layout, SharedLayout::Sentinel { .. });
        if section.peek(key::SENTINEL_PASSWORD_FILE).is_some()
            && address.as_ref().is_some_and(|at| !has_sentinels(at))
        {
            let message = "has no effect without sentinels; expected a url with redis+sentinel://";
            section.mistake(key::SENTINEL_PASSWORD_FILE, message.to_owned());
        }
        let ca_file = section.optional(key::CA_FILE, authorities_file);
        if section.peek(key::CA_FILE).is_some() && address.as_ref().is_some_and(|at| !at.tls) {
            let message = "has no effect without TLS; expected a url with rediss://";
            section.mistake(key::CA_FILE, message.to_owned());
        }
        let prefix = section.or(key::PREFIX, DEFAULT_PREFIX.to_owned(), prefix);
        let timeout =
            section.or(key::TIMEOUT, DEFAULT_TIMEOUT, duration(MIN_TIMEOUT..=MAX_TIMEOUT));
        let integrity = Integrity::read(section);
        let uses = UseSettings::read(section);
        Some(Self {
            address: address?,
            username,
            password_file,
            sentinel_password_file,
            ca_file,
            prefix,
            timeout,
            integrity: integrity?,
            uses,
        })
    }

    pub(crate) fn write(&self) -> Written {
        let writer = Writer::default()
            .text(key::URL, &self.address)
            .optional(key::USERNAME, self.username.as_ref())
            .optional_path(key::PASSWORD_FILE, self.password_file.as_deref())
            .optional_path(key::SENTINEL_PASSWORD_FILE, self.sentinel_password_file.as_deref())
            .optional_path(key::CA_FILE, self.ca_file.as_deref())
            .text(key::PREFIX, &self.prefix)
            .duration(key::TIMEOUT, self.timeout);
        self.uses.write(self.integrity.write(writer)).table()
    }

    /// The password as it is in its file now, so that a changed one needs no reload.
    ///
    /// # Errors
    /// In words that hold nothing of it.
    pub fn read_password(&self) -> Result<Option<Zeroizing<String>>, String> {
        self.password_file.as_deref().map(read_password).transpose()
    }

    /// The sentinels' password, likewise.
    ///
    /// # Errors
    /// In words that hold nothing of it.
    pub fn read_sentinel_password(&self) -> Result<Option<Zeroizing<String>>, String> {
        self.sentinel_password_file.as_deref().map(read_password).transpose()
    }
}

impl SharedSettings {
    /// The files that a connection stands on, which a changed one of would have to replace. The
    /// passwords are not among them: the server has asked for them already.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.ca_file.as_deref().into_iter().chain(self.integrity.key_file())
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

    /// One of the two must be set explicitly: a wrong accept is a breach (threats X-2).
    fn read(section: &mut Section<'_>) -> Option<Self> {
        if section.peek(key::INTEGRITY).is_none() {
            let path = section.required(key::INTEGRITY_KEY_FILE, EXPECTED_KEY, integrity_key_file);
            return path.map(Self::KeyFile);
        }
        if section.node(key::INTEGRITY_KEY_FILE).is_some() {
            let message = "contradicts integrity = \"none\"; expected one of the two";
            section.mistake(key::INTEGRITY_KEY_FILE, message.to_owned());
        }
        section.optional(key::INTEGRITY, none)
    }

    pub(crate) fn key_file(&self) -> Option<&Path> {
        match self {
            Self::KeyFile(file) => Some(file),
            Self::None => None,
        }
    }

    fn write(&self, writer: Writer) -> Writer {
        match self {
            Self::KeyFile(path) => writer.path(key::INTEGRITY_KEY_FILE, path),
            Self::None => writer.keyword(key::INTEGRITY, NONE, &()),
        }
    }
}

fn password_file_of(node: &Node) -> Parsed<PathBuf> {
    judged_file(node, |path| read_password(path).map(drop))
}

fn read_password(path: &Path) -> Result<Zeroizing<String>, String> {
    let bytes = read_secret(path)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) if !text.is_empty() => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(format!("the file {} holds no password; expected a text", path.display())),
    }
}

fn integrity_key_file(node: &Node) -> Parsed<PathBuf> {
    judged_file(node, |path| read_integrity_key(path).map(drop))
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
    keyword(NONE)(node).map(|()| Integrity::None)
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
