//! Base64url, checked without decoding it.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Whether a text is the one encoding of its bytes: no padding, nothing outside of the alphabet,
/// no bits behind the last byte.
pub(super) fn is_canonical(text: &[u8]) -> bool {
    let value = |byte: &u8| ALPHABET.iter().position(|other| other == byte);
    let unused_bits = match text.len() % 4 {
        0 => 0,
        2 => 4,
        3 => 2,
        _ => return false,
    };
    let last = text.last().and_then(value).unwrap_or_default();
    text.iter().all(|byte| value(byte).is_some()) && last.trailing_zeros() >= unused_bits
}
