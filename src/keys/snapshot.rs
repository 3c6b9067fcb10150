//! The last confirmed keys of a remote source on disk, for a cold start while the source is down.

use std::{fmt::Display, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::{
    clock::{UnixTime, seconds},
    fetch::{KeptFile, digest_of_authorities},
    jose::{JwkSet, SkippedKey, jwk::KeyLimits},
    keys::settings::KeyOwner,
};

use super::source;

/// The snapshot of one issuer.
#[derive(Debug)]
pub(super) struct KeySnapshot {
    pub(super) file: KeptFile,
    issuer: String,
    source: String,
    /// Those that vouch for the source now.
    authorities: String,
    limits: KeyLimits,
    max_stale: i64,
    jwks: Option<Box<RawValue>>,
    written: Option<Instant>,
}

/// The file's content. Only public keys: what was left out of the set is left out here.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    version: u32,
    issuer: String,
    source: String,
    /// Those that vouched for the source; missing for those of the system.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    authorities: String,
    fetched_at: i64,
    jwks: Box<RawValue>,
}

/// Why a snapshot can't be used or written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {cause}")]
pub(super) struct SnapshotError {
    path: String,
    cause: String,
}

const VERSION: u32 = 1;

/// An unchanged set is written again after this time, so that a snapshot is never older than the
/// keys were when the process ended, by more than this.
const REWRITE_AFTER: Duration = Duration::from_hours(1);

/// What the page holds besides the key set, generously.
const PAGE_OVERHEAD: usize = 16 * 1024;

/// How far a snapshot may be ahead of the clock; further, and its age is unknown.
const CLOCK_TOLERANCE: i64 = 60;

impl KeySnapshot {
    /// Only remote sources have one: files are there, or are not to be trusted any more; and
    /// shared secrets are never copied. Nor is there one without a `ca_file` that can be read.
    pub(super) fn of(settings: &KeyOwner) -> Option<Self> {
        let keys = &settings.keys;
        let directory = keys.snapshot.as_ref().filter(|_| keys.source.is_remote())?;
        let issuer = settings.issuer.clone().unwrap_or_default();
        let authorities = digest_of_authorities(keys.ca_file.as_deref())
            .inspect_err(|cause| tracing::warn!(cause, "there is no snapshot of the keys"))
            .ok()?;
        let path = directory.join(file_name(&settings.name, &issuer));
        Some(Self {
            file: KeptFile::new(path, keys.max_bytes.saturating_add(PAGE_OVERHEAD)),
            issuer,
            source: source::identity(&keys.source),
            authorities,
            limits: keys.limits(),
            max_stale: seconds(keys.max_stale),
            jwks: None,
            written: None,
        })
    }

    /// The keys and when the source confirmed them; `None` if there is no snapshot.
    pub(super) async fn load(
        &self,
        now: UnixTime,
    ) -> Result<Option<(JwkSet, UnixTime)>, SnapshotError> {
        let bytes = self.file.read().await.map_err(|error| self.error(error))?;
        let Some(bytes) = bytes else { return Ok(None) };
        let page: Page = serde_json::from_slice(&bytes).map_err(|error| self.error(error))?;
        self.examine(&page, now).map(Some)
    }

    fn examine(&self, page: &Page, now: UnixTime) -> Result<(JwkSet, UnixTime), SnapshotError> {
        let age = now.0.saturating_sub(page.fetched_at);
        if page.version != VERSION {
            return Err(self.error("of another version"));
        }
        if page.issuer != self.issuer || page.source != self.source {
            return Err(self.error("of another issuer or source"));
        }
        if page.authorities != self.authorities {
            return Err(self.error("of a source for which other authorities vouched"));
        }
        if age > self.max_stale {
            return Err(self.error(format!("{age} s old, max_stale is {} s", self.max_stale)));
        }
        if age < -CLOCK_TOLERANCE {
            return Err(self.error("from the future"));
        }
        let keys = JwkSet::parse(page.jwks.get().as_bytes(), &self.limits)
            .map_err(|error| self.error(error))?;
        if keys.keys.is_empty() {
            return Err(self.error("without a usable key"));
        }
        Ok((keys, UnixTime(page.fetched_at)))
    }

    /// Remembers the document of the current set.
    pub(super) fn remember(&mut self, document: &[u8], keys: &JwkSet) {
        self.jwks = usable_part(document, &keys.skipped).filter(|part| {
            // What is written must be what was accepted, no more and no less.
            let again = JwkSet::parse(part.get().as_bytes(), &self.limits);
            again.is_ok_and(|again| again.skipped.is_empty() && again.keys.len() == keys.keys.len())
        });
    }

    /// Writes the snapshot, if the keys changed or the one on disk has become old. What was not
    /// written is written with the next confirmation.
    pub(super) async fn keep(&mut self, now: UnixTime, changed: bool) -> Result<(), SnapshotError> {
        let fresh = self.written.is_some_and(|at| at.elapsed() < REWRITE_AFTER);
        let Some(jwks) = self.jwks.clone().filter(|_| changed || !fresh) else {
            return Ok(());
        };
        let page = Page {
            version: VERSION,
            issuer: self.issuer.clone(),
            source: self.source.clone(),
            authorities: self.authorities.clone(),
            fetched_at: now.0,
            jwks,
        };
        let bytes = serde_json::to_vec(&page).map_err(|error| self.error(error))?;
        self.written = None;
        self.file.write(bytes).await.map_err(|error| self.error(error))?;
        self.written = Some(Instant::now());
        Ok(())
    }

    fn error(&self, cause: impl Display) -> SnapshotError {
        SnapshotError { path: self.file.path().display().to_string(), cause: cause.to_string() }
    }
}

/// The `keys` of a JWKS, each as it was written.
#[derive(Debug, Serialize, Deserialize)]
struct KeyEntries<'d> {
    #[serde(borrow)]
    keys: Vec<&'d RawValue>,
}

/// The document without the keys that were left out: they may be private ones, published by mistake
/// (threat K-6), and are of no use in any case.
fn usable_part(document: &[u8], skipped: &[SkippedKey]) -> Option<Box<RawValue>> {
    let keys = match serde_json::from_slice::<KeyEntries<'_>>(document) {
        Ok(set) => set.keys,
        Err(_) => vec![serde_json::from_slice(document).ok()?],
    };
    let is_used = |position: usize| skipped.iter().all(|key| key.position != position);
    let keys = keys.into_iter().enumerate();
    let keys = keys.filter_map(|(position, key)| is_used(position).then_some(key)).collect();
    serde_json::value::to_raw_value(&KeyEntries { keys }).ok()
}

/// Made of the configured name as far as its characters are safe in a file name, and of the
/// issuer's hash, which distinguishes names that look the same.
fn file_name(name: &str, issuer: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }
    };
    let name: String = name.chars().take(64).map(safe).collect();
    let hash = digest(&SHA256, issuer.as_bytes());
    let short = hex::encode(hash.as_ref().get(..8).unwrap_or_default());
    format!("{name}-{short}.jwks.json")
}
