//! What the process has to have before it is ready, of all sections.

use std::collections::BTreeSet;

use super::Settings;
use crate::{
    policy::settings::{AccessSettings, RouteSettings},
    providers::{ReadinessRules, RouteNeeds, SignerReadiness},
};

impl Settings {
    /// What of the sources may be missing.
    pub(super) fn readiness_rules(&self) -> ReadinessRules {
        let needs: BTreeSet<_> = self.routes.all().iter().filter_map(needs_of).collect();
        ReadinessRules {
            issuers: self.issuers.map(|issuer| issuer.required),
            signers: self.signatures.map(|signature| SignerReadiness {
                name: signature.name.clone(),
                required: signature.required,
            }),
            routes: needs.into_iter().collect(),
        }
    }
}

/// `None`: it is decided on without a source.
fn needs_of(route: &RouteSettings) -> Option<RouteNeeds> {
    let issuers = match &route.access {
        AccessSettings::Public => Vec::new(),
        AccessSettings::Token(requirement) => requirement.issuers.clone(),
    };
    route.destination.upstream()?;
    let needs = RouteNeeds { issuers, signature: route.signature };
    (!needs.issuers.is_empty() || needs.signature.is_some()).then_some(needs)
}
