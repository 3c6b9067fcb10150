//! The content of a local file of keys. The same checks apply when the configuration is loaded and
//! whenever the file changes.

use std::{path::Path, sync::Arc};

use crate::{
    config::{
        byte_order_mark,
        files::{read_whole, without_line_break},
        node::Node,
        reader::Section,
    },
    jose::{Algorithm, AlgorithmSet, JwkSet, KeyLimits, KeyRejection, VerificationKey},
    json::Object,
    keys::settings::{KeySettings, KeySource, key},
};

/// Why a file is no source of keys. Nothing of its content is shown: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// Not the kind of file that is meant.
    #[error("{0}")]
    Malformed(String),
    /// A shared secret that is shorter than the hash of an algorithm (RFC 7518 §3.2).
    #[error("the secret has {found} bytes, needed are at least {needed}")]
    ShortSecret {
        /// How many there are.
        found: usize,
        /// How many the most demanding algorithm needs.
        needed: usize,
    },
}

impl KeySource {
    /// The keys in the content of a local file. `algorithms` are those of a shared secret.
    ///
    /// # Errors
    /// See [`KeyFileError`]. That there are no usable keys in it is none.
    pub fn parse_file(
        &self,
        content: &[u8],
        limits: &KeyLimits,
        algorithms: AlgorithmSet,
    ) -> Result<JwkSet, KeyFileError> {
        let malformed = |cause: String| KeyFileError::Malformed(cause);
        byte_order_mark::refuse(content).map_err(|mark| malformed(mark.to_string()))?;
        match self {
            Self::PemFile(_) => {
                JwkSet::parse_pem(content, limits).map_err(|error| malformed(error.to_string()))
            }
            Self::SecretFile(_) => secret(without_line_break(content), algorithms),
            _ => JwkSet::parse(content, limits).map_err(|error| malformed(error.to_string())),
        }
    }

    /// The file, with the name of its setting and what it has to hold.
    fn local_file(&self) -> Option<(&'static str, &Path, &'static str)> {
        match self {
            Self::JwksFile(path) => {
                Some((key::JWKS_FILE, path, "a JWKS, or one JWK, of public keys"))
            }
            Self::PemFile(path) => {
                Some((key::PEM_FILE, path, "PEM with public keys (PUBLIC KEY or CERTIFICATE)"))
            }
            Self::SecretFile(path) => {
                Some((key::SECRET_FILE, path, "the bytes of a shared secret for HMAC"))
            }
            Self::JwksUrl(_) | Self::JwkUrl { .. } | Self::Discovery { .. } | Self::Hex(_) => None,
        }
    }
}

impl KeySettings {
    /// The bounds on what a source may hold.
    pub fn limits(&self) -> KeyLimits {
        KeyLimits { max_keys: self.max_keys, max_rsa_bits: self.max_rsa_bits }
    }

    /// Reports a local file without a key for any of the algorithms to the section that has the
    /// settings at `own`: at the start and not when the first token comes.
    pub(crate) fn check_file(
        &self,
        section: &Section<'_>,
        own: &str,
        algorithms: Option<AlgorithmSet>,
    ) {
        let Some((name, path, expected)) = self.source.local_file() else {
            return;
        };
        let algorithms = algorithms.filter(|algorithms| !algorithms.is_empty());
        let node = section.peek(own).and_then(|keys| keys.member(name));
        if !node.is_none_or(Node::reads_files) {
            return;
        }
        if let Err(problem) = self.judge_file(path, algorithms) {
            section.mistake_at(
                format!("{}.{name}", section.key_of(own)),
                node.and_then(Node::origin),
                format!("the file {} {problem}; expected {expected}", path.display()),
            );
        }
    }

