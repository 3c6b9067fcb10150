//! Rules that concern several sections.

mod buffered_bodies;
mod client_certificates;
mod cors;
mod credentials;
mod header_uses;
mod idle_header_rules;
mod idle_resolver;
mod limits;
mod listeners;
mod looping_upstreams;
mod resources;
mod static_headers;
mod upstream_credentials;

use self::{
    buffered_bodies::buffered_bodies,
    client_certificates::client_certificates,
    cors::cors_routes,
    credentials::{credential_places, unreachable_issuers},
    header_uses::{HeaderPurpose, header_use},
    idle_header_rules::idle_header_rules,
    idle_resolver::idle_resolver,
    limits::{limits_by_signer, shared_limits},
    listeners::{listener_routes, listeners, trusted_socket},
    looping_upstreams::looping_upstreams,
    resources::resources,
    static_headers::static_headers,
    upstream_credentials::{credential_header_uses, route_credentials},
};
pub(super) use self::{listeners::setting_of, looping_upstreams::host_at_port};
use super::whole::{Settings, key};
use crate::{
    config::{node::Node, reader::Section},
    decision::held_body::settings::key as of_held_body,
    gate,
    identity::{self, are_one_header, assertion},
    policy::{
        ids::RouteId,
        settings::{AccessSettings, key as of_route},
    },
    proxy::settings::{key as of_server, limits::key as of_limits},
    signature::settings::{CallerBinding, SignatureSettings, key as of_signature},
    token::{credential::settings::key as of_credential, issuer::settings::key as of_issuer},
};

/// Reports every mistake.
pub(super) fn check(settings: &Settings, root: &Section<'_>) {
    signature_headers(settings, root);
    signed_answers(settings, root);
    listeners(settings, root);
    looping_upstreams(settings, root);
    idle_resolver(settings, root);
    token_size(settings, root);
    assertion_header(settings, root);
    credential_headers(settings, root);
    header_lists(settings, root);
    credential_header_uses(settings, root);
    credential_places(settings, root);
    cors_routes(settings, root);
    trusted_socket(settings, root);
    client_certificates(settings, root);
    static_headers(settings, root);
    shared_limits(settings, root);
}

/// The rules that follow what settings refer to, once everything that they refer to was read.
pub(super) fn check_references(settings: &Settings, root: &Section<'_>) {
    introspection_issuers(settings, root);
    signed_routes(settings, root);
    listener_routes(settings, root);
    unreachable_issuers(settings, root);
    resources(settings, root);
    buffered_bodies(settings, root);
    limits_by_signer(settings, root);
    route_credentials(settings, root);
}

/// An opaque token does not name its issuer, and must not be sent to one after the other.
fn introspection_issuers(settings: &Settings, root: &Section<'_>) {
    for (id, route) in settings.routes.all().iter_with_ids() {
        let introspecting = gate::introspection_issuers(route, &settings.issuers);
        let names: Vec<_> =
            introspecting.map(|id| settings.issuers.get(id).name.as_str()).collect();
        if let [_, second, ..] = names[..] {
            let message = format!(
                "the issuers {} all introspect tokens, and an opaque \
                 token does not name its issuer; expected one of them only",
                names.join(" and ")
            );
            let other = [key::ISSUERS, second, of_issuer::INTROSPECTION].join(".");
            root.contradiction(of_one_route(id, of_route::ISSUERS), &other, message);
        }
    }
}

/// A signature's rule relates the signer to the token's owner, or there is no token (threats S-7).
fn signed_routes(settings: &Settings, root: &Section<'_>) {
    for (id, route) in settings.routes.all().iter_with_ids() {
        let Some(signature) = route.signature.map(|signature| settings.signatures.get(signature))
        else {
            continue;
        };
        let has_token = matches!(route.access, AccessSettings::Token(_));
        let problem = match (has_token, signature.caller == CallerBinding::NoToken) {
            _ if route.admits_guests() => {
                "relates its signer to whom the token belongs to, and access = \"optional\" takes \
                 requests without one"
            }
            (true, true) => {
                "does not say what its signer has to do with whom the token belongs to; \
                 expected its caller = { claim = \"azp\" }, { registry = \"FIELD\" } or \
                     \"unrelated\""
            }
            (false, _) if signature.needs_token() => {
                "compares something with a claim of the token, and a public route asks for \
                 none"
            }
            _ => continue,
        };
        let message = format!("the signature {:?} {problem}", signature.name);
        let other = of_one_signature(signature, &[of_signature::CALLER]);
        root.contradiction(of_one_route(id, of_route::SIGNATURE), &other, message);
    }
}

