//! Keys in a file: a JWKS, PEM blocks, or a shared secret.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use crate::{
    config::{KeyOwner, KeySource},
    fetch::WatchedFile,
    jose::{AlgorithmSet, JwkSet, KeyRejection, VerificationKey, jwk::KeyLimits},
    keys::KeyError,
};

use super::{Content, Reading, limits};

/// A file that is read whole, and looked at now and then in between.
#[derive(Debug)]
pub(in crate::keys) struct FileSource {
    file: WatchedFile,
    kind: Kind,
    limits: KeyLimits,
}

#[derive(Debug)]
enum Kind {
    Jwks,
    Pem,
    Secret(AlgorithmSet),
}

impl FileSource {
    pub(super) fn new(settings: &KeyOwner) -> Self {
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
        let file = WatchedFile::new(&path, keys.max_bytes, keys.timeout);
        Self { file, kind, limits: limits(keys) }
    }

    pub(super) async fn read(&mut self) -> Result<Reading, KeyError> {
        let bytes = self.file.read().await?;
        Ok(Reading { content: Some(self.content(&bytes)?), max_age: None })
    }

    /// Whether the path holds another file than the one read last.
    pub(super) async fn has_changed(&self) -> bool {
        self.file.has_changed().await.unwrap_or(false)
    }

    fn content(&self, bytes: &[u8]) -> Result<Content, KeyError> {
        let place = self.file.place();
        match self.kind {
            Kind::Jwks => Content::of_jwks(Bytes::copy_from_slice(bytes), self.limits, &place),
            Kind::Pem => {
                let keys = JwkSet::parse_pem(bytes, &self.limits);
                let keys = keys.map_err(|error| malformed(self.file.path(), error.to_string()))?;
                Content::of(keys, None, &place)
            }
            Kind::Secret(algorithms) => {
                let keys = secret(without_line_break(bytes), algorithms, self.file.path())?;
                Content::of(keys, None, &place)
            }
        }
    }
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
