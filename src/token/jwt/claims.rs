//! The registered claims (RFC 7519 §4.1): a wrongly typed one is an error, never an absence.

use crate::{
    clock::UnixTime,
    identity::{ClaimPath, shown_claim},
    json::{Json, Object},
    policy::ClaimComparison,
    reason::{Cause, Excerpt, Fault, Reason, Subject},
    token::issuer::settings::key,
};

/// A `NumericDate` (RFC 7519 §2), which may have a fraction, as the whole seconds around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::token) struct NumericDate {
    pub(in crate::token) floor: i64,
    pub(in crate::token) ceil: i64,
}

/// The claim as a date. Zero is a date like any other; so is a negative one.
///
/// # Errors
/// [`Reason::ClaimMalformed`] for what is no number, and for a date beyond
/// [`UnixTime::FARTHEST`] (threats C-15).
pub(in crate::token) fn numeric_date(
    claims: &Object,
    name: &str,
) -> Result<Option<NumericDate>, Cause> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let date = match value {
        Json::Integer(value) => from_integer(value.get()),
        Json::Float(value) => from_float(*value),
        _ => return Err(malformed(name, Fault::WrongType, value, "a number of seconds")),
    };
    let seconds = "seconds since 1970, up to the year 2500";
    date.map(Some).ok_or_else(|| malformed(name, Fault::OutOfRange, value, seconds))
}

fn from_integer(value: i128) -> Option<NumericDate> {
    let seconds = i64::try_from(value).ok().and_then(UnixTime::plausible)?.0;
    Some(NumericDate { floor: seconds, ceil: seconds })
}

fn from_float(value: f64) -> Option<NumericDate> {
    #[expect(clippy::cast_possible_truncation, reason = "saturates beyond what is plausible")]
    let (floor, ceil) = (value.floor() as i64, value.ceil() as i64);
    let is_plausible = [floor, ceil].into_iter().all(|end| UnixTime::plausible(end).is_some());
    // A number that is none would be the date 0.
    (value.is_finite() && is_plausible).then_some(NumericDate { floor, ceil })
}

/// The refusal of a claim that is not what it has to be.
#[cold]
pub(in crate::token) fn malformed(name: &str, fault: Fault, found: &Json, expected: &str) -> Cause {
    let found = match fault {
        Fault::WrongType => Excerpt::own(format_args!("{}", found.kind())),
        _ => shown_claim(name, Some(found)),
    };
    let expected = Excerpt::own(format_args!("{expected}"));
    Reason::ClaimMalformed.about(Subject::claim(name, fault).found(found).expected(expected))
}

/// The refusal for a claim that is not there.
#[cold]
pub(in crate::token) fn missing(name: &str) -> Cause {
    Reason::ClaimMissing.about(Subject::claim(name, Fault::Missing))
}

/// The claim as a string.
pub(in crate::token) fn string_claim<'c>(
    claims: &'c Object,
    name: &str,
) -> Result<Option<&'c str>, Cause> {
    match claims.get(name) {
        None => Ok(None),
        Some(Json::String(value)) => Ok(Some(value)),
        Some(value) => Err(malformed(name, Fault::WrongType, value, "a string")),
    }
}

/// An integer `sub` becomes its decimal text. Other numbers stay what they are: `1.0` and `1e0`
/// have more than one text.
pub(in crate::token) fn settle_subject(claims: &mut Object) {
    if let Some(Json::Integer(subject)) = claims.get("sub") {
        let subject = subject.to_string();
        claims.insert("sub", subject);
    }
}

/// The registered claims that name a party or an object (RFC 7519 §4.1, RFC 8693 §4.3, `OpenID`
/// Connect Core §2 and its logouts' `sid`). One that is no string is rejected, not skipped: all the
/// subjects it should name would become the same (threats C-14).
const NAMES: [&str; 6] = ["iss", "sub", "jti", "client_id", "azp", "sid"];

/// Whether every claim that names a party is a string where present.
pub(in crate::token) fn check_names(claims: &Object) -> Result<(), Cause> {
    NAMES.iter().try_for_each(|name| string_claim(claims, name).map(drop))
}

