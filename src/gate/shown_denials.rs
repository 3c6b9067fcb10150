//! The denials that a configuration can make: their series are shown before the first of them, so
//! that it is an increase, and so that an alert on a reason that never was finds a series.

use super::{GateParts, Metrics};
use crate::{
    policy::{settings::AccessSettings, upstream_credential::CredentialChoice},
    reason::Reason,
    token::issuer::settings::IssuerSettings,
};

/// Where a denial is made, and so whether a token belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DenialPlace {
    /// Before there is a credential, or after the decision. No issuer.
    Request,
    /// `[cors]`. No issuer.
    Cors,
    /// The form of a credential, on a route that needs one. No issuer.
    Credential,
    /// The rules of a token's issuer, and what routes require of its token.
    Token,
    /// What the issuer says of its token, where it is asked.
    Introspection,
    /// The signature over the request, with the evidence of it. No issuer.
    Signature,
    /// A caller's limit: of an issuer's token, or of a request without one.
    Limit,
    /// `[identity.assertion]`
    Assertion,
    /// A credential for the upstream: in place of an issuer's token, or of the proxy itself.
    UpstreamCredential,
    /// The upstream's failures have a family of their own.
    Upstream,
}

use DenialPlace as At;

/// No issuer's series are made beforehand where there are more: with 27 for each by default rules, a
/// scrape of 250 issuers takes 0.5 MB for them.
const MOST_ISSUERS: usize = 250;

/// Shows each denial that can be made, as 0 at first.
pub(super) fn show(parts: &GateParts<'_>, metrics: &Metrics) {
    for reason in Reason::ALL {
        for place in places(*reason) {
            if !is_used(*place, parts) {
                continue;
            }
            if may_lack_issuer(*place) {
                metrics.show_denial(*reason, "");
            }
            if parts.issuers.len() <= MOST_ISSUERS {
                let issuers = parts.issuers.iter().filter(|issuer| may_be_of(*place, issuer));
                issuers.for_each(|issuer| metrics.show_denial(*reason, &issuer.name));
            }
        }
    }
}

fn is_used(place: DenialPlace, parts: &GateParts<'_>) -> bool {
    match place {
        At::Request => true,
        At::Cors => parts.cors.is_some(),
        At::Credential | At::Token | At::Introspection => {
            let mut routes = parts.routes.all().iter();
            routes.any(|route| matches!(route.access, AccessSettings::Token(_)))
        }
        At::Signature => !parts.signatures.is_empty(),
        At::Limit => !parts.limits.is_empty(),
        At::Assertion => parts.assertion.is_some(),
        At::UpstreamCredential => {
            parts.upstream_credentials.iter().any(|it| matches!(it, CredentialChoice::Own(_)))
        }
        At::Upstream => false,
    }
}

fn may_lack_issuer(place: DenialPlace) -> bool {
    match place {
        At::Request
        | At::Cors
        | At::Credential
        | At::Signature
        | At::Limit
        | At::UpstreamCredential => true,
        At::Token | At::Introspection | At::Assertion | At::Upstream => false,
    }
}

fn may_be_of(place: DenialPlace, issuer: &IssuerSettings) -> bool {
    match place {
        At::Introspection => issuer.introspection.is_some(),
        At::Token | At::Limit | At::Assertion | At::UpstreamCredential => true,
        At::Request | At::Cors | At::Credential | At::Signature | At::Upstream => false,
    }
}

/// Where a request may be refused for that reason.
fn places(reason: Reason) -> &'static [DenialPlace] {
    use Reason as R;
    match reason {
        R::MemoryExhausted
        | R::HeadMalformed
        | R::HeadTooLong
        | R::HeadTimeout
        | R::ProtocolViolated
        | R::RequestNotCanonical
        | R::MethodNotSupported
        | R::HeaderNotAllowed
        | R::HeaderLinesExceeded
        | R::FramingNotAllowed
        | R::ExpectationNotSupported
        | R::LoopDetected
        | R::RouteUnknown
        | R::MethodNotAllowed
        | R::ClientCertificateMissing
        | R::ClientCertificateNotAllowed
        | R::AddressNotAllowed
        | R::BodyTooLarge
        | R::BodyBufferUnavailable
        | R::UpstreamMaintenance
        | R::UpstreamBusy
        | R::RouteBusy => &[At::Request],
        R::OriginNotAllowed => &[At::Cors],
        R::CredentialMissing
        | R::CredentialSchemeUnknown
        | R::CredentialAmbiguous
        | R::CredentialMalformed
        | R::CrossSiteCredential
        | R::TokenTooLarge
        | R::TokenEncrypted
        | R::AlgorithmUnsupported
        | R::ClaimsMalformed => &[At::Credential],
        R::HeaderMalformed => &[At::Credential, At::Token],
        R::TokenMalformed | R::IssuerUnknown => &[At::Credential, At::Introspection],
        R::ClaimMalformed | R::ClaimMissing => &[At::Credential, At::Token, At::Signature],
        R::AlgorithmNotAllowed
        | R::TokenTypeNotAllowed
        | R::ClaimValueNotAllowed
        | R::TokenExpired
        | R::TokenNotYetValid
        | R::TokenIssuedInFuture
        | R::LifetimeTooLong
        | R::AudienceMismatch
        | R::BindingUnproven
        | R::RevocationUnavailable
        | R::TokenRevoked
        | R::CredentialSourceNotAllowed
        | R::OriginMismatch
        | R::IssuerNotAllowed
        | R::ScopeInsufficient
        | R::ClaimNotPermitted
        | R::AuthenticationInsufficient
        | R::AuthenticationTooOld
        | R::ClaimUnrenderable => &[At::Token],
        R::KeysUnavailable
        | R::KidUnknown
        | R::KeyAmbiguous
        | R::KeyUnsuitable
        | R::SignatureInvalid => &[At::Token, At::Signature],
        R::CriticalUnknown => &[At::Credential, At::Signature],
        R::TokenInactive | R::ClientNotAllowed | R::IntrospectionUnavailable => {
            &[At::Introspection]
        }
        R::RateLimited | R::ConcurrencyLimited | R::LimitTableFull | R::LimitUnavailable => {
            &[At::Limit]
        }
        R::SignatureMissing
        | R::SignatureMalformed
        | R::SignatureDialectNotAllowed
        | R::SignatureAlgorithmNotAllowed
        | R::SignatureHeaderNotAllowed
        | R::SignerUnknown
        | R::SignerMismatch
        | R::SignerNotApproved
        | R::SignedBodyMissing
        | R::SignatureFieldMissing
        | R::SignatureIssuedInFuture
        | R::SignatureExpired
        | R::SignatureReplayed
        | R::ReplayMemoryFull
        | R::ReplayUnavailable
        | R::EvidenceUnavailable => &[At::Signature],
        R::AssertionUnavailable => &[At::Assertion],
        R::UpstreamCredentialRefused | R::UpstreamCredentialUnavailable => {
            &[At::UpstreamCredential]
        }
        R::UpstreamUnreachable
        | R::UpstreamConnectTimeout
        | R::UpstreamUntrusted
        | R::UpstreamBroken
        | R::UpstreamTimeout
        | R::UpstreamResponseInvalid => &[At::Upstream],
    }
}
