//! Names in `forwarding.keep` and `forwarding.remove` that change nothing.

use http::{HeaderName, header::FORWARDED};

use crate::{
    identity::{
        HeaderUses, Hygiene, Verdict, are_one_header, fold_header_name,
        forwarded::settings::{ForwardingSettings, key},
    },
    settings::Settings,
};

/// A list of `[forwarding]`, the name in it that has no effect, and why it has none.
pub(super) type IdleRule = (&'static str, HeaderName, String);

/// What the proxy sets for every request, from a trusted peer's value or its own.
const SET_ANYWAY: [&str; 2] = ["x-forwarded-host", "x-forwarded-proto"];

/// Every name that has no effect, but for kept ones that contradict another setting: these are
/// reported as such.
pub(super) fn idle_header_rules(settings: &Settings) -> Vec<IdleRule> {
    let own = OwnHeaders::of(settings);
    let kept = settings.forwarding.keep.iter().filter(|name| !own.is_contradicted(name));
    let kept = kept.filter_map(|name| Some((key::KEEP, name.clone(), own.idle_keep(name)?)));
    let removed = settings.forwarding.remove.iter();
    let removed =
        removed.filter_map(|name| Some((key::REMOVE, name.clone(), own.idle_remove(name)?)));
    kept.chain(removed).collect()
}

struct OwnHeaders<'s> {
    settings: &'s Settings,
    rules: Hygiene,
    /// What would be if nothing were kept.
    rules_without_keep: Hygiene,
}

impl<'s> OwnHeaders<'s> {
    fn of(settings: &'s Settings) -> Self {
        let forwarding = ForwardingSettings { keep: Vec::new(), ..settings.forwarding.clone() };
        Self {
            settings,
            rules: Hygiene::compile(&settings.header_uses()),
            rules_without_keep: Hygiene::compile(&HeaderUses {
                forwarding: &forwarding,
                ..settings.header_uses()
            }),
        }
    }

    /// Whether a claim or the assertion is in it, or it is to be removed as well.
    fn is_contradicted(&self, name: &HeaderName) -> bool {
        let claims = self.settings.claims.iter().map(|claim| &claim.header);
        let assertion = self.settings.identity.assertion.iter().map(|assertion| &assertion.header);
        let is_set = claims.chain(assertion).any(|own| are_one_header(own, name));
        is_set || self.settings.forwarding.remove.contains(name)
    }

    fn carries_credential(&self, name: &HeaderName) -> bool {
        self.settings.credential_sources().any(|source| source.header() == Some(name))
    }

    fn idle_keep(&self, name: &HeaderName) -> Option<String> {
        if self.carries_credential(name) {
            return Some(
                "it may carry the credential, and credential.forward = true sends a verified one \
                 on"
                .to_owned(),
            );
        }
        if SET_ANYWAY.contains(&name.as_str()) {
            return Some(
                "the proxy sets it, and trusted_proxies says whose value is believed".to_owned(),
            );
        }
        match self.rules.verdict(name) {
            Verdict::RemoveManaged => Some("the proxy sets it for the upstream".to_owned()),
            Verdict::Remove | Verdict::RemoveIdentity(_)
                if *fold_header_name(name.as_str()) == *name.as_str() =>
            {
                Some("it is for one connection only, and is always removed".to_owned())
            }
            Verdict::Remove | Verdict::RemoveIdentity(_) => Some(format!(
                "upstreams may take it for {:?}, and it is always removed",
                fold_header_name(name.as_str())
            )),
            Verdict::Keep if self.is_removed_unless_kept(name) => None,
            Verdict::Keep => Some("it is not removed in the first place".to_owned()),
        }
    }

    fn is_removed_unless_kept(&self, name: &HeaderName) -> bool {
        !matches!(self.rules_without_keep.verdict(name), Verdict::Keep)
            || *name == FORWARDED
            || name.as_str().starts_with("x-forwarded-")
    }

    fn idle_remove(&self, name: &HeaderName) -> Option<String> {
        if matches!(self.rules.verdict(name), Verdict::RemoveManaged) {
            return Some(
                "the proxy sets it for the upstream, and removes what clients send in it"
                    .to_owned(),
            );
        }
        let is_sent_on = self.settings.credential.forward && self.carries_credential(name);
        is_sent_on.then(|| {
            "it may carry the credential, which credential.forward = true sends on".to_owned()
        })
    }
}
