//! The name of a member of an object.

use std::fmt;

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

impl MemberName {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Registered(name) => name.as_str(),
            Self::Other(name) => name,
        }
    }

    fn registered(name: &str) -> Option<Self> {
        let place = REGISTERED.binary_search(&name).ok()?;
        u8::try_from(place).ok().map(|place| Self::Registered(RegisteredName(place)))
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
        assert!(REGISTERED.is_sorted());
        for name in REGISTERED {
            let MemberName::Registered(registered) = MemberName::from(name.to_owned()) else {
                panic!("{name} is not found");
            };
            assert_eq!(registered.as_str(), name);
        }
    }

    #[test]
    fn any_other_name_stays_as_it_is() {
        for name in ["", "Sub", "sub ", "x", "äöü"] {
            let other = MemberName::from(name.to_owned());
            assert!(matches!(&other, MemberName::Other(text) if **text == *name), "{other:?}");
        }
    }
}
