//! `[signatures.NAME.respond]`: answers that are signed in turn.

use std::{fs, path::PathBuf, sync::Arc};

use http::HeaderName;

use super::dialect;
use crate::{
    config::{
        denials::check_header_name,
        files::readable_file,
        node::Node,
        reader::{Parsed, Section},
        values::{header_name, size},
    },
    jose::{Dialect, Object, SigningKey},
};

/// `[signatures.NAME.respond]`
#[derive(Debug, Clone)]
pub struct RespondSettings {
    /// Where the key was read from: a private JWK.
    pub key_file: PathBuf,
    /// The key. Its `Debug` shows nothing of it.
    pub key: Arc<SigningKey>,
    /// The header that carries the signature.
    pub header: HeaderName,
    /// How it is written; `None`: as the request's is.
    pub dialect: Option<Dialect>,
    /// The largest answer that is signed, in bytes; a larger one is 502.
    pub max_bytes: usize,
}

/// Acknowledgements and messages; it is held in memory.
const DEFAULT_MAX_BYTES: usize = 1024 * 1024;
const MAX_MAX_BYTES: usize = 64 * 1024 * 1024;

const EXPECTED_KEY: &str =
    "the path of a file with a private JWK as `countersign keygen` writes it";

impl RespondSettings {
    /// `None` where there is no such table: answers are not signed. `carriers` are the headers of
    /// requests.
    pub(super) fn build(section: &mut Section<'_>, carriers: &[HeaderName]) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let key = section.required("key", EXPECTED_KEY, private_key);
        let header = section.optional("header", answer_header);
        let header = header.or_else(|| carriers.first().cloned());
        let dialect = section.optional("dialect", dialect);
        let max_bytes = section.or("max_bytes", DEFAULT_MAX_BYTES, size(0..=MAX_MAX_BYTES));
        let (key_file, key) = key?;
        Some(Self { key_file, key: Arc::new(key), header: header?, dialect, max_bytes })
    }
}

fn answer_header(node: &Node) -> Parsed<HeaderName> {
    let name = header_name(node)?;
    let refused = match name.as_str() {
        "set-cookie" => Err("it is set by the upstream"),
        _ => check_header_name(&name),
    };
    refused.map_err(|reason| format!("{name} can't carry a signature: {reason}"))?;
    Ok(name)
}

/// Nothing of the file is in the message if it is no key.
fn private_key(node: &Node) -> Parsed<(PathBuf, SigningKey)> {
    let path = readable_file(node)?;
    let unusable =
        |cause: &str| format!("the file {} {cause}; expected {EXPECTED_KEY}", path.display());
    let document = fs::read(&path).map(zeroize::Zeroizing::new);
    let document = document.map_err(|error| unusable(&format!("cannot be read: {error}")))?;
    let jwk = Object::parse(&document).map_err(|_| unusable("holds no JSON object"))?;
    let key = SigningKey::from_jwk(&jwk).map_err(|error| unusable(&format!("({error})")))?;
    if key.algorithm().is_symmetric() {
        return Err(unusable("holds a shared secret"));
    }
    Ok((path, key))
}
