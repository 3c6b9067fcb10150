//! What an issuer's tokens may be like although the standard default refuses it.

use crate::{
    config::{reader::Section, values::switch, writer::Writer},
    identity::ClaimPath,
    token::issuer::settings::{TokenProfile, key},
};

/// Deviations from the registered claims (RFC 7519 §4.1) that an issuer's tokens may have. All are
/// off by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClaimWaivers {
    /// `true`: a `sub` that is an integer counts as its decimal text. Anything else that is no text
    /// is refused still.
    pub integer_subject: bool,
    /// `true`: a token without `iss` counts as this issuer's, on routes that accept the tokens of
    /// no other issuer.
    pub without_issuer: bool,
}

const ISSUER_CLAIM: &str = "iss";

impl ClaimWaivers {
    /// `verifies`: whether any token of the issuer is verified by its signature. `has_tenants`:
    /// whether `iss` says which one it is.
    pub(super) fn read(
        section: &mut Section<'_>,
        profile: Option<TokenProfile>,
        required: &[ClaimPath],
        verifies: bool,
        has_tenants: bool,
    ) -> Self {
        let waivers = Self {
            integer_subject: section.or(key::INTEGER_SUBJECT, false, switch),
            without_issuer: section.or(key::ACCEPT_WITHOUT_ISSUER, false, switch),
        };
        if waivers.without_issuer {
            let requires_issuer = required.iter().any(|claim| claim.as_str() == ISSUER_CLAIM);
            let problem = match profile {
                _ if !verifies => Some("has no effect with introspection.when = \"only\"".into()),
                _ if has_tenants => {
                    Some("contradicts the placeholder in issuer, which iss is compared with".into())
                }
                Some(profile) if profile.required().contains(&ISSUER_CLAIM) => {
                    Some(format!("contradicts profile = {:?}", profile.name()))
                }
                _ if requires_issuer => Some("contradicts require, which lists \"iss\"".into()),
                _ => None,
            };
            if let Some(text) = problem {
                section.mistake(key::ACCEPT_WITHOUT_ISSUER, text);
            }
        }
        waivers
    }

    pub(super) fn write(self, writer: Writer) -> Writer {
        writer
            .switch(key::INTEGER_SUBJECT, self.integer_subject)
            .switch(key::ACCEPT_WITHOUT_ISSUER, self.without_issuer)
    }
}
