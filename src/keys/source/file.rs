//! Keys in a file: a JWKS, PEM blocks, or a shared secret.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{task::spawn_blocking, time::timeout};
use zeroize::Zeroizing;

use crate::{
    config::{IssuerSettings, KeySource},
    fetch::FetchError,
    jose::{AlgorithmSet, JwkSet, KeyRejection, VerificationKey, jwk::KeyLimits},
    keys::KeyError,
};

use super::{Content, Reading, limits};

/// A file that is read whole, and looked at now and then in between.
#[derive(Debug)]
pub(in crate::keys) struct FileSource {
    path: PathBuf,
    kind: Kind,
    limits: KeyLimits,
    max_bytes: usize,
    deadline: Duration,
    stamp: Option<Stamp>,
}

#[derive(Debug)]
enum Kind {
    Jwks,
    Pem,
    Secret(AlgorithmSet),
}

/// What tells a file from its successor without reading it. A `ConfigMap` is swapped by a
/// symbolic link, which shows as another inode.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    bytes: u64,
    modified: (i64, i64),
}

impl FileSource {
    pub(super) fn new(settings: &IssuerSettings) -> Self {
        let keys = &settings.keys;
        let (path, kind) = match &keys.source {
            KeySource::PemFile(path) => (path.clone(), Kind::Pem),
            KeySource::SecretFile(path) => (path.clone(), Kind::Secret(settings.algorithms)),
            KeySource::JwksFile(path) => (path.clone(), Kind::Jwks),
            KeySource::JwksUrl(_)
            | KeySource::JwkUrl { .. }
            | KeySource::Discovery { .. }
            | KeySource::Hex(_)
            | KeySource::Unneeded => (PathBuf::new(), Kind::Jwks),
        };
        Self {
            path,
            kind,
            limits: limits(keys),
            max_bytes: keys.max_bytes,
            deadline: keys.timeout,
            stamp: None,
        }
    }

    pub(super) async fn read(&mut self) -> Result<Reading, KeyError> {
        let reading = timeout(self.deadline, self.bytes()).await;
        let (stamp, bytes) = reading
            .map_err(|_| FetchError::Timeout { place: self.place(), limit: self.deadline })??;
        // Also of a file that turns out to be broken: it is tried again by the backoff, and a
        // repaired one is another file.
        self.stamp = Some(stamp);
        let content = Some(self.content(&bytes)?);
        Ok(Reading { content, max_age: None })
    }

    /// Whether the path holds another file than the one read last.
    pub(super) async fn has_changed(&self) -> bool {
        let metadata = timeout(self.deadline, tokio::fs::metadata(&self.path)).await;
        match metadata {
            Ok(Ok(metadata)) => self.stamp != Some(Stamp::of(&metadata)),
            // Gone or out of reach: the next refresh is soon enough to say so.
            _ => false,
        }
    }

    async fn bytes(&self) -> Result<(Stamp, Zeroizing<Vec<u8>>), KeyError> {
        let (path, max_bytes) = (self.path.clone(), self.max_bytes);
        let read = spawn_blocking(move || read_whole(&path, max_bytes)).await;
        let refuse = |cause: String| KeyError::File { place: self.place(), cause };
        let read = read.map_err(|error| refuse(error.to_string()))?;
        let (stamp, bytes) = read.map_err(|error| refuse(error.to_string()))?;
        if bytes.len() > max_bytes {
            return Err(FetchError::TooLarge { place: self.place(), limit: max_bytes }.into());
        }
        Ok((stamp, bytes))
    }

    fn content(&self, bytes: &[u8]) -> Result<Content, KeyError> {
        let place = self.place();
        match self.kind {
            Kind::Jwks => Content::of_jwks(Bytes::copy_from_slice(bytes), self.limits, &place),
            Kind::Pem => {
                let keys = JwkSet::parse_pem(bytes, &self.limits);
                let keys = keys.map_err(|error| malformed(&self.path, error.to_string()))?;
                Content::of(keys, None, &place)
            }
            Kind::Secret(algorithms) => {
                let keys = secret(without_line_break(bytes), algorithms, &self.path)?;
                Content::of(keys, None, &place)
            }
        }
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// Up to one byte more than `max_bytes`. The stamp is taken before the bytes: a change in between
/// shows as one later on.
fn read_whole(path: &Path, max_bytes: usize) -> io::Result<(Stamp, Zeroizing<Vec<u8>>)> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let most = max_bytes.saturating_add(1);
    // Room for all of it at once: growing would leave copies of a secret behind.
    let room = usize::try_from(metadata.len()).unwrap_or(usize::MAX).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room.min(most)));
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok((Stamp::of(&metadata), bytes))
}

/// A shared secret must be as long as the hash of every algorithm it serves (RFC 7518 §3.2); of
/// several that it is too short for, the most demanding one is told.
fn secret(secret: &[u8], algorithms: AlgorithmSet, path: &Path) -> Result<JwkSet, KeyError> {
    let algorithms: AlgorithmSet = algorithms.iter().filter(|alg| alg.is_symmetric()).collect();
    let demand = |alg| match VerificationKey::from_secret(secret, AlgorithmSet::from_iter([alg])) {
        Err(KeyRejection::SecretTooShort { required }) => Some(required),
        _ => None,
    };
    if let Some(needed) = algorithms.iter().filter_map(demand).max() {
        return Err(KeyError::ShortSecret {
            place: path.display().to_string(),
            found: secret.len(),
            needed,
        });
    }
    let key = VerificationKey::from_secret(secret, algorithms)
        .map_err(|error| malformed(path, error.to_string()))?;
    Ok(JwkSet { keys: vec![Arc::new(key)], skipped: Vec::new() })
}

/// Editors and `echo` end a file with a line break that is no part of the secret.
fn without_line_break(bytes: &[u8]) -> &[u8] {
    let Some(line) = bytes.strip_suffix(b"\n") else {
        return bytes;
    };
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn malformed(path: &Path, cause: String) -> KeyError {
    KeyError::Malformed { place: path.display().to_string(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_at_the_end_is_no_part_of_a_secret() {
        for (file, secret) in [
            ("s", "s"),
            ("s\n", "s"),
            ("s\r\n", "s"),
            ("s\n\n", "s\n"),
            ("s\r", "s\r"),
            (" s \n", " s "),
            ("\n", ""),
            ("", ""),
        ] {
            assert_eq!(without_line_break(file.as_bytes()), secret.as_bytes(), "{file:?}");
        }
    }
}
