//! The names that routes have, and those that they refer to.

use std::collections::BTreeMap;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{Names, check_name, text},
    },
    policy::{
        ListenerSet, Routes,
        denial_profile::DenialProfile,
        ids::{IssuerId, LimitId, ListenerId, ResourceId, SignatureId, UpstreamId},
        upstream_credential::CredentialChoice,
    },
};

use super::key;

/// The names that routes may refer to: all that are configured, with mistakes or without, so that
/// one mistake is not reported as two. Their ids are valid in the tables of settings once each name
/// has its settings, which is checked when all are read.
#[derive(PartialEq, Eq)]
pub(crate) struct KnownNames {
    pub(crate) issuers: Names<IssuerId>,
    pub(crate) upstreams: Names<UpstreamId>,
    pub(crate) signatures: Names<SignatureId>,
    pub(crate) resources: Names<ResourceId>,
    pub(crate) limits: Names<LimitId>,
    /// `none` and `forward` first.
    pub(crate) upstream_credentials: Names<CredentialChoice>,
    /// The built-in ones first.
    pub(crate) profiles: Names<DenialProfile>,
    /// The routes that each listener names; `None`: it has all of them.
    pub(crate) listeners: Vec<(ListenerId, Option<Vec<String>>)>,
}

impl KnownNames {
    /// The listeners that a route of that name is on.
    pub(super) fn listeners_of(&self, route: Option<&str>) -> ListenerSet {
        let has_it = |routes: &Option<Vec<String>>| match routes {
            None => true,
            Some(names) => names.iter().any(|name| Some(name.as_str()) == route),
        };
        let listeners = self.listeners.iter().filter(|(_, routes)| has_it(routes));
        listeners.map(|(id, _)| *id).collect()
    }
}

/// What listeners may call a route.
pub(crate) fn route_name(node: &Node) -> Parsed<String> {
    let name = text(node)?;
    check_name(&name)?;
    Ok(name)
}

/// Two routes of one name would be on the same listeners unnoticed.
pub(super) fn check_names(root: &Section<'_>, routes: &Routes) {
    let mut seen = BTreeMap::new();
    for (id, route) in routes.all().iter_with_ids() {
        let Some(name) = &route.name else { continue };
        let first = *seen.entry(name).or_insert(id);
        if first != id {
            root.contradiction(
                format!("{}[{}].{}", key::ROUTES, id.position(), key::NAME),
                &format!("{}[{}].{}", key::ROUTES, first.position(), key::NAME),
                format!(
                    "found {name:?}, which is the name of routes[{}] as well",
                    first.position()
                ),
            );
        }
    }
}
