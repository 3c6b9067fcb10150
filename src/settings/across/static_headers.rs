//! Headers with fixed values, and headers that the configuration uses for something else.

use http::HeaderName;

use super::of_one_route;
use crate::{
    config::{node::Node, reader::Section},
    identity::are_one_header,
    policy::{
        credential::CredentialSource,
        settings::{HeaderSettings, key as of_route},
    },
    settings::whole::{Settings, key},
};

/// Reports every header whose fixed value would hide or forge something that is verified.
pub(super) fn static_headers(settings: &Settings, root: &Section<'_>) {
    let report = |headers: &HeaderSettings, place: &dyn Fn(&str) -> String, section: &str| {
        let origin = root.peek(section).and_then(Node::origin);
        for (list, message) in mistakes(headers, settings) {
            root.mistake_at(place(list), origin.clone(), message);
        }
    };
    report(&settings.headers, &|list| format!("{}.{list}", key::HEADERS), key::HEADERS);
    for (id, route) in settings.routes.all().iter_with_ids() {
        report(&route.headers, &|list| of_one_route(id, list), of_route::ROUTES);
    }
}

fn mistakes(headers: &HeaderSettings, settings: &Settings) -> Vec<(&'static str, String)> {
    let requests = [(of_route::SET_HEADERS, &headers.set), (of_route::ADD_HEADERS, &headers.add)];
    let requests = requests.into_iter().flat_map(|(list, lines)| {
        lines
            .iter()
            .filter_map(move |(name, _)| Some((list, name, use_in_requests(name, settings)?)))
    });
    let answers = headers.answer_set.iter().map(|(name, _)| name).chain(&headers.answer_remove);
    let answers = answers.filter_map(|name| {
        Some((of_route::RESPONSE_HEADERS, name, use_in_answers(name, settings)?))
    });
    requests.chain(answers).map(|(list, name, used)| (list, format!("{name} {used}"))).collect()
}

fn use_in_requests(name: &HeaderName, settings: &Settings) -> Option<&'static str> {
    let is_it = |other: &HeaderName| are_one_header(other, name);
    if settings.header_uses().managed.into_iter().any(is_it) {
        return Some("tells the upstream something that is verified; expected another header");
    }
    if settings.credential_sources().filter_map(CredentialSource::header).any(is_it) {
        return Some("is where a token is looked for; expected another header");
    }
    if settings.signatures.iter().flat_map(|signature| &signature.headers).any(is_it) {
        return Some("carries the signature of a request; expected another header");
    }
    None
}

fn use_in_answers(name: &HeaderName, settings: &Settings) -> Option<&'static str> {
    let signed = settings.signatures.iter().filter_map(|signature| signature.respond.as_ref());
    if signed.into_iter().any(|respond| are_one_header(&respond.header, name)) {
        return Some("carries the signature of an answer; expected another header");
    }
    let is_of_cors = name.as_str().starts_with("access-control-");
    (is_of_cors && settings.cors.is_some()).then_some("is what [cors] says; expected it there only")
}
