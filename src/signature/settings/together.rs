//! What parts of a signature's settings have to agree on.

use http::header::AUTHORIZATION;

use crate::{
    config::reader::Section,
    identity::ClaimPath,
    policy::RequiredValue,
    signature::settings::{CallerBinding, SignatureSettings, key},
};

impl SignatureSettings {
    /// Whether the registry's requirements compare that field with a claim.
    fn compares(&self, field: &ClaimPath) -> bool {
        let mut required = self.registry().into_iter().flat_map(|registry| &registry.require);
        required.any(|requirement| {
            requirement.field == *field && matches!(requirement.value, RequiredValue::Claim(_))
        })
    }

    /// Reports them to the section.
    pub(super) fn check_together(&self, section: &Section<'_>) {
        if let CallerBinding::Registry(field) = &self.caller
            && !self.compares(field)
        {
            let field = field.as_str();
            section.mistake(
                key::CALLER,
                format!(
                    "nothing compares the registry's {field:?} with the token; expected \
                     keys.registry.require = {{ {field} = {{ claim = \"azp\" }} }}"
                ),
            );
        }
        let understood = self.understood();
        for name in self.critical.iter().filter(|name| !understood.contains(name)) {
            section.mistake(
                key::CRITICAL,
                format!(
                    "nothing looks at {name:?}, so that it would be marked as understood without \
                     being so; expected it in require, signer, freshness or replay"
                ),
            );
        }
        if let (Some(freshness), Some(replay)) = (&self.freshness, &self.replay)
            && freshness.issued.is_some()
            && replay.window < freshness.accepted_for()
        {
            section.mistake(
                key::REPLAY,
                format!(
                    "window: a message is accepted for {}, and would be forgotten before that is \
                     over and pass again; expected a window at least as long",
                    humantime::format_duration(freshness.accepted_for())
                ),
            );
        }
        if self.scheme.is_none() && self.headers.contains(&AUTHORIZATION) {
            section.mistake(
                key::SCHEME,
                "missing; a signature in Authorization needs one, so that it is not taken for a \
                 token"
                    .to_owned(),
            );
        }
    }
}
