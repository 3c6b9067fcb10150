//! What a command reads: files that its arguments name, and standard input, never without a bound.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::Failure;
use crate::{byte_order_mark, decision::held_body::settings::MAX_BODY_BYTES};

/// The largest key source that the proxy can be configured to accept.
const MAX_KEY_FILE_BYTES: u64 = 1024 * 1024;

/// No proxy can be configured to accept a larger body.
const MAX_MESSAGE_BYTES: u64 = MAX_BODY_BYTES as u64;

/// The content of a file of keys.
pub(super) fn keys(path: &Path) -> Result<Vec<u8>, Failure> {
    let content = File::open(path).and_then(|file| whole(file, MAX_KEY_FILE_BYTES));
    let content = content.map_err(|error| unreadable(path, &error))?;
    byte_order_mark::refuse(&content)
        .map_err(|mark| Failure::Runtime(format!("the file {} {mark}", path.display())))?;
    Ok(content)
}

/// A body as it is; `-` is standard input.
pub(super) fn body_or_input(path: &Path, input: &mut impl Read) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") {
        return whole(input, MAX_MESSAGE_BYTES).map_err(|error| unreadable(path, &error));
    }
    body(path)
}

/// A body as it is.
pub(super) fn body(path: &Path) -> Result<Vec<u8>, Failure> {
    let body = File::open(path).and_then(|file| whole(file, MAX_MESSAGE_BYTES));
    body.map_err(|error| unreadable(path, &error))
}

fn whole(input: impl Read, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return Err(io::Error::other(format!("more than {max_bytes} bytes")));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
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

    #[test]
    fn an_input_without_end_is_read_up_to_the_bound() {
        assert!(whole(io::repeat(b'x'), 8).is_err());
        assert_eq!(whole(io::repeat(b'x').take(8), 8).unwrap(), b"xxxxxxxx");
    }
}
