//! How a token is verified, and what follows a valid signature.

use crate::{introspection::settings::IntrospectWhen, jose::base64url};

/// What is done about a token that its signature vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterSignature {
    /// Nothing: the signature suffices.
    Nothing,
    /// It is introspected as well, before it passes.
    Introspect,
    /// It passes, and is introspected in the background.
    Watch,
}

impl AfterSignature {
    pub(super) fn of(when: Option<IntrospectWhen>) -> Self {
        match when {
            None | Some(IntrospectWhen::Opaque | IntrospectWhen::Only) => Self::Nothing,
            Some(IntrospectWhen::Always) => Self::Introspect,
            Some(IntrospectWhen::Hybrid) => Self::Watch,
        }
    }
}

/// Whether a token has the form of a JWT, signed or encrypted: its first part is a JSON object.
/// Such a token is verified as a JWT only, so that one that fails is never introspected as if it
/// were opaque (threats I-15).
pub(super) fn claims_to_be_jwt(token: &[u8]) -> bool {
    let mut parts = token.split(|byte| *byte == b'.');
    let (Some(first), Some(_)) = (parts.next(), parts.next()) else {
        return false;
    };
    base64url::decode(first).is_ok_and(|header| header.first() == Some(&b'{'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i15_what_begins_with_a_json_object_is_a_jwt() {
        for jwt in ["eyJhbGciOiJub25lIn0.e30.", "eyJ9.a.b.c.d", "e30.e30.e30", "e30.x"] {
            assert!(claims_to_be_jwt(jwt.as_bytes()), "{jwt}");
        }
        for opaque in ["", ".", "94e325b7-77c8-32c2-a6ff-d7be430bf785", "ya29.a0Af", "e30", "a.b.c"]
        {
            assert!(!claims_to_be_jwt(opaque.as_bytes()), "{opaque}");
        }
    }
}
