//! The built-in profiles, each a row: what a class of refusals is answered with, and the reasons
//! that are answered otherwise.

use http::StatusCode;

use super::challenge::Challenge;
use crate::{
    policy::denial_profile::BuiltInProfile,
    reason::{ByClass, Reason},
};

/// A built-in profile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// The realm, unless the operator has another.
    pub(super) realm: Option<&'static str>,
    /// Status and challenge.
    pub(super) by_class: ByClass<StatusRule>,
    /// The rules of reasons that differ from their class, besides [`MORE_EXACT`].
    pub(super) exceptions: &'static [(Reason, StatusRule)],
    /// What is written.
    pub(super) bodies: ByClass<Bodies>,
}

/// Status and challenge.
pub(super) type StatusRule = (StatusCode, Challenge);

/// What is written, and what where `expose_reasons` is on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bodies {
    pub(super) discreet: Option<Text>,
    pub(super) exposing: Option<Text>,
}

/// The text of a body with its places, and its type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    pub(super) content_type: &'static str,
    pub(super) template: &'static str,
}

/// The row of a profile.
pub(super) fn row(profile: BuiltInProfile) -> &'static Row {
    match profile {
        BuiltInProfile::Rfc6750 => &RFC6750,
        BuiltInProfile::Problem => &PROBLEM,
        BuiltInProfile::Ubirch => &UBIRCH,
        BuiltInProfile::GenAuth => &GENAUTH,
        BuiltInProfile::Ocen => &OCEN,
        BuiltInProfile::Empty => &EMPTY,
    }
}

/// RFC 6750 §3.
const RFC6750: Row = Row {
    realm: None,
    by_class: ByClass {
        credential_missing: (StatusCode::UNAUTHORIZED, Challenge::Bare),
        credential_invalid: (StatusCode::UNAUTHORIZED, Challenge::InvalidToken),
        signature_refused: (StatusCode::UNAUTHORIZED, Challenge::Signature),
        not_permitted: (StatusCode::FORBIDDEN, Challenge::None),
        request_malformed: (StatusCode::BAD_REQUEST, Challenge::None),
        cannot_decide: (StatusCode::SERVICE_UNAVAILABLE, Challenge::None),
        upstream_failed: (StatusCode::BAD_GATEWAY, Challenge::None),
    },
    exceptions: &[
        (Reason::CredentialAmbiguous, (StatusCode::BAD_REQUEST, Challenge::InvalidRequest)),
        (Reason::CredentialMalformed, (StatusCode::BAD_REQUEST, Challenge::InvalidRequest)),
        (Reason::ScopeInsufficient, (StatusCode::FORBIDDEN, Challenge::InsufficientScope)),
        (Reason::AuthenticationInsufficient, STEP_UP),
        (Reason::AuthenticationTooOld, STEP_UP),
    ],
    bodies: ByClass::all(Bodies { discreet: None, exposing: Some(PROBLEM_WITH_REASON) }),
};

/// RFC 9457 for everything.
const PROBLEM: Row = Row {
    bodies: ByClass::all(Bodies {
        discreet: Some(PROBLEM_OF_STATUS),
        exposing: Some(PROBLEM_WITH_REASON),
    }),
    ..RFC6750
};

/// ubirch's verification service: 401 where no credential was sent, 403 for one that does not pass,
/// always without a body.
const UBIRCH: Row = Row {
    realm: Some("Verification Access"),
    by_class: ByClass { credential_invalid: (StatusCode::FORBIDDEN, Challenge::None), ..QUIET },
    exceptions: &[
        (Reason::CredentialSchemeUnknown, (StatusCode::FORBIDDEN, Challenge::None)),
        (Reason::CredentialAmbiguous, (StatusCode::FORBIDDEN, Challenge::None)),
        (Reason::CredentialMalformed, (StatusCode::FORBIDDEN, Challenge::None)),
    ],
    bodies: SILENCE,
};

