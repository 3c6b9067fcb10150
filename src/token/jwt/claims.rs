//! The registered claims (RFC 7519 §4.1): a wrongly typed one is an error, never an absence.

use crate::{
    clock::UnixTime,
    identity::ClaimPath,
    json::{Json, Object},
    policy::ClaimComparison,
    reason::Reason,
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
) -> Result<Option<NumericDate>, Reason> {
    match claims.get(name) {
        None => Ok(None),
        Some(Json::Integer(value)) => from_integer(value.get()).map(Some),
        Some(Json::Float(value)) => from_float(*value).map(Some),
        Some(_) => Err(Reason::ClaimMalformed),
    }
}

fn from_integer(value: i128) -> Result<NumericDate, Reason> {
    let seconds = i64::try_from(value).ok().and_then(UnixTime::plausible);
    let seconds = seconds.ok_or(Reason::ClaimMalformed)?.0;
    Ok(NumericDate { floor: seconds, ceil: seconds })
}

fn from_float(value: f64) -> Result<NumericDate, Reason> {
    #[expect(clippy::cast_possible_truncation, reason = "saturates beyond what is plausible")]
    let (floor, ceil) = (value.floor() as i64, value.ceil() as i64);
    let is_plausible = [floor, ceil].into_iter().all(|end| UnixTime::plausible(end).is_some());
    // A number that is none would be the date 0.
    if value.is_finite() && is_plausible {
        Ok(NumericDate { floor, ceil })
    } else {
        Err(Reason::ClaimMalformed)
    }
}

/// The claim as a string.
pub(in crate::token) fn string_claim<'c>(
    claims: &'c Object,
    name: &str,
) -> Result<Option<&'c str>, Reason> {
    match claims.get(name) {
        None => Ok(None),
        Some(Json::String(value)) => Ok(Some(value)),
        Some(_) => Err(Reason::ClaimMalformed),
    }
}

/// An integer `sub` becomes its decimal text. Other numbers stay what they are: `1.0` and `1e0` have
/// more than one text.
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
pub(in crate::token) fn check_names(claims: &Object) -> Result<(), Reason> {
    NAMES.iter().try_for_each(|name| string_claim(claims, name).map(drop))
}

/// Whether every claim of `required` holds an accepted value.
pub(in crate::token) fn check_values(
    claims: &Object,
    required: &[ClaimComparison],
) -> Result<(), Reason> {
    match required.iter().find(|comparison| !comparison.holds(claims)) {
        None => Ok(()),
        Some(comparison) if comparison.claim.find(claims).is_none() => Err(Reason::ClaimMissing),
        Some(_) => Err(Reason::ClaimValueNotAllowed),
    }
}

/// Whether every claim of `all` is present, and one of each list of `any` is not blank.
pub(in crate::token) fn check_required(
    claims: &Object,
    all: &[ClaimPath],
    any: &[Vec<ClaimPath>],
) -> Result<(), Reason> {
    let is_given = |claim: &ClaimPath| claim.find(claims).is_some_and(|value| !value.is_blank());
    let all_there = all.iter().all(|claim| claim.find(claims).is_some());
    if all_there && any.iter().all(|names| names.iter().any(is_given)) {
        Ok(())
    } else {
        Err(Reason::ClaimMissing)
    }
}

/// What was required, for messages.
pub(in crate::token) fn shown(required: &[ClaimPath]) -> String {
    let names: Vec<_> = required.iter().map(ClaimPath::as_str).collect();
    format!("{names:?} are there")
}

/// Whether a scope claim is a string or an array of strings.
pub(in crate::token) fn check_scope(scopes: Option<&Json>) -> Result<(), Reason> {
    match scopes {
        None | Some(Json::String(_)) => Ok(()),
        Some(Json::Array(scopes)) if scopes.iter().all(|scope| scope.as_str().is_some()) => Ok(()),
        Some(_) => Err(Reason::ClaimMalformed),
    }
}

/// Whether `aud` (a string or an array of strings) names one of the accepted audiences.
pub(in crate::token) fn audience_matches(
    audience: Option<&Json>,
    accepted: Option<&[String]>,
) -> Result<bool, Reason> {
    let is_accepted =
        |audience: &str| accepted.is_none_or(|accepted| accepted.iter().any(|a| a == audience));
    match audience {
        None => Ok(accepted.is_none()),
        Some(Json::String(audience)) => Ok(is_accepted(audience)),
        Some(Json::Array(audiences)) => {
            let mut matched = accepted.is_none();
            for audience in audiences {
                matched |= is_accepted(audience.as_str().ok_or(Reason::ClaimMalformed)?);
            }
            Ok(matched)
        }
        Some(_) => Err(Reason::ClaimMalformed),
    }
}
