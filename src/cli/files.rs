//! What a command reads: files that its arguments name, and standard input, never without a bound.

use std::{io::Read, mem, path::Path};

use zeroize::Zeroizing;

use super::Failure;
use crate::{
    bounded::input::{InputError, read_all, read_path},
    config::byte_order_mark,
    decision::held_body::settings::MAX_BODY_BYTES,
};

/// The largest key source that the proxy can be configured to accept.
const MAX_KEY_FILE_BYTES: u64 = 1024 * 1024;

/// No proxy can be configured to accept a larger body.
const MAX_MESSAGE_BYTES: u64 = MAX_BODY_BYTES as u64;

/// The content of a file of keys.
pub(super) fn keys(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let content = read_path(path, MAX_KEY_FILE_BYTES).map_err(|error| unreadable(path, &error))?;
    byte_order_mark::refuse(&content)
        .map_err(|mark| Failure::Runtime(format!("the file {} {mark}", path.display())))?;
    Ok(content)
}

/// A body as it is; `-` is standard input.
pub(super) fn body_or_input(path: &Path, input: &mut impl Read) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") {
        return read_all(input, MAX_MESSAGE_BYTES)
            .map(not_secret)
            .map_err(|error| unreadable(path, &error));
    }
    body(path)
}

/// A body as it is.
pub(super) fn body(path: &Path) -> Result<Vec<u8>, Failure> {
    read_path(path, MAX_MESSAGE_BYTES).map(not_secret).map_err(|error| unreadable(path, &error))
}

fn not_secret(mut bytes: Zeroizing<Vec<u8>>) -> Vec<u8> {
    mem::take(&mut *bytes)
}

fn unreadable(path: &Path, error: &InputError) -> Failure {
    Failure::Runtime(format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_keys_is_read_up_to_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let largest = usize::try_from(MAX_KEY_FILE_BYTES).unwrap();
        std::fs::write(&path, vec![b' '; largest]).unwrap();
        assert_eq!(keys(&path).unwrap().len(), largest);

        std::fs::write(&path, vec![b' '; largest + 1]).unwrap();
        let refused = keys(&path).unwrap_err().to_string();
        let expected = format!("cannot read {}: more than 1048576 bytes", path.display());
        assert_eq!(refused, expected);
    }
}
