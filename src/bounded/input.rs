//! Reads an input whole, unless it is larger than a bound.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use zeroize::Zeroizing;

/// Why an input was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("more than {0} bytes")]
    TooLarge(u64),
}

/// What a file holds, which may be a secret.
pub(crate) fn read_path(path: &Path, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>, InputError> {
    read_file(File::open(path)?, max_bytes)
}

/// What an open file holds.
pub(crate) fn read_file(file: File, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>, InputError> {
    let length = file.metadata()?.len();
    read_into(with_room_for(length.min(max_bytes)), file, max_bytes)
}

/// What an input of unknown length holds.
pub(crate) fn read_all(input: impl Read, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>, InputError> {
    read_into(Zeroizing::default(), input, max_bytes)
}

/// Room for the whole file, and for the byte that shows that it has grown: a reallocated buffer
/// leaves copies of a secret in memory.
fn with_room_for(bytes: u64) -> Zeroizing<Vec<u8>> {
    let room = usize::try_from(bytes.saturating_add(1)).unwrap_or_default();
    Zeroizing::new(Vec::with_capacity(room))
}

fn read_into(
    mut bytes: Zeroizing<Vec<u8>>,
    input: impl Read,
    max_bytes: u64,
) -> Result<Zeroizing<Vec<u8>>, InputError> {
    input.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return Err(InputError::TooLarge(max_bytes));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_without_end_is_read_up_to_the_bound() {
        assert!(read_all(io::repeat(b'x'), 8).is_err());
        assert_eq!(**read_all(io::repeat(b'x').take(8), 8).unwrap(), *b"xxxxxxxx");
    }

    #[test]
    fn a_file_is_read_up_to_the_bound_into_one_buffer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [b'x'; 1_000]).unwrap();
        let bytes = read_path(&path, 1_000).unwrap();
        assert_eq!((bytes.len(), bytes.capacity()), (1_000, 1_001));
        let refused = read_path(&path, 999).unwrap_err().to_string();
        assert_eq!(refused, "more than 999 bytes");
    }
}
