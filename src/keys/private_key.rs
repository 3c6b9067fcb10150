//! A file with the private JWK of a key whose signatures others can check.

use std::{path::PathBuf, sync::Arc};

use crate::{
    config::{
        files::{read_whole, readable_file},
        node::Node,
        reader::Parsed,
    },
    jose::{Algorithm, SigningKey},
    json::Object,
    keys::settings::key_document,
};

/// A private key, and the file that it was read from with the configuration. Two are equal if file
/// and key are.
#[derive(Debug, Clone)]
pub struct PrivateKey {
    /// The file.
    pub file: PathBuf,
    /// The key. Its `Debug` shows nothing of it.
    pub key: Arc<SigningKey>,
}

/// A private key has a few KiB, the largest RSA key too.
const MAX_BYTES: u64 = 64 * 1024;

pub(crate) const EXPECTED: &str =
    "the path of a file with a private JWK as `countersign keygen` writes it";

/// A lint goes without what files hold: a key of its own stands for that of the file.
const PLACEHOLDER: Algorithm = Algorithm::Es256;

/// Nothing of the file is in the message if it is no key.
pub(crate) fn private_key(node: &Node) -> Parsed<PrivateKey> {
    let file = readable_file(node)?;
    if !node.reads_files() {
        let key = SigningKey::generate(PLACEHOLDER, None).map_err(|error| error.to_string())?;
        return Ok(PrivateKey { key: Arc::new(key), file });
    }
    let unusable =
        |problem: &str| format!("the file {} {problem}; expected {EXPECTED}", file.display());
    let document = read_whole(&file, MAX_BYTES).map_err(|problem| unusable(&problem))?;
    // The parser's error could show a part of the key.
    let jwk = Object::parse(&document).map_err(|_| match key_document(&document) {
        Some(kind) => unusable(&format!("holds {kind}")),
        None => unusable("holds no JSON object"),
    })?;
    let key = SigningKey::from_jwk(&jwk)
        .map_err(|error| unusable(&format!("holds no usable key: {error}")))?;
    if key.algorithm().is_symmetric() {
        return Err(unusable("holds a shared secret"));
    }
    Ok(PrivateKey { key: Arc::new(key), file })
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file && self.key.public_jwk() == other.key.public_jwk()
    }
}

impl Eq for PrivateKey {}
