//! Where keys come from.

mod file;
mod remote;
mod wrapped;

use std::{fmt::Write, future::Future, sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

use crate::{
    fetch::{Metadata, shown},
    jose::{JwkSet, VerificationKey, jwk::KeyLimits},
    keys::settings::{KeyOwner, KeySource},
};

use self::{
    file::FileSource,
    remote::{Address, RemoteSource},
};

use super::KeyError;

/// A place to get the whole key set of one issuer from.
pub(super) trait Origin: Send + 'static {
    /// Asks it now. Every implementation bounds the time it takes and the bytes it reads.
    fn read(&mut self) -> impl Future<Output = Result<Reading, KeyError>> + Send;

    /// A cheap look whether asking may be worth it before the next refresh is due.
    fn has_changed(&mut self) -> impl Future<Output = bool> + Send;
}

/// What a source said.
#[derive(Debug)]
pub(super) struct Reading {
    /// The keys, at least one of them usable; `None`: the same as last time.
    pub(super) content: Option<Content>,
    /// How long the source itself takes it for fresh.
    pub(super) max_age: Option<Duration>,
}

/// A key set as it was found.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) keys: JwkSet,
    /// The JWKS that the keys were taken from, where there is one.
    pub(super) document: Option<Bytes>,
}

/// The sources that can be configured.
#[derive(Debug)]
pub(super) enum Source {
    Remote(Box<RemoteSource>),
    File(Box<FileSource>),
    /// The key that the configuration itself holds.
    Written(Arc<VerificationKey>),
}

impl Source {
    pub(super) fn new(settings: &KeyOwner) -> Self {
        let remote = |address, pointer| {
            Self::Remote(Box::new(RemoteSource::new(address, pointer, &settings.keys)))
        };
        match &settings.keys.source {
            KeySource::JwksUrl(url) => remote(Address::Configured(url.clone()), None),
            KeySource::JwkUrl { url, pointer } => {
                remote(Address::Configured(url.clone()), pointer.clone())
            }
            KeySource::Discovery { urls, allow_http } => {
                let issuer = settings.issuer.as_deref();
                let metadata = Metadata::new(urls, issuer, "jwks_uri", *allow_http);
                remote(Address::Discovered(metadata), None)
            }
            KeySource::Hex(key) => Self::Written(Arc::clone(key.key())),
            KeySource::JwksFile(path) | KeySource::PemFile(path) | KeySource::SecretFile(path) => {
                Self::File(Box::new(FileSource::new(path, settings)))
            }
        }
    }
}

impl Origin for Source {
    async fn read(&mut self) -> Result<Reading, KeyError> {
        match self {
            Self::Remote(source) => source.read().await,
            Self::File(source) => source.read().await,
            Self::Written(key) => Ok(Reading::of_one(key)),
        }
    }

    async fn has_changed(&mut self) -> bool {
        match self {
            Self::Remote(_) | Self::Written(_) => false,
            Self::File(source) => source.has_changed().await,
        }
    }
}

impl Reading {
    fn of_one(key: &Arc<VerificationKey>) -> Self {
        let keys = JwkSet { keys: vec![Arc::clone(key)], skipped: Vec::new() };
        Self { content: Some(Content { keys, document: None }), max_age: None }
    }
}

impl Content {
    /// Takes a set only if there is a key to verify with. A source that lists none is broken, or
    /// somebody stands in its place: the keys at hand are kept (threat K-3).
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
