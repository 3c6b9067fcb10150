//! Why a request is refused: one code per cause, the same in the log line, the metric label, the
//! `explain` output and, where the operator allows it, the response.

mod cause;
mod excerpt;
mod hint;
mod subject;

use std::fmt;

pub use cause::Cause;
pub use excerpt::Excerpt;
pub use subject::{Fault, Part, Subject};

/// What kind of refusal a [`Reason`] is; decides, with the profile in use, how it is answered.
/// Here, how by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// No credential where one is needed: 401 with a bare challenge (RFC 6750 §3).
    CredentialMissing,
    /// A credential that does not hold: 401 `invalid_token`.
    CredentialInvalid,
    /// A signature over the request that is missing or does not hold: 401.
    SignatureRefused,
    /// A valid credential that does not suffice: 403 `insufficient_scope`, or plain 403.
    NotPermitted,
    /// A request that is rejected as malformed: 400 or a more exact status.
    RequestMalformed,
    /// We can't decide: 503 with `Retry-After`, never 401 and never a pass.
    CannotDecide,
    /// A request that may pass, and whose upstream does not answer it: 502, 503 or 504.
    UpstreamFailed,
}

/// Something for every class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByClass<T> {
    /// For [`Class::CredentialMissing`].
    pub credential_missing: T,
    /// For [`Class::CredentialInvalid`].
    pub credential_invalid: T,
    /// For [`Class::SignatureRefused`].
    pub signature_refused: T,
    /// For [`Class::NotPermitted`].
    pub not_permitted: T,
    /// For [`Class::RequestMalformed`].
    pub request_malformed: T,
    /// For [`Class::CannotDecide`].
    pub cannot_decide: T,
    /// For [`Class::UpstreamFailed`].
    pub upstream_failed: T,
}

impl Class {
    /// Every class.
    pub const ALL: &[Self] = &[
        Self::CredentialMissing,
        Self::CredentialInvalid,
        Self::SignatureRefused,
        Self::NotPermitted,
        Self::RequestMalformed,
        Self::CannotDecide,
        Self::UpstreamFailed,
    ];

    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CredentialMissing => "credential_missing",
            Self::CredentialInvalid => "credential_invalid",
            Self::SignatureRefused => "signature_refused",
            Self::NotPermitted => "not_permitted",
            Self::RequestMalformed => "request_malformed",
            Self::CannotDecide => "cannot_decide",
            Self::UpstreamFailed => "upstream_failed",
        }
    }
}

impl<T> ByClass<T> {
    /// The values of a function, one for each class.
    pub fn from_fn(mut of: impl FnMut(Class) -> T) -> Self {
        Self {
            credential_missing: of(Class::CredentialMissing),
            credential_invalid: of(Class::CredentialInvalid),
            signature_refused: of(Class::SignatureRefused),
            not_permitted: of(Class::NotPermitted),
            request_malformed: of(Class::RequestMalformed),
            cannot_decide: of(Class::CannotDecide),
            upstream_failed: of(Class::UpstreamFailed),
        }
    }

    /// The value for a class.
    pub const fn of(&self, class: Class) -> &T {
        match class {
            Class::CredentialMissing => &self.credential_missing,
            Class::CredentialInvalid => &self.credential_invalid,
            Class::SignatureRefused => &self.signature_refused,
            Class::NotPermitted => &self.not_permitted,
            Class::RequestMalformed => &self.request_malformed,
            Class::CannotDecide => &self.cannot_decide,
            Class::UpstreamFailed => &self.upstream_failed,
        }
    }
}

impl<T: Copy> ByClass<T> {
    /// One value for every class.
    pub const fn all(each: T) -> Self {
        Self {
            credential_missing: each,
            credential_invalid: each,
            signature_refused: each,
            not_permitted: each,
            request_malformed: each,
            cannot_decide: each,
            upstream_failed: each,
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $class:ident, $text:literal;)*) => {
        /// The cause of a refusal. Codes are stable: dashboards and clients depend on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[$doc])* #[doc = $text] $name,)*
        }

        impl Reason {
            /// Every reason, in the order of the checks.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What kind of refusal it is.
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }

