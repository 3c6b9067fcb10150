//! `[denials]`: how refusals look.

use crate::config::{
    node::Node,
    reader::{Parsed, Section},
    values::{reference, switch, text},
};
mod profile;
mod template;
pub mod written;

pub use profile::{OwnAnswerSettings, OwnBodySettings, OwnProfileSettings};
pub use template::{BodyTemplate, Place};

/// `[denials]`
#[derive(Debug, Clone)]
pub struct DenialSettings {
    /// How refusals look where the route does not say otherwise, or no route is known yet.
    pub profile: DenialProfile,
    /// The `realm` of challenges.
    pub realm: Option<String>,
    /// `true`: built-in profiles tell the reason as well.
    pub expose_reasons: bool,
    /// The operator's own profiles, in the order of their names.
    pub profiles: Vec<OwnProfileSettings>,
}

/// Which profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenialProfile {
    /// One that is always there.
    BuiltIn(BuiltInProfile),
    /// Index into [`DenialSettings::profiles`].
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

/// A realm is a name, and travels with every refusal.
const MAX_REALM_BYTES: usize = 128;
/// More ways of refusing than a service can have clients that expect different ones.
const MAX_PROFILES: usize = 64;

impl DenialSettings {
    /// `own` are the names of the operator's own profiles.
    pub(crate) fn build(section: &mut Section<'_>, own: &[String]) -> Self {
        if own.len() > MAX_PROFILES {
            section.mistake("profiles", format!("expected at most {MAX_PROFILES} profiles"));
        }
        let default = DenialProfile::BuiltIn(BuiltInProfile::default());
        Self {
            profile: section.or("profile", default, profile(own)),
            realm: section.optional("realm", realm),
            expose_reasons: section.or("expose_reasons", false, switch),
            profiles: section
                .section("profiles", |profiles| profiles.each_table(OwnProfileSettings::build)),
        }
    }

    /// What the configuration calls a profile.
    pub(crate) fn name_of(&self, profile: DenialProfile) -> &str {
        match profile {
            DenialProfile::BuiltIn(profile) => profile.name(),
            DenialProfile::Own(index) => {
                self.profiles.get(index).map_or("", |profile| profile.name.as_str())
            }
        }
    }
}

impl BuiltInProfile {
    /// What the configuration calls it.
    pub fn name(self) -> &'static str {
        BUILT_IN.iter().find(|(_, profile)| *profile == self).map_or("", |(name, _)| *name)
    }
}

/// The name of a profile, built-in or of the operator's own.
pub(crate) fn profile(own: &[String]) -> impl Fn(&Node) -> Parsed<DenialProfile> {
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

/// What can stand between the quotes of a challenge without any escape (threats O-4).
fn realm(node: &Node) -> Parsed<String> {
    let realm = text(node)?;
    let allowed =
        |char: char| (char.is_ascii_graphic() || char == ' ') && char != '"' && char != '\\';
    if realm.len() <= MAX_REALM_BYTES && realm.chars().all(allowed) {
        Ok(realm)
    } else {
        Err(node.mismatch(&format!(
            "at most {MAX_REALM_BYTES} printable ASCII characters without \" and \\"
        )))
    }
}
