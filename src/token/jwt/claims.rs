//! The registered claims (RFC 7519 §4.1): a wrongly typed one is an error, never an absence.

use crate::{
    identity::ClaimPath,
    jose::{Json, Object},
    reason::Reason,
};

/// A `NumericDate` (RFC 7519 §2), which may have a fraction, as the whole seconds around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::token) struct NumericDate {
    pub(in crate::token) floor: i64,
    pub(in crate::token) ceil: i64,
}

/// The claim as a date. Zero is a date like any other; so is a negative one.
pub(in crate::token) fn numeric_date(
    claims: &Object,
    name: &str,
) -> Result<Option<NumericDate>, Reason> {
    match claims.get(name) {
        None => Ok(None),
        Some(Json::Integer(value)) => {
            let value = i64::try_from(*value).map_err(|_| Reason::ClaimMalformed)?;
            Ok(Some(NumericDate { floor: value, ceil: value }))
        }
        Some(Json::Float(value)) => from_float(*value).map(Some),
        Some(_) => Err(Reason::ClaimMalformed),
    }
}

fn from_float(value: f64) -> Result<NumericDate, Reason> {
    /// Whole numbers up to here are exact in a double; a date beyond is a mistake.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !value.is_finite() || value.abs() > EXACT {
        return Err(Reason::ClaimMalformed);
    }
    #[expect(clippy::cast_possible_truncation, reason = "within ±2⁵³, checked above")]
    Ok(NumericDate { floor: value.floor() as i64, ceil: value.ceil() as i64 })
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

/// Whether a claim is there with a value; `null` is none.
pub(in crate::token) fn is_present(claims: &Object, name: &str) -> bool {
    !matches!(claims.get(name), None | Some(Json::Null))
}

/// Whether every claim of `all` is there, and one of each list of `any` says something.
pub(in crate::token) fn check_required(
    claims: &Object,
    all: &[String],
    any: &[Vec<ClaimPath>],
) -> Result<(), Reason> {
    let says = |claim: &ClaimPath| claim.find(claims).is_some_and(says_something);
    let all_there = all.iter().all(|name| is_present(claims, name));
    if all_there && any.iter().all(|names| names.iter().any(says)) {
        Ok(())
    } else {
        Err(Reason::ClaimMissing)
    }
}

/// Whether a value is one: `null` is none, nor is a text, list or object with nothing in it.
fn says_something(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::String(text) => !text.is_empty(),
        Json::Array(list) => !list.is_empty(),
        Json::Object(object) => !object.is_empty(),
        Json::Bool(_) | Json::Integer(_) | Json::Float(_) => true,
    }
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
