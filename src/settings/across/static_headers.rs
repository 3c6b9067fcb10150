//! Headers with fixed values, and headers that the configuration uses for something else.

use http::HeaderName;

use super::{
    header_uses::{HeaderPurpose, header_use},
    of_one_route, of_one_signature,
};
use crate::{
    config::{node::Node, reader::Section},
    identity::are_one_header,
    policy::settings::{HeaderSettings, key as of_route},
    settings::whole::{Settings, key},
    signature::settings::key as of_signature,
};

/// Reports every header whose fixed value would hide or forge something that is verified.
pub(super) fn static_headers(settings: &Settings, root: &Section<'_>) {
    let report = |headers: &HeaderSettings, place: &dyn Fn(&str) -> String, section: &str| {
        for (list, header, conflict) in conflicts(headers, settings) {
            let message = format!("{header} {}", conflict.message);
            if let Some(other) = conflict.other {
                root.contradiction(place(list), &other, message);
            } else {
                let origin = root.peek(section).and_then(Node::origin);
                root.mistake_at(place(list), origin, message);
            }
        }
    };
    report(&settings.headers, &|list| format!("{}.{list}", key::HEADERS), key::HEADERS);
    for (id, route) in settings.routes.all().iter_with_ids() {
        report(&route.headers, &|list| of_one_route(id, list), of_route::ROUTES);
    }
}

/// What a header can't have a fixed value for.
struct UsedHeader {
    message: &'static str,
    /// The setting that uses it, where there is one.
    other: Option<String>,
}

fn conflicts<'s>(
    headers: &'s HeaderSettings,
    settings: &Settings,
) -> Vec<(&'static str, &'s HeaderName, UsedHeader)> {
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
    requests.chain(answers).collect()
}

fn use_in_requests(name: &HeaderName, settings: &Settings) -> Option<UsedHeader> {
    use HeaderPurpose::{Assertion, Claim, Signature, SignatureFact, Token};
    const VERIFIED: &str = "tells the upstream something that is verified; expected another header";
    let used = header_use(settings, name, &[Claim, Assertion, SignatureFact, Token, Signature]);
    let is_it = |other: &HeaderName| are_one_header(other, name);
    match used {
        Some(used) => Some(UsedHeader {
            message: match used.purpose {
                Token => "is where a token is looked for; expected another header",
                Signature => "carries the signature of a request; expected another header",
                _ => VERIFIED,
            },
            other: Some(used.setting),
        }),
        // A certificate's, an upstream credential's, or one of the proxy's own.
        None => settings
            .header_uses()
            .managed
            .into_iter()
            .any(is_it)
            .then_some(UsedHeader { message: VERIFIED, other: None }),
    }
}

fn use_in_answers(name: &HeaderName, settings: &Settings) -> Option<UsedHeader> {
    let signing = settings.signatures.iter().find(|signature| {
        let respond = signature.respond.as_ref();
        respond.is_some_and(|respond| are_one_header(&respond.header, name))
    });
    if let Some(signature) = signing {
        return Some(UsedHeader {
            message: "carries the signature of an answer; expected another header",
            other: Some(of_one_signature(signature, &[of_signature::RESPOND])),
        });
    }
    let is_of_cors = name.as_str().starts_with("access-control-");
    (is_of_cors && settings.cors.is_some()).then(|| UsedHeader {
        message: "is what [cors] says; expected it there only",
        other: Some(key::CORS.to_owned()),
    })
}
