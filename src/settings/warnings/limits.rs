//! What limits do that an operator may not expect.

use super::{super::whole::key, Settings, warning};
use crate::{
    limits::settings::{CallerLimitSettings, key as of_limit},
    policy::{ids::LimitId, settings::AccessSettings},
    shared::{
        LostStore,
        settings::{SharedSettings, use_key},
    },
};

impl Settings {
    pub(super) fn limit_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (id, limit) in self.limits.iter_with_ids() {
            let mut warn = |names: &[&str], text: &str| {
                warnings.push(warning(&[&[key::LIMITS, &limit.name], names].concat(), text));
            };
            if !self.routes.all().iter().any(|route| route.limits.contains(&id)) {
                warn(&[], "no route names it");
            }
            if let Some(path) = self.public_route(id).filter(|_| limit.needs_token()) {
                let text = format!(
                    "the route {path} looks at no token, so that its requests are counted by the \
                     client's address"
                );
                warn(&[of_limit::KEY], &text);
            }
            if let Some(replicas) = self.shared.as_ref().and_then(|shared| undivided(limit, shared))
            {
                let text = format!(
                    "while the shared store can't be reached, each replica lets the whole rate \
                     pass; {replicas} says among how many it is divided"
                );
                warn(&[of_limit::SHARED], &text);
            }
        }
        warnings
    }

    fn public_route(&self, limit: LimitId) -> Option<&str> {
        let routes = self.routes.all().iter();
        let mut named = routes.filter(|route| route.limits.contains(&limit));
        let public = named.find(|route| matches!(route.access, AccessSettings::Public));
        public.map(|route| route.path.as_str())
    }
}

/// The setting that would divide the rate.
fn undivided(limit: &CallerLimitSettings, shared: &SharedSettings) -> Option<String> {
    let uses = shared.uses;
    let applies = limit.shared && uses.limits == LostStore::Local && uses.replicas == 1;
    applies.then(|| [key::SHARED, use_key::LIMITS, use_key::REPLICAS].join("."))
}
