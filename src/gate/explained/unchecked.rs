//! What an explanation leaves out, and why.

use crate::gate::Route;

/// A check of a route that was not made, or not in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unchecked {
    /// The address of the client is not known.
    Address,
    /// The certificate of the client is not known.
    ClientCertificate,
    /// The certificate was given, not shown in a handshake.
    CertificateChain,
    /// The buckets of limits.
    Limits,
    /// The signer is not cached of its registry.
    Signer,
    /// The body is not known.
    Body,
    /// The ids of messages that other replicas have accepted.
    SharedReplays,
    /// The credential towards the upstream.
    UpstreamCredential,
}

impl Unchecked {
    /// What no explanation checks, of what that route has.
    pub(super) fn of_route(route: &Route) -> impl Iterator<Item = Self> {
        let limits = route.limits().map(|_| Self::Limits);
        let credential = route.upstream_credential().map(|_| Self::UpstreamCredential);
        limits.into_iter().chain(credential)
    }

    /// Its name, as settings have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Address => "addresses",
            Self::ClientCertificate | Self::CertificateChain => "client_certificate",
            Self::Limits => "limits",
            Self::Signer | Self::Body => "signature",
            Self::SharedReplays => "replay",
            Self::UpstreamCredential => "upstream_credential",
        }
    }

    /// Why it was not checked, and what would help.
    pub fn why(self) -> &'static str {
        match self {
            Self::Address => "the address of the client is not known: give it as \"client\"",
            Self::ClientCertificate => {
                "the certificate of the client is not known: give it as \"client_certificate\", in \
                 PEM"
            }
            Self::CertificateChain => {
                "the listener verifies in the handshake that an authority of its has signed the \
                 certificate, and that it is valid: not checked here"
            }
            Self::Limits => "an explanation uses up no limit, so none is asked",
            Self::Signer => {
                "the signer is not cached of its registry, or for too long, and an explanation \
                 sends no lookup"
            }
            Self::Body => "the body is not known: give it as \"body\" or \"body_base64\"",
            Self::SharedReplays => {
                "whether another replica has accepted the message already is not looked up"
            }
            Self::UpstreamCredential => "an explanation requests no token for the upstream",
        }
    }
}
