//! An immutable set of keys of one issuer.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::jose::{
    Algorithm, AlgorithmSet, CertificateSha1, CertificateSha256, JwkSet, SkippedKey, Thumbprint,
    VerificationKey,
};

use super::KeyQuery;

/// The keys of one issuer at one moment. Replaced as a whole, never merged (threat K-9).
pub struct KeySet {
    keys: Vec<Arc<VerificationKey>>,
    skipped: Vec<SkippedKey>,
    fingerprint: Fingerprint,
    generation: u64,
    nameless: bool,
}

/// The result of a lookup by `kid` and `alg`.
#[derive(Debug)]
pub enum KeyLookup<'s> {
    /// The one key that fits.
    Found(&'s Arc<VerificationKey>),
    /// No key of that `kid`: the set may be outdated.
    UnknownKid,
    /// The `kid` is known, but its key is not made for the algorithm or was left out of the set;
    /// or no `kid` is given and no key fits.
    NoSuitableKey,
    /// Several different keys fit.
    Ambiguous,
}

/// All that matters for verification, sorted and without duplicates: a source may list the same
/// keys in another order each time, and one of them twice.
type Fingerprint = Vec<(Thumbprint, KeyNames, AlgorithmSet)>;

/// All that a key can be found by.
type KeyNames =
    (Option<String>, Option<String>, Option<CertificateSha1>, Option<CertificateSha256>);

/// Generations are unique in the process, not only in an issuer: a store built by a reload can't
/// hand out one that a cache has seen before.
static NEXT_GENERATION: AtomicU64 = AtomicU64::new(1);

impl KeySet {
    /// A set with a new generation.
    pub fn new(set: JwkSet) -> Self {
        Self::build(set, NEXT_GENERATION.fetch_add(1, Ordering::Relaxed))
    }

    /// The set that takes this one's place. It keeps the generation if it finds the same keys for
    /// the same tokens, so that what was verified with them stays verified.
    pub(super) fn successor(&self, set: JwkSet) -> Self {
        let next = Self::build(set, self.generation);
        if next.finds_as(self) {
            return next;
        }
        Self { generation: NEXT_GENERATION.fetch_add(1, Ordering::Relaxed), ..next }
    }

    fn build(set: JwkSet, generation: u64) -> Self {
        let nameless = set.keys.iter().all(|key| key.kid().is_none())
            && set.skipped.iter().all(|key| key.kid.is_none());
        let fingerprint = fingerprint(&set.keys);
        Self { keys: set.keys, skipped: set.skipped, fingerprint, generation, nameless }
    }

    /// Whether each token gets the same key from both. That keys without a `kid` fit any depends
    /// on the keys that were left out as well.
    fn finds_as(&self, other: &Self) -> bool {
        self.nameless == other.nameless && self.has_same_keys(other)
    }

    /// Finds the key for a token (threats T-4, T-16, K-5).
    ///
    /// A `kid` is compared byte for byte. Keys without a `kid` fit any, but only in a set in
    /// which no key has one (PEM, shared secret): beside named keys, an unnamed one must not hide
    /// that a `kid` is not known yet. Without a `kid` in the token, exactly one key must fit the
    /// algorithm; the same key under several names counts once.
    pub fn lookup(&self, kid: Option<&str>, alg: Algorithm) -> KeyLookup<'_> {
        self.find(&KeyQuery::by_kid(kid), alg)
    }

    /// The same by other names than the `kid`, or by several, all of which must be the key's.
    pub fn find(&self, query: &KeyQuery<'_>, alg: Algorithm) -> KeyLookup<'_> {
        if query.names_key() && !self.knows_any(query) {
            return KeyLookup::UnknownKid;
        }
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| query.fits(key, self.nameless))
            .filter(|key| key.algorithms().contains(alg));
        let Some(first) = fitting.next() else {
            return KeyLookup::NoSuitableKey;
        };
        if fitting.any(|other| other.thumbprint() != first.thumbprint()) {
            return KeyLookup::Ambiguous;
        }
        KeyLookup::Found(first)
    }

    /// Whether the set knows the `kid`; if not, it may be outdated.
    pub fn knows(&self, kid: &str) -> bool {
        self.knows_any(&KeyQuery::by_kid(Some(kid)))
    }

    /// The same of any names.
    pub(super) fn knows_any(&self, query: &KeyQuery<'_>) -> bool {
        // Whose key it is, is no name: a key of another tenant is known, and unsuitable.
        let names = KeyQuery { issuers: None, ..*query };
        self.keys.iter().any(|key| names.fits(key, self.nameless))
            || self.skipped.iter().any(|key| query.may_mean(key))
    }

    /// Whether the key is (still) in the set.
    pub fn contains(&self, key: &Thumbprint) -> bool {
        self.keys.iter().any(|own| own.thumbprint() == *key)
    }

    /// Whether both hold the same keys for the same algorithms under the same names.
    pub fn has_same_keys(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }

    /// Grows with every change of what is found; equal generations mean that each token gets the
    /// same key.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The usable keys.
    pub fn keys(&self) -> &[Arc<VerificationKey>] {
        &self.keys
    }

    /// What was left out.
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }
}

impl fmt::Debug for KeySet {
    /// Without the fingerprint: the hash of a shared secret is not to be shown (RFC 7638 §7).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("generation", &self.generation)
            .field("keys", &self.keys)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

fn names(key: &VerificationKey) -> KeyNames {
    let (kid, issuer) = (key.kid().map(str::to_owned), key.issuer().map(str::to_owned));
    (kid, issuer, key.certificate_sha1(), key.certificate_sha256())
}

fn fingerprint(keys: &[Arc<VerificationKey>]) -> Fingerprint {
    let mut fingerprint: Fingerprint =
        keys.iter().map(|key| (key.thumbprint(), names(key), key.algorithms())).collect();
    fingerprint.sort_by(|a, b| (&a.0.0, &a.1, &a.2).cmp(&(&b.0.0, &b.1, &b.2)));
    fingerprint.dedup();
    fingerprint
}
