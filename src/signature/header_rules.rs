//! Required parameters of the signature's header, besides its algorithm.

use crate::{
    jose::DetachedJws,
    json::{Json, Object},
    policy::comparison::RequiredValue,
    reason::{Cause, Excerpt, Fault, Reason, Subject},
    signature::settings::{HeaderRequirement, SignatureSettings, key},
};

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

    pub(super) fn check(&self, jws: &DetachedJws, claims: Option<&Object>) -> Result<(), Cause> {
        let marked = jws.header().get("crit").and_then(Json::as_array).unwrap_or_default();
        let is_marked = |name: &String| marked.iter().any(|mark| mark.as_str() == Some(name));
        let holds = |required: &HeaderRequirement| {
            required.value.is_met_by(jws.header().get(&required.parameter), claims)
        };
        if let Some(unmarked) = self.critical.iter().find(|name| !is_marked(name)) {
            let expected = Excerpt::own(format_args!("{} among them", Excerpt::quoted(unmarked)));
            let subject = Subject::parameter("crit", Fault::Different).expected(expected);
            return Err(Reason::SignatureHeaderNotAllowed.about(subject.setting(key::CRITICAL)));
        }
        match self.require.iter().find(|required| !holds(required)) {
            None => Ok(()),
            Some(required) => Err(not_as_required(required, jws)),
        }
    }
}

/// A claim that the parameter has to equal may be anything, and is not shown.
#[cold]
fn not_as_required(required: &HeaderRequirement, jws: &DetachedJws) -> Cause {
    let found = jws.header().get(&required.parameter);
    let fault = if found.is_some() { Fault::NotAllowed } else { Fault::Missing };
    let found = found.map_or_else(|| "nothing".to_owned(), Json::kind);
    let expected = match &required.value {
        RequiredValue::AnyOf(texts) => Excerpt::list(texts.iter().map(String::as_str)),
        RequiredValue::Claim(claim) => {
            Excerpt::own(format_args!("the token's claim {}", Excerpt::quoted(claim.as_str())))
        }
    };
    let subject = Subject::parameter(&required.parameter, fault)
        .found(Excerpt::own(format_args!("{found}")))
        .expected(expected);
    Reason::SignatureHeaderNotAllowed.about(subject.setting(key::REQUIRE))
}
