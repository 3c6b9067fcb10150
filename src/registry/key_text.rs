//! The key in a registry's answer, in the ways in which registries write keys.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};

use crate::{
    jose::{HexKey, JwkSet, KeyLimits},
    json::Json,
    registry::settings::KeyFormat,
};

/// A signer has a few keys: the one in use, the next, the last.
const LIMITS: KeyLimits = KeyLimits { max_keys: 20, max_rsa_bits: 4096 };

/// The keys, at least one of them usable; or why there is none, without quoting it.
pub(super) fn keys(value: &Json, format: KeyFormat) -> Result<JwkSet, String> {
    let keys = match (format, value) {
        (KeyFormat::Auto, Json::Object(jwk)) => of_json(jwk.to_text().as_bytes())?,
        (KeyFormat::Auto, Json::String(text)) => of_text(text)?,
        (KeyFormat::Hex, Json::String(text)) => of_hex(text.trim())?,
        (KeyFormat::Ed25519, Json::String(text)) => of_ed25519(text.trim())?,
        (KeyFormat::Auto, _) => return Err("found neither an object nor a text".to_owned()),
        _ => return Err("found no text".to_owned()),
    };
    if keys.keys.is_empty() {
        let first = keys.skipped.first().map(|key| key.rejection.to_string());
        let cause = first.map_or_else(String::new, |first| format!(" ({first})"));
        return Err(format!("no usable key{cause}"));
    }
    Ok(keys)
}

fn of_text(text: &str) -> Result<JwkSet, String> {
    let text = text.trim();
    if text.starts_with('{') {
        // OCEN's reference code strips white space wherever it is, a key broken over lines too.
        let as_it_is = of_json(text.as_bytes());
        if as_it_is.as_ref().is_ok_and(|keys| !keys.keys.is_empty()) {
            return as_it_is;
        }
        return of_json(without_space(text).as_bytes());
    }
    if text.starts_with("-----BEGIN") {
        return of_pem(text);
    }
    // DER in base64, as `x5c` has it (RFC 7517 §4.7): a certificate or an SPKI.
    let der = without_space(text);
    let certificate = of_pem(&armoured("CERTIFICATE", &der));
    match certificate {
        Ok(keys) if !keys.keys.is_empty() => Ok(keys),
        _ => of_pem(&armoured("PUBLIC KEY", &der)),
    }
}

fn of_json(text: &[u8]) -> Result<JwkSet, String> {
    JwkSet::parse(text, &LIMITS).map_err(|error| error.to_string())
}

fn of_pem(text: &str) -> Result<JwkSet, String> {
    JwkSet::parse_pem(text.as_bytes(), &LIMITS)
        .map_err(|_| "neither a JWK nor PEM nor DER in base64".to_owned())
}

fn armoured(label: &str, base64: &str) -> String {
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}

fn of_hex(text: &str) -> Result<JwkSet, String> {
    let key = HexKey::parse(text).map_err(|error| error.to_string())?;
    Ok(JwkSet { keys: vec![key.key().clone()], skipped: Vec::new() })
}

/// Padded or not, of either alphabet.
fn of_ed25519(text: &str) -> Result<JwkSet, String> {
    let engines =
        [BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD];
    let bytes = engines.iter().find_map(|engine| engine.decode(text).ok());
    let bytes = bytes.filter(|bytes| bytes.len() == ED25519_BYTES);
    let bytes = bytes.ok_or("no base64 of 32 bytes")?;
    of_hex(&hex::encode(bytes))
}

const ED25519_BYTES: usize = 32;

fn without_space(text: &str) -> String {
    text.chars().filter(|char| !char.is_ascii_whitespace()).collect()
}
