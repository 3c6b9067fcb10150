//! `application/x-www-form-urlencoded` bodies and query strings.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

/// A form in the making. It holds a token and often a secret, so it is wiped when it goes.
#[derive(Default)]
pub(crate) struct Form(Zeroizing<String>);

impl Form {
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        encode(name, &mut self.0);
        self.0.push('=');
        encode(value, &mut self.0);
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The encoding of one part, for HTTP Basic (RFC 6749 §2.3.1).
pub(super) fn encoded(text: &str) -> Zeroizing<String> {
    let mut encoded = Zeroizing::new(String::new());
    encode(text, &mut encoded);
    encoded
}

/// Everything but the unreserved characters is escaped, a space too: `%20` is understood in forms
/// and in queries, `+`, which `form_urlencoded` would write, in forms only (threats I-14).
pub(crate) fn encode(text: &str, into: &mut String) {
    into.extend(utf8_percent_encode(text, RESERVED));
}

/// Everything but `unreserved` of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i14_nothing_in_a_value_can_add_a_parameter() {
        let mut form = Form::default();
        form.add("token", "a&active=true\r\n%00+/=");
        form.add("é", " ");
        assert_eq!(form.as_str(), "token=a%26active%3Dtrue%0D%0A%2500%2B%2F%3D&%C3%A9=%20");
    }

    #[test]
    fn what_is_escaped_is_everything_but_unreserved() {
        for byte in 0..0x80_u8 {
            let character = char::from(byte);
            let mut written = String::new();
            encode(&character.to_string(), &mut written);
            if character.is_ascii_alphanumeric() || "-._~".contains(character) {
                assert_eq!(written, character.to_string());
            } else {
                assert_eq!(written, format!("%{byte:02X}"));
            }
        }
    }
}
