//! Private keys: made by `keygen`, used by `mint` and the demo, and where the proxy itself signs:
//! the assertions that it sends upstreams, and those by which it authenticates as a client.

mod pair;
#[cfg(test)]
mod tests;

use std::fmt;

use self::pair::KeyPair;
use super::{
    Algorithm, AlgorithmSet, Dialect, KeyLimits, VerificationKey, algorithm::KeyType, base64url,
    header::MAX_KID_BYTES, jwk::encode_pem, jws::MAX_HEADER_BYTES,
};
use crate::json::{Json, Object};

/// A private key or shared secret. Its `Debug` shows nothing of it.
pub struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    pair: KeyPair,
}

/// Why a key can't be made, read or used. Holds no key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SigningError(pub String);

impl SigningKey {
    /// A fresh key: RSA of 2048 bits, a curve's own size, a secret as long as the hash. Without a
    /// `kid`, the thumbprint serves as one.
    pub fn generate(alg: Algorithm, kid: Option<&str>) -> Result<Self, SigningError> {
        Self::from_pair(alg, kid, KeyPair::generate(alg)?)
    }

    /// From a private JWK as [`SigningKey::private_jwk`] writes it (or any other tool). Without
    /// an `alg`, the key type and curve must leave no choice.
    pub fn from_jwk(jwk: &Object) -> Result<Self, SigningError> {
        let alg = match text(jwk, "alg")? {
            Some(name) => Algorithm::from_name(name)
                .ok_or_else(|| error("the JWK's \"alg\" is not a supported signature algorithm"))?,
            None => only_algorithm(jwk)?,
        };
        if text(jwk, "kty")? != Some(alg.key_type().name()) {
            return Err(error("the JWK's \"kty\" and \"alg\" do not fit"));
        }
        Self::from_pair(alg, text(jwk, "kid")?, KeyPair::from_jwk(alg, jwk)?)
    }

    /// From an unencrypted PKCS#8 document (DER), which names the kind of key but not its
    /// algorithm. RSA, ECDSA and Ed25519. Without a `kid`, the thumbprint serves as one.
    pub fn from_pkcs8(alg: Algorithm, kid: Option<&str>, der: &[u8]) -> Result<Self, SigningError> {
        Self::from_pair(alg, kid, KeyPair::from_pkcs8(alg, der)?)
    }

    /// Takes only a pair whose public key we would accept ourselves.
    fn from_pair(alg: Algorithm, kid: Option<&str>, pair: KeyPair) -> Result<Self, SigningError> {
        if kid.is_some_and(|kid| kid.is_empty() || kid.len() > MAX_KID_BYTES) {
            return Err(error("the \"kid\" must have 1 to 256 bytes"));
        }
        let mut key = Self { kid: kid.unwrap_or_default().to_owned(), algorithm: alg, pair };
        let verification = key.verification_key()?;
        if kid.is_none() {
            // Of a shared secret too: a token made with it allows offline guessing just as well.
            key.kid = verification.thumbprint().to_text();
        }
        Ok(key)
    }

    /// Its `kid`.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that checks this one's signatures.
    pub fn verification_key(&self) -> Result<VerificationKey, SigningError> {
        let unsound = |rejection| error(&format!("the key is not usable: {rejection}"));
        if let Some(secret) = self.pair.secret() {
            let algorithms = AlgorithmSet::from_iter([self.algorithm]);
            return VerificationKey::from_secret(secret, algorithms).map_err(unsound);
        }
        let public = self
            .jwk(self.pair.public_members())
            .filter(|(name, _)| name != "kid" || !self.kid.is_empty())
            .collect();
        VerificationKey::from_jwk(&public, &KeyLimits::default()).map_err(unsound)
    }

    /// The private JWK.
    pub fn private_jwk(&self) -> Object {
        let public = self.pair.public_members();
        self.jwk(public.chain(self.pair.private_members())).collect()
    }

    /// The public JWK; `None` for a shared secret.
    pub fn public_jwk(&self) -> Option<Object> {
        if self.algorithm.is_symmetric() {
            return None;
        }
        Some(self.jwk(self.pair.public_members()).collect())
    }

