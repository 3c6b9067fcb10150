//! The byte order mark that some editors write at the start of a UTF-8 file.
//!
//! One rule for every file of the operator's, whatever its format: it is rejected. In a secret the
//! mark would be three more invisible bytes, with which no signature or password matches; JSON (RFC
//! 8259 §8.1) and PEM have no place for it. Skipping it in some formats would leave open in which.

const UTF_8: &[u8] = b"\xef\xbb\xbf";

/// A file that starts with a byte order mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("starts with a byte order mark (BOM): save it as UTF-8 without one")]
pub(crate) struct ByteOrderMark;

/// How many bytes of a file are needed to detect it.
pub(crate) const BYTES: usize = UTF_8.len();

/// Refuses the content of a file that starts with the mark.
pub(crate) fn refuse(content: &[u8]) -> Result<(), ByteOrderMark> {
    if content.starts_with(UTF_8) { Err(ByteOrderMark) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x8_only_the_mark_at_the_start_is_refused() {
        assert_eq!(refuse("\u{feff}secret".as_bytes()), Err(ByteOrderMark));
        assert_eq!(refuse("\u{feff}".as_bytes()), Err(ByteOrderMark));
        for content in ["", "secret", "s\u{feff}", "{}"] {
            assert_eq!(refuse(content.as_bytes()), Ok(()), "{content:?}");
        }
        assert_eq!(refuse(b"\xef\xbb"), Ok(()));
    }
}
