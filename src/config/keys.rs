//! `[issuers.NAME.keys]`: where an issuer's keys come from, and for how long they are good.

use std::{path::PathBuf, time::Duration};

use http::Uri;

use super::{
    files::{certificate_file, directory, readable_file},
    node::{Node, Value},
    reader::{Parsed, Section},
    urls::{UrlMistake, check_fetchable, fetchable, metadata_urls},
    values::{count, duration, size, switch},
};

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

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A JWKS by URL (https, or http where allowed).
    JwksUrl(Uri),
    /// The metadata document that names the JWKS: OpenID Connect Discovery and RFC 8414, tried
    /// in that order.
    Discovery {
        /// Metadata URLs, in the order to try.
        urls: Vec<Uri>,
        /// `true`: the `jwks_uri` found may be plain http on a host that is not loopback.
        allow_http: bool,
    },
    /// A JWKS (or a single JWK) in a file, read again every `refresh`.
    JwksFile(PathBuf),
    /// PEM: public keys (SPKI) and certificates, read again every `refresh`.
    PemFile(PathBuf),
    /// A shared secret for HMAC: the file's bytes, one trailing line break removed.
    SecretFile(PathBuf),
    /// None: tokens of this issuer are asked about, never verified locally.
    Unneeded,
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

const SOURCES: &[&str] = &["jwks_url", "discovery", "jwks_file", "pem_file", "secret_file"];
/// What only makes sense for a source that is fetched.
const REMOTE_ONLY: &[&str] = &["ca_file", "allow_http", "snapshot", "timeout"];

impl KeySettings {
    /// For an issuer whose tokens are never verified locally.
    pub(super) fn unneeded() -> Self {
        Self {
            source: KeySource::Unneeded,
            refresh: DEFAULT_REFRESH,
            cooldown: DEFAULT_COOLDOWN,
            max_stale: DEFAULT_MAX_STALE,
            snapshot: None,
            timeout: DEFAULT_TIMEOUT,
            max_bytes: DEFAULT_MAX_BYTES,
            max_keys: DEFAULT_MAX_KEYS,
            max_rsa_bits: DEFAULT_MAX_RSA_BITS,
            ca_file: None,
        }
    }

    /// `issuer` is where discovery starts from if no source is named.
    pub(super) fn build(section: &mut Section<'_>, issuer: Option<&str>) -> Option<Self> {
        refuse_remote_only_keys(section);
        let source = build_source(section, issuer);
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
            ca_file: section.optional("ca_file", certificate_file),
            // Last, so that a bad source does not hide the mistakes above.
            source: source?,
        })
    }
}

/// The one source that is named, or discovery from the issuer.
fn build_source(section: &mut Section<'_>, issuer: Option<&str>) -> Option<KeySource> {
    let named: Vec<&str> =
        SOURCES.iter().copied().filter(|name| section.peek(name).is_some()).collect();
    if named.len() > 1 {
        let origins: Vec<String> =
            named.iter().map(|name| describe_origin(name, section.peek(name))).collect();
        section.own_mistake(format!(
            "found {}, expected exactly one key source",
            origins.join(" and ")
        ));
    }
    let allow_http = section.or("allow_http", false, switch);
    let jwks_url = section.optional("jwks_url", fetchable(allow_http));
    let jwks_file = section.optional("jwks_file", readable_file);
    let pem_file = section.optional("pem_file", readable_file);
    let secret_file = section.optional("secret_file", readable_file);
    let asked = section.optional("discovery", |node| discovery(node, allow_http));
    let discovered = match asked {
        Some(Discovery::At(urls)) => Some(urls),
        Some(Discovery::FromIssuer) => discover(section, issuer, allow_http),
        None if named.is_empty() => discover(section, issuer, allow_http),
        None => None,
    };
    jwks_url
        .map(KeySource::JwksUrl)
        .or_else(|| jwks_file.map(KeySource::JwksFile))
        .or_else(|| pem_file.map(KeySource::PemFile))
        .or_else(|| secret_file.map(KeySource::SecretFile))
        .or_else(|| discovered.map(|urls| KeySource::Discovery { urls, allow_http }))
}

enum Discovery {
    FromIssuer,
    At(Vec<Uri>),
}

fn discovery(node: &Node, allow_http: bool) -> Parsed<Discovery> {
    match node.value {
        Value::Bool(true) => Ok(Discovery::FromIssuer),
        Value::Text(_) => fetchable(allow_http)(node).map(|url| Discovery::At(vec![url])),
        _ => Err(node.mismatch("true, or the URL of the issuer's metadata document")),
    }
}

/// Discovery from the issuer itself. Without an issuer nothing is said: that it is missing has
/// been reported.
fn discover(section: &Section<'_>, issuer: Option<&str>, allow_http: bool) -> Option<Vec<Uri>> {
    let issuer = issuer?;
    let urls: Result<Vec<Uri>, UrlMistake> = metadata_urls(issuer)
        .ok_or(UrlMistake::Syntax)
        .and_then(|urls| urls.iter().map(|url| check_fetchable(url, allow_http)).collect());
    let problem = match urls {
        Ok(urls) => return Some(urls),
        Err(UrlMistake::PlainHttp) => {
            "is not https, so that its keys could be forged on the way (allow_http = true permits \
             it all the same)"
        }
        Err(UrlMistake::Syntax | UrlMistake::UserInformation) => {
            "is no URL that keys could be discovered from"
        }
    };
    section.own_mistake(format!(
        "no key source is given, and the issuer {problem}; expected one of {}",
        SOURCES.join(", ")
    ));
    None
}

fn refuse_remote_only_keys(section: &Section<'_>) {
    let local = ["jwks_file", "pem_file", "secret_file"]
        .into_iter()
        .find(|name| section.peek(name).is_some());
    let Some(local) = local else {
        return;
    };
    for name in REMOTE_ONLY {
        if section.peek(name).is_some() {
            section.mistake(
                name,
                format!("has no effect on keys from a file ({local}); expected it to be absent"),
            );
        }
    }
}

fn describe_origin(name: &str, node: Option<&Node>) -> String {
    match node.and_then(Node::origin) {
        Some(origin) => format!("{name} ({origin})"),
        None => name.to_owned(),
    }
}
