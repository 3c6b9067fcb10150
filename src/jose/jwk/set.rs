//! JWK sets (RFC 7517 §5): one unusable key never costs the others.

mod entry;

use std::sync::Arc;

use self::entry::Entry;
use super::{KeyLimits, KeyRejection, PemError, VerificationKey, pem};
use crate::{
    jose::MAX_KID_BYTES,
    json::{Json, JsonError, Object},
};

/// The usable keys of a JWK set, and what was left out of it.
#[derive(Debug, Clone, Default)]
pub struct JwkSet {
    /// The usable keys in document order.
    pub keys: Vec<Arc<VerificationKey>>,
    /// The others.
    pub skipped: Vec<SkippedKey>,
}

/// A key of a set that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its place in the document, from 0.
    pub position: usize,
    /// Its `kid`, if it has a readable one.
    pub kid: Option<String>,
    /// Why.
    pub rejection: KeyRejection,
}

/// Why a document is no JWK set at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkSetError {
    /// Not JSON by the strict rules.
    #[error("the key set is {0}")]
    Json(#[from] JsonError),
    /// No `keys` array (and no single JWK either).
    #[error("the key set has no \"keys\" array")]
    NoKeys,
}

impl JwkSet {
    /// Parses a JWKS, or a document that is one single JWK.
    ///
    /// A `kid` may occur more than once: for one key that is listed several times (as a whole, or
    /// once per algorithm), and for keys of different uses or algorithms (RFC 7517 §4.5). Two
    /// different keys of one `kid` for the same algorithm are ambiguous, and both are left out. An
    /// entry whose key can't be read, or lies beyond [`KeyLimits::max_keys`], counts as a different
    /// key for every algorithm that it may be for.
    pub fn parse(document: &[u8], limits: &KeyLimits) -> Result<Self, JwkSetError> {
        let document = Object::parse(document)?;
        let entries = match document.get("keys") {
            Some(Json::Array(entries)) => entries.iter().map(Json::as_object).collect(),
            None if document.get("kty").is_some() => vec![Some(&document)],
            _ => return Err(JwkSetError::NoKeys),
        };
        let entries: Vec<Entry<'_>> = entries
            .into_iter()
            .enumerate()
            .map(|(position, jwk)| match jwk {
                _ if position >= limits.max_keys => Entry::beyond(jwk, limits.max_keys),
                Some(jwk) => Entry::read(jwk, limits),
                None => Entry::no_object(),
            })
            .collect();
        let objections: Vec<_> = entries.iter().map(|entry| entry.objection(&entries)).collect();
        let mut set = Self::default();
        for (position, (entry, objection)) in entries.into_iter().zip(objections).enumerate() {
            let key = objection.map_or(entry.key, Err);
            set.take(position, entry.kid, key);
        }
        Ok(set)
    }

    /// Parses PEM: any number of `PUBLIC KEY` (SPKI), `RSA PUBLIC KEY` and `CERTIFICATE` blocks.
    /// Never a private key. The keys have no `kid`. Of a certificate only the key is read: nothing
    /// of it is verified, its expiry included.
    pub fn parse_pem(document: &[u8], limits: &KeyLimits) -> Result<Self, PemError> {
        let mut set = Self::default();
        for (position, material) in pem::keys(document, limits)?.into_iter().enumerate() {
            let result = if position >= limits.max_keys {
                Err(KeyRejection::TooManyKeys { limit: limits.max_keys })
            } else {
                material.and_then(|material| {
                    let algorithms = material.fitting_algorithms();
                    VerificationKey::from_material(None, &material, algorithms)
                })
            };
            set.take(position, None, result);
        }
        Ok(set)
    }

    fn take(
        &mut self,
        position: usize,
        kid: Option<&str>,
        result: Result<VerificationKey, KeyRejection>,
    ) {
        match result {
            Ok(key) => self.keys.push(Arc::new(key)),
            Err(rejection) => self.skipped.push(SkippedKey {
                position,
                kid: kid.filter(|kid| kid.len() <= MAX_KID_BYTES).map(str::to_owned),
                rejection,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
