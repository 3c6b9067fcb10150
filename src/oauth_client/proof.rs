//! Builds the client authentication of a request.

use std::{path::Path, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderValue;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::{
    clock::{Clock, UnixTime},
    config::files::read_whole,
    fetch::quoted,
    jose::{SigningKey, base64url},
    json::Object,
    oauth_client::settings::{ClientProof, MAX_FILE_BYTES, parse_client_key, parse_client_secret},
};

use super::{
    ClientError,
    form::{Form, encoded},
};

/// How long an assertion is valid: it is used at once.
const ASSERTION_LIFETIME: Duration = Duration::from_mins(1);

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
        // The bearer token is fetched where it is kept.
        ClientProof::Unauthenticated | ClientProof::Bearer { .. } => Ok(None),
        ClientProof::Id(client_id) | ClientProof::Certificate(client_id) => {
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

/// Read each time, as secrets are: a rotated key needs no reload.
async fn signing_key(file: &Path) -> Result<SigningKey, ClientError> {
    parse_client_key(&read(file).await?).map_err(|cause| unusable(file, &cause))
}

/// A secret out of its file.
pub(super) async fn secret(file: &Path) -> Result<Zeroizing<String>, ClientError> {
    parse_client_secret(&read(file).await?).map_err(|cause| unusable(file, &cause))
}

async fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, ClientError> {
    let path = file.to_owned();
    let read = spawn_blocking(move || read_whole(&path, MAX_FILE_BYTES as u64)).await;
    let bytes = read.unwrap_or_else(|error| Err(error.to_string()));
    bytes.map_err(|problem| unusable(file, &problem))
}

fn unusable(file: &Path, cause: &str) -> ClientError {
    let place = quoted(&file.display().to_string());
    ClientError::Secret { place, cause: cause.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_secret_whose_file_has_grown_past_the_bound_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, vec![b's'; MAX_FILE_BYTES]).unwrap();
        assert_eq!(secret(&path).await.unwrap().len(), MAX_FILE_BYTES);

        std::fs::write(&path, vec![b' '; MAX_FILE_BYTES + 1]).unwrap();
        let refused = secret(&path).await.unwrap_err().to_string();
        assert!(refused.contains("has more than 65536 bytes"), "{refused}");
    }
}
