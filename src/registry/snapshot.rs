//! The signers that are known, on disk: for a cold start while the registry is down.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    clock::{UnixTime, seconds},
    fetch::{KeptFile, digest_of_authorities},
    jose::{JwkSet, KeyLimits, base64url},
    json::{Json, Object},
    registry::settings::RegistrySettings,
};

use super::{Registered, origin::identity};

/// The snapshot of one registry.
#[derive(Debug)]
pub(super) struct SignerSnapshot {
    file: KeptFile,
    /// What the entries are answers to: another registry's snapshot is never taken.
    source: String,
    /// The authorities that vouch for it: what was fetched under others is not taken, either.
    authorities: String,
    max_stale: i64,
    max_bytes: usize,
}

const VERSION: i64 = 1;
/// What an entry takes in the file: an RSA key of 4096 bits and some fields.
const BYTES_PER_ENTRY: usize = 2 * 1024;
/// Beyond this nothing is read back, and so nothing is written.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// How far an entry may be ahead of the clock; further, and its age is unknown.
const CLOCK_TOLERANCE: i64 = 60;

impl SignerSnapshot {
    /// The authorities are those of this moment: other ones count with a reload. Without a file that
    /// can be read there is no snapshot.
    pub(super) fn of(name: &str, settings: &RegistrySettings) -> Option<Self> {
        let directory = settings.snapshot.as_ref()?;
        let source = identity(settings);
        let hash = digest(&SHA256, source.as_bytes());
        let authorities = digest_of_authorities(settings.client.ca_file.as_deref())
            .inspect_err(|cause| tracing::warn!(cause, "there is no snapshot of the registry"))
            .ok()?;
        let hash = base64url::encode(hash.as_ref().get(..12).unwrap_or_default());
        let path = directory.join(format!("registry-{name}-{hash}.json"));
        let max_bytes = settings.entries.saturating_mul(BYTES_PER_ENTRY).min(MAX_BYTES);
        Some(Self {
            file: KeptFile::new(path, max_bytes),
            source,
            authorities,
            max_stale: seconds(settings.max_stale),
            max_bytes,
        })
    }

    /// The entries that are not too old; none, with a log line, if no snapshot is usable.
    pub(super) async fn load(&self, now: UnixTime) -> Vec<(String, Registered)> {
        let bytes = match self.file.read().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Vec::new(),
            Err(error) => return self.ignore(&error.to_string()),
        };
        match self.entries(&bytes, now) {
            Some(entries) => entries,
            None => self.ignore("it is damaged, or of another registry or other authorities"),
        }
    }

    fn ignore(&self, cause: &str) -> Vec<(String, Registered)> {
        let path = self.file.path().display();
        tracing::warn!(%path, cause, "the snapshot of the registry is ignored");
        Vec::new()
    }

    /// Each line is an entry of its own, below a header line. So the bound on one JSON document
    /// applies to an entry, not to all of them.
    fn entries(&self, bytes: &[u8], now: UnixTime) -> Option<Vec<(String, Registered)>> {
        let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let head = Object::parse(lines.next()?).ok()?;
        let is_ours = head.get("version") == Some(&Json::from(VERSION))
            && head.get("source").and_then(Json::as_str) == Some(&self.source)
            && head.get("authorities").and_then(Json::as_str).unwrap_or_default()
                == self.authorities;
        if !is_ours {
            return None;
        }
        let entries = lines.map(|line| entry(&Object::parse(line).ok()?, now));
        let entries: Option<Vec<_>> = entries.collect();
        let is_good = |(_, entry): &(String, Registered)| {
            (-CLOCK_TOLERANCE..=self.max_stale).contains(&entry.age(now))
        };
        Some(entries?.into_iter().filter(is_good).collect())
    }

    /// Writes all entries. `false`, with a log line: they could not be written.
    pub(super) async fn keep(&self, entries: &[(String, Arc<Registered>)]) -> bool {
        let mut head = Object::default();
        head.insert("version", VERSION);
        head.insert("source", self.source.as_str());
        if !self.authorities.is_empty() {
            head.insert("authorities", self.authorities.as_str());
        }
        let mut text = head.to_text();
        for (signer, entry) in entries {
            let line = line(signer, entry);
            if text.len() + line.len() >= self.max_bytes {
                break;
            }
            text.push('\n');
            text.push_str(&line);
        }
        text.push('\n');
        let written = self.file.write(text.into_bytes()).await;
        if let Err(error) = &written {
            let path = self.file.path().display();
            tracing::warn!(%path, %error, "the snapshot of the registry can't be written");
        }
        written.is_ok()
    }
}

fn line(signer: &str, entry: &Registered) -> String {
    let keys = entry.keys().iter().filter_map(|key| key.public_jwk());
    let mut line = Object::default();
    line.insert("signer", signer);
    line.insert("fetched_at", entry.fetched_at().0);
    line.insert("fields", Json::Object(entry.fields().clone()));
    line.insert("keys", Json::Array(keys.map(Json::Object).collect()));
    line.to_text()
}

fn entry(line: &Object, now: UnixTime) -> Option<(String, Registered)> {
    let signer = line.get("signer")?.as_str()?.to_owned();
    let fetched_at = match line.get("fetched_at")? {
        Json::Integer(seconds) => UnixTime(i64::try_from(seconds.get()).ok()?),
        _ => return None,
    };
    let mut jwks = Object::default();
    jwks.insert("keys", line.get("keys")?.clone());
    let keys = JwkSet::parse(jwks.to_text().as_bytes(), &KeyLimits::default()).ok()?;
    if keys.keys.is_empty() {
        return None;
    }
    let fields = line.get("fields")?.as_object()?.clone();
    Some((signer, Registered::new(keys, fields, fetched_at, now)))
}
