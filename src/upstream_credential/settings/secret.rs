//! Files with a credential: they are checked when the configuration is loaded, and again whenever
//! they change.

use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::{
    config::{
        files::{judged_file, read_whole},
        node::Node,
        reader::Parsed,
    },
    oauth_client::settings::parse_client_secret,
};

/// What most servers accept of all header lines together.
pub(crate) const MAX_SECRET_BYTES: usize = 16 * 1024;

/// The credential in a file's content, one trailing line break removed.
///
/// # Errors
/// In words that hold nothing of it.
pub fn parse_upstream_secret(content: &[u8]) -> Result<Zeroizing<String>, String> {
    let secret = parse_client_secret(content)?;
    if secret.len() > MAX_SECRET_BYTES {
        return Err(format!("has {} bytes, expected 1 to {MAX_SECRET_BYTES}", secret.len()));
    }
    if !secret.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err("holds characters that a header can't have".to_owned());
    }
    if secret.trim() != secret.as_str() {
        return Err("has spaces at its ends".to_owned());
    }
    Ok(secret)
}

pub(super) fn secret_file(node: &Node) -> Parsed<PathBuf> {
    judged_file(node, |path| {
        let content = read_whole(path, MAX_SECRET_BYTES as u64);
        content.and_then(|content| parse_upstream_secret(&content).map(drop)).map_err(|problem| {
            format!("the file {} {problem}; expected the text of a credential", path.display())
        })
    })
}
