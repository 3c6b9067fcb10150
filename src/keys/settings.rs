//! `[issuers.NAME.keys]`: where an issuer's keys come from, and how long they may be used.

mod file;
mod source;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    config::{
        files::directory,
        reader::Section,
        values::{count, duration, size},
        writer::{Writer, Written},
    },
    fetch::settings::{EgressProxySettings, refuse_plain_http},
    jose::AlgorithmSet,
    tls::settings::authorities_file,
};

pub use file::KeyFileError;
pub(crate) use file::key_document;
pub use source::KeySource;

pub(crate) mod key {
    pub(crate) const JWKS_URL: &str = "jwks_url";
    pub(crate) const JWK_URL: &str = "jwk_url";
    pub(crate) const POINTER: &str = "pointer";
    pub(crate) const DISCOVERY: &str = "discovery";
    pub(crate) const JWKS_FILE: &str = "jwks_file";
    pub(crate) const PEM_FILE: &str = "pem_file";
    pub(crate) const HEX: &str = "hex";
    pub(crate) const SECRET_FILE: &str = "secret_file";
    pub(crate) const ALLOW_HTTP: &str = "allow_http";
    pub(crate) const REFRESH: &str = "refresh";
    pub(crate) const COOLDOWN: &str = "cooldown";
    pub(crate) const MAX_STALE: &str = "max_stale";
    pub(crate) const SNAPSHOT: &str = "snapshot";
    pub(crate) const TIMEOUT: &str = "timeout";
    pub(crate) const MAX_BYTES: &str = "max_bytes";
    pub(crate) const MAX_KEYS: &str = "max_keys";
    pub(crate) const MAX_RSA_BITS: &str = "max_rsa_bits";
    pub(crate) const CA_FILE: &str = "ca_file";
}

/// `[issuers.NAME.keys]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// Exactly one source.
    pub source: KeySource,
    /// How often a source is fetched without a `Cache-Control` of its own.
    pub refresh: Duration,
    /// The least time between two refreshes triggered by unknown `kid`s.
    pub cooldown: Duration,
    /// How long keys outlive an unreachable source.
    pub max_stale: Duration,
    /// Directory for the last confirmed keys of this issuer.
    pub snapshot: Option<PathBuf>,
    /// Whole fetch: connect, TLS, headers and body.
    pub timeout: Duration,
    /// The largest accepted document, in bytes.
    pub max_bytes: usize,
    /// The most keys taken from one set.
    pub max_keys: usize,
    /// The largest accepted RSA modulus, in bits.
    pub max_rsa_bits: usize,
    /// PEM file of the certificate authorities to trust for this source, instead of the
    /// system's.
    pub ca_file: Option<PathBuf>,
    /// The proxy that this source is reached through.
    pub proxy: Option<EgressProxySettings>,
}

/// The owner of a key set: an issuer of tokens, or a rule for signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOwner {
    /// What metrics, logs and the snapshot's file call it: an issuer's name, or
    /// `signatures.NAME`.
    pub name: String,
    /// Whose keys they are, for status pages and snapshots; `None`: no issuer's.
    pub issuer: Option<String>,
    /// The issuer that discovery has to find. `None`: the one at whose well-known URL it is.
    pub discovered: Option<String>,
    /// What a key without a type of its own may be used with.
    pub algorithms: AlgorithmSet,
    /// Where from, and for how long.
    pub keys: KeySettings,
}

/// Where the keys of an issuer come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerKeySource {
    /// A key set.
    Set(Box<KeyOwner>),
    /// It has none.
    None(KeylessOwner),
}

/// An issuer without keys: each of its tokens is introspected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeylessOwner {
    /// What metrics and logs call it.
    pub name: String,
    /// The exact `iss` of its tokens.
    pub issuer: String,
}

/// Envoy's; a source's own `Cache-Control` takes precedence, within bounds.
const DEFAULT_REFRESH: Duration = Duration::from_mins(10);
/// More often is an attack on one's own identity provider.
const MIN_REFRESH: Duration = Duration::from_secs(1);
/// Keys that were withdrawn stay trusted for as long.
const MAX_REFRESH: Duration = Duration::from_hours(24);
/// Kong's; a flood of random `kid`s costs the provider one fetch per cooldown.
const DEFAULT_COOLDOWN: Duration = Duration::from_secs(30);
/// Without a cooldown, clients decide how often the provider is called (threats K-8).
const MIN_COOLDOWN: Duration = Duration::from_secs(1);
/// A new key is refused for as long.
const MAX_COOLDOWN: Duration = Duration::from_hours(1);
/// A night's outage of the provider must not become one of the service.
const DEFAULT_MAX_STALE: Duration = Duration::from_hours(24);
/// Istio evicts after a week; beyond a month, old keys are no basis for trust.
const MAX_MAX_STALE: Duration = Duration::from_hours(30 * 24);
/// What Istio and Traefik Hub give a key source.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// Below this no fetch over a network succeeds.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
/// Requests with a new `kid` wait for the fetch.
const MAX_TIMEOUT: Duration = Duration::from_mins(1);
/// Some 100 certificate chains; AWS load balancers stop at 150 KB.
const DEFAULT_MAX_BYTES: usize = 256 * 1024;
/// One key must fit.
const MIN_MAX_BYTES: usize = 1024;
/// The whole document is held in memory (threats K-1).
const MAX_MAX_BYTES: usize = 1024 * 1024;
/// Large providers publish fewer than ten.
const DEFAULT_MAX_KEYS: usize = 100;
/// Each is parsed and kept.
const MAX_MAX_KEYS: usize = 1000;
/// A verification costs the attacker's victim time that grows with the square of the modulus.
const DEFAULT_MAX_RSA_BITS: usize = 4096;
/// NIST SP 800-131A: less is broken in principle.
const MIN_RSA_BITS: usize = 2048;
/// What the cryptography library verifies at most.
const MAX_RSA_BITS: usize = 8192;

