//! Which authorities vouched for what is kept.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

use crate::{config::files::read_whole, jose::base64url};

/// What is read of the file as well where it is used.
const MAX_AUTHORITIES_BYTES: u64 = 1024 * 1024;

/// A digest of the authorities that are trusted at this moment; empty for those of the system. What
/// was fetched under others is not to be taken from a disk.
///
/// # Errors
/// Why the file can't be read, in words.
pub(crate) fn digest_of_authorities(ca_file: Option<&Path>) -> Result<String, String> {
    let Some(file) = ca_file else { return Ok(String::new()) };
    let content = read_whole(file, MAX_AUTHORITIES_BYTES)
        .map_err(|problem| format!("the file {} {problem}", file.display()))?;
    Ok(base64url::encode(digest(&SHA256, &content).as_ref()))
}
