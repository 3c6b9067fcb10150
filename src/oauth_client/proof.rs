//! Proves to an endpoint who asks.

use std::{path::Path, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::{
    clock::{Clock, UnixTime},
    config::ClientProof,
    fetch::quoted,
    jose::{Json, Object, SigningKey, base64url},
};

use super::{
    ClientError,
    form::{Form, encoded},
};

/// How long an assertion is good: it is used at once.
const ASSERTION_LIFETIME: Duration = Duration::from_mins(1);

/// The largest secret or key file.
const MAX_SECRET_BYTES: usize = 64 * 1024;

/// What RFC 7523 §2.2 calls a signed assertion.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Adds the client's proof to a form; what belongs into `Authorization` is returned.
pub(super) async fn prove(
    client: &ClientProof,
    form: &mut Form,
    endpoint: &str,
    clock: &dyn Clock,
) -> Result<Option<HeaderValue>, ClientError> {
    match client {
        // The bearer token is fetched by whoever keeps it.
        ClientProof::Nobody | ClientProof::Bearer { .. } => Ok(None),
        ClientProof::Id(client_id) => {
            form.add("client_id", client_id);
            Ok(None)
        }
        ClientProof::Basic { user, secret_file, encoded } => {
            let secret = secret(secret_file).await?;
            basic(user, &secret, *encoded, secret_file).map(Some)
        }
        ClientProof::Post { client_id, secret_file } => {
            form.add("client_id", client_id);
            form.add("client_secret", &secret(secret_file).await?);
            Ok(None)
        }
        ClientProof::PrivateKeyJwt { client_id, key_file, audience } => {
            let audience = audience.as_deref().unwrap_or(endpoint);
            let key = signing_key(key_file).await?;
            let assertion = assertion(&key, client_id, audience, clock.now(), key_file)?;
            form.add("client_id", client_id);
            form.add("client_assertion_type", ASSERTION_TYPE);
            form.add("client_assertion", &assertion);
            Ok(None)
        }
    }
}

fn basic(
    user: &str,
    secret: &str,
    is_encoded: bool,
    file: &Path,
) -> Result<HeaderValue, ClientError> {
    let pair = if is_encoded {
        Zeroizing::new(format!("{}:{}", *encoded(user), *encoded(secret)))
    } else {
        Zeroizing::new(format!("{user}:{secret}"))
    };
    let value = Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())));
    credential(&value).ok_or_else(|| unusable(file, "can't be sent in a header"))
}

/// A header value that `Debug` does not show.
pub(super) fn credential(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// An assertion of the client about itself (RFC 7523 §3).
fn assertion(
    key: &SigningKey,
    client_id: &str,
    audience: &str,
    now: UnixTime,
    file: &Path,
) -> Result<String, ClientError> {
    let mut header = Object::default();
    header.insert("alg", key.algorithm().name());
    header.insert("kid", key.kid());
    header.insert("typ", "JWT");
    let lifetime = i64::try_from(ASSERTION_LIFETIME.as_secs()).unwrap_or_default();
    let mut claims = Object::default();
    claims.insert("iss", client_id);
    claims.insert("sub", client_id);
    claims.insert("aud", audience);
    claims.insert("iat", now.0);
    claims.insert("exp", now.0.saturating_add(lifetime));
    claims.insert("jti", fresh_id().ok_or_else(|| unusable(file, "no randomness"))?);
    key.sign_compact(&header, claims.to_text().as_bytes())
        .map_err(|error| unusable(file, &error.to_string()))
}

fn fresh_id() -> Option<String> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).ok()?;
    Some(base64url::encode(&random))
}

async fn signing_key(file: &Path) -> Result<SigningKey, ClientError> {
    let text = secret(file).await?;
    // What the parser says could show a part of the key.
    let jwk = Object::parse(text.as_bytes()).map_err(|_| unusable(file, "is no private JWK"))?;
    // A file as `keygen` writes it is one key; a set with a single one is as clear.
    let jwk = match jwk.get("keys").and_then(Json::as_array) {
        Some([Json::Object(only)]) => only,
        _ => &jwk,
    };
    SigningKey::from_jwk(jwk).map_err(|error| unusable(file, &error.to_string()))
}

/// A secret out of its file, one trailing line break removed. Read each time: who rotates it need
/// not tell anybody.
pub(super) async fn secret(file: &Path) -> Result<Zeroizing<String>, ClientError> {
    let bytes = tokio::fs::read(file).await.map(Zeroizing::new);
    let bytes = bytes.map_err(|error| unusable(file, &error.to_string()))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| unusable(file, "is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() || text.len() > MAX_SECRET_BYTES {
        let cause = format!("has {} bytes, expected 1 to {MAX_SECRET_BYTES}", text.len());
        return Err(unusable(file, &cause));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

fn unusable(file: &Path, cause: &str) -> ClientError {
    let place = quoted(&file.display().to_string());
    ClientError::Secret { place, cause: cause.to_owned() }
}
