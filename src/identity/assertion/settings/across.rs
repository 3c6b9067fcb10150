//! The assertion's header is ours alone.

use http::HeaderName;

use crate::{
    identity::{
        are_one_header, assertion::settings::AssertionSettings,
        forwarded::settings::ForwardingSettings, headers::settings::ClaimHeaderSettings,
    },
    token::credential::settings::CredentialSettings,
};

impl AssertionSettings {
    /// What else the configuration does with the same header, if anything (threats H-1, H-2).
    pub(crate) fn header_problem(
        &self,
        claims: &[ClaimHeaderSettings],
        credential: &CredentialSettings,
        forwarding: &ForwardingSettings,
    ) -> Option<&'static str> {
        let is_ours = |header: &HeaderName| are_one_header(header, &self.header);
        if claims.iter().any(|claim| is_ours(&claim.header)) {
            return Some("carries a claim as well");
        }
        if credential.headers().any(is_ours) {
            return Some(
                "is where credential.sources reads the token from, and what clients send in the \
                 header of the assertion is removed",
            );
        }
        if forwarding.keep.iter().any(is_ours) {
            return Some("is one that forwarding.keep lets clients send");
        }
        None
    }
}
