//! Required parameters of the signature's header, besides its algorithm.

use crate::{
    jose::DetachedJws,
    json::{Json, Object},
    reason::Reason,
    signature::settings::{HeaderRequirement, SignatureSettings},
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

    pub(super) fn check(&self, jws: &DetachedJws, claims: Option<&Object>) -> Result<(), Reason> {
        let marked = jws.header().get("crit").and_then(Json::as_array).unwrap_or_default();
        let is_marked = |name: &String| marked.iter().any(|mark| mark.as_str() == Some(name));
        let holds = |required: &HeaderRequirement| {
            required.value.is_met_by(jws.header().get(&required.parameter), claims)
        };
        if self.critical.iter().all(is_marked) && self.require.iter().all(holds) {
            Ok(())
        } else {
            Err(Reason::SignatureHeaderNotAllowed)
        }
    }
}
