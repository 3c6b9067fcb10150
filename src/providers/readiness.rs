//! What decisions depend on, and whether enough of it is here.
//!
//! Not every source that is missing makes the proxy unready: a provider of two that is down must
//! not take every new replica out of rotation, since the tokens of the other one can be decided on.
//! So a source whose `required` is not written counts by the routes: as long as one of those that
//! need a source can be decided on, its absence is a note.

use crate::{
    clock::UnixTime,
    keys::LiveKeySet,
    policy::ids::{IssuerId, PerIssuer, PerSignature, SignatureId},
    readiness::{Dependency, DependencyKind, Importance},
};

use super::{LiveSignerKeys, Providers};

/// What may be missing, as the configuration says.
#[derive(Debug, Clone, Default)]
pub struct ReadinessRules {
    /// `required` of each issuer; `None`: it counts by the routes.
    pub issuers: PerIssuer<Option<bool>>,
    /// The signers of each signature.
    pub signers: PerSignature<SignerReadiness>,
    /// What the routes that need a source need, each combination once.
    pub routes: Vec<RouteNeeds>,
}

/// What it means that the keys of a signature's signers are missing.
#[derive(Debug, Clone)]
pub struct SignerReadiness {
    /// The signature's name.
    pub name: String,
    /// `required` of the signature; `None`: a key set counts by the routes, and a registry, which
    /// is only asked for signers that are not known, is noted.
    pub required: Option<bool>,
}

/// What a route needs before it can be decided on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteNeeds {
    /// One of these issuers.
    pub issuers: Vec<IssuerId>,
    /// The signers of this signature.
    pub signature: Option<SignatureId>,
}

impl Providers {
    /// Everything that decisions depend on, and which of it makes the proxy unready.
    pub fn dependencies(&self, now: UnixTime) -> Vec<Dependency> {
        let mut all: Vec<_> = self.key_dependencies(now).collect();
        if !self.can_decide(now) {
            for it in all.iter_mut().filter(|it| it.importance == Importance::ForRoutes) {
                it.blocks = it.missing.is_some();
            }
        }
        all.extend(self.revocations.dependency(now));
        all.extend(self.introspection.dependencies(now));
        all.extend(self.upstream_credentials.dependencies(now));
        all.extend(self.shared.dependency());
        all
    }

    /// What makes the proxy unready, by name; empty if nothing does.
    pub fn pending(&self, now: UnixTime) -> Vec<String> {
        let all = self.dependencies(now).into_iter();
        all.filter(|it| it.blocks).filter_map(|it| it.trouble()).collect()
    }

    /// What is missing, though it does not make the proxy unready.
    pub fn notes(&self, now: UnixTime) -> Vec<String> {
        let all = self.dependencies(now).into_iter();
        all.filter(|it| !it.blocks).filter_map(|it| it.trouble()).collect()
    }

    /// The key sets that a start waits for.
    pub(super) fn awaited_key_sets(&self) -> impl Iterator<Item = &LiveKeySet> {
        let all = self.key_sets_by_importance();
        all.filter(|(.., importance)| *importance != Importance::Optional).map(|(_, _, set, _)| set)
    }

    /// Whether a start waits for that key set.
    pub(super) fn awaits(&self, keys: &LiveKeySet) -> bool {
        self.awaited_key_sets().any(|awaited| std::ptr::eq(awaited, keys))
    }

    fn key_dependencies(&self, now: UnixTime) -> impl Iterator<Item = Dependency> {
        let sets = self.key_sets_by_importance().map(move |(kind, name, set, importance)| {
            Dependency::optional(kind, name, set.missing(now)).of_importance(importance)
        });
        sets.chain(self.signer_keys.iter_with_ids().filter_map(|(id, keys)| match keys {
            LiveSignerKeys::Registry(registry) => {
                let required = self.readiness.signers.get(id).required;
                let importance = Importance::of(required, Importance::Optional);
                Some(registry.dependency().of_importance(importance))
            }
            LiveSignerKeys::Set(_) => None,
        }))
    }

    /// The key sets of issuers that have keys, and those of signatures that have their own.
    fn key_sets_by_importance(
        &self,
    ) -> impl Iterator<Item = (DependencyKind, &str, &LiveKeySet, Importance)> {
        let issuers = self.issuer_keys.iter_with_ids().map(|(id, set)| {
            let required = *self.readiness.issuers.get(id);
            (DependencyKind::Issuer, set.name(), &**set, required)
        });
        let signers = self.signer_keys.iter_with_ids().filter_map(|(id, keys)| {
            let SignerReadiness { name, required } = self.readiness.signers.get(id);
            let set = self.own_set(keys)?;
            Some((DependencyKind::Signature, name.as_str(), set, *required))
        });
        let all = issuers.filter(|(_, _, set, _)| set.has_source()).chain(signers);
        all.map(|(kind, name, set, required)| {
            (kind, name, set, Importance::of(required, Importance::ForRoutes))
        })
    }

    /// The key set that is a signature's own.
    fn own_set<'k>(&self, keys: &'k LiveSignerKeys) -> Option<&'k LiveKeySet> {
        let LiveSignerKeys::Set(set) = keys else { return None };
        let is_own = !self.issuer_keys.iter().any(|issuers| std::sync::Arc::ptr_eq(issuers, set));
        is_own.then_some(&**set)
    }

    /// Whether some route can be decided on of those that need a source.
    fn can_decide(&self, now: UnixTime) -> bool {
        let routes = &self.readiness.routes;
        routes.is_empty() || routes.iter().any(|needs| self.has_what_it_needs(needs, now))
    }

    fn has_what_it_needs(&self, needs: &RouteNeeds, now: UnixTime) -> bool {
        let mut issuers = needs.issuers.iter();
        let has_issuer =
            issuers.len() == 0 || issuers.any(|id| self.issuer_keys(*id).missing(now).is_none());
        let has_signers =
            needs.signature.is_none_or(|signature| match self.signer_keys(signature) {
                LiveSignerKeys::Set(set) => set.missing(now).is_none(),
                LiveSignerKeys::Registry(_) => true,
            });
        has_issuer && has_signers
    }
}
