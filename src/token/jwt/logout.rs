//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6): every check that needs no
//! key.

use std::sync::Arc;

use crate::{
    clock::UnixTime,
    jose::{AlgorithmSet, short_media_type},
    json::{Json, Object},
    reason::{Cause, Excerpt, Fault, Reason, Subject},
    revocation::{LoggedOut, Logout},
    token::issuer::settings::{IssuerSettings, LogoutSettings},
};

use super::{
    JwtCandidate,
    claims::{audience_matches, missing, numeric_date, other_audience, string_claim},
    in_time, issued_in_future, seconds,
};

/// What one issuer's logout tokens must be like.
#[derive(Debug)]
pub(in crate::token) struct LogoutRules {
    client_ids: Vec<String>,
    algorithms: AlgorithmSet,
    clock_skew: i64,
}

/// Why a logout token is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogoutFault {
    /// What would refuse an access token, too.
    Token(Cause),
    /// The issuer has no `backchannel_logout`.
    NotConfigured,
    /// `iat` is longer ago than a logout token lives.
    TooOld,
    /// `events` has no logout event.
    NoLogoutEvent,
    /// There is a `nonce`: it would be an ID token.
    Nonce,
    /// Neither `sub` nor `sid`.
    SubjectMissing,
}

/// The member of `events` that makes a logout token (§2.4).
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The `typ` values of a logout token, besides none at all: `JWT` is what most providers write.
const LOGOUT_TYPES: &[&str] = &["logout+jwt", "jwt"];

/// Logout tokens are made to be sent at once (§2.4 recommends two minutes); older ones would have
/// to be kept for longer to detect a replay.
const MAX_AGE: i64 = 5 * 60;

/// The longest `jti`, `sub` or `sid`, in bytes. OpenID Connect Core §2 stops at 255 for `sub`.
const MAX_NAME_BYTES: usize = 512;

impl LogoutFault {
    /// A stable code out of a closed set: metric label, log field.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Token(cause) => cause.reason().code(),
            Self::NotConfigured => "logout_not_configured",
            Self::TooOld => "logout_too_old",
            Self::NoLogoutEvent => "logout_event_missing",
            Self::Nonce => "logout_with_nonce",
            Self::SubjectMissing => "logout_names_nobody",
        }
    }
}

impl<C: Into<Cause>> From<C> for LogoutFault {
    fn from(cause: C) -> Self {
        Self::Token(cause.into())
    }
}

impl LogoutRules {
    pub(in crate::token) fn new(settings: &IssuerSettings) -> Option<Self> {
        let LogoutSettings { client_ids } = settings.backchannel_logout.as_ref()?;
        Some(Self {
            client_ids: client_ids.clone(),
            algorithms: settings.algorithms,
            clock_skew: seconds(settings.clock_skew),
        })
    }
}

impl JwtCandidate<'_> {
    /// Checks everything but the signature, and returns what the token would mean if it were valid.
    pub(in crate::token) fn check_logout(
        &self,
        rules: &LogoutRules,
        now: UnixTime,
    ) -> Result<Logout, LogoutFault> {
        if !rules.algorithms.contains(self.jws.algorithm()) {
            return Err(self.other_algorithm(rules.algorithms).into());
        }
        self.check_logout_type()?;
        if self.claims.get("nonce").is_some() {
            return Err(LogoutFault::Nonce);
        }
        check_event(&self.claims)?;
        let accepted = Some(rules.client_ids.as_slice());
        if !audience_matches(&self.claims, accepted)? {
            return Err(other_audience(&self.claims, accepted).into());
        }
        let at = check_logout_times(&self.claims, rules, now)?;
        Ok(Logout {
            iss: Arc::from(self.issuer()?.ok_or_else(|| missing("iss"))?),
            jti: name(&self.claims, "jti")?.ok_or_else(|| missing("jti"))?,
            whom: whom(&self.claims)?,
            at,
        })
    }

    fn check_logout_type(&self) -> Result<(), Cause> {
        let acceptable = self.jws.header().typ().is_none_or(|typ| {
            let typ = short_media_type(typ);
            LOGOUT_TYPES.iter().any(|accepted| accepted.eq_ignore_ascii_case(typ))
        });
        if acceptable {
            return Ok(());
        }
        let found = Excerpt::quoted(self.jws.header().typ().unwrap_or_default());
        let subject = Subject::parameter("typ", Fault::NotAllowed).found(found);
        let expected = Excerpt::list(LOGOUT_TYPES.iter().copied());
        Err(Reason::TokenTypeNotAllowed.about(subject.expected(expected)))
    }
}

fn check_event(claims: &Object) -> Result<(), LogoutFault> {
    let events = claims.get("events").and_then(Json::as_object);
    let logout = events.and_then(|events| events.get(LOGOUT_EVENT)).and_then(Json::as_object);
    if logout.is_some() { Ok(()) } else { Err(LogoutFault::NoLogoutEvent) }
}

/// `iat` must be there and be recent; an `exp`, which older providers leave out, must be ahead.
/// Gives `iat`.
fn check_logout_times(
    claims: &Object,
    rules: &LogoutRules,
    now: UnixTime,
) -> Result<i64, LogoutFault> {
    let issued = numeric_date(claims, "iat")?.ok_or_else(|| missing("iat"))?;
    if issued.floor > now.0.saturating_add(rules.clock_skew) {
        return Err(issued_in_future(issued.floor, now).into());
    }
    let expires = numeric_date(claims, "exp")?;
    if let Some(date) = expires
        && now.0 >= date.floor.saturating_add(rules.clock_skew)
    {
        let subject = in_time("exp", Fault::InPast, date.floor, now);
        return Err(Reason::TokenExpired.about(subject).into());
    }
    if now.0 > issued.ceil.saturating_add(MAX_AGE + rules.clock_skew) {
        return Err(LogoutFault::TooOld);
    }
    Ok(issued.ceil)
}

fn whom(claims: &Object) -> Result<LoggedOut, LogoutFault> {
    match (name(claims, "sid")?, name(claims, "sub")?) {
        (Some(sid), Some(sub)) => Ok(LoggedOut::SessionOf { sid, sub }),
        (Some(sid), None) => Ok(LoggedOut::Session(sid)),
        (None, Some(sub)) => Ok(LoggedOut::Subject(sub)),
        (None, None) => Err(LogoutFault::SubjectMissing),
    }
}

/// A claim that names something: within its bound, and not empty.
fn name(claims: &Object, claim: &str) -> Result<Option<Arc<str>>, Cause> {
    match string_claim(claims, claim)? {
        Some(name) if name.is_empty() || name.len() > MAX_NAME_BYTES => {
            let subject = Subject::claim(claim, Fault::OutOfRange)
                .found(Excerpt::own(format_args!("a string of {} bytes", name.len())))
                .expected(Excerpt::own(format_args!("1 to {MAX_NAME_BYTES} bytes")));
            Err(Reason::ClaimMalformed.about(subject))
        }
        name => Ok(name.map(Arc::from)),
    }
}