impl KeySettings {
    /// `issuer` is where discovery starts from if no source is named.
    pub(crate) fn read(section: &mut Section<'_>, issuer: Option<&str>) -> Option<Self> {
        let source = KeySource::read(section, issuer);
        let proxy = read_proxy(section, source.as_ref());
        let refresh =
            section.or(key::REFRESH, DEFAULT_REFRESH, duration(MIN_REFRESH..=MAX_REFRESH));
        let max_stale = duration(MIN_REFRESH..=MAX_MAX_STALE);
        let max_stale = section.or(key::MAX_STALE, DEFAULT_MAX_STALE, max_stale);
        if max_stale < refresh {
            section.mistake(
                key::MAX_STALE,
                "is shorter than refresh: keys would lapse between two refreshes".to_owned(),
            );
        }
        Some(Self {
            refresh,
            max_stale,
            cooldown: section.or(
                key::COOLDOWN,
                DEFAULT_COOLDOWN,
                duration(MIN_COOLDOWN..=MAX_COOLDOWN),
            ),
            snapshot: section.optional(key::SNAPSHOT, directory),
            timeout: section.or(key::TIMEOUT, DEFAULT_TIMEOUT, duration(MIN_TIMEOUT..=MAX_TIMEOUT)),
            max_bytes: section.or(
                key::MAX_BYTES,
                DEFAULT_MAX_BYTES,
                size(MIN_MAX_BYTES..=MAX_MAX_BYTES),
            ),
            max_keys: section.or(key::MAX_KEYS, DEFAULT_MAX_KEYS, count(1..=MAX_MAX_KEYS)),
            max_rsa_bits: section.or(
                key::MAX_RSA_BITS,
                DEFAULT_MAX_RSA_BITS,
                count(MIN_RSA_BITS..=MAX_RSA_BITS),
            ),
            ca_file: section.optional(key::CA_FILE, authorities_file),
            proxy,
            // Last, so that a bad source does not hide the mistakes above.
            source: source?,
        })
    }

    pub(crate) fn write(&self) -> Written {
        let writer = self.source.write(Writer::default());
        if matches!(self.source, KeySource::Hex(_)) {
            return writer.table(); // Nothing else has an effect on it.
        }
        let writer = writer
            .duration(key::REFRESH, self.refresh)
            .duration(key::COOLDOWN, self.cooldown)
            .duration(key::MAX_STALE, self.max_stale)
            .size(key::MAX_BYTES, self.max_bytes)
            .count(key::MAX_KEYS, self.max_keys)
            .count(key::MAX_RSA_BITS, self.max_rsa_bits);
        if !self.source.is_remote() {
            return writer.table();
        }
        let writer = writer
            .duration(key::TIMEOUT, self.timeout)
            .optional_path(key::SNAPSHOT, self.snapshot.as_deref())
            .optional_path(key::CA_FILE, self.ca_file.as_deref());
        match &self.proxy {
            Some(proxy) => proxy.write(writer),
            None => writer.switch(key::ALLOW_HTTP, self.source.allows_http()),
        }
        .table()
    }
}

impl KeyOwner {
    /// Whether both have the same keys: from the same source, read by the same rules, of whichever
    /// issuer and however often they are read.
    pub(crate) fn has_same_source(&self, other: &Self) -> bool {
        let KeySettings { refresh, cooldown, max_stale, snapshot, timeout, .. } = self.keys.clone();
        let keys =
            KeySettings { refresh, cooldown, max_stale, snapshot, timeout, ..other.keys.clone() };
        *self == Self { name: self.name.clone(), keys, ..other.clone() }
    }

    /// The files that say which server is trusted as the source, and how it is reached.
    pub(crate) fn trust_files(&self) -> impl Iterator<Item = &Path> {
        let proxy = self.keys.proxy.as_ref().and_then(EgressProxySettings::secret_file);
        self.keys.ca_file.as_deref().into_iter().chain(proxy.map(|(_, file)| file))
    }
}

fn read_proxy(
    section: &mut Section<'_>,
    source: Option<&KeySource>,
) -> Option<EgressProxySettings> {
    let urls = [key::JWKS_URL, key::JWK_URL, key::DISCOVERY];
    let proxy = EgressProxySettings::read(section, &urls, key::ALLOW_HTTP);
    if let (Some(_), Some(KeySource::Discovery { urls, .. })) = (&proxy, source)
        && urls.iter().any(|url| url.scheme_str() == Some("http"))
        && section.peek(key::DISCOVERY).is_none_or(|node| node.as_text().is_none())
    {
        // The metadata are the issuer's own.
        refuse_plain_http(section, key::DISCOVERY);
    }
    proxy
}
