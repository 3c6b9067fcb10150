//! The private half of each kind of key, with what is exported of it.

use aws_lc_rs::{
    encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, Pkcs8V1Der, PublicKeyX509Der},
    error::Unspecified,
    hmac, rand,
    rsa::{KeyPairComponents, KeySize},
    signature::{
        EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, PqdsaKeyPair, RsaKeyPair,
        RsaPublicKeyComponents,
    },
};
use zeroize::Zeroizing;

use super::{SigningError, error, text};
use crate::{
    jose::{
        Algorithm,
        algorithm::{ED25519_CURVE, Scheme},
        base64url,
        jwk::der::{Der, OCTET_STRING, SEQUENCE},
    },
    json::Object,
};

/// Bytes of the seed that an ML-DSA key grows from (FIPS 204 §5.1).
const ML_DSA_SEED_BYTES: usize = 32;

/// The JWK members of an RSA private key, in the order of `RSAPrivateKey` (RFC 8017 A.1.2).
const RSA_PRIVATE: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

type RsaMembers<T> = Vec<(&'static str, T)>;

/// A key that signs, and its parts in text form; what is secret is wiped when dropped.
pub(super) struct KeyPair {
    signer: PairSigner,
    public: RsaMembers<String>,
    private: RsaMembers<Zeroizing<String>>,
    spki: Option<Vec<u8>>,
    pkcs8: Option<Zeroizing<Vec<u8>>>,
}

enum PairSigner {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    MlDsa(PqdsaKeyPair),
    Hmac(Zeroizing<Vec<u8>>),
}

impl KeyPair {
    /// A fresh pair.
    pub(super) fn generate(alg: Algorithm) -> Result<Self, SigningError> {
        let pair = match alg.scheme() {
            Scheme::Rsa { .. } => RsaKeyPair::generate(KeySize::Rsa2048).and_then(Self::rsa),
            Scheme::Ecdsa { sign, .. } => {
                EcdsaKeyPair::generate(sign).and_then(|pair| Self::ecdsa(alg, pair))
            }
            Scheme::Ed25519 => Ed25519KeyPair::generate().and_then(Self::ed25519),
            Scheme::Hmac(hmac) => random(hmac.tag_len()).map(Self::hmac),
            Scheme::MlDsa { .. } => {
                random(ML_DSA_SEED_BYTES).and_then(|seed| Self::ml_dsa(alg, &seed))
            }
        };
        pair.map_err(|_| error("the key can't be made"))
    }

    /// From the members of a private JWK, which are checked against each other.
    pub(super) fn from_jwk(alg: Algorithm, jwk: &Object) -> Result<Self, SigningError> {
        let crv = text(jwk, "crv")?;
        if crv != alg.curve_name() {
            return Err(error("the JWK's \"crv\" and \"alg\" do not fit"));
        }
        let pair = match alg.scheme() {
            Scheme::Rsa { .. } => Self::rsa(rsa_from_jwk(jwk)?),
            Scheme::Ecdsa { sign, .. } => {
                let point =
                    [vec![4], bytes(jwk, "x")?.to_vec(), bytes(jwk, "y")?.to_vec()].concat();
                EcdsaKeyPair::from_private_key_and_public_key(sign, &bytes(jwk, "d")?, &point)
                    .map_err(|_| Unspecified)
                    .and_then(|pair| Self::ecdsa(alg, pair))
            }
            Scheme::Ed25519 => {
                Ed25519KeyPair::from_seed_and_public_key(&bytes(jwk, "d")?, &bytes(jwk, "x")?)
                    .map_err(|_| Unspecified)
                    .and_then(Self::ed25519)
            }
            Scheme::Hmac(_) => Ok(Self::hmac(bytes(jwk, "k")?)),
            Scheme::MlDsa { .. } => {
                let public = text(jwk, "pub")?;
                Self::ml_dsa(alg, &bytes(jwk, "priv")?).and_then(|pair| {
                    let own = pair.public_members().any(|(_, own)| Some(own) == public);
                    own.then_some(pair).ok_or(Unspecified)
                })
            }
        };
        pair.map_err(|_| error("the JWK's members do not make a private key"))
    }

    /// From an unencrypted PKCS#8 document. ML-DSA keys are left out: what they grow from, the seed
    /// that a JWK has, is only one of the forms that the document may have (RFC 9881 §6).
    pub(super) fn from_pkcs8(alg: Algorithm, der: &[u8]) -> Result<Self, SigningError> {
        let pair = match alg.scheme() {
            Scheme::Rsa { .. } => {
                RsaKeyPair::from_pkcs8(der).map_err(|_| Unspecified).and_then(Self::rsa)
            }
            Scheme::Ecdsa { sign, .. } => EcdsaKeyPair::from_pkcs8(sign, der)
                .map_err(|_| Unspecified)
                .and_then(|pair| Self::ecdsa(alg, pair)),
            Scheme::Ed25519 => {
                Ed25519KeyPair::from_pkcs8(der).map_err(|_| Unspecified).and_then(Self::ed25519)
            }
            Scheme::MlDsa { .. } | Scheme::Hmac(_) => {
                return Err(error("a key for this algorithm comes as a JWK"));
            }
        };
        pair.map_err(|_| error("the document holds no private key that fits the algorithm"))
    }

    fn rsa(pair: RsaKeyPair) -> Result<Self, Unspecified> {
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair)?;
        let pkcs8 = Zeroizing::new(pkcs8.as_ref().to_vec());
        let numbers = rsa_numbers(&pkcs8).ok_or(Unspecified)?;
        let text = |number: &[u8]| base64url::encode(number);
        let [modulus, exponent, private @ ..] = numbers;
        Ok(Self {
            spki: Some(spki(pair.public_key())?),
            pkcs8: Some(pkcs8.clone()),
            public: vec![("n", text(modulus)), ("e", text(exponent))],
            private: RSA_PRIVATE
                .into_iter()
                .zip(private.map(|number| Zeroizing::new(text(number))))
                .collect(),
            signer: PairSigner::Rsa(pair),
        })
    }

    fn ecdsa(alg: Algorithm, pair: EcdsaKeyPair) -> Result<Self, Unspecified> {
        let private = AsBigEndian::<EcPrivateKeyBin<'_>>::as_be_bytes(&pair.private_key())?;
        let point = pair.public_key().as_ref().get(1..).ok_or(Unspecified)?;
        let halves = point.split_at_checked(point.len() / 2);
        let (x, y) = halves.ok_or(Unspecified)?;
        Ok(Self {
            spki: Some(spki(pair.public_key())?),
            pkcs8: Some(Zeroizing::new(pair.to_pkcs8v1()?.as_ref().to_vec())),
            public: vec![
                ("crv", alg.curve_name().unwrap_or_default().to_owned()),
                ("x", base64url::encode(x)),
                ("y", base64url::encode(y)),
            ],
            private: vec![("d", secret_text(private.as_ref()))],
            signer: PairSigner::Ecdsa(pair),
        })
    }

    fn ed25519(pair: Ed25519KeyPair) -> Result<Self, Unspecified> {
        let seed = pair.seed()?.as_be_bytes()?;
        Ok(Self {
            spki: Some(spki(pair.public_key())?),
            pkcs8: Some(Zeroizing::new(pair.to_pkcs8v1()?.as_ref().to_vec())),
            public: vec![
                ("crv", ED25519_CURVE.to_owned()),
                ("x", base64url::encode(pair.public_key().as_ref())),
            ],
            private: vec![("d", secret_text(seed.as_ref()))],
            signer: PairSigner::Ed25519(pair),
        })
    }

    fn ml_dsa(alg: Algorithm, seed: &[u8]) -> Result<Self, Unspecified> {
        let Scheme::MlDsa { sign, .. } = alg.scheme() else {
            return Err(Unspecified);
        };
        let pair = PqdsaKeyPair::from_seed(sign, seed).map_err(|_| Unspecified)?;
        Ok(Self {
            spki: Some(spki(pair.public_key())?),
            pkcs8: Some(Zeroizing::new(pair.to_pkcs8v1()?.as_ref().to_vec())),
            public: vec![("pub", base64url::encode(pair.public_key().as_ref()))],
            private: vec![("priv", secret_text(seed))],
            signer: PairSigner::MlDsa(pair),
        })
    }

    fn hmac(secret: Zeroizing<Vec<u8>>) -> Self {
        Self {
            spki: None,
            pkcs8: None,
            public: Vec::new(),
            private: vec![("k", secret_text(&secret))],
            signer: PairSigner::Hmac(secret),
        }
    }

    /// The members of the public JWK that are this key type's own.
    pub(super) fn public_members(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.public.iter().map(|(name, text)| (*name, text.as_str()))
    }

    /// The members that only the private JWK has.
    pub(super) fn private_members(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.private.iter().map(|(name, text)| (*name, text.as_str()))
    }

    /// The shared secret, if it is one.
    pub(super) fn secret(&self) -> Option<&[u8]> {
        match &self.signer {
            PairSigner::Hmac(secret) => Some(secret),
            _ => None,
        }
    }

    pub(super) fn spki(&self) -> Option<&[u8]> {
        self.spki.as_deref()
    }

    pub(super) fn pkcs8(&self) -> Option<&[u8]> {
        self.pkcs8.as_ref().map(|der| der.as_slice())
    }

    /// Signs with the algorithm, which must be one of this kind of key.
    pub(super) fn sign(&self, alg: Algorithm, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let rng = rand::SystemRandom::new();
        match (&self.signer, alg.scheme()) {
            (PairSigner::Rsa(pair), Scheme::Rsa { sign, .. }) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(sign, &rng, message, &mut signature)?;
                Ok(signature)
            }
            (PairSigner::Ecdsa(pair), Scheme::Ecdsa { .. }) => {
                Ok(pair.sign(&rng, message)?.as_ref().to_vec())
            }
            (PairSigner::Ed25519(pair), Scheme::Ed25519) => {
                Ok(pair.try_sign(message)?.as_ref().to_vec())
            }
            (PairSigner::MlDsa(pair), Scheme::MlDsa { signature_bytes, .. }) => {
                let mut signature = vec![0; signature_bytes];
                let length = pair.sign(message, &mut signature)?;
                signature.truncate(length);
                Ok(signature)
            }
            (PairSigner::Hmac(secret), Scheme::Hmac(hmac)) => {
                let key = hmac::Key::new(hmac, secret);
                Ok(hmac::sign(&key, message).as_ref().to_vec())
            }
            _ => Err(Unspecified),
        }
    }
}