/// What the upstream receives must come from one place only (threats H-2).
fn signature_headers(settings: &Settings, root: &Section<'_>) {
    use HeaderPurpose::{Assertion, Claim, SignatureFact};
    for signature in &settings.signatures {
        for (position, fact) in signature.forward.iter().enumerate() {
            let key = of_one_signature(signature, &[of_signature::HEADERS, fact.header.as_str()]);
            let message = "the header carries something else already".to_owned();
            let mut earlier = signature.forward.iter().take(position);
            if let Some(used) = header_use(settings, &fact.header, &[Claim, Assertion]) {
                used.contradict(root, key, message);
            } else if let Some(first) = earlier.find(|it| are_one_header(&it.header, &fact.header))
            {
                let names = [of_signature::HEADERS, first.header.as_str()];
                root.contradiction(key, &of_one_signature(signature, &names), message);
            }
        }
        for header in &signature.headers {
            let used = header_use(settings, header, &[Claim, Assertion, SignatureFact]);
            if let Some(used) = used {
                let message = format!(
                    "what clients send in {header:?} is removed, since the upstream receives \
                     something of the proxy's in it"
                );
                used.contradict(
                    root,
                    of_one_signature(signature, &[of_signature::HEADER]),
                    message,
                );
            }
        }
    }
}

/// The full name of a setting of a route.
fn of_one_route(route: RouteId, name: &str) -> String {
    format!("{}[{}].{name}", of_route::ROUTES, route.position())
}

/// The full name of a setting of a signature.
fn of_one_signature(signature: &SignatureSettings, names: &[&str]) -> String {
    format!("{}.{}.{}", key::SIGNATURES, signature.name, names.join("."))
}

/// Its memory is reserved before the request is forwarded, so that there would never be enough.
fn signed_answers(settings: &Settings, root: &Section<'_>) {
    let buffer = settings.server.limits.held.buffer_bytes;
    for signature in &settings.signatures {
        let most = signature.respond.as_ref().map_or(0, |respond| respond.max_bytes);
        if most > buffer {
            let message = format!(
                "{most} bytes are more than server.limits.buffer_bytes ({buffer}), within which \
                 answers are held; expected less, or more room there"
            );
            let key =
                of_one_signature(signature, &[of_signature::RESPOND, of_signature::MAX_BYTES]);
            root.contradiction(key, &buffer_bytes(), message);
        }
    }
}

/// The memory for bodies and answers that are held.
fn buffer_bytes() -> String {
    [key::SERVER, of_server::LIMITS, of_held_body::BUFFER_BYTES].join(".")
}

fn token_size(settings: &Settings, root: &Section<'_>) {
    if settings.credential.max_bytes >= settings.server.limits.header_bytes {
        let message = format!(
            "a token of credential.max_bytes ({}) does not fit into server.limits.header_bytes \
             ({})",
            settings.credential.max_bytes, settings.server.limits.header_bytes
        );
        let key = [key::CREDENTIAL, of_credential::MAX_BYTES].join(".");
        let other = [key::SERVER, of_server::LIMITS, of_limits::HEADER_BYTES].join(".");
        root.contradiction(key, &other, message);
    }
}

fn assertion_header(settings: &Settings, root: &Section<'_>) {
    use HeaderPurpose::{Claim, Kept, Token};
    let Some(assertion) = &settings.identity.assertion else { return };
    let Some(used) = header_use(settings, &assertion.header, &[Claim, Token, Kept]) else { return };
    let removed = match used.purpose {
        Token => ", and what clients send in the header of the assertion is removed",
        _ => "",
    };
    let conflict = used.purpose.conflict();
    let message = format!("the header {:?} {conflict}{removed}", assertion.header.as_str());
    let header =
        [key::IDENTITY, identity::settings::key::ASSERTION, assertion::settings::key::HEADER];
    used.contradict(root, header.join("."), message);
}

fn credential_headers(settings: &Settings, root: &Section<'_>) {
    for claim in &settings.claims {
        if let Some(used) = header_use(settings, &claim.header, &[HeaderPurpose::Token]) {
            let message = format!(
                "credential.sources reads the token from this header ({:?}), and what clients \
                 send in the header of a claim is removed",
                claim.header
            );
            used.contradict(root, [key::CLAIMS, claim.header.as_str()].join("."), message);
        }
    }
}

/// A name without effect is a mistake: the operator believes that a header passes, or that it does
/// not.
fn header_lists(settings: &Settings, root: &Section<'_>) {
    let forwarding = root.peek(key::FORWARDING);
    for (list, header, problem) in idle_header_rules(settings) {
        let message = format!("found {:?}, which has no effect: {problem}", header.as_str());
        let node = forwarding.and_then(|forwarding| forwarding.member(list));
        root.mistake_at([key::FORWARDING, list].join("."), node.and_then(Node::origin), message);
    }
}
