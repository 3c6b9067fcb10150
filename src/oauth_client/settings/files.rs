//! The files of client authentication: secrets, private keys and certificates of the proxy as a
//! client.
//!
//! Secrets and keys are read whenever they are used; the same checks apply when the configuration
//! is loaded.

use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::{
    config::{
        byte_order_mark,
        files::{judged_file, read_whole, without_line_break},
        node::Node,
        reader::Parsed,
    },
    jose::SigningKey,
    json::{Json, Object},
    keys::settings::key_document,
};

/// The largest secret or key file, in bytes.
pub(crate) const MAX_FILE_BYTES: usize = 64 * 1024;

const EXPECTED_SECRET: &str = "expected the text of a secret";
const EXPECTED_KEY: &str = "expected a private JWK as `countersign keygen` writes it";

/// The secret in a file's content, one trailing line break removed.
///
/// # Errors
/// In words that hold nothing of it.
pub fn parse_client_secret(content: &[u8]) -> Result<Zeroizing<String>, String> {
    byte_order_mark::refuse(content).map_err(|mark| mark.to_string())?;
    if let Some(kind) = key_document(content) {
        return Err(format!("holds {kind}, which is no secret"));
    }
    let secret = without_line_break(content);
    let text = std::str::from_utf8(secret).map_err(|_| "is not UTF-8".to_owned())?;
    if text.is_empty() || text.len() > MAX_FILE_BYTES {
        return Err(format!("has {} bytes, expected 1 to {MAX_FILE_BYTES}", text.len()));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// The private key in a file's content.
///
/// # Errors
/// In words that hold nothing of it.
pub fn parse_client_key(content: &[u8]) -> Result<SigningKey, String> {
    byte_order_mark::refuse(content).map_err(|mark| mark.to_string())?;
    let jwk =
        Object::parse(without_line_break(content)).map_err(|_| match key_document(content) {
            // The parser's error could show a part of the key.
            Some(kind) => format!("holds {kind}, which is no private JWK"),
            None => "is no private JWK".to_owned(),
        })?;
    // A file as `keygen` writes it is one key; a set with a single one is as clear.
    let jwk = match jwk.get("keys").and_then(Json::as_array) {
        Some([Json::Object(only)]) => only,
        _ => &jwk,
    };
    SigningKey::from_jwk(jwk).map_err(|error| format!("holds no usable key: {error}"))
}

/// A file with a secret.
pub(super) fn secret_file(node: &Node) -> Parsed<PathBuf> {
    judged(node, parse_client_secret, EXPECTED_SECRET)
}

/// A file with a private key.
pub(super) fn key_file(node: &Node) -> Parsed<PathBuf> {
    judged(node, parse_client_key, EXPECTED_KEY)
}

fn judged<T>(
    node: &Node,
    parse: impl Fn(&[u8]) -> Result<T, String>,
    expected: &str,
) -> Parsed<PathBuf> {
    judged_file(node, |path| {
        read_whole(path, MAX_FILE_BYTES as u64)
            .and_then(|content| parse(&content).map(drop))
            .map_err(|problem| format!("the file {} {problem}; {expected}", path.display()))
    })
}
