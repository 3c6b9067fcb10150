//! What the gate of one configuration is made from.

use crate::{
    identity::{
        HeaderUses, assertion::settings::AssertionSettings, headers::settings::ClaimHeaderSettings,
    },
    policy::settings::RouteSettings,
    signature::settings::SignatureSettings,
    token::{credential::settings::CredentialSettings, issuer::settings::IssuerSettings},
};

/// The parts of a configuration that a [`Gate`](super::Gate) is made from.
#[derive(Debug)]
pub struct GateParts<'s> {
    /// The token issuers. Routes refer to them by index.
    pub issuers: &'s [IssuerSettings],
    /// How bodies are signed. Routes refer to them by index.
    pub signatures: &'s [SignatureSettings],
    /// The routes, in the order written.
    pub routes: &'s [RouteSettings],
    /// The names of the upstreams. Routes refer to them by name.
    pub upstreams: Vec<&'s str>,
    /// Where in a request the credential travels.
    pub credential: &'s CredentialSettings,
    /// Verified claim → header.
    pub claims: &'s [ClaimHeaderSettings],
    /// The signed form of the claims; `None`: there is none.
    pub assertion: Option<&'s AssertionSettings>,
    /// What headers of requests are used for.
    pub headers: HeaderUses<'s>,
}
