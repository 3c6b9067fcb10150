//! Which denial profile a route names: how its refusals look is for the proxy to know.

use super::ids::OwnProfileId;

/// Which profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenialProfile {
    /// One that is always there.
    BuiltIn(BuiltInProfile),
    /// One of the operator's own.
    Own(OwnProfileId),
}

/// The profiles that are always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BuiltInProfile {
    /// RFC 6750, with a problem document where reasons are exposed.
    #[default]
    Rfc6750,
    /// As the default, always with a problem document (RFC 9457).
    Problem,
    /// As ubirch's verification service answers.
    Ubirch,
    /// As GenAuth's `validate_token` answers.
    GenAuth,
    /// OCEN's acknowledgement.
    Ocen,
    /// No body, and no more in the challenge than there must be.
    Empty,
}

/// Their names.
pub(crate) const BUILT_IN: &[(&str, BuiltInProfile)] = &[
    named(BuiltInProfile::Rfc6750),
    named(BuiltInProfile::Problem),
    named(BuiltInProfile::Ubirch),
    named(BuiltInProfile::GenAuth),
    named(BuiltInProfile::Ocen),
    named(BuiltInProfile::Empty),
];

const fn named(profile: BuiltInProfile) -> (&'static str, BuiltInProfile) {
    (profile.name(), profile)
}

impl BuiltInProfile {
    /// What the configuration calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rfc6750 => "rfc6750",
            Self::Problem => "problem",
            Self::Ubirch => "ubirch",
            Self::GenAuth => "genauth",
            Self::Ocen => "ocen",
            Self::Empty => "empty",
        }
    }
}
