//! The name of a member of an object.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A name. One that most tokens have takes no memory of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MemberName {
    /// Its place in [`REGISTERED`].
    Registered(u8),
    /// Any that is not there.
    Other(Box<str>),
}

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

impl MemberName {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Registered(place) => REGISTERED.get(usize::from(*place)).copied().unwrap_or(""),
            Self::Other(name) => name,
        }
    }

    /// The bytes that it takes besides itself.
    pub(super) fn heap(&self) -> usize {
        match self {
            Self::Registered(_) => 0,
            Self::Other(name) => name.len(),
        }
    }

    fn registered(name: &str) -> Option<Self> {
        let place = REGISTERED.binary_search(&name).ok()?;
        u8::try_from(place).ok().map(Self::Registered)
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
        assert!(REGISTERED.is_sorted());
        for name in REGISTERED {
            let registered = MemberName::from(name.to_owned());
            assert!(matches!(registered, MemberName::Registered(_)), "{name}");
            assert_eq!((registered.as_str(), registered.heap()), (name, 0));
        }
    }

    #[test]
    fn any_other_name_stays_as_it_is() {
        for name in ["", "Sub", "sub ", "x", "äöü"] {
            assert_eq!(MemberName::from(name.to_owned()).as_str(), name);
        }
    }
}
