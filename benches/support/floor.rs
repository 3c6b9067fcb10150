//! The floor: what aws-lc-rs alone takes to verify a signature, with a key that has been parsed.
//! Nothing that checks a signature can cost less, so every figure here is told as a distance to it.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use countersign::{
    jose::{Algorithm, base64url},
    json::Object,
};

/// A parsed key, a message and the right signature over it.
pub(crate) struct Floor {
    key: ParsedPublicKey,
    message: Vec<u8>,
    signature: Vec<u8>,
}

/// Verifications between two looks at the clock.
const BATCH: u32 = 20;
/// A batch that was interrupted says nothing; of this many, the median batch counts.
const BATCHES: usize = 101;

impl Floor {
    /// From a public JWK and a compact token of that key. `None` for another algorithm than RS256,
    /// ES256, ES384 and EdDSA.
    pub(crate) fn new(algorithm: Algorithm, jwk: &Object, token: &str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let signature = base64url::decode(signature.as_bytes()).ok()?;
        Self::of(algorithm, jwk, message.as_bytes().to_vec(), signature)
    }

    /// The same of any message.
    pub(crate) fn of(
        algorithm: Algorithm,
        jwk: &Object,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> Option<Self> {
        let floor = Self { key: parse(algorithm, jwk)?, message, signature };
        floor.verify().then_some(floor)
    }

    /// The bare check.
    pub(crate) fn verify(&self) -> bool {
        self.key.verify_sig(black_box(&self.message), black_box(&self.signature)).is_ok()
    }

    /// How long one check takes.
    pub(crate) fn time(&self) -> Duration {
        median_time(|| self.verify())
    }
}

/// How long `work` takes, warmed up: the median of many short batches.
pub(crate) fn median_time<T>(mut work: impl FnMut() -> T) -> Duration {
    let mut batches: Vec<Duration> = (0..BATCHES)
        .map(|_| {
            let started = Instant::now();
            for _ in 0..BATCH {
                black_box(work());
            }
            started.elapsed() / BATCH
        })
        .collect();
    batches.sort_unstable();
    batches.get(BATCHES / 2).copied().unwrap_or_default()
}

fn parse(algorithm: Algorithm, jwk: &Object) -> Option<ParsedPublicKey> {
    let member = |name: &str| base64url::decode(jwk.get(name)?.as_str()?.as_bytes()).ok();
    let point = || Some([vec![4], member("x")?, member("y")?].concat());
    let key = match algorithm {
        Algorithm::Rs256 => {
            let (n, e) = (member("n")?, member("e")?);
            return RsaPublicKeyComponents { n, e }
                .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
                .ok();
        }
        Algorithm::Es256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point()?),
        Algorithm::Es384 => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point()?),
        Algorithm::EdDsa => ParsedPublicKey::new(&ED25519, member("x")?),
        _ => return None,
    };
    key.ok()
}
