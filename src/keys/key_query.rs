//! How a token, or another JWS, names the key that it was signed with.

use crate::jose::{CertificateSha1, CertificateSha256, SkippedKey, VerificationKey};

/// What a key must be called. Names that are absent decide nothing; all others must be the key's.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyQuery<'q> {
    /// Its `kid`, compared byte for byte.
    pub kid: Option<&'q str>,
    /// The SHA-1 hash of its certificate.
    pub sha1: Option<CertificateSha1>,
    /// The SHA-256 hash of its certificate.
    pub sha256: Option<CertificateSha256>,
    /// Whose it may be, where the set says so of it: a key of another tenant is not looked at.
    pub issuers: Option<[&'q str; 2]>,
}

impl<'q> KeyQuery<'q> {
    /// By `kid` alone.
    pub fn by_kid(kid: Option<&'q str>) -> Self {
        Self { kid, ..Self::default() }
    }

    /// Whether it names a key at all.
    pub(super) fn names_key(&self) -> bool {
        self.kid.is_some() || self.sha1.is_some() || self.sha256.is_some()
    }

    /// Whether the key has every name. `nameless`: no key of its set has a `kid`, so that any does.
    pub(super) fn fits(&self, key: &VerificationKey, nameless: bool) -> bool {
        (self.kid.is_none() || nameless || key.kid() == self.kid) && self.fits_labels(key)
    }

    /// Whether a key that was left out of a set may be meant. Of its names only the `kid` is known.
    pub(super) fn may_mean(&self, key: &SkippedKey) -> bool {
        self.kid.is_some() && key.kid.as_deref() == self.kid
    }

    fn fits_labels(&self, key: &VerificationKey) -> bool {
        (self.sha1.is_none() || key.certificate_sha1() == self.sha1)
            && (self.sha256.is_none() || key.certificate_sha256() == self.sha256)
            && self.issuers.is_none_or(|own| key.issuer().is_none_or(|of| own.contains(&of)))
    }

    /// A text for the names, by which a refresh that did not find them is remembered.
    pub(super) fn label(&self) -> String {
        let hex = |hash: &[u8]| hex::encode(hash);
        match (self.kid, self.sha1, self.sha256) {
            (Some(kid), None, None) => kid.to_owned(),
            (kid, sha1, sha256) => [
                kid.unwrap_or_default().to_owned(),
                sha1.map(|hash| hex(&hash)).unwrap_or_default(),
                sha256.map(|hash| hex(&hash)).unwrap_or_default(),
            ]
            .join(" "),
        }
    }
}