/// Whether every claim of `required` holds an accepted value.
pub(in crate::token) fn check_values(
    claims: &Object,
    required: &[ClaimComparison],
) -> Result<(), Cause> {
    match required.iter().find(|comparison| !comparison.holds(claims)) {
        None => Ok(()),
        Some(comparison) => Err(value_not_allowed(comparison, claims)),
    }
}

#[cold]
fn value_not_allowed(comparison: &ClaimComparison, claims: &Object) -> Cause {
    let reason = match comparison.claim.find(claims) {
        None => Reason::ClaimMissing,
        Some(_) => Reason::ClaimValueNotAllowed,
    };
    reason.about(comparison.unmet(claims).setting(key::REQUIRE_VALUES))
}

/// Whether every claim of `all` is present, and one of each list of `any` is not blank.
pub(in crate::token) fn check_required(
    claims: &Object,
    all: &[ClaimPath],
    any: &[Vec<ClaimPath>],
) -> Result<(), Cause> {
    let is_given = |claim: &ClaimPath| claim.find(claims).is_some_and(|value| !value.is_blank());
    if let Some(absent) = all.iter().find(|claim| claim.find(claims).is_none()) {
        return Err(missing(absent.as_str()));
    }
    match any.iter().find(|names| !names.iter().any(is_given)) {
        None => Ok(()),
        Some(names) => Err(none_of(names)),
    }
}

#[cold]
fn none_of(names: &[ClaimPath]) -> Cause {
    let first = names.first().map_or("", ClaimPath::as_str);
    let all = Excerpt::list(names.iter().map(ClaimPath::as_str));
    let expected = Excerpt::own(format_args!("one of {all}"));
    let subject = Subject::claim(first, Fault::Missing).expected(expected);
    Reason::ClaimMissing.about(subject.setting(key::REQUIRE_ANY))
}

/// What was required, for messages.
pub(in crate::token) fn shown(required: &[ClaimPath]) -> String {
    let names: Vec<_> = required.iter().map(ClaimPath::as_str).collect();
    format!("{names:?} are there")
}

/// Whether a scope claim is a string or an array of strings.
pub(in crate::token) fn check_scope(claim: &ClaimPath, claims: &Object) -> Result<(), Cause> {
    match claim.find(claims) {
        None | Some(Json::String(_)) => Ok(()),
        Some(Json::Array(scopes)) if scopes.iter().all(|scope| scope.as_str().is_some()) => Ok(()),
        Some(value) => Err(malformed(claim.as_str(), Fault::WrongType, value, TEXTS)),
    }
}

const TEXTS: &str = "a string or an array of strings";

/// Whether `aud` (a string or an array of strings) names one of the accepted audiences.
pub(in crate::token) fn audience_matches(
    claims: &Object,
    accepted: Option<&[String]>,
) -> Result<bool, Cause> {
    let is_accepted =
        |audience: &str| accepted.is_none_or(|accepted| accepted.iter().any(|a| a == audience));
    let wrong_type = |value| malformed("aud", Fault::WrongType, value, TEXTS);
    match claims.get("aud") {
        None => Ok(accepted.is_none()),
        Some(Json::String(audience)) => Ok(is_accepted(audience)),
        Some(array @ Json::Array(audiences)) => {
            let mut matched = accepted.is_none();
            for audience in audiences {
                matched |= is_accepted(audience.as_str().ok_or_else(|| wrong_type(array))?);
            }
            Ok(matched)
        }
        Some(value) => Err(wrong_type(value)),
    }
}

/// The refusal of a token for another audience.
#[cold]
pub(in crate::token) fn other_audience(claims: &Object, accepted: Option<&[String]>) -> Cause {
    let accepted = accepted.unwrap_or_default().iter().map(String::as_str);
    let found = claims.get("aud");
    let fault = if found.is_some() { Fault::NotAllowed } else { Fault::Missing };
    let subject = Subject::claim("aud", fault).found(shown_claim("aud", found));
    Reason::AudienceMismatch
        .about(subject.expected(Excerpt::list(accepted)).setting(key::AUDIENCES))
}