/// GenAuth's `validate_token`: 400 for a token that is none, and a code that repeats the status.
const GENAUTH: Row = Row {
    by_class: ByClass {
        credential_invalid: (StatusCode::BAD_REQUEST, Challenge::None),
        ..RFC6750.by_class
    },
    bodies: ByClass {
        credential_invalid: genauth(r#"{"code":{status},"message":"access_token is invalid"}"#),
        ..ByClass::all(genauth(r#"{"code":{status},"message":"{title}"}"#))
    },
    ..RFC6750
};

/// OCEN's acknowledgement, whose `error` is `"0"` where there is none.
const OCEN: Row = Row {
    bodies: ByClass::all(Bodies {
        discreet: Some(json(
            r#"{"error":"{status}","traceId":"{denial_id}","timestamp":"{timestamp}"}"#,
        )),
        exposing: Some(json(
            r#"{"error":"{reason}","traceId":"{denial_id}","timestamp":"{timestamp}"}"#,
        )),
    }),
    ..RFC6750
};

/// The status, and with a 401 the challenge that RFC 9110 §15.5.2 demands.
const EMPTY: Row = Row { realm: None, by_class: QUIET, exceptions: &[], bodies: SILENCE };

/// RFC 9470 §3.
const STEP_UP: StatusRule = (StatusCode::UNAUTHORIZED, Challenge::InsufficientUserAuthentication);

/// RFC 6585 §4.
const TOO_MANY: StatusRule = (StatusCode::TOO_MANY_REQUESTS, Challenge::None);

/// The reasons whose status is more exact than that of their class, in every profile.
pub(super) const MORE_EXACT: &[(Reason, StatusRule)] = &[
    (Reason::MethodNotSupported, (StatusCode::METHOD_NOT_ALLOWED, Challenge::None)),
    (Reason::MethodNotAllowed, (StatusCode::METHOD_NOT_ALLOWED, Challenge::None)),
    (Reason::ExpectationNotSupported, (StatusCode::EXPECTATION_FAILED, Challenge::None)),
    (Reason::LoopDetected, (StatusCode::LOOP_DETECTED, Challenge::None)),
    (Reason::HeadTooLong, (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Challenge::None)),
    (Reason::HeaderLinesExceeded, (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Challenge::None)),
    (Reason::BodyTooLarge, (StatusCode::PAYLOAD_TOO_LARGE, Challenge::None)),
    (Reason::RateLimited, TOO_MANY),
    (Reason::ConcurrencyLimited, TOO_MANY),
    (Reason::UpstreamConnectTimeout, (StatusCode::GATEWAY_TIMEOUT, Challenge::None)),
    (Reason::UpstreamBusy, (StatusCode::SERVICE_UNAVAILABLE, Challenge::None)),
    (Reason::UpstreamMaintenance, (StatusCode::SERVICE_UNAVAILABLE, Challenge::None)),
    (Reason::RouteBusy, (StatusCode::SERVICE_UNAVAILABLE, Challenge::None)),
    (Reason::UpstreamTimeout, (StatusCode::GATEWAY_TIMEOUT, Challenge::None)),
];

/// As RFC 6750, without its error codes.
const QUIET: ByClass<StatusRule> =
    ByClass { credential_invalid: (StatusCode::UNAUTHORIZED, Challenge::Bare), ..RFC6750.by_class };

const SILENCE: ByClass<Bodies> = ByClass::all(Bodies { discreet: None, exposing: None });

const PROBLEM_WITH_REASON: Text = Text {
    content_type: "application/problem+json",
    template: concat!(
        r#"{"detail":"{text}","reason":"{reason}","status":{status},"title":"{title}"}"#,
        "\n"
    ),
};

const PROBLEM_OF_STATUS: Text = Text {
    content_type: "application/problem+json",
    template: concat!(r#"{"status":{status},"title":"{title}"}"#, "\n"),
};

const fn genauth(discreet: &'static str) -> Bodies {
    const EXPOSING: Text = json(r#"{"code":{status},"message":"{text}"}"#);
    Bodies { discreet: Some(json(discreet)), exposing: Some(EXPOSING) }
}

const fn json(template: &'static str) -> Text {
    Text { content_type: "application/json", template }
}
