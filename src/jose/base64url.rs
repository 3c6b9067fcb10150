//! Canonical unpadded base64url (RFC 7515 §2): one text for every byte string.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// Text that is not the canonical encoding of any byte string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not canonical unpadded base64url")]
pub struct NotBase64Url;

/// Decodes `text`. Padding, other alphabets, white space and non-zero trailing bits are refused, so
/// that no two texts decode to the same bytes: what identifies a token by its text (caches, replay
/// tables) relies on it.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, NotBase64Url> {
    BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| NotBase64Url)
}

/// The text of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rfc_4648_vectors_without_padding() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text.as_bytes()).as_deref(), Ok(bytes.as_bytes()));
        }
        assert_eq!(encode(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn t11_every_other_spelling_is_refused() {
        for text in [
            "Zg==", "Zg=", "Zm8=", "Zm9v=", "=", "+/8", "-_8=", " Zm8", "Zm8 ", "Zm\n8", "Zm8\r\n",
            "Zm8%3D", "Z", "Zm9vY", "Zh", "Zm9", "Zm8\0", "Zmé", "Zg.", "?Zg",
        ] {
            assert_eq!(decode(text.as_bytes()), Err(NotBase64Url), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn bytes_survive_the_round_trip(bytes: Vec<u8>) {
            prop_assert_eq!(decode(encode(&bytes).as_bytes()), Ok(bytes));
        }

        #[test]
        fn t11_what_decodes_is_the_one_text_of_its_bytes(text in "[A-Za-z0-9_=+/ -]{0,24}") {
            if let Ok(bytes) = decode(text.as_bytes()) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
