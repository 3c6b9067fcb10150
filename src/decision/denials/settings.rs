//! `[denials]`: how refusals look.

mod profile;
mod template;
pub mod written;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{Names, reference, switch, text},
    },
    policy::{
        denial_profile::{BuiltInProfile, DenialProfile},
        ids::PerOwnProfile,
    },
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
    /// The operator's own profiles.
    pub profiles: PerOwnProfile<OwnProfileSettings>,
}

/// A realm is a name, and travels with every refusal.
const MAX_REALM_BYTES: usize = 128;
/// More ways of refusing than a service can have clients that expect different ones.
const MAX_PROFILES: usize = 64;

impl DenialSettings {
    /// `names` are those of all profiles.
    pub(crate) fn build(section: &mut Section<'_>, names: &Names<DenialProfile>) -> Self {
        let default = DenialProfile::BuiltIn(BuiltInProfile::default());
        let settings = Self {
            profile: section.or("profile", default, reference("a denial profile", names)),
            realm: section.optional("realm", realm),
            expose_reasons: section.or("expose_reasons", false, switch),
            profiles: section
                .section("profiles", |profiles| profiles.each_table(OwnProfileSettings::build))
                .into_iter()
                .collect(),
        };
        if settings.profiles.len() > MAX_PROFILES {
            section.mistake("profiles", format!("expected at most {MAX_PROFILES} profiles"));
        }
        settings
    }

    /// What the configuration calls a profile.
    pub(crate) fn name_of(&self, profile: DenialProfile) -> &str {
        match profile {
            DenialProfile::BuiltIn(profile) => profile.name(),
            DenialProfile::Own(own) => &self.profiles.get(own).name,
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
