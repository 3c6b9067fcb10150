//! Where credentials are: what routes and issuers say of it has to go together.

use std::iter;

use http::header::AUTHORIZATION;

use crate::{
    config::{node::Node, reader::Section},
    policy::{
        credential::{
            CredentialRules, CredentialSource, CrossSite, PlaceSet, key as of_credential,
        },
        ids::IssuerId,
        settings::{AccessSettings, AuthorizationHeader, RouteSettings, key as of_route},
    },
    settings::{Settings, whole::key},
    token::issuer::settings::key as of_issuer,
};

use super::of_one_route;

/// Reports every mistake that needs no reference.
pub(super) fn credential_places(settings: &Settings, root: &Section<'_>) {
    too_many_places(settings, root);
    idle_cross_site(settings, root);
    idle_authorization(settings, root);
    unknown_places_of_issuers(settings, root);
}

/// A route whose every issuer is taken from other places only would refuse all tokens.
pub(super) fn unreachable_issuers(settings: &Settings, root: &Section<'_>) {
    let origin = || root.peek(of_route::ROUTES).and_then(Node::origin);
    for (id, route) in settings.routes.all().iter_with_ids() {
        let AccessSettings::Token(requirement) = &route.access else { continue };
        let sources = sources_of(settings, route);
        let is_reachable = |issuer: &IssuerId| {
            let own = settings.issuers.get(*issuer).sources.as_ref();
            own.is_none_or(|own| own.iter().any(|source| sources.contains(source)))
        };
        if !requirement.issuers.is_empty() && !requirement.issuers.iter().any(is_reachable) {
            let message = "no issuer's tokens are taken from where this route looks for them; \
                           expected a source that the credential.sources of an issuer name as well"
                .to_owned();
            root.mistake_at(of_one_route(id, of_route::CREDENTIAL), origin(), message);
        }
    }
}

fn sources_of<'s>(settings: &'s Settings, route: &'s RouteSettings) -> &'s [CredentialSource] {
    route.credential.sources.as_ref().unwrap_or(&settings.credential.sources)
}

fn too_many_places(settings: &Settings, root: &Section<'_>) {
    let mut distinct: Vec<&CredentialSource> = Vec::new();
    for source in settings.credential_sources() {
        if !distinct.contains(&source) {
            distinct.push(source);
        }
    }
    if distinct.len() > PlaceSet::CAPACITY {
        let message = format!(
            "found {} places, with those of the routes; expected at most {}",
            distinct.len(),
            PlaceSet::CAPACITY
        );
        let origin = root.peek(of_route::ROUTES).and_then(Node::origin);
        root.mistake_at([key::CREDENTIAL, of_credential::SOURCES].join("."), origin, message);
    }
}

/// What is allowed to cookies has no effect where no cookie is looked at.
fn idle_cross_site(settings: &Settings, root: &Section<'_>) {
    let general = CredentialRules {
        cross_site: Some(settings.credential.cross_site.clone()),
        ..CredentialRules::default()
    };
    let has_cookie = |sources: &[CredentialSource]| sources.iter().any(CredentialSource::is_cookie);
    let any_cookie = settings.credential_sources().any(CredentialSource::is_cookie);
    let routes = settings.routes.all().iter_with_ids().map(|(id, route)| {
        let key =
            format!("{}.{}", of_one_route(id, of_route::CREDENTIAL), of_credential::CROSS_SITE);
        (key, &route.credential, has_cookie(sources_of(settings, route)))
    });
    let key = [key::CREDENTIAL, of_credential::CROSS_SITE].join(".");
    for (key, rules, has_cookie) in iter::once((key, &general, any_cookie)).chain(routes) {
        let is_lenient = rules.cross_site.as_ref().is_some_and(|rule| *rule != CrossSite::Refuse);
        if is_lenient && !has_cookie {
            let message =
                "has no effect, since no source is a cookie; expected it to be absent".to_owned();
            root.mistake_at(key, root.peek(of_route::ROUTES).and_then(Node::origin), message);
        }
    }
}

fn idle_authorization(settings: &Settings, root: &Section<'_>) {
    let mut sources = settings.credential_sources();
    if sources.any(|source| source.header() == Some(&AUTHORIZATION)) {
        return;
    }
    for (id, route) in settings.routes.all().iter_with_ids() {
        if route.authorization == AuthorizationHeader::Keep {
            let message =
                "has no effect, since no credential.sources name Authorization, which is \
                           never removed then; expected it to be absent"
                    .to_owned();
            let origin = root.peek(of_route::ROUTES).and_then(Node::origin);
            root.mistake_at(of_one_route(id, of_route::AUTHORIZATION), origin, message);
        }
    }
}

fn unknown_places_of_issuers(settings: &Settings, root: &Section<'_>) {
    for issuer in &settings.issuers {
        let own = issuer.sources.iter().flatten();
        for source in own.filter(|own| !settings.credential_sources().any(|known| known == *own)) {
            let key = [key::ISSUERS, &issuer.name, of_issuer::CREDENTIAL, of_credential::SOURCES];
            let message = format!(
                "names {}, where no request is looked at; expected one of the places of \
                 [credential] or of a route, written as there",
                source.describe()
            );
            let origin = root.peek(key::ISSUERS).and_then(Node::origin);
            root.mistake_at(key.join("."), origin, message);
        }
    }
}
