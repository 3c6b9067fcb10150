//! What may be shown of keys: plain facts for `/keys`, `/readyz`, `check` and logs.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    fetch::quoted,
    jose::{Algorithm, SkippedKey, VerificationKey},
};

use super::{KeyError, KeySet};

/// The state of one issuer's keys.
#[derive(Debug, Clone, Serialize)]
pub struct IssuerStatus {
    /// The name in the configuration.
    pub name: String,
    /// The `iss` it stands for.
    pub issuer: String,
    /// Where the keys come from.
    pub source: String,
    /// Whether tokens can be verified now.
    pub usable: bool,
    /// Why not.
    pub pending: Option<String>,
    /// Whether the keys were taken from the snapshot and the source has not confirmed them yet.
    pub from_snapshot: bool,
    /// Changes whenever the keys do; the process's own counting.
    pub generation: Option<u64>,
    /// Unix time at which the source last confirmed the set.
    pub confirmed_at: Option<i64>,
    /// Unix time after which the set is no longer used unless it is confirmed again.
    pub usable_until: Option<i64>,
    /// Unix time of the next scheduled refresh.
    pub next_refresh: Option<i64>,
    /// The last attempt's failure; gone with the next success.
    pub last_error: Option<FailureFacts>,
    /// How many unknown `kid`s were requested lately.
    pub unknown_kids: usize,
    /// The usable keys.
    pub keys: Vec<KeyFacts>,
    /// What the source listed besides, and why it is not used.
    pub skipped: Vec<SkippedFacts>,
}

/// A failed attempt.
#[derive(Debug, Clone, Serialize)]
pub struct FailureFacts {
    /// One of [`KeyError::CODES`].
    pub code: &'static str,
    /// The whole story.
    pub message: String,
    /// Unix time.
    pub at: i64,
}

/// The public facts of a usable key.
#[derive(Debug, Clone, Serialize)]
pub struct KeyFacts {
    /// Its name, if it has one.
    pub kid: Option<String>,
    /// `RSA 2048`, `EC P-256`, …
    pub kind: String,
    /// What tokens may be signed with under it.
    pub algorithms: Vec<&'static str>,
    /// RFC 7638. `None` for a shared secret, whose hash would let it be guessed (§7 there).
    pub thumbprint: Option<String>,
}

/// A key that is not used.
#[derive(Debug, Clone, Serialize)]
pub struct SkippedFacts {
    /// Its place in the document, from 0.
    pub position: usize,
    /// Its name, if it has a readable one.
    pub kid: Option<String>,
    /// A stable code.
    pub code: &'static str,
    /// The reason in full.
    pub message: String,
}

impl From<&VerificationKey> for KeyFacts {
    fn from(key: &VerificationKey) -> Self {
        let algorithms = key.algorithms();
        let secret = algorithms.iter().any(Algorithm::is_symmetric);
        Self {
            kid: key.kid().map(str::to_owned),
            kind: key.kind(),
            algorithms: algorithms.iter().map(Algorithm::name).collect(),
            thumbprint: (!secret).then(|| key.thumbprint().to_text()),
        }
    }
}

impl From<&SkippedKey> for SkippedFacts {
    fn from(key: &SkippedKey) -> Self {
        Self {
            position: key.position,
            kid: key.kid.clone(),
            code: key.rejection.code(),
            message: key.rejection.to_string(),
        }
    }
}

impl FailureFacts {
    pub(super) fn new(error: &KeyError, at: i64) -> Self {
        Self { code: error.code(), message: error.to_string(), at }
    }
}

impl KeySet {
    /// The public facts of the usable keys.
    pub fn key_facts(&self) -> Vec<KeyFacts> {
        self.keys().iter().map(|key| KeyFacts::from(&**key)).collect()
    }

    /// The facts of the keys that were left out.
    pub fn skipped_facts(&self) -> Vec<SkippedFacts> {
        self.skipped().iter().map(SkippedFacts::from).collect()
    }
}

/// What a key is called in a log line: its `kid`, else what it is.
pub(super) fn label(key: &Arc<VerificationKey>) -> String {
    key.kid().map_or_else(|| format!("an unnamed {}", key.kind()), quoted)
}
