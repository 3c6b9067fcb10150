//! Where keys come from.

mod file;
mod remote;
mod wrapped;

use std::{fmt::Write, future::Future, sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

use crate::{
    fetch::{DiscoveredEndpoint, FetchRules, Fetcher, Metadata, shown},
    jose::{JwkSet, VerificationKey, jwk::KeyLimits},
    keys::settings::{KeyOwner, KeySettings, KeySource},
};

use self::{
    file::KeyFile,
    remote::{KeySetAddress, RemoteSource},
};

use super::KeyError;

/// A place to get the whole key set of one issuer from.
pub(super) trait Origin: Send + 'static {
    /// Reads the source now. Every implementation bounds its time and the bytes it reads.
    fn read(&mut self) -> impl Future<Output = Result<KeySetReading, KeyError>> + Send;

    /// A cheap check whether a refresh is worth it before the next one is due.
    fn has_changed(&mut self) -> impl Future<Output = bool> + Send;
}

/// A successful read of a source.
#[derive(Debug)]
pub(super) struct KeySetReading {
    /// The keys, at least one of them usable; `None`: not modified.
    pub(super) content: Option<KeySetContent>,
    /// How long the source itself takes it for fresh.
    pub(super) max_age: Option<Duration>,
}

/// A key set as it was found.
#[derive(Debug)]
pub(super) struct KeySetContent {
    pub(super) keys: JwkSet,
    /// The JWKS that the keys were taken from, where there is one.
    pub(super) document: Option<Bytes>,
}

/// The sources that can be configured.
#[derive(Debug)]
pub(super) enum OpenKeySource {
    Remote(Box<RemoteSource>),
    File(Box<KeyFile>),
    /// The key that the configuration itself holds.
    Written(Arc<VerificationKey>),
}

impl OpenKeySource {
    pub(super) fn new(settings: &KeyOwner) -> Self {
        let fetcher = || Arc::new(fetcher(&settings.keys));
        let remote = |address, pointer, fetcher| {
            let limits = settings.keys.limits();
            Self::Remote(Box::new(RemoteSource::new(address, pointer, fetcher, limits)))
        };
        match &settings.keys.source {
            KeySource::JwksUrl(url) => {
                remote(KeySetAddress::Configured(url.clone()), None, fetcher())
            }
            KeySource::JwkUrl { url, pointer } => {
                remote(KeySetAddress::Configured(url.clone()), pointer.clone(), fetcher())
            }
            KeySource::Discovery { urls, allow_http } => {
                let (issuer, fetcher) = (settings.discovered.as_deref(), fetcher());
                let of_metadata = Arc::clone(&fetcher);
                let metadata = Metadata::new(urls, issuer, "jwks_uri", *allow_http, of_metadata);
                let endpoint = DiscoveredEndpoint::new(metadata);
                remote(KeySetAddress::Discovered(endpoint), None, fetcher)
            }
            KeySource::Hex(key) => Self::Written(Arc::clone(key.key())),
            KeySource::JwksFile(path) | KeySource::PemFile(path) | KeySource::SecretFile(path) => {
                Self::File(Box::new(KeyFile::new(path, settings)))
            }
        }
    }
}

fn fetcher(keys: &KeySettings) -> Fetcher {
    let rules = FetchRules::occasional(keys.timeout, keys.max_bytes, keys.ca_file.clone());
    Fetcher::new(rules.through(keys.proxy.as_ref()))
}

impl Origin for OpenKeySource {
    async fn read(&mut self) -> Result<KeySetReading, KeyError> {
        match self {
            Self::Remote(source) => source.read().await,
            Self::File(source) => source.read().await,
            Self::Written(key) => Ok(KeySetReading::of_one(key)),
        }
    }

    async fn has_changed(&mut self) -> bool {
        match self {
            Self::Remote(_) | Self::Written(_) => false,
            Self::File(source) => source.has_changed().await,
        }
    }
}

impl KeySetReading {
    fn of_one(key: &Arc<VerificationKey>) -> Self {
        let keys = JwkSet { keys: vec![Arc::clone(key)], skipped: Vec::new() };
        Self { content: Some(KeySetContent { keys, document: None }), max_age: None }
    }
}

impl KeySetContent {
    /// Takes a set only if there is a key to verify with. A source that lists none is broken or
    /// impersonated: the current keys are kept (threat K-3).
    fn of(keys: JwkSet, document: Option<Bytes>, place: &str) -> Result<Self, KeyError> {
        if keys.keys.is_empty() {
            return Err(KeyError::NoUsableKeys {
                place: place.to_owned(),
                count: keys.skipped.len(),
                first: keys.skipped.first().map(|key| key.rejection.to_string()),
            });
        }
        Ok(Self { keys, document })
    }

    /// A JWKS, or a document that is one JWK.
    fn of_jwks(document: Bytes, limits: KeyLimits, place: &str) -> Result<Self, KeyError> {
        let keys = JwkSet::parse(&document, &limits).map_err(|error| KeyError::Malformed {
            place: place.to_owned(),
            cause: error.to_string(),
        })?;
        Self::of(keys, Some(document), place)
    }
}

/// Identifies a source for its snapshot: the source in words, and a digest of what they do not
/// show. A query may name a tenant, and may be a secret.
pub(super) fn identity(source: &KeySource) -> String {
    let urls: Vec<String> = match source {
        KeySource::JwksUrl(url) | KeySource::JwkUrl { url, .. } => vec![url.to_string()],
        KeySource::Discovery { urls, .. } => urls.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    let whole = digest(&SHA256, urls.join("\n").as_bytes());
    let short = hex::encode(whole.as_ref().get(..16).unwrap_or_default());
    format!("{} #{short}", describe(source))
}

/// The source in words.
pub(super) fn describe(source: &KeySource) -> String {
    match source {
        KeySource::JwksUrl(url) | KeySource::JwkUrl { url, pointer: None } => shown(url),
        KeySource::JwkUrl { url, pointer: Some(pointer) } => wrapped::place(&shown(url), pointer),
        KeySource::Discovery { urls, .. } => {
            let mut text = "discovery at".to_owned();
            for (n, url) in urls.iter().enumerate() {
                let or = if n == 0 { "" } else { " or" };
                let _ = write!(text, "{or} {}", shown(url));
            }
            text
        }
        KeySource::JwksFile(path) => format!("JWKS file {}", path.display()),
        KeySource::PemFile(path) => format!("PEM file {}", path.display()),
        KeySource::Hex(key) => format!("{} key in the configuration", key.key().kind()),
        KeySource::SecretFile(path) => format!("secret file {}", path.display()),
    }
}
