//! What the signature's header must say besides its algorithm.

use std::borrow::Cow;

use crate::{
    jose::{DetachedJws, Json, Object},
    reason::Reason,
    signature::settings::{HeaderRequirement, RequiredValue, SignatureSettings},
};

use super::signer::text_of;

/// Parameters that must be critical, and parameters that must hold a value.
#[derive(Debug)]
pub(super) struct HeaderRules {
    critical: Vec<String>,
    require: Vec<HeaderRequirement>,
}

impl HeaderRules {
    pub(super) fn new(settings: &SignatureSettings) -> Self {
        Self { critical: settings.critical.clone(), require: settings.require.clone() }
    }

    pub(super) fn check(&self, jws: &DetachedJws, claims: Option<&Object>) -> Result<(), Reason> {
        let marked = jws.member("crit").and_then(Json::as_array).unwrap_or_default();
        let is_marked = |name: &String| marked.iter().any(|mark| mark.as_str() == Some(name));
        let holds = |required: &HeaderRequirement| {
            let found = jws.member(&required.parameter).and_then(text_or_truth);
            found.is_some_and(|found| is_met(&required.value, &found, claims))
        };
        if self.critical.iter().all(is_marked) && self.require.iter().all(holds) {
            Ok(())
        } else {
            Err(Reason::SignatureHeaderNotAllowed)
        }
    }
}

/// A truth value is written in the configuration as a text is.
fn text_or_truth(value: &Json) -> Option<Cow<'_, str>> {
    match value {
        Json::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        _ => text_of(value),
    }
}

fn is_met(required: &RequiredValue, found: &str, claims: Option<&Object>) -> bool {
    match required {
        RequiredValue::AnyOf(values) => values.iter().any(|value| value == found),
        RequiredValue::Claim(claim) => {
            let value = claims.and_then(|claims| claim.find(claims)).and_then(text_of);
            value.is_some_and(|value| value == found)
        }
    }
}
