//! Which denial profile a route names: how its refusals look is for the proxy to know.

use crate::config::{node::Node, reader::Parsed, values::reference};

/// Which profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenialProfile {
    /// One that is always there.
    BuiltIn(BuiltInProfile),
    /// One of the operator's own, by its index in their order.
    Own(usize),
}

/// The profiles that are always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BuiltInProfile {
    /// RFC 6750, with a problem document where reasons are exposed.
    #[default]
    Rfc6750,
    /// The same, always with a problem document (RFC 9457).
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
    ("rfc6750", BuiltInProfile::Rfc6750),
    ("problem", BuiltInProfile::Problem),
    ("ubirch", BuiltInProfile::Ubirch),
    ("genauth", BuiltInProfile::GenAuth),
    ("ocen", BuiltInProfile::Ocen),
    ("empty", BuiltInProfile::Empty),
];

impl BuiltInProfile {
    /// What the configuration calls it.
    pub fn name(self) -> &'static str {
        BUILT_IN.iter().find(|(_, profile)| *profile == self).map_or("", |(name, _)| *name)
    }
}

impl DenialProfile {
    /// What the configuration calls it; `own` are the names of the operator's own.
    pub(crate) fn name(self, own: &[String]) -> &str {
        match self {
            Self::BuiltIn(profile) => profile.name(),
            Self::Own(index) => own.get(index).map_or("", String::as_str),
        }
    }
}

/// The name of a profile, built-in or of the operator's own.
pub(crate) fn denial_profile(own: &[String]) -> impl Fn(&Node) -> Parsed<DenialProfile> {
    let built_in = BUILT_IN.iter().map(|(name, _)| (*name).to_owned());
    let names: Vec<_> = built_in.chain(own.iter().cloned()).collect();
    move |node| {
        let (index, _) = reference("a denial profile", &names)(node)?;
        Ok(match BUILT_IN.get(index) {
            Some((_, profile)) => DenialProfile::BuiltIn(*profile),
            None => DenialProfile::Own(index - BUILT_IN.len()),
        })
    }
}
