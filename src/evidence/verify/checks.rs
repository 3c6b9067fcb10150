//! What single lines claim, checked again.

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    evidence::{line::ParsedLine, writer::CHECKPOINT_TYPE},
    jose::{
        CompactJws, DetachedJws, JwkSet, KeyLimits, VerificationKey, base64url, verify_compact,
    },
    json::{Json, Object},
};

/// The result of checking a request's signature.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SignatureState {
    /// It is valid.
    Right,
    /// It is by an algorithm that signs the message itself.
    NeedsBody,
    /// The request was refused; its signature is not claimed to be valid.
    Refused,
}

/// The result of checking a checkpoint.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checkpoint {
    Right,
    /// There is no key to check it with.
    Unchecked,
}

/// Checks the signature of a line again, from the hash that was signed.
pub(super) fn signature(line: &Object) -> Result<SignatureState, String> {
    if text(line, "verdict")? != "verified" {
        return Ok(SignatureState::Refused);
    }
    let (jws, key) = (jws(line)?, key(line)?);
    if !jws.algorithm().signs_a_hash() {
        return Ok(SignatureState::NeedsBody);
    }
    let hash = decode(text(line, "signed_hash")?)?;
    if jws.verifies_with_hash(&key, &hash) {
        Ok(SignatureState::Right)
    } else {
        Err("claims that its signature is valid, and it is not".to_owned())
    }
}

/// Whether a body is what was signed: its length, its SHA-256, and the whole signature over it.
pub(super) fn body(line: &Object, body: &[u8]) -> Result<(), String> {
    let payload = line.get("payload").and_then(Json::as_object).ok_or("it has no payload")?;
    if payload.get("length") != Some(&Json::Integer((body.len() as u64).into())) {
        return Err("its length is another one".to_owned());
    }
    let sha256 = base64url::encode(digest(&SHA256, body).as_ref());
    if payload.get("sha256").and_then(Json::as_str) != Some(&sha256) {
        return Err("its SHA-256 is another one".to_owned());
    }
    let (jws, key) = (jws(line)?, key(line)?);
    if jws.over(body).verifies_under(&key) {
        Ok(())
    } else {
        Err("the signature over it is wrong".to_owned())
    }
}

/// Whether a checkpoint is signed by one of the keys, over the place where it stands.
pub(super) fn checkpoint(parsed: &ParsedLine, keys: Option<&JwkSet>) -> Result<Checkpoint, String> {
    let Some(keys) = keys else {
        return Ok(Checkpoint::Unchecked);
    };
    let token = text(&parsed.members, "jws")?.as_bytes();
    let jws = CompactJws::parse(token).map_err(|_| "is no checkpoint".to_owned())?;
    if jws.header().typ() != Some(CHECKPOINT_TYPE) {
        return Err("is signed, but not as a checkpoint".to_owned());
    }
    let mut named =
        keys.keys.iter().filter(|key| key.kid().is_none() || key.kid() == jws.header().kid());
    let claims = named
        .find_map(|key| verify_compact(token, key).ok())
        .ok_or("is not signed by any of the keys given")?;
    let claims = Object::parse(&claims).map_err(|_| "is no checkpoint".to_owned())?;
    let is_here = claims.get("n") == Some(&Json::Integer(parsed.number.into()))
        && claims.get("prev").and_then(Json::as_str) == Some(&parsed.previous);
    if !is_here {
        return Err("was signed for another place".to_owned());
    }
    if claims.get("at") != parsed.members.get("at") {
        return Err("was signed at another time than recorded".to_owned());
    }
    Ok(Checkpoint::Right)
}

/// The critical parameters were understood when the request came: here they are only text.
fn jws(line: &Object) -> Result<DetachedJws, String> {
    let text = text(line, "jws")?;
    let header = text.split('.').next().unwrap_or_default();
    let header = Object::parse(&decode(header)?).map_err(|_| "its JWS has no header")?;
    let critical = header.get("crit").and_then(Json::as_array).unwrap_or_default();
    let critical: Vec<String> =
        critical.iter().filter_map(Json::as_str).map(str::to_owned).collect();
    DetachedJws::parse(text, &critical).map_err(|error| format!("its JWS is none: {error}"))
}

fn key(line: &Object) -> Result<VerificationKey, String> {
    let jwk = line.get("key").and_then(Json::as_object).ok_or("it has no key")?;
    let key = VerificationKey::from_jwk(jwk, &KeyLimits::default())
        .map_err(|rejection| format!("its key is none: {rejection}"))?;
    if text(line, "thumbprint")? == key.thumbprint().to_text() {
        Ok(key)
    } else {
        Err("its key has another thumbprint".to_owned())
    }
}

fn text<'l>(line: &'l Object, name: &str) -> Result<&'l str, String> {
    line.get(name).and_then(Json::as_str).ok_or_else(|| format!("has no {name}"))
}

fn decode(text: &str) -> Result<Vec<u8>, String> {
    base64url::decode(text.as_bytes()).map_err(|_| "holds what is no base64url".to_owned())
}
