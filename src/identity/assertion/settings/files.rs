//! The key files of `[identity.assertion]`: the private key, and public keys of before.

use std::path::{Path, PathBuf};

use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use zeroize::Zeroizing;

use crate::{
    config::{
        files::{read_whole, readable_file},
        node::Node,
        reader::Parsed,
    },
    jose::{Algorithm, JwkSet, KeyLimits, SigningKey},
    json::{Json, Object},
};

/// The largest accepted file, in bytes: a hundred keys with their certificates fit.
const MAX_FILE_BYTES: u64 = 256 * 1024;

const EXPECTED_KEY: &str = "expected PEM with one private key that is not encrypted (PKCS#8, \
                            \"BEGIN PRIVATE KEY\"), or one private JWK";
const EXPECTED_KEYS: &str = "expected a JWKS with the public keys of before";

/// A file with the private key. Without an algorithm, which is reported separately, the key can't
/// be checked against it.
pub(super) fn signing_key(
    node: &Node,
    algorithm: Option<Algorithm>,
    kid: Option<&str>,
) -> Parsed<Option<(PathBuf, SigningKey)>> {
    let path = readable_file(node)?;
    if !node.reads_files() {
        return placeholder(path, algorithm, kid);
    }
    let in_file =
        |problem: String| format!("the file {} {problem}; {EXPECTED_KEY}", path.display());
    let document = read_whole(&path, MAX_FILE_BYTES).map_err(in_file)?;
    let Some(algorithm) = algorithm else {
        return Ok(None);
    };
    let key = parse(&document, algorithm, kid).map_err(in_file)?;
    // What can't sign now would be an outage later.
    key.sign(b"").map_err(|error| in_file(format!("can't be used: {error}")))?;
    Ok(Some((path, key)))
}

/// A lint goes without what files hold: a key of its own stands for that of the file.
fn placeholder(
    path: PathBuf,
    algorithm: Option<Algorithm>,
    kid: Option<&str>,
) -> Parsed<Option<(PathBuf, SigningKey)>> {
    let key = algorithm.map(|algorithm| SigningKey::generate(algorithm, kid)).transpose();
    Ok(key.map_err(|error| error.to_string())?.map(|key| (path, key)))
}

/// The key of a document. Error texts are constants: the document is a secret.
fn parse(
    document: &Zeroizing<Vec<u8>>,
    algorithm: Algorithm,
    kid: Option<&str>,
) -> Result<SigningKey, String> {
    if document.trim_ascii_start().starts_with(b"{") {
        return parse_jwk(document, algorithm, kid);
    }
    let mut keys = PrivateKeyDer::pem_slice_iter(document);
    match (keys.next(), keys.next()) {
        (Some(Ok(PrivateKeyDer::Pkcs8(key))), None) => {
            SigningKey::from_pkcs8(algorithm, kid, key.secret_pkcs8_der())
                .map_err(|error| format!("holds no key for {algorithm}: {error}"))
        }
        (Some(Ok(_)), None) => {
            Err("holds a key in another form (`openssl pkcs8 -topk8 -nocrypt` changes it)"
                .to_owned())
        }
        (None, _) => Err("holds no private key".to_owned()),
        (Some(Ok(_)), Some(Ok(_))) => Err("holds more than one private key".to_owned()),
        (Some(Err(_)), _) | (_, Some(Err(_))) => Err("is not PEM".to_owned()),
    }
}

fn parse_jwk(
    document: &[u8],
    algorithm: Algorithm,
    kid: Option<&str>,
) -> Result<SigningKey, String> {
    let mut jwk = Object::parse(document).map_err(|error| format!("holds no JWK: {error}"))?;
    let own = jwk.get("alg").map(|alg| alg.as_str().and_then(Algorithm::from_name));
    if own.is_some_and(|own| own != Some(algorithm)) {
        return Err(format!(
            "holds a JWK whose \"alg\" is not the identity.assertion.algorithm {algorithm}"
        ));
    }
    jwk.insert("alg", algorithm.name());
    if let Some(kid) = kid {
        jwk.insert("kid", kid);
    }
    SigningKey::from_jwk(&jwk).map_err(|error| format!("holds no key for {algorithm}: {error}"))
}

/// A file with public keys that assertions of before were signed with.
pub(super) fn public_keys(node: &Node) -> Parsed<(PathBuf, Vec<Object>)> {
    let path = readable_file(node)?;
    if !node.reads_files() {
        return Ok((path, Vec::new()));
    }
    let keys = read_public_keys(&path)
        .map_err(|problem| format!("the file {} {problem}; {EXPECTED_KEYS}", path.display()))?;
    Ok((path, keys))
}

/// Every key must be one that we would take ourselves: a key that can't be used is a slip, and a
/// private one would be published.
fn read_public_keys(path: &Path) -> Result<Vec<Object>, String> {
    let document = read_whole(path, MAX_FILE_BYTES)?;
    let set = JwkSet::parse(&document, &KeyLimits::default())
        .map_err(|error| format!("is no JWKS: {error}"))?;
    if let Some(skipped) = set.skipped.first() {
        return Err(format!(
            "holds an unusable key, keys[{}]: {}",
            skipped.position, skipped.rejection
        ));
    }
    if let Some(position) = set.keys.iter().position(|key| key.kid().is_none()) {
        return Err(format!("holds a key without \"kid\", keys[{position}]"));
    }
    let document = Object::parse(&document).map_err(|error| format!("is no JWKS: {error}"))?;
    Ok(match document.get("keys") {
        Some(Json::Array(keys)) => keys.iter().filter_map(Json::as_object).cloned().collect(),
        _ => vec![document],
    })
}

/// The JWKS for upstreams: the key that signs first. While keys are exchanged, the file of those
/// of before may hold it already.
pub(super) fn served_keys(key: &SigningKey, previous: &[Object]) -> Result<String, String> {
    let own = key.public_jwk().ok_or("the key has no public half")?;
    let kid = Json::from(key.kid());
    let mut keys = vec![Json::Object(own.clone())];
    for jwk in previous {
        if jwk.get("kid") != Some(&kid) {
            keys.push(Json::Object(jwk.clone()));
        } else if !is_same_key(jwk, &own) {
            return Err(format!(
                "holds another key with the \"kid\" {:?} of private_key_file; expected one name \
                 for one key",
                key.kid()
            ));
        }
    }
    let set: Object = [("keys".to_owned(), Json::Array(keys.into()))].into_iter().collect();
    Ok(set.to_text())
}

/// By what makes a public key: other members may differ.
fn is_same_key(one: &Object, other: &Object) -> bool {
    ["kty", "n", "e", "crv", "x", "y", "pub"].iter().all(|name| one.get(name) == other.get(name))
}
