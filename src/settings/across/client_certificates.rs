//! What is said of clients' certificates: that there are some, and that their headers are theirs.

use super::{
    super::whole::{Settings, key},
    of_one_route,
};
use crate::{
    config::{node::Node, reader::Section},
    identity::{self, are_one_header},
    policy::{credential::CredentialSource, settings::key as of_route},
    proxy::settings::ListenerSettings,
};

/// Reports rules and headers without certificates, and headers with two meanings.
pub(super) fn client_certificates(settings: &Settings, root: &Section<'_>) {
    let requests = |listener: &ListenerSettings| {
        listener.tls.as_ref().is_some_and(|tls| tls.client_auth.is_some())
    };
    for (id, route) in settings.routes.all().iter_with_ids() {
        let mut listeners = settings.listeners.iter_with_ids();
        if route.client_certificate.is_some()
            && !listeners.any(|(at, listener)| route.listeners.contains(at) && requests(listener))
        {
            let message = "can't be met: no listener of the route requests client certificates \
                           (tls.client_auth)";
            let origin = root.peek(of_route::ROUTES).and_then(Node::origin);
            let setting = of_one_route(id, of_route::CLIENT_CERTIFICATE);
            root.mistake_at(setting, origin, message.to_owned());
        }
    }
    let Some(headers) = &settings.identity.client_certificate else { return };
    let section = [key::IDENTITY, identity::settings::key::CLIENT_CERTIFICATE].join(".");
    let origin = || root.peek(key::IDENTITY).and_then(Node::origin);
    if !settings.listeners.iter().any(requests) {
        let message = "has no effect: no listener requests client certificates (tls.client_auth)";
        root.mistake_at(section.clone(), origin(), message.to_owned());
    }
    for (name, header) in headers.headers() {
        let is_ours = |other: &http::HeaderName| are_one_header(other, header);
        if let Some(problem) = other_use(settings, is_ours) {
            let message = format!("the header {:?} {problem}", header.as_str());
            root.mistake_at(format!("{section}.{name}"), origin(), message);
        }
    }
}

/// What else the configuration does with a header, if anything (threats H-1, H-2).
fn other_use(
    settings: &Settings,
    is_it: impl Fn(&http::HeaderName) -> bool,
) -> Option<&'static str> {
    let mut signed = settings.signatures.iter().flat_map(|signature| &signature.forward);
    if settings.claims.iter().any(|claim| is_it(&claim.header)) {
        return Some("carries a claim as well");
    }
    if settings.identity.assertion.iter().any(|assertion| is_it(&assertion.header)) {
        return Some("carries the assertion as well");
    }
    if signed.any(|forward| is_it(&forward.header)) {
        return Some("tells of a signature as well");
    }
    if settings.credential_sources().filter_map(CredentialSource::header).any(&is_it) {
        return Some("is where credential.sources reads the token from");
    }
    if settings.forwarding.keep.iter().any(is_it) {
        return Some("is one that forwarding.keep lets clients send");
    }
    None
}
