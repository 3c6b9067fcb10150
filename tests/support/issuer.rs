//! An issuer that signs tokens: honest ones, and any other.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::hmac;
use countersign::jose::{Algorithm, SigningKey, base64url};
use serde_json::{Map, Value, json};

use super::NOW;

/// What every default token is for.
pub(crate) const AUDIENCE: &str = "https://api.test";

/// How long a default token lives, in seconds.
pub(crate) const LIFETIME: i64 = 300;

/// One RSA key for the process: making one takes longer than everything else in a test.
static RSA: LazyLock<Arc<SigningKey>> =
    LazyLock::new(|| Arc::new(SigningKey::generate(Algorithm::Rs256, Some("rsa")).unwrap()));

/// An issuer and its private keys. The first key is the one that it signs with by default.
#[derive(Debug, Clone)]
pub(crate) struct Issuer {
    iss: String,
    keys: Vec<Arc<SigningKey>>,
}

impl Issuer {
    /// An issuer with a fresh key for each algorithm, named `k0`, `k1`, …
    pub(crate) fn new(iss: &str, algorithms: &[Algorithm]) -> Self {
        let named = |(n, alg): (usize, &Algorithm)| key(*alg, &format!("k{n}"));
        let keys = algorithms.iter().enumerate().map(named).collect();
        Self { iss: iss.to_owned(), keys }
    }

    /// The issuer of most tests: `ec` (ES256) to sign with, and beside it `rsa` (RS256) and `ed`
    /// (EdDSA).
    pub(crate) fn usual() -> Self {
        let keys = vec![key(Algorithm::Es256, "ec"), Arc::clone(&RSA), key(Algorithm::EdDsa, "ed")];
        Self { iss: "https://idp.test".to_owned(), keys }
    }

    /// The same issuer with other keys.
    pub(crate) fn with_keys(&self, keys: Vec<Arc<SigningKey>>) -> Self {
        Self { keys, ..self.clone() }
    }

    /// The same keys under another name.
    pub(crate) fn named(&self, iss: &str) -> Self {
        Self { iss: iss.to_owned(), ..self.clone() }
    }

    pub(crate) fn iss(&self) -> &str {
        &self.iss
    }

    /// The key of that `kid`.
    pub(crate) fn key(&self, kid: &str) -> &Arc<SigningKey> {
        self.keys.iter().find(|key| key.kid() == kid).unwrap()
    }

    /// The public key set.
    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().map(|key| public(key)).collect::<Vec<_>>() })
    }

    /// Claims of a token that is good at [`NOW`]: `iss`, `aud`, `sub`, `iat` and `exp`.
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.iss,
            "aud": AUDIENCE,
            "sub": "alice",
            "iat": NOW - 10,
            "exp": NOW + LIFETIME,
        })
    }

    /// A token with the default claims, `changes` put over them (RFC 7396: `null` removes).
    pub(crate) fn mint(&self, changes: Value) -> String {
        self.mint_with(json!({}), changes)
    }

    /// The same with changes to the header, too.
    pub(crate) fn mint_with(&self, header: Value, changes: Value) -> String {
        let mut claims = self.claims();
        merge(&mut claims, changes);
        self.sign(header, &claims.to_string())
    }

    /// The default claims, in which one member's value is this JSON text, whatever it is.
    pub(crate) fn mint_text(&self, claim: &str, text: &str) -> String {
        let mut claims = self.claims();
        merge(&mut claims, json!({ claim: null }));
        let others = claims.to_string();
        let name = Value::from(claim);
        self.sign(json!({}), &format!("{{{name}:{text},{}", &others[1..]))
    }

    /// A token by the first key over any payload. The header has `alg`, `kid` and the changes.
    pub(crate) fn sign(&self, header: Value, payload: &str) -> String {
        sign(&self.keys[0], header, payload.as_bytes())
    }

    /// A token by the first key with any header text.
    pub(crate) fn sign_text(&self, header: &[u8], payload: &[u8]) -> String {
        sign_text(&self.keys[0], header, payload)
    }
}

/// A fresh key.
pub(crate) fn key(alg: Algorithm, kid: &str) -> Arc<SigningKey> {
    Arc::new(SigningKey::generate(alg, Some(kid)).unwrap())
}

/// The same key under another `kid`.
pub(crate) fn renamed(key: &SigningKey, kid: &str) -> Arc<SigningKey> {
    let mut jwk = key.private_jwk();
    jwk.insert("kid", kid);
    Arc::new(SigningKey::from_jwk(&jwk).unwrap())
}

/// The public JWK of a key.
pub(crate) fn public(key: &SigningKey) -> Value {
    serde_json::from_str(&key.public_jwk().unwrap().to_text()).unwrap()
}

/// A token by this key; `alg` and `kid` are the key's unless `changes` say otherwise.
pub(crate) fn sign(key: &SigningKey, changes: Value, payload: &[u8]) -> String {
    let mut header = json!({ "alg": key.algorithm().name(), "kid": key.kid() });
    merge(&mut header, changes);
    sign_text(key, header.to_string().as_bytes(), payload)
}

/// A token by this key with any header text. The signature is right.
pub(crate) fn sign_text(key: &SigningKey, header: &[u8], payload: &[u8]) -> String {
    let input = format!("{}.{}", base64url::encode(header), base64url::encode(payload));
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", base64url::encode(&signature))
}

/// A token out of any three parts.
pub(crate) fn assemble(header: &[u8], payload: &[u8], signature: &[u8]) -> String {
    [header, payload, signature].map(base64url::encode).join(".")
}

/// A token with an HMAC for a signature, by those who take a public key for a secret.
pub(crate) fn sign_hmac(
    alg: hmac::Algorithm,
    secret: &[u8],
    header: &Value,
    payload: &str,
) -> String {
    let [header, payload] = [header.to_string().as_str(), payload].map(base64url_text);
    let input = format!("{header}.{payload}");
    let tag = hmac::sign(&hmac::Key::new(alg, secret), input.as_bytes());
    format!("{input}.{}", base64url::encode(tag.as_ref()))
}

fn base64url_text(text: &str) -> String {
    base64url::encode(text.as_bytes())
}

/// The three parts of a token, as text.
pub(crate) fn parts(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// RFC 7396 on the first level: `null` removes.
fn merge(target: &mut Value, changes: Value) {
    let members: &mut Map<String, Value> = target.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
}
