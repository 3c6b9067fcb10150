//! The keys of the issuer, one for each algorithm, and those of a stranger.

use std::sync::{Arc, LazyLock};

use countersign::jose::{Algorithm, SigningKey};

use super::draft::{Members, quoted};
use crate::support::issuer;

/// Made once: RSA keys take their time.
pub(crate) struct Keyring {
    own: Vec<Arc<SigningKey>>,
    strange: Vec<Arc<SigningKey>>,
}

impl Keyring {
    pub(crate) fn get() -> &'static Self {
        static KEYRING: LazyLock<Keyring> =
            LazyLock::new(|| Keyring { own: one_of_each(), strange: one_of_each() });
        &KEYRING
    }

    /// The issuer's key for the algorithm. Its `kid` is the algorithm's name.
    pub(crate) fn own(&self, alg: Algorithm) -> &Arc<SigningKey> {
        &self.own[alg.index()]
    }

    /// Another key under the same `kid`, which the issuer does not publish.
    pub(crate) fn strange(&self, alg: Algorithm) -> &Arc<SigningKey> {
        &self.strange[alg.index()]
    }

    /// The public keys of the issuer.
    pub(crate) fn jwks(&self) -> String {
        let public = self.own.iter().filter(|key| !key.algorithm().is_symmetric());
        set_of(&public.map(|key| public_jwk(key)).collect::<Vec<_>>())
    }
}

/// A JWKS of these keys.
pub(crate) fn set_of(keys: &[Members]) -> String {
    let keys: Vec<_> = keys.iter().map(Members::to_text).collect();
    format!("{{\"keys\":[{}]}}", keys.join(","))
}

pub(crate) fn public_jwk(key: &SigningKey) -> Members {
    Members::parse(&key.public_jwk().unwrap().to_text())
}

/// The same key, for another algorithm of its kind.
pub(crate) fn for_algorithm(key: &SigningKey, alg: Algorithm) -> Option<Arc<SigningKey>> {
    let mut jwk = key.private_jwk();
    jwk.insert("alg", alg.name());
    SigningKey::from_jwk(&jwk).ok().map(Arc::new)
}

/// A key for each algorithm; the RSA ones are all the same, since they take their time.
fn one_of_each() -> Vec<Arc<SigningKey>> {
    let rsa = issuer::key(Algorithm::Rs256, "RS256");
    let key = |alg: &Algorithm| match for_algorithm(&rsa, *alg) {
        Some(rsa) => issuer::renamed(&rsa, alg.name()),
        None => issuer::key(*alg, alg.name()),
    };
    Algorithm::ALL.iter().map(key).collect()
}

/// The members of the public key under another `kid`.
pub(crate) fn renamed_jwk(key: &SigningKey, kid: &str) -> Members {
    let mut jwk = public_jwk(key);
    jwk.set("kid", &quoted(kid));
    jwk
}
