//! Header names as lenient upstreams read them.

use std::borrow::Cow;

use http::HeaderName;

/// The name that an upstream may take a header for (threats H-2): lower case, and every character
/// that is neither letter nor digit a hyphen, runs of them one.
///
/// CGI and its descendants (WSGI, Rack, PHP) map `X-User` and `X_User` to the same
/// variable, PHP dots too; cheroot then even prefers the forged one.
pub fn fold_header_name(name: &str) -> Cow<'_, str> {
    if is_folded(name) {
        return Cow::Borrowed(name);
    }
    let mut folded = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            _ if character.is_ascii_alphanumeric() => folded.push(character.to_ascii_lowercase()),
            _ if folded.ends_with('-') => {}
            _ => folded.push('-'),
        }
    }
    Cow::Owned(folded)
}

/// Whether an upstream may take one for the other.
pub fn are_one_header(one: &HeaderName, other: &HeaderName) -> bool {
    fold_header_name(one.as_str()) == fold_header_name(other.as_str())
}

/// Whether a name is what it folds to, as nearly all are.
pub(super) fn is_folded(name: &str) -> bool {
    let mut previous = 0;
    name.bytes().all(|byte| {
        let plain = match byte {
            b'-' => previous != b'-',
            _ => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
        };
        previous = byte;
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h2_every_variant_folds_to_one_name() {
        for name in [
            "x-user",
            "X-User",
            "x_user",
            "X_USER",
            "x.user",
            "x user",
            "x~user",
            "x--user",
            "x-_user",
            "x!user",
            "x#user",
            "x$user",
            "x%user",
            "x&user",
            "x'user",
            "x*user",
            "x+user",
            "x^user",
            "x`user",
            "x|user",
            "x\u{2010}user",
        ] {
            assert_eq!(fold_header_name(name), "x-user", "{name}");
        }
        assert_ne!(fold_header_name("xuser"), "x-user");
    }

    #[test]
    fn a_usual_name_is_not_copied() {
        assert!(matches!(fold_header_name("sec-ch-ua-platform"), Cow::Borrowed(_)));
    }
}
