//! What upstreams receive as credential: what routes, and other headers, have to say to that.

use http::HeaderName;

use crate::{
    config::{node::Node, reader::Section},
    identity::are_one_header,
    policy::{
        settings::{AccessSettings, AuthorizationHeader, RouteSettings, key as of_route},
        upstream_credential::CredentialChoice,
    },
    settings::{Settings, whole::key},
    upstream_credential::settings::{
        UpstreamCredentialSettings, UpstreamCredentialSource, key as of_credential,
    },
};

use super::of_one_route;

/// What the upstream receives in a header must come from one place only (threats H-2).
pub(super) fn credential_header_uses(settings: &Settings, root: &Section<'_>) {
    let origin = || root.peek(key::UPSTREAM_CREDENTIALS).and_then(Node::origin);
    for credential in &settings.upstream_credentials {
        let of_one = |name| [key::UPSTREAM_CREDENTIALS, &credential.name, name].join(".");
        let problem = header_problem(settings, &credential.header.name);
        if let Some(problem) = problem.filter(|_| !credential.header.is_authorization()) {
            let message = format!("the header {:?} {problem}", credential.header.name.as_str());
            root.mistake_at(of_one(of_credential::HEADER), origin(), message);
        }
        if credential.source == UpstreamCredentialSource::Assertion
            && settings.identity.assertion.is_none()
        {
            let message = "\"assertion\" needs [identity.assertion]".to_owned();
            root.mistake_at(of_one(of_credential::KIND), origin(), message);
        }
    }
}

fn header_problem(settings: &Settings, header: &HeaderName) -> Option<&'static str> {
    let is_same = |other: &HeaderName| are_one_header(other, header);
    if settings.claims.iter().any(|claim| is_same(&claim.header)) {
        return Some("carries a claim as well");
    }
    if settings.identity.assertion.iter().any(|assertion| is_same(&assertion.header)) {
        return Some("carries the assertion as well");
    }
    let mut signatures = settings.signatures.iter();
    if signatures.any(|signature| signature.forward.iter().any(|it| is_same(&it.header))) {
        return Some("tells something of a signature as well");
    }
    let mut signatures = settings.signatures.iter();
    if signatures.any(|signature| signature.headers.iter().any(is_same)) {
        return Some("is where clients send a signature, which it would replace");
    }
    if settings.forwarding.keep.iter().any(is_same) {
        return Some("is one that forwarding.keep lets clients send");
    }
    None
}

/// Reports what routes and their credentials don't agree on.
pub(super) fn route_credentials(settings: &Settings, root: &Section<'_>) {
    let origin = || root.peek(of_route::ROUTES).and_then(Node::origin);
    for (id, route) in settings.routes.all().iter_with_ids() {
        let choice = settings.credential_choice(route);
        if let Some((name, message)) = problem(settings, route, choice) {
            root.mistake_at(of_one_route(id, name), origin(), message);
        }
    }
}

fn problem(
    settings: &Settings,
    route: &RouteSettings,
    choice: CredentialChoice,
) -> Option<(&'static str, String)> {
    let is_public = matches!(route.access, AccessSettings::Public);
    let credential = match choice {
        CredentialChoice::Own(id) => settings.upstream_credentials.get(id),
        CredentialChoice::Forward
            if is_public && route.upstream_credential == Some(CredentialChoice::Forward) =>
        {
            let message = "\"forward\" has no effect with access = \"public\", where no token is \
                           verified; expected it to be absent, or authorization = \"keep\"";
            return Some((of_route::UPSTREAM_CREDENTIAL, message.to_owned()));
        }
        CredentialChoice::None | CredentialChoice::Forward => return None,
    };
    if is_public && credential.needs_caller() {
        return Some((of_route::UPSTREAM_CREDENTIAL, without_caller(credential)));
    }
    if route.authorization == AuthorizationHeader::Keep && credential.header.is_authorization() {
        let message = format!(
            "\"keep\" has no effect, since the upstream credential {:?} is put into the same header",
            credential.name
        );
        return Some((of_route::AUTHORIZATION, message));
    }
    None
}

fn without_caller(credential: &UpstreamCredentialSettings) -> String {
    format!(
        "{:?} depends on the caller's token, and with access = \"public\" none is verified; expected \
         \"none\" or another credential",
        credential.name
    )
}
