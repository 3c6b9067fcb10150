//! What is judged: a token, under the keys and rules of its issuer.

use std::{fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use countersign::jose::Algorithm;
use serde_json::{Value, json};

use super::{draft::ISSUER, keyring::Keyring};
use crate::support::{NOW, issuer::AUDIENCE};

/// The usual clock skew, in seconds.
pub(crate) const SKEW: i64 = 60;

/// One question to every judge.
#[derive(Debug)]
pub(crate) struct Case {
    /// `family/defect`, or several of them joined by ` + `, and in brackets what they are tried on.
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) terms: Arc<Terms>,
}

/// What an issuer's tokens are verified with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    pub(crate) keys: Keys,
    pub(crate) algorithms: Vec<Algorithm>,
    /// The one `typ` that is accepted, lower case.
    pub(crate) typ: Option<&'static str>,
    /// The clock skew that is granted, in seconds.
    pub(crate) skew: i64,
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.keys {
            Keys::Set(document) => write!(f, "{}", document.escape_ascii())?,
            Keys::Secret(secret) => write!(f, "the secret {}", secret.escape_ascii())?,
        }
        write!(f, ", {:?}, typ {:?}, skew {}", self.algorithms, self.typ, self.skew)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Keys {
    /// The bytes of a JWKS document.
    Set(Vec<u8>),
    Secret(Vec<u8>),
}

impl Case {
    pub(crate) fn new(name: impl Into<String>, token: String, terms: &Arc<Terms>) -> Self {
        Self { name: name.into(), token, terms: Arc::clone(terms) }
    }

    /// The names of its defects; the last may have the brackets behind it.
    pub(crate) fn defects(&self) -> impl Iterator<Item = &str> {
        self.name.split(" + ")
    }

    /// The part of the name before its first slash.
    pub(crate) fn family(&self) -> &str {
        self.name.split('/').next().unwrap()
    }
}

impl Terms {
    /// A key set and every algorithm for public keys.
    pub(crate) fn of_set(document: impl Into<Vec<u8>>) -> Arc<Self> {
        let public = Algorithm::ALL.iter().copied().filter(|alg| !alg.is_symmetric());
        let keys = Keys::Set(document.into());
        Arc::new(Self { keys, algorithms: public.collect(), typ: None, skew: SKEW })
    }

    /// The set with a key for each algorithm.
    pub(crate) fn usual() -> Arc<Self> {
        Self::of_set(Keyring::get().jwks())
    }

    /// The same with other rules.
    pub(crate) fn with(&self, change: impl FnOnce(&mut Self)) -> Arc<Self> {
        let mut terms = self.clone();
        change(&mut terms);
        Arc::new(terms)
    }

    /// As the libraries are asked. They take the two names of Ed25519 for two algorithms.
    pub(crate) fn question<'t>(&self, tokens: impl Iterator<Item = &'t str>) -> Value {
        let (jwks, secret) = match &self.keys {
            Keys::Set(document) => (Some(BASE64_STANDARD.encode(document)), None),
            Keys::Secret(secret) => (None, Some(BASE64_STANDARD.encode(secret))),
        };
        let mut algorithms: Vec<_> = self.algorithms.iter().map(|alg| alg.name()).collect();
        if self.algorithms.contains(&Algorithm::EdDsa) {
            algorithms.push("Ed25519");
        }
        json!({
            "keys": { "jwks": jwks, "secret": secret },
            "rules": {
                "issuer": ISSUER,
                "audiences": [AUDIENCE],
                "algorithms": algorithms,
                "leeway": self.skew,
                "now": NOW,
                "typ": self.typ,
            },
            "tokens": tokens.collect::<Vec<_>>(),
        })
    }
}
