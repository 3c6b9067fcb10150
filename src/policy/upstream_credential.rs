//! Which credential a route or an upstream names: how it is obtained is up to the room
//! `upstream_credential`.

use super::ids::UpstreamCredentialId;

/// What the service receives as credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialChoice {
    /// Nothing: the caller's token is removed.
    None,
    /// The caller's verified token, as it came.
    Forward,
    /// One of `[upstream_credentials]`.
    Own(UpstreamCredentialId),
}

/// What needs no table.
pub(crate) const BUILT_IN: &[(&str, CredentialChoice)] =
    &[("none", CredentialChoice::None), ("forward", CredentialChoice::Forward)];
