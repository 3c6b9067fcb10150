//! `[issuers.NAME.keys]`: where an issuer's keys come from, and for how long they are good.

mod file;
mod source;

use std::{path::PathBuf, time::Duration};

use crate::{
    config::{
        files::directory,
        reader::Section,
        values::{count, duration, size},
    },
    jose::AlgorithmSet,
    tls::settings::authorities_file,
};

pub use file::KeyFileError;
pub(crate) use file::key_document;
pub use source::KeySource;

/// `[issuers.NAME.keys]`
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// Exactly one source.
    pub source: KeySource,
    /// How often a source is asked when it does not say (`Cache-Control`) itself.
    pub refresh: Duration,
    /// The least time between two refreshes that an unknown `kid` asks for.
    pub cooldown: Duration,
    /// How long keys outlive an unreachable source.
    pub max_stale: Duration,
    /// Directory for the last good keys of this issuer.
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
}

/// Whom a key set is looked after for: an issuer of tokens, or a rule for signatures.
#[derive(Debug, Clone)]
pub struct KeyOwner {
    /// What metrics, logs and the snapshot's file call it: an issuer's name, or
    /// `signatures.NAME`.
    pub name: String,
    /// The issuer that discovery has to find; empty where there is none.
    pub issuer: String,
    /// What a key without a type of its own may be used with.
    pub algorithms: AlgorithmSet,
    /// Where from, and for how long.
    pub keys: KeySettings,
}

/// Where the keys of an issuer come from.
#[derive(Debug, Clone)]
pub enum IssuerKeySource {
    /// A key set.
    Set(Box<KeyOwner>),
    /// It has none.
    None(KeylessOwner),
}

/// An issuer without keys: it is asked about each of its tokens.
#[derive(Debug, Clone)]
pub struct KeylessOwner {
    /// What metrics and logs call it.
    pub name: String,
    /// The exact `iss` of its tokens.
    pub issuer: String,
}

/// Envoy's; a source that says otherwise by `Cache-Control` is believed within bounds.
const DEFAULT_REFRESH: Duration = Duration::from_mins(10);
/// More often is an attack on one's own identity provider.
const MIN_REFRESH: Duration = Duration::from_secs(1);
/// Keys that were withdrawn stay trusted for as long.
const MAX_REFRESH: Duration = Duration::from_hours(24);
/// Kong's; a flood of random `kid`s costs the provider one fetch per cooldown.
const DEFAULT_COOLDOWN: Duration = Duration::from_secs(30);
/// Without a cooldown, clients decide how often the provider is asked (threats K-8).
const MIN_COOLDOWN: Duration = Duration::from_secs(1);
/// A new key is refused for as long.
const MAX_COOLDOWN: Duration = Duration::from_hours(1);
/// An outage of the provider over a night is no outage of the service.
const DEFAULT_MAX_STALE: Duration = Duration::from_hours(24);
/// Istio evicts after a week; beyond a month nobody remembers what was trusted.
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
    pub(crate) fn build(section: &mut Section<'_>, issuer: Option<&str>) -> Option<Self> {
        let source = KeySource::build(section, issuer);
        let refresh = section.or("refresh", DEFAULT_REFRESH, duration(MIN_REFRESH..=MAX_REFRESH));
        let max_stale = duration(MIN_REFRESH..=MAX_MAX_STALE);
        let max_stale = section.or("max_stale", DEFAULT_MAX_STALE, max_stale);
        if max_stale < refresh {
            section.mistake(
                "max_stale",
                "is shorter than refresh: keys would lapse between two refreshes".to_owned(),
            );
        }
        Some(Self {
            refresh,
            max_stale,
            cooldown: section.or(
                "cooldown",
                DEFAULT_COOLDOWN,
                duration(MIN_COOLDOWN..=MAX_COOLDOWN),
            ),
            snapshot: section.optional("snapshot", directory),
            timeout: section.or("timeout", DEFAULT_TIMEOUT, duration(MIN_TIMEOUT..=MAX_TIMEOUT)),
            max_bytes: section.or(
                "max_bytes",
                DEFAULT_MAX_BYTES,
                size(MIN_MAX_BYTES..=MAX_MAX_BYTES),
            ),
            max_keys: section.or("max_keys", DEFAULT_MAX_KEYS, count(1..=MAX_MAX_KEYS)),
            max_rsa_bits: section.or(
                "max_rsa_bits",
                DEFAULT_MAX_RSA_BITS,
                count(MIN_RSA_BITS..=MAX_RSA_BITS),
            ),
            ca_file: section.optional("ca_file", authorities_file),
            // Last, so that a bad source does not hide the mistakes above.
            source: source?,
        })
    }
}
