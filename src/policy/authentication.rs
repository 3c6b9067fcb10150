//! How, and how lately, the subject of a token authenticated: the step-up of RFC 9470.

use crate::{
    clock::{UnixTime, seconds},
    identity::shown_claim,
    json::Object,
    policy::settings::{AuthenticationSettings, key},
    reason::{Cause, Excerpt, Fault, Reason, Subject},
};

/// What a route requires of the authentication behind a token, compiled.
#[derive(Debug)]
pub struct RequiredAuthentication {
    acr: Vec<String>,
    max_age: Option<i64>,
    challenge: String,
}

/// What a verified token says of the authentication behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenticationEvent<'t> {
    /// The authentication context class (`acr`), if it is a text.
    pub acr: Option<&'t str>,
    /// When it was (`auth_time`), if that is a date.
    pub time: Option<UnixTime>,
}

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticationUnmet {
    /// None of the accepted classes.
    Acr,
    /// Too long ago, in the future, or not known when.
    Age,
}

/// How far ahead the clock of the identity provider may be: what issuers are granted by default. An
/// event later than that was not dated by a clock.
const CLOCK_SKEW: i64 = 60;

impl RequiredAuthentication {
    /// `None` where nothing is required.
    pub fn compile(settings: &AuthenticationSettings) -> Option<Self> {
        settings.is_required().then(|| {
            let max_age = settings.max_age.map(seconds);
            Self {
                acr: settings.acr.clone(),
                max_age,
                challenge: challenge(&settings.acr, max_age),
            }
        })
    }

    /// Whether that authentication suffices now. The answer is for this moment: an authentication
    /// grows older while its token stays the same.
    ///
    /// # Errors
    /// What is missing.
    pub fn check(
        &self,
        event: AuthenticationEvent<'_>,
        now: UnixTime,
    ) -> Result<(), AuthenticationUnmet> {
        let is_accepted = |acr| self.acr.iter().any(|accepted| accepted == acr);
        if !self.acr.is_empty() && !event.acr.is_some_and(is_accepted) {
            return Err(AuthenticationUnmet::Acr);
        }
        let Some(max_age) = self.max_age else {
            return Ok(());
        };
        let is_recent =
            |time: UnixTime| (-CLOCK_SKEW..=max_age).contains(&now.0.saturating_sub(time.0));
        if event.time.is_some_and(is_recent) { Ok(()) } else { Err(AuthenticationUnmet::Age) }
    }

    /// What is said of a token with these claims that does not suffice.
    #[cold]
    pub fn unmet(&self, unmet: AuthenticationUnmet, claims: &Object) -> Cause {
        let (reason, claim, wrong) = match unmet {
            AuthenticationUnmet::Acr => {
                (Reason::AuthenticationInsufficient, "acr", Fault::NotAllowed)
            }
            AuthenticationUnmet::Age => {
                (Reason::AuthenticationTooOld, "auth_time", Fault::OutOfRange)
            }
        };
        let found = claims.get(claim);
        let fault = if found.is_some() { wrong } else { Fault::Missing };
        let subject = Subject::claim(claim, fault).found(shown_claim(claim, found));
        reason.about(match unmet {
            AuthenticationUnmet::Acr => {
                let accepted = self.acr.iter().map(String::as_str);
                subject.expected(Excerpt::list(accepted)).setting(key::ACR)
            }
            AuthenticationUnmet::Age => {
                let max_age = self.max_age.unwrap_or_default();
                let expected = format_args!("a time at most {max_age} s ago, and not ahead");
                subject.expected(Excerpt::own(expected)).setting(key::MAX_AGE)
            }
        })
    }

    /// The parameters of a challenge that say what is required (RFC 9470 §3).
    pub fn challenge(&self) -> &str {
        &self.challenge
    }
}

fn challenge(acr: &[String], max_age: Option<i64>) -> String {
    let acr = (!acr.is_empty()).then(|| format!("acr_values=\"{}\"", acr.join(" ")));
    let max_age = max_age.map(|max_age| format!("max_age=\"{max_age}\""));
    acr.into_iter().chain(max_age).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: UnixTime = UnixTime(1_700_000_000);

    fn required(acr: &[&str], max_age: Option<u64>) -> RequiredAuthentication {
        let acr = acr.iter().copied().map(str::to_owned).collect();
        let max_age = max_age.map(Duration::from_secs);
        RequiredAuthentication::compile(&AuthenticationSettings { acr, max_age }).unwrap()
    }

    fn event(acr: Option<&str>, seconds_ago: Option<i64>) -> AuthenticationEvent<'_> {
        AuthenticationEvent { acr, time: seconds_ago.map(|ago| UnixTime(NOW.0 - ago)) }
    }

    #[test]
    fn a_class_is_one_of_the_list_to_the_letter() {
        let required = required(&["urn:mfa", "urn:phr"], None);
        for accepted in ["urn:mfa", "urn:phr"] {
            assert_eq!(required.check(event(Some(accepted), None), NOW), Ok(()));
        }
        for refused in [None, Some(""), Some("urn:mfa urn:phr"), Some("URN:MFA"), Some("urn:mf")] {
            let verdict = required.check(event(refused, Some(0)), NOW);
            assert_eq!(verdict, Err(AuthenticationUnmet::Acr), "{refused:?}");
        }
    }

    #[test]
    fn an_authentication_is_recent_until_its_age_and_no_second_longer() {
        let required = required(&[], Some(900));
        for recent in [0, 899, 900, -60] {
            assert_eq!(required.check(event(None, Some(recent)), NOW), Ok(()), "{recent}");
        }
        for refused in [Some(901), Some(i64::MAX), Some(-61), None] {
            let verdict = required.check(event(None, refused), NOW);
            assert_eq!(verdict, Err(AuthenticationUnmet::Age), "{refused:?}");
        }
    }

    #[test]
    fn where_both_are_required_one_of_them_does_not_suffice() {
        let required = required(&["urn:mfa"], Some(10));
        let check = |acr, ago| required.check(event(acr, ago), NOW);
        assert_eq!(check(Some("urn:mfa"), Some(10)), Ok(()));
        assert_eq!(check(Some("urn:mfa"), Some(11)), Err(AuthenticationUnmet::Age));
        assert_eq!(check(None, Some(10)), Err(AuthenticationUnmet::Acr));
    }

    #[test]
    fn the_challenge_names_what_is_required_and_nothing_else() {
        let both = required(&["a", "b"], Some(900));
        assert_eq!(both.challenge(), "acr_values=\"a b\", max_age=\"900\"");
        assert_eq!(required(&["a"], None).challenge(), "acr_values=\"a\"");
        assert_eq!(required(&[], Some(5)).challenge(), "max_age=\"5\"");
        assert!(RequiredAuthentication::compile(&AuthenticationSettings::default()).is_none());
    }
}
