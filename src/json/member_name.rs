//! The name of a member of an object.

use std::{fmt, sync::LazyLock};

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A name. One that most tokens have takes no memory of its own.
#[derive(Debug)]
pub(super) enum MemberName {
    Registered(RegisteredName),
    /// Any that is not in [`REGISTERED`].
    Other(Box<str>),
}

/// The place of a name in [`REGISTERED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RegisteredName(u8);

/// The claims of access tokens (RFC 7519, RFC 9068, OpenID Connect, and what the large identity
/// providers add), sorted.
const REGISTERED: [&str; 44] = [
    "acr",
    "act",
    "allowed-origins",
    "amr",
    "aud",
    "auth_time",
    "azp",
    "cid",
    "client_id",
    "cnf",
    "email",
    "email_verified",
    "events",
    "exp",
    "family_name",
    "gid",
    "given_name",
    "groups",
    "iat",
    "idp",
    "iss",
    "jti",
    "locale",
    "name",
    "nbf",
    "nonce",
    "oid",
    "origin",
    "preferred_username",
    "realm_access",
    "resource_access",
    "roles",
    "scope",
    "scp",
    "session_state",
    "sid",
    "sub",
    "tid",
    "token_use",
    "typ",
    "uid",
    "username",
    "ver",
    "zoneinfo",
];

/// What each begins with. To find a number takes a quarter of the time that a text takes, and every
/// name of a token is looked up.
static BEGINNINGS: LazyLock<[u64; REGISTERED.len()]> = LazyLock::new(|| REGISTERED.map(beginning));

/// The first eight bytes as a number; those of a shorter text are followed by zeros. Texts are in
/// the order of their beginnings.
fn beginning(text: &str) -> u64 {
    let first = text.as_bytes().first_chunk().copied();
    u64::from_be_bytes(first.unwrap_or_else(|| {
        let mut padded = [0; 8];
        padded.iter_mut().zip(text.as_bytes()).for_each(|(place, byte)| *place = *byte);
        padded
    }))
}

impl MemberName {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Registered(name) => name.as_str(),
            Self::Other(name) => name,
        }
    }

    fn registered(name: &str) -> Option<Self> {
        let place = BEGINNINGS.binary_search(&beginning(name)).ok()?;
        let place = u8::try_from(place).ok().map(RegisteredName)?;
        (place.as_str() == name).then_some(Self::Registered(place))
    }
}

impl RegisteredName {
    pub(super) fn as_str(self) -> &'static str {
        REGISTERED.get(usize::from(self.0)).copied().unwrap_or("")
    }
}

impl From<String> for MemberName {
    fn from(name: String) -> Self {
        Self::registered(&name).unwrap_or_else(|| Self::Other(name.into()))
    }
}

impl<'de> Deserialize<'de> for MemberName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = MemberName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<MemberName, E> {
        Ok(MemberName::registered(name).unwrap_or_else(|| MemberName::Other(name.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_registered_name_is_found_as_what_it_is() {
        assert!(BEGINNINGS.is_sorted_by(|one, next| one < next), "each has another beginning");
        for name in REGISTERED {
            let MemberName::Registered(registered) = MemberName::from(name.to_owned()) else {
                panic!("{name} is not found");
            };
            assert_eq!(registered.as_str(), name);
        }
    }

    #[test]
    fn any_other_name_stays_as_it_is() {
        for name in
            ["", "Sub", "sub ", "sub\0", "x", "äöü", "session_", "session_states", "username "]
        {
            let other = MemberName::from(name.to_owned());
            assert!(matches!(&other, MemberName::Other(text) if **text == *name), "{other:?}");
        }
    }
}