    /// Without algorithms there is a mistake in them, and the file is checked as far as possible
    /// without.
    fn judge_file(&self, path: &Path, algorithms: Option<AlgorithmSet>) -> Result<(), String> {
        let content = read_whole(path, self.max_bytes as u64)?;
        let is_secret = matches!(self.source, KeySource::SecretFile(_));
        if is_secret && algorithms.is_none() {
            return key_document(&content).map_or(Ok(()), |kind| Err(format!("holds {kind}")));
        }
        let wanted = algorithms.unwrap_or_default();
        let set = self.source.parse_file(&content, &self.limits(), wanted);
        let set = set.map_err(|error| format!("is not usable: {error}"))?;
        if set.keys.is_empty() {
            return Err(match set.skipped.first() {
                Some(first) => format!("holds no usable key: {}", first.rejection),
                None => "holds no key".to_owned(),
            });
        }
        let fits = |key: &Arc<VerificationKey>| key.algorithms().intersects(wanted);
        match algorithms {
            Some(wanted) if !set.keys.iter().any(fits) => Err(no_fitting_key(&set, wanted)),
            _ => Ok(()),
        }
    }
}

fn no_fitting_key(set: &JwkSet, wanted: AlgorithmSet) -> String {
    let names = |algorithms: AlgorithmSet| {
        algorithms.iter().map(Algorithm::name).collect::<Vec<_>>().join(", ")
    };
    let kinds: Vec<String> = set
        .keys
        .iter()
        .map(|key| format!("{} (for {})", key.kind(), names(key.algorithms())))
        .collect();
    format!("holds no key for the algorithms {}, but {}", names(wanted), kinds.join(", "))
}

/// A shared secret must be as long as the hash of every algorithm it serves (RFC 7518 §3.2); of
/// several that it is too short for, the most demanding one is reported.
fn secret(secret: &[u8], algorithms: AlgorithmSet) -> Result<JwkSet, KeyFileError> {
    if let Some(kind) = key_document(secret) {
        return Err(KeyFileError::Malformed(format!("it holds {kind}, which is no shared secret")));
    }
    let algorithms: AlgorithmSet = algorithms.iter().filter(|alg| alg.is_symmetric()).collect();
    let demand = |alg| match VerificationKey::from_secret(secret, AlgorithmSet::from_iter([alg])) {
        Err(KeyRejection::SecretTooShort { required }) => Some(required),
        _ => None,
    };
    if let Some(needed) = algorithms.iter().filter_map(demand).max() {
        return Err(KeyFileError::ShortSecret { found: secret.len(), needed });
    }
    let key = VerificationKey::from_secret(secret, algorithms)
        .map_err(|error| KeyFileError::Malformed(error.to_string()))?;
    Ok(JwkSet { keys: vec![Arc::new(key)], skipped: Vec::new() })
}

/// The kind of key document that was given as a secret by mistake. A public key used as a secret is
/// known to everyone (threats T-2).
pub(crate) fn key_document(content: &[u8]) -> Option<&'static str> {
    let text = content.trim_ascii_start();
    if text.starts_with(b"-----BEGIN ") {
        return Some("PEM");
    }
    let is_jwk = |object: Object| object.get("kty").is_some() || object.get("keys").is_some();
    let jwk = text.starts_with(b"{").then(|| Object::parse(text).ok()).flatten();
    jwk.is_some_and(is_jwk).then_some("a JWK")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t2_a_key_document_is_no_shared_secret() {
        let long = "-".repeat(64);
        for (content, kind) in [
            ("-----BEGIN PUBLIC KEY-----\nAAAA", Some("PEM")),
            ("\n-----BEGIN CERTIFICATE-----", Some("PEM")),
            (r#"{"kty":"oct","k":"AAAA"}"#, Some("a JWK")),
            (r#" {"keys":[]}"#, Some("a JWK")),
            (r#"{"a":1}"#, None),
            ("{not JSON", None),
            (&long, None),
        ] {
            assert_eq!(key_document(content.as_bytes()), kind, "{content}");
        }
    }
}