    /// The public key as PEM (SPKI); `None` for a shared secret.
    pub fn public_pem(&self) -> Option<String> {
        Some(encode_pem("PUBLIC KEY", self.pair.spki()?))
    }

    /// The private key as PEM (PKCS#8); `None` for a shared secret.
    pub fn private_pem(&self) -> Option<String> {
        Some(encode_pem("PRIVATE KEY", self.pair.pkcs8()?))
    }

    /// The raw signature over a message.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.pair.sign(self.algorithm, message).map_err(|_| error("the key can't sign"))
    }

    /// A compact JWS: `header` gets `alg` and `kid` unless it names them itself.
    pub fn sign_compact(&self, header: &Object, payload: &[u8]) -> Result<String, SigningError> {
        let mut full = Object::default();
        full.insert("alg", self.algorithm.name());
        full.insert("kid", self.kid.as_str());
        for (name, value) in header.iter() {
            full.insert(name, value.clone());
        }
        let mut token = base64url::encode(full.to_text().as_bytes());
        if token.len() > MAX_HEADER_BYTES {
            return Err(error("the header is too long"));
        }
        token.push('.');
        token.push_str(&base64url::encode(payload));
        let signature = self.sign(token.as_bytes())?;
        token.push('.');
        token.push_str(&base64url::encode(&signature));
        Ok(token)
    }

    /// A detached JWS over a payload, in a dialect: `header` gets `alg` and `kid`, and the
    /// dialect's own members (`b64`, `crit`), unless it names them itself.
    pub fn sign_detached(
        &self,
        dialect: Dialect,
        header: &Object,
        payload: &[u8],
    ) -> Result<String, SigningError> {
        let mut full = Object::default();
        full.insert("alg", self.algorithm.name());
        full.insert("kid", self.kid.as_str());
        if matches!(dialect, Dialect::Rfc7797 | Dialect::B64FalseWithoutCrit) {
            full.insert("b64", Json::Bool(false));
        }
        if dialect == Dialect::Rfc7797 {
            full.insert("crit", Json::Array([Json::from("b64")].into()));
        }
        for (name, value) in header.iter() {
            full.insert(name, value.clone());
        }
        let written = base64url::encode(full.to_text().as_bytes());
        if written.len() > MAX_HEADER_BYTES {
            return Err(error("the header is too long"));
        }
        let signature = self.sign(&dialect.signing_input(&written, payload))?;
        let dots = if dialect == Dialect::TwoPart { "." } else { ".." };
        Ok(format!("{written}{dots}{}", base64url::encode(&signature)))
    }

    /// The members of a JWK: what it is, then the given ones.
    fn jwk<'k>(
        &'k self,
        members: impl Iterator<Item = (&'static str, &'k str)> + 'k,
    ) -> impl Iterator<Item = (String, Json)> + 'k {
        let common = [
            ("kty", self.algorithm.key_type().name()),
            ("kid", self.kid.as_str()),
            ("alg", self.algorithm.name()),
            ("use", "sig"),
        ];
        common.into_iter().chain(members).map(|(name, value)| (name.to_owned(), Json::from(value)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

fn error(what: &str) -> SigningError {
    SigningError(what.to_owned())
}

/// A member that is a string where it is present.
fn text<'j>(jwk: &'j Object, name: &str) -> Result<Option<&'j str>, SigningError> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(error(&format!("the JWK's {name:?} is not a string"))),
    }
}

/// The one algorithm that a key without `alg` can be for.
fn only_algorithm(jwk: &Object) -> Result<Algorithm, SigningError> {
    let kty = text(jwk, "kty")?.and_then(KeyType::from_name);
    let kty = kty.ok_or_else(|| error("the JWK's \"kty\" is missing or not supported"))?;
    let crv = text(jwk, "crv")?;
    let mut fitting = Algorithm::ALL
        .iter()
        .filter(|alg| alg.key_type() == kty && (crv.is_none() || alg.curve_name() == crv));
    match (fitting.next(), fitting.next()) {
        (Some(alg), None) => Ok(*alg),
        (None, _) => Err(error("the JWK's \"crv\" is not supported")),
        _ => Err(error("the JWK needs an \"alg\"")),
    }
}
