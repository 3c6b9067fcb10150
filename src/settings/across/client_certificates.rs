//! What is said of clients' certificates: that there are some, and that their headers are theirs.

use super::{
    super::whole::{Settings, key},
    header_uses::{HeaderPurpose, header_use},
    of_one_route,
};
use crate::{
    config::{node::Node, reader::Section},
    identity,
    policy::settings::key as of_route,
    proxy::settings::ListenerSettings,
};

/// What else may be done with a header.
const OTHER_USES: [HeaderPurpose; 5] = [
    HeaderPurpose::Claim,
    HeaderPurpose::Assertion,
    HeaderPurpose::SignatureFact,
    HeaderPurpose::Token,
    HeaderPurpose::Kept,
];

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
        if let Some(used) = header_use(settings, header, &OTHER_USES) {
            let message = format!("the header {:?} {}", header.as_str(), used.purpose.conflict());
            used.contradict(root, format!("{section}.{name}"), message);
        }
    }
}
