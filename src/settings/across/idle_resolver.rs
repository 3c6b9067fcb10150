//! `[resolver]` without an upstream whose name it resolves.

use crate::{
    config::{node::Node, reader::Section},
    settings::whole::{Settings, key},
    upstream::settings::EndpointSettings,
};

/// The system's resolver has other settings: a value that is meant for it must not be ignored.
pub(super) fn idle_resolver(settings: &Settings, root: &Section<'_>) {
    let resolved = |endpoints: &EndpointSettings| endpoints.resolves();
    let is_used = settings
        .upstreams
        .iter()
        .filter_map(|upstream| upstream.endpoints.as_deref())
        .any(resolved);
    if settings.resolver.is_some() && !is_used {
        let message = "has no effect: no upstream has resolve = \"all\" or \"srv\", and the \
                       system's resolver finds all other names";
        let origin = root.peek(key::RESOLVER).and_then(Node::origin);
        root.mistake_at(key::RESOLVER.to_owned(), origin, message.to_owned());
    }
}
