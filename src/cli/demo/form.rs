//! What a client sends to a token endpoint: a form, and perhaps Basic credentials.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderValue;
use percent_encoding::percent_decode_str;

/// The parameters of an `application/x-www-form-urlencoded` body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FormParameters(BTreeMap<String, String>);

/// More than any token request has.
const MAX_PARAMETERS: usize = 32;

impl FormParameters {
    /// Reads a body. `None` if it is not a form, or names a parameter twice (RFC 6749 §3.2).
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let body = str::from_utf8(body).ok()?;
        let mut parameters = BTreeMap::new();
        for pair in body.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let repeated = parameters.insert(decode(name)?, decode(value)?);
            if repeated.is_some() || parameters.len() > MAX_PARAMETERS {
                return None;
            }
        }
        Some(Self(parameters))
    }

    /// A parameter; one without a value counts as left out (RFC 6749 §3.2).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }
}

/// Name and password of `Authorization: Basic`, in which both are form-encoded once more
/// (RFC 6749 §2.3.1).
pub(super) fn basic(header: &HeaderValue) -> Option<(String, String)> {
    let (scheme, credentials) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let credentials = String::from_utf8(BASE64_STANDARD.decode(credentials).ok()?).ok()?;
    let (name, password) = credentials.split_once(':')?;
    Some((decode(name)?, decode(password)?))
}

/// `a+b%2Fc` → `a b/c`. `form_urlencoded` would leave a broken escape as it is and replace what is
/// no UTF-8; an error helps more when testing a client.
fn decode(text: &str) -> Option<String> {
    let mut after_percent = text.split('%').skip(1);
    let is_escape = |after: &str| {
        after.get(..2).is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    if !after_percent.all(is_escape) {
        return None;
    }
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_form_is_decoded() {
        let form =
            FormParameters::parse(b"scope=read+write&client_id=caf%C3%A9%26&empty=").unwrap();
        assert_eq!(form.get("scope"), Some("read write"));
        assert_eq!(form.get("client_id"), Some("café&"));
        assert_eq!(form.get("empty"), None);
        assert_eq!(form.get("other"), None);
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for body in ["a", "a=%", "a=%2", "a=%zz", "a=%ff", "a=1&a=2", "a=\u{0}&a="] {
            assert_eq!(FormParameters::parse(body.as_bytes()), None, "{body}");
        }
        assert_eq!(FormParameters::parse(b""), Some(FormParameters::default()));
    }

    #[test]
    fn basic_credentials_are_form_encoded() {
        let header = |text: &str| {
            let text = format!("bAsIc {}", BASE64_STANDARD.encode(text));
            basic(&HeaderValue::from_str(&text).unwrap())
        };
        let pair = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(header("alice:a:b"), pair("alice", "a:b"));
        assert_eq!(header("al%3Aice:x+y"), pair("al:ice", "x y"));
        assert_eq!(header("alice"), None);
        assert_eq!(basic(&HeaderValue::from_static("Bearer YTpi")), None);
    }

    proptest! {
        #[test]
        fn every_text_survives_the_encoding(value in ".*") {
            let encode = |text: String, byte| text + &format!("%{byte:02X}");
            let encoded = value.bytes().fold(String::new(), encode);
            prop_assert_eq!(decode(&encoded), Some(value));
        }

        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = FormParameters::parse(&body);
        }
    }
}
