//! The ways in which a signature over a body is written.

use std::fmt;

/// How a detached signature is written. Each is a switch of its own: none is a laxer form of
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `header..signature`, the payload as it is: `"b64": false`, critical (RFC 7797).
    Rfc7797,
    /// `b64` false without `crit`, against RFC 7797 §6: jose4j, and so OCEN and `ReBIT`.
    B64FalseWithoutCrit,
    /// `header..signature`, the payload in base64url (RFC 7515 appendix F).
    Detached,
    /// `header.signature`, the payload in base64url: seen in one implementation of OCEN.
    TwoPart,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: &[Self] =
        &[Self::Rfc7797, Self::B64FalseWithoutCrit, Self::Detached, Self::TwoPart];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rfc7797 => "rfc7797",
            Self::B64FalseWithoutCrit => "b64-false-without-crit",
            Self::Detached => "detached",
            Self::TwoPart => "two-part",
        }
    }

    /// The dialect of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|dialect| dialect.name() == name)
    }

    /// Whether a standard allows this form.
    pub fn is_standard(self) -> bool {
        matches!(self, Self::Rfc7797 | Self::Detached)
    }

    /// Whether the payload is signed in base64url.
    pub fn encodes_payload(self) -> bool {
        matches!(self, Self::Detached | Self::TwoPart)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of dialects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DialectSet(u8);

impl DialectSet {
    /// Whether the dialect is one of them.
    pub fn contains(self, dialect: Dialect) -> bool {
        self.0 & (1 << dialect as u8) != 0
    }

    /// The members.
    pub fn iter(self) -> impl Iterator<Item = Dialect> {
        Dialect::ALL.iter().copied().filter(move |dialect| self.contains(*dialect))
    }
}

impl FromIterator<Dialect> for DialectSet {
    fn from_iter<I: IntoIterator<Item = Dialect>>(dialects: I) -> Self {
        Self(dialects.into_iter().fold(0, |set, dialect| set | 1 << dialect as u8))
    }
}
