//! `[denials]`: how refusals look.

mod maintenance;
mod profile;
mod template;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{Names, reference, switch, text},
        writer::{Writer, Written},
    },
    policy::{
        denial_profile::{BuiltInProfile, DenialProfile},
        ids::PerOwnProfile,
    },
};

pub use maintenance::MaintenanceSettings;
pub(crate) use maintenance::key as of_maintenance;
pub use profile::{OwnAnswerSettings, OwnBodySettings, OwnProfileSettings};
pub use template::{BodyTemplate, Placeholder};

pub(crate) mod key {
    pub(crate) const PROFILES: &str = "profiles";
    pub(crate) const PROFILE: &str = "profile";
    pub(crate) const REALM: &str = "realm";
    pub(crate) const EXPOSE_REASONS: &str = "expose_reasons";
}

/// `[denials]`
#[derive(Debug, Clone)]
pub struct DenialSettings {
    /// The profile of routes without one of their own, and of requests without a route.
    pub profile: DenialProfile,
    /// The `realm` of challenges.
    pub realm: Option<String>,
    /// `true`: built-in profiles show the reason as well.
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
    pub(crate) fn read(section: &mut Section<'_>, names: &Names<DenialProfile>) -> Self {
        let default = DenialProfile::BuiltIn(BuiltInProfile::default());
        let settings = Self {
            profile: section.or(key::PROFILE, default, reference("a denial profile", names)),
            realm: section.optional(key::REALM, realm),
            expose_reasons: section.or(key::EXPOSE_REASONS, false, switch),
            profiles: section
                .section(key::PROFILES, |profiles| profiles.each_table(OwnProfileSettings::read))
                .into_iter()
                .collect(),
        };
        if settings.profiles.len() > MAX_PROFILES {
            section.mistake(key::PROFILES, format!("expected at most {MAX_PROFILES} profiles"));
        }
        settings
    }

    pub(crate) fn write(&self, names: &Names<DenialProfile>) -> Written {
        let profiles = self.profiles.iter();
        let profiles = profiles.map(|profile| (profile.name.clone(), profile.write()));
        Writer::default()
            .reference(key::PROFILE, names, self.profile)
            .optional(key::REALM, self.realm.as_ref())
            .switch(key::EXPOSE_REASONS, self.expose_reasons)
            .optional_members(key::PROFILES, profiles)
            .table()
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
