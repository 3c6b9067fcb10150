//! What is right: a request is refused and the upstream gets nothing of it, or it is forwarded
//! once, in the name of the verified token and of no other.

use std::sync::Arc;

use countersign::reason::{Class, Reason};

use super::{
    client::Answer,
    upstream::{Received, Record},
};

/// What the upstream had received before a request.
#[derive(Debug)]
pub(crate) struct Mark {
    record: Arc<Record>,
    count: usize,
    bytes: usize,
}

impl Mark {
    pub(crate) fn of(record: &Arc<Record>) -> Self {
        Self { record: Arc::clone(record), count: record.count(), bytes: record.bytes() }
    }

    /// The upstream has received nothing since.
    #[track_caller]
    pub(crate) fn assert_untouched(&self, case: &str) {
        let new = self.record.bytes() - self.bytes;
        assert_eq!(new, 0, "{case}: the upstream received {:?}", self.record.since(self.count));
    }

    /// The one request that the upstream has received since.
    #[track_caller]
    pub(crate) fn only_request(&self, case: &str) -> Received {
        let mut new = self.record.since(self.count);
        assert_eq!(new.len(), 1, "{case}: the upstream received {new:?}");
        new.remove(0)
    }
}

/// The status that a reason is answered with, wherever it does not depend on more than its class.
pub(crate) fn status_of(reason: Reason) -> u16 {
    match (reason, reason.class()) {
        (Reason::MethodNotAllowed | Reason::MethodNotSupported, _) => 405,
        (Reason::ExpectationNotSupported, _) => 417,
        (Reason::BodyTooLarge, _) => 413,
        (Reason::LoopDetected, _) => 508,
        (Reason::HeadTooLong | Reason::HeaderLinesExceeded, _) => 431,
        (Reason::RateLimited | Reason::ConcurrencyLimited, _) => 429,
        (_, Class::CredentialMissing | Class::CredentialInvalid | Class::SignatureRefused) => 401,
        (_, Class::NotPermitted) => 403,
        (_, Class::RequestMalformed) => 400,
        (Reason::UpstreamConnectTimeout | Reason::UpstreamTimeout, _) => 504,
        (Reason::RouteBusy | Reason::UpstreamBusy | Reason::UpstreamMaintenance, _)
        | (_, Class::CannotDecide) => 503,
        (_, Class::UpstreamFailed) => 502,
    }
}

/// Refused for that reason, by the rules of RFC 6750 and RFC 9110, and zero bytes upstream.
#[track_caller]
pub(crate) fn assert_refused(case: &str, answer: &Answer, reason: Reason, before: &Mark) {
    assert_refused_as(case, answer, reason, reason.class(), before);
}

/// The same where the reason is one of another class here.
#[track_caller]
pub(crate) fn assert_refused_as(
    case: &str,
    answer: &Answer,
    reason: Reason,
    class: Class,
    before: &Mark,
) {
    let found = (answer.status, answer.reason());
    let expected = (status_of(reason), Some(reason.code().to_owned()));
    assert_eq!(found, expected, "{case}: {answer:?}");
    assert!(!answer.is_from_upstream(), "{case}: {answer:?}");
    before.assert_untouched(case);
    assert_eq!(answer.field("cache-control"), Some("no-store"), "{case}");
    let challenge = answer.field("www-authenticate");
    match class {
        Class::CredentialMissing => assert_eq!(challenge, Some("Bearer"), "{case}"),
        Class::CredentialInvalid => {
            assert_eq!(challenge, Some("Bearer error=\"invalid_token\""), "{case}");
        }
        Class::SignatureRefused => assert_eq!(challenge, Some("Signature"), "{case}"),
        Class::CannotDecide => {
            let retry_after = answer.field("retry-after").map(str::parse::<u32>);
            assert!(matches!(retry_after, Some(Ok(1..))), "{case}: {answer:?}");
            assert_eq!(challenge, None, "{case}: an outage is not the client's fault");
        }
        Class::NotPermitted | Class::RequestMalformed | Class::UpstreamFailed => {}
    }
}

/// Refused in one way or another: 4xx, or closed without an answer; zero bytes upstream.
#[track_caller]
pub(crate) fn assert_turned_away(case: &str, answer: Option<&Answer>, before: &Mark) {
    if let Some(answer) = answer {
        assert!((400..500).contains(&answer.status), "{case}: {answer:?}");
        assert!(!answer.is_from_upstream(), "{case}: {answer:?}");
    }
    before.assert_untouched(case);
}

/// Forwarded once, with exactly these identity headers. Returns what the upstream received.
#[track_caller]
pub(crate) fn assert_admitted(
    case: &str,
    answer: &Answer,
    before: &Mark,
    identity: &[(&str, &str)],
) -> Received {
    assert!(answer.is_from_upstream(), "{case}: {answer:?}");
    let received = before.only_request(case);
    let found = identity_of(&received);
    assert_eq!(found, identity, "{case}: the identity that the upstream sees");
    received
}

/// Every header of the default mapping, or whose name folds to one of it (threats H-2), in the
/// order of their names.
pub(crate) fn identity_of(received: &Received) -> Vec<(&str, &str)> {
    let fields = received.head.fields.iter();
    let mut identity: Vec<_> = fields
        .filter(|(name, _)| fold(name).starts_with("x-auth-"))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    identity.sort_unstable();
    identity
}

/// The form in which CGI-like servers compare header names: `X_Auth.Subject` is `x-auth-subject`.
pub(crate) fn fold(name: &str) -> String {
    let fold = |c: char| {
        if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }
    };
    name.chars().map(fold).collect()
}