fn random(bytes: usize) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let mut secret = Zeroizing::new(vec![0; bytes]);
    rand::fill(&mut secret)?;
    Ok(secret)
}

fn secret_text(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(base64url::encode(bytes))
}

fn spki(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Result<Vec<u8>, Unspecified> {
    Ok(key.as_der()?.as_ref().to_vec())
}

/// The bytes of a required base64url member.
fn bytes(jwk: &Object, name: &str) -> Result<Zeroizing<Vec<u8>>, SigningError> {
    let text = text(jwk, name)?.ok_or_else(|| error(&format!("the JWK has no {name:?}")))?;
    base64url::decode(text.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| error(&format!("the JWK's {name:?} is not base64url")))
}

/// n, e, d, p, q, dp, dq and qi out of a PKCS#8 document (RFC 5208 §5, RFC 8017 A.1.2).
fn rsa_numbers(pkcs8: &[u8]) -> Option<[&[u8]; 8]> {
    let mut outer = Der::new(pkcs8).enter(SEQUENCE)?;
    let _version = outer.unsigned()?;
    let _algorithm = outer.next(SEQUENCE)?;
    let mut key = outer.enter(OCTET_STRING)?.enter(SEQUENCE)?;
    let _version = key.unsigned()?;
    let mut numbers = [pkcs8; 8];
    for number in &mut numbers {
        *number = key.unsigned()?;
    }
    Some(numbers)
}

fn rsa_from_jwk(jwk: &Object) -> Result<RsaKeyPair, SigningError> {
    let components = KeyPairComponents {
        public_key: RsaPublicKeyComponents { n: bytes(jwk, "n")?, e: bytes(jwk, "e")? },
        d: bytes(jwk, "d")?,
        p: bytes(jwk, "p")?,
        q: bytes(jwk, "q")?,
        dP: bytes(jwk, "dp")?,
        dQ: bytes(jwk, "dq")?,
        qInv: bytes(jwk, "qi")?,
    };
    RsaKeyPair::from_components(&components)
        .map_err(|_| error("the JWK's members do not make a private RSA key"))
}