            /// One sentence for operators; a constant, so that it can't contain anything of a
            /// request.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    // What it would take.
    MemoryExhausted = "memory_exhausted", CannotDecide,
        "There is no memory for the request at the moment.";
    // Before there is a request.
    HeadMalformed = "head_malformed", RequestMalformed, "The head of the request is not HTTP.";
    HeadTooLong = "head_too_long", RequestMalformed,
        "The head of the request is longer than allowed.";
    HeadTimeout = "head_timeout", RequestMalformed,
        "The head of the request was not there in time.";
    ProtocolViolated = "protocol_violated", RequestMalformed,
        "The connection speaks no HTTP, or violates HTTP/2.";
    // The request itself.
    RequestNotCanonical = "request_not_canonical", RequestMalformed,
        "The method, target or host has no single meaning.";
    MethodNotSupported = "method_not_supported", RequestMalformed,
        "The method is not one that is forwarded.";
    HeaderNotAllowed = "header_not_allowed", RequestMalformed,
        "A header's name is no token, or a Connection option names one that carries identity.";
    HeaderLinesExceeded = "header_lines_exceeded", RequestMalformed,
        "There are more header lines than allowed.";
    FramingNotAllowed = "framing_not_allowed", RequestMalformed,
        "The Content-Length is not one plain number, or the Transfer-Encoding not just chunked.";
    ExpectationNotSupported = "expectation_not_supported", RequestMalformed,
        "The Expect header asks for something other than 100-continue.";
    LoopDetected = "loop_detected", RequestMalformed,
        "The request has passed this proxy before: an upstream leads back to it.";
    // The route.
    RouteUnknown = "route_unknown", NotPermitted, "No route matches the request.";
    MethodNotAllowed = "method_not_allowed", RequestMalformed,
        "The route does not take this method.";
    OriginNotAllowed = "origin_not_allowed", NotPermitted,
        "The preflight is of a page whose origin `cors.origins` does not list.";
    ClientCertificateMissing = "client_certificate_missing", NotPermitted,
        "The route needs a client certificate, and the connection has none.";
    ClientCertificateNotAllowed = "client_certificate_not_allowed", NotPermitted,
        "The connection's client certificate is none that the route takes.";
    AddressNotAllowed = "address_not_allowed", NotPermitted,
        "The route is not open to the client's address.";
    // The credential.
    CredentialMissing = "credential_missing", CredentialMissing, "No credential was sent.";
    CredentialSchemeUnknown = "credential_scheme_unknown", CredentialMissing,
        "The credential that was sent is of another scheme.";
    CredentialAmbiguous = "credential_ambiguous", RequestMalformed,
        "More than one credential was sent.";
    CredentialMalformed = "credential_malformed", RequestMalformed,
        "The credential is not exactly one token.";
    CrossSiteCredential = "cross_site_credential", NotPermitted,
        "The credential is a cookie, and a page of another site may have made the request.";
    TokenTooLarge = "token_too_large", CredentialInvalid, "The token is longer than allowed.";
    // The token's form.
    TokenMalformed = "token_malformed", CredentialInvalid, "The token is not a compact JWS.";
    TokenEncrypted = "token_encrypted", CredentialInvalid,
        "The token is encrypted (JWE), which is not supported.";
    HeaderMalformed = "header_malformed", CredentialInvalid,
        "The token's header is not acceptable.";
    AlgorithmUnsupported = "algorithm_unsupported", CredentialInvalid,
        "The token's algorithm is not supported.";
    CriticalUnknown = "critical_unknown", CredentialInvalid,
        "There is a critical header parameter that is not understood.";
    ClaimsMalformed = "claims_malformed", CredentialInvalid,
        "The token's claims are not an acceptable JSON object.";
    // The token's meaning, cheap checks first.
    IssuerUnknown = "issuer_unknown", CredentialInvalid, "The token's issuer is not configured.";
    AlgorithmNotAllowed = "algorithm_not_allowed", CredentialInvalid,
        "The issuer's tokens may not use this algorithm.";
    TokenTypeNotAllowed = "token_type_not_allowed", CredentialInvalid,
        "The token is of a kind that is not taken as an access token; see `token_types`.";
    ClaimMalformed = "claim_malformed", CredentialInvalid,
        "A registered claim has the wrong type or an impossible value.";
    ClaimMissing = "claim_missing", CredentialInvalid, "A required claim is missing.";
    ClaimValueNotAllowed = "claim_value_not_allowed", CredentialInvalid,
        "A claim has none of the values that `require_values` lists.";
    TokenExpired = "token_expired", CredentialInvalid, "The token has expired.";
    TokenNotYetValid = "token_not_yet_valid", CredentialInvalid, "The token is not valid yet.";
    TokenIssuedInFuture = "token_issued_in_future", CredentialInvalid,
        "The token claims to have been issued in the future.";
    LifetimeTooLong = "lifetime_too_long", CredentialInvalid,
        "The token lives longer than allowed.";
    AudienceMismatch = "audience_mismatch", CredentialInvalid,
        "The token is for another audience.";
    BindingUnproven = "binding_unproven", CredentialInvalid,
        "The token is bound to its sender and came without proof.";
    // The key and the signature.
    TokenInactive = "token_inactive", CredentialInvalid,
        "The issuer says that the token is not active.";
    ClientNotAllowed = "client_not_allowed", CredentialInvalid,
        "The token belongs to a client whose tokens are not accepted.";
    IntrospectionUnavailable = "introspection_unavailable", CannotDecide,
        "The issuer can't be asked about the token at the moment.";
    KeysUnavailable = "keys_unavailable", CannotDecide,
        "The issuer's keys are not available at the moment.";
    KidUnknown = "kid_unknown", CredentialInvalid, "The issuer has no key of this id.";
    KeyAmbiguous = "key_ambiguous", CredentialInvalid,
        "The token names no key and several would fit.";
    KeyUnsuitable = "key_unsuitable", CredentialInvalid,
        "The issuer's key is not made for the token's algorithm.";
    SignatureInvalid = "signature_invalid", CredentialInvalid, "The signature is wrong.";
    // What was revoked.
    RevocationUnavailable = "revocation_unavailable", CannotDecide,
        "Whether the token was revoked can't be told at the moment.";
    TokenRevoked = "token_revoked", CredentialInvalid, "The token was revoked.";
    // The request that carries the token.
    CredentialSourceNotAllowed = "credential_source_not_allowed", CredentialInvalid,
        "The issuer's tokens are not taken from where this one was.";
    OriginMismatch = "origin_mismatch", CredentialInvalid,
        "The token is for requests from another origin.";
    // The route's requirements.
    IssuerNotAllowed = "issuer_not_allowed", NotPermitted,
        "The route takes tokens of other issuers only.";
    ScopeInsufficient = "scope_insufficient", NotPermitted, "The token lacks a scope.";
    ClaimNotPermitted = "claim_not_permitted", NotPermitted,
        "A claim does not hold a value that the route asks for.";
    AuthenticationInsufficient = "authentication_insufficient", CredentialInvalid,
        "The user did not authenticate in a way that the route asks for.";
    AuthenticationTooOld = "authentication_too_old", CredentialInvalid,
        "The user did not authenticate lately enough for the route.";
    // The route's limits.
    RateLimited = "rate_limited", NotPermitted,
        "The caller has made as many requests as a limit of the route allows.";
    ConcurrencyLimited = "concurrency_limited", NotPermitted,
        "The caller has as many requests under way as a limit of the route allows.";
    LimitTableFull = "limit_table_full", CannotDecide,
        "There is no room to count the caller's requests at the moment.";
    LimitUnavailable = "limit_unavailable", CannotDecide,
        "How many requests the caller has made can't be told at the moment.";
    // The signature over the request; `signature_invalid`, `critical_unknown` and
    // `keys_unavailable` are reasons here, too.
    SignatureMissing = "signature_missing", SignatureRefused, "The request is not signed.";
    SignatureMalformed = "signature_malformed", SignatureRefused,
        "The request's signature is not exactly one detached JWS.";
    SignatureDialectNotAllowed = "signature_dialect_not_allowed", SignatureRefused,
        "The request's signature is written in a way that is not accepted.";
    SignatureAlgorithmNotAllowed = "signature_algorithm_not_allowed", SignatureRefused,
        "The request may not be signed with this algorithm.";
    SignatureHeaderNotAllowed = "signature_header_not_allowed", SignatureRefused,
        "The signature's header does not say what it has to.";
    SignerUnknown = "signer_unknown", SignatureRefused, "The signer of the request is not known.";
    SignerMismatch = "signer_mismatch", SignatureRefused,
        "The request is signed by another than the token belongs to.";
    SignerNotApproved = "signer_not_approved", NotPermitted,
        "The registry does not approve of who signed the request.";
    BodyTooLarge = "body_too_large", RequestMalformed,
        "The body is larger than allowed.";
    BodyBufferUnavailable = "body_buffer_unavailable", CannotDecide,
        "There is no room for the body at the moment.";
    SignedBodyMissing = "signed_body_missing", RequestMalformed,
        "There is no body that could be signed.";
    SignatureFieldMissing = "signature_field_missing", SignatureRefused,
        "The signed message lacks its time or its id.";
    SignatureIssuedInFuture = "signature_issued_in_future", SignatureRefused,
        "The request claims to have been signed in the future.";
    SignatureExpired = "signature_expired", SignatureRefused,
        "The request was signed too long ago.";
    SignatureReplayed = "signature_replayed", SignatureRefused, "The request was here before.";
    ReplayMemoryFull = "replay_memory_full", CannotDecide,
        "Whether the request was here before can't be told at the moment.";
    ReplayUnavailable = "replay_unavailable", CannotDecide,
        "Whether another replica has seen the request can't be told at the moment.";
    EvidenceUnavailable = "evidence_unavailable", CannotDecide,
        "The proof of the request can't be kept at the moment.";
    // The forwarding.
    ClaimUnrenderable = "claim_unrenderable", NotPermitted,
        "A claim can't be written as a header.";
    AssertionUnavailable = "assertion_unavailable", CannotDecide,
        "The assertion for the upstream can't be signed at the moment.";
    UpstreamCredentialRefused = "upstream_credential_refused", NotPermitted,
        "The provider does not exchange the token for one that the upstream takes.";
    UpstreamCredentialUnavailable = "upstream_credential_unavailable", CannotDecide,
        "The credential for the upstream can't be obtained at the moment.";
    // The upstream.
    UpstreamUnreachable = "upstream_unreachable", UpstreamFailed,
        "No connection to the upstream could be made.";
    UpstreamConnectTimeout = "upstream_connect_timeout", UpstreamFailed,
        "No connection to the upstream could be made in time.";
    UpstreamUntrusted = "upstream_untrusted", UpstreamFailed,
        "The TLS handshake with the upstream failed.";
    UpstreamBroken = "upstream_broken", UpstreamFailed,
        "The connection to the upstream broke before its response began.";
    UpstreamTimeout = "upstream_timeout", UpstreamFailed,
        "The upstream did not respond in time.";
    UpstreamResponseInvalid = "upstream_response_invalid", UpstreamFailed,
        "The upstream's response can't be forwarded.";
    UpstreamBusy = "upstream_busy", UpstreamFailed,
        "The upstream has as many requests or connections as it may have.";
    UpstreamMaintenance = "upstream_maintenance", UpstreamFailed,
        "The upstream is switched off.";
    RouteBusy = "route_busy", UpstreamFailed,
        "The route has as many requests in progress as it may have.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_snake_case_words() {
        let codes: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for code in codes {
            assert!(code.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{code}");
        }
    }

    #[test]
    fn only_what_is_out_of_reach_is_undecidable() {
        let undecidable: Vec<_> =
            Reason::ALL.iter().filter(|reason| reason.class() == Class::CannotDecide).collect();
        assert_eq!(
            undecidable,
            [
                &Reason::MemoryExhausted,
                &Reason::IntrospectionUnavailable,
                &Reason::KeysUnavailable,
                &Reason::RevocationUnavailable,
                &Reason::LimitTableFull,
                &Reason::LimitUnavailable,
                &Reason::BodyBufferUnavailable,
                &Reason::ReplayMemoryFull,
                &Reason::ReplayUnavailable,
                &Reason::EvidenceUnavailable,
                &Reason::AssertionUnavailable,
                &Reason::UpstreamCredentialUnavailable,
            ]
        );
    }
}
