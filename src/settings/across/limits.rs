//! What limits need of routes and of the shared store.

use super::{super::whole::key, of_one_route};
use crate::{
    config::{node::Node, reader::Section},
    limits::settings::key as of_limit,
    policy::settings::key as of_route,
    settings::Settings,
};

/// A rate of all replicas needs what they share.
pub(super) fn shared_limits(settings: &Settings, root: &Section<'_>) {
    if root.peek(key::SHARED).is_some() {
        return;
    }
    for limit in settings.limits.iter().filter(|limit| limit.shared) {
        let message = "has no effect without [shared], where the replicas' store is".to_owned();
        let origin = root.peek(key::LIMITS).and_then(Node::origin);
        root.mistake_at([key::LIMITS, &limit.name, of_limit::SHARED].join("."), origin, message);
    }
}

/// Who has signed a request is known where a signature is required.
pub(super) fn limits_by_signer(settings: &Settings, root: &Section<'_>) {
    for (id, route) in settings.routes.all().iter_with_ids() {
        if route.signature.is_some() {
            continue;
        }
        let limits = route.limits.iter().map(|limit| settings.limits.get(*limit));
        for limit in limits.filter(|limit| limit.needs_signature()) {
            let message = format!(
                "the key of the limit {:?} has the signer in it, and the route requires no \
                 signature",
                limit.name
            );
            let other = [key::LIMITS, &limit.name, of_limit::KEY].join(".");
            root.contradiction(of_one_route(id, of_route::LIMIT), &other, message);
        }
    }
}
