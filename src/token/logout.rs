//! From the bytes of a logout token to a logout that can be believed.

use std::iter;

use prometheus::IntCounterVec;

use crate::{
    clock::UnixTime,
    policy::ids::IssuerId,
    reason::{Cause, Reason, Subject},
    revocation::{LoggedOut, Logout, LogoutRefusal},
    token::issuer::settings::IssuerSettings,
};

use super::{TokenVerifier, issuer::Issuer, jwt::JwtCandidate};

pub use super::jwt::LogoutFault;

/// A logout token that was refused, and whose it claims to be if that is a configured issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLogout {
    /// Why.
    pub cause: LogoutCause,
    /// The configured issuer that the token names.
    pub issuer: Option<IssuerId>,
}

/// Why a logout has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogoutCause {
    /// The token is invalid.
    Fault(LogoutFault),
    /// It is valid, but was used before, or there is no room.
    Refusal(LogoutRefusal),
}

/// The outcome of a logout that was taken; [`LogoutCause::code`] is that of the others.
pub const LOGGED_OUT: &str = "done";

impl LogoutCause {
    /// The codes of the causes that no access token has.
    const CODES: &'static [&'static str] = &[
        "logout_not_configured",
        "logout_too_old",
        "logout_event_missing",
        "logout_with_nonce",
        "logout_names_nobody",
        "logout_replayed",
        "logout_full",
    ];

    /// A stable code out of a closed set: metric label, log field.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.code(),
            Self::Refusal(LogoutRefusal::Replayed) => "logout_replayed",
            Self::Refusal(LogoutRefusal::Full) => "logout_full",
        }
    }

    /// Whether a retry with the same token may succeed.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Fault(LogoutFault::Token(cause)) => cause.reason() == Reason::KeysUnavailable,
            Self::Fault(_) => false,
            Self::Refusal(refusal) => *refusal == LogoutRefusal::Full,
        }
    }

    /// What it is about, as far as known.
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Fault(LogoutFault::Token(cause)) => cause.subject(),
            _ => None,
        }
    }
}

impl TokenVerifier {
    /// Verifies a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6) and has its tokens
    /// refused from then on. Gives its issuer, and who was logged out.
    ///
    /// # Errors
    /// The first check that fails; nothing has changed.
    pub async fn log_out(&self, token: &[u8]) -> Result<(IssuerId, LoggedOut), RefusedLogout> {
        let refuse = |issuer, cause| RefusedLogout { cause, issuer };
        let unknown = |cause: Cause| refuse(None, LogoutCause::Fault(cause.into()));
        let mut candidate = JwtCandidate::read(token, &mut ()).map_err(unknown)?;
        let (id, issuer) = self.issuer_of(&candidate, None).map_err(unknown)?;
        candidate.settle(&issuer.iss, issuer.waivers);
        let logout = verified_logout(candidate, issuer, self.clock.now()).await;
        let logout = logout.map_err(|fault| refuse(Some(id), LogoutCause::Fault(fault)))?;
        let outcome = self.revocations.log_out(&logout);
        outcome.map_err(|refusal| refuse(Some(id), LogoutCause::Refusal(refusal)))?;
        Ok((id, logout.whom))
    }

    /// Counts a logout request. `issuer` is the name in the configuration, empty where none is
    /// known.
    pub fn count_logout(&self, issuer: &str, outcome: &str) {
        self.logouts.with_label_values(&[issuer, outcome]).inc();
    }
}

/// Lets the counters of an issuer start at zero, so that the first failure shows as an increase.
pub(super) fn announce(issuer: &IssuerSettings, logouts: &IntCounterVec) {
    if issuer.backchannel_logout.is_some() {
        for outcome in iter::once(&LOGGED_OUT).chain(LogoutCause::CODES) {
            logouts.with_label_values(&[issuer.name.as_str(), *outcome]);
        }
    }
}

async fn verified_logout(
    candidate: JwtCandidate<'_>,
    issuer: &Issuer,
    now: UnixTime,
) -> Result<Logout, LogoutFault> {
    let rules = issuer.logout.as_ref().ok_or(LogoutFault::NotConfigured)?;
    let logout = candidate.check_logout(rules, now)?;
    let key = issuer.key_for(&candidate, now).await;
    let (key, _) = key.map_err(|reason| issuer.key_cause(reason, &candidate, now))?;
    candidate.verify(&key)?;
    Ok(logout)
}
