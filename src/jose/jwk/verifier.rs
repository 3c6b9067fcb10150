//! A key made ready for one algorithm.

use aws_lc_rs::{digest::Digest, hmac, signature::ParsedPublicKey};

use super::KeyRejection;
use crate::jose::Algorithm;

/// A parsed key and the one algorithm it is used with here.
pub(super) struct Verifier {
    algorithm: Algorithm,
    /// The one length that a signature has; any other is refused before any cryptography.
    signature_bytes: usize,
    key: Key,
}

enum Key {
    Public(ParsedPublicKey),
    /// Boxed: it holds prepared hash states of more than a kilobyte.
    Secret(Box<hmac::Key>),
}

impl Verifier {
    /// A public key, used once: aws-lc caches its preparation on first use, and a key under which a
    /// signature of zeros verifies is broken (Ed25519 points of small order).
    pub(super) fn public(
        algorithm: Algorithm,
        key: ParsedPublicKey,
        signature_bytes: usize,
    ) -> Result<Self, KeyRejection> {
        let verifier = Self { algorithm, signature_bytes, key: Key::Public(key) };
        if verifier.verify(b"", &vec![0; signature_bytes]) {
            return Err(KeyRejection::Unsound);
        }
        Ok(verifier)
    }

    /// A shared secret.
    pub(super) fn secret(algorithm: Algorithm, key: hmac::Key) -> Self {
        Self {
            algorithm,
            signature_bytes: key.algorithm().tag_len(),
            key: Key::Secret(Box::new(key)),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn verify_digest(&self, digest: &Digest, signature: &[u8]) -> bool {
        if signature.len() != self.signature_bytes {
            return false;
        }
        match &self.key {
            Key::Public(key) => key.verify_digest_sig(digest, signature).is_ok(),
            Key::Secret(_) => false,
        }
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        if signature.len() != self.signature_bytes {
            return false;
        }
        match &self.key {
            Key::Public(key) => key.verify_sig(message, signature).is_ok(),
            // Compares in constant time.
            Key::Secret(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }
}
