//! `[denials]`: how refusals look.

mod profile;
mod template;
pub mod written;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{switch, text},
    },
    policy::denial_profile::{BuiltInProfile, DenialProfile, denial_profile},
};

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
            profile: section.or("profile", default, denial_profile(own)),
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
