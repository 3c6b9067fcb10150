//! Rules between resources, routes and issuers.

use super::{of_one_route, of_route};
use crate::{
    config::{node::Node, reader::Section},
    policy::{
        ids::{PerRoute, RouteId},
        settings::{AccessSettings, RequirementSettings, RouteSettings},
    },
    resource::settings::{ResourceSettings, key as of_resource},
    settings::whole::{Settings, key},
    token::issuer::settings::{IssuerSettings, key as of_issuer},
};

/// Reports every mistake.
pub(super) fn resources(settings: &Settings, root: &Section<'_>) {
    for (id, resource) in settings.resources.iter_with_ids() {
        let parts = settings.document_parts();
        let at = |name| format!("{}.{}.{name}", key::RESOURCES, resource.name);
        let origin = || root.peek(key::RESOURCES).and_then(Node::origin);
        if parts.routes_of(id).next().is_none() {
            let message = "no route names the resource; expected resource = in one of them";
            root.mistake_at(at(of_resource::ID), origin(), message.to_owned());
        } else if parts.authorization_servers(id).is_empty() {
            let message = "missing; the issuers of its routes are no https URLs, so that clients \
                           could not find them; expected a list such as \
                           [\"https://idp.example.com\"]";
            root.mistake_at(at(of_resource::AUTHORIZATION_SERVERS), origin(), message.to_owned());
        }
        hidden_routes(resource, settings.routes.all(), root);
    }
    issuers_without_audiences(settings, root);
}

/// Where a document is served, a route for that very path would never be taken.
fn hidden_routes(
    resource: &ResourceSettings,
    routes: &PerRoute<RouteSettings>,
    root: &Section<'_>,
) {
    let path = resource.id.metadata_path();
    for (id, route) in routes.iter_with_ids() {
        let same_path =
            route.path.as_str().strip_suffix('/').unwrap_or(route.path.as_str()) == path;
        let same_host = route.hosts.is_empty()
            || route.hosts.iter().any(|host| host.matches(resource.id.host()));
        if same_path && same_host {
            let message = format!(
                "the metadata of the resource {:?} is served there; expected no route for it",
                resource.name
            );
            let other = [key::RESOURCES, &resource.name, of_resource::ID].join(".");
            root.contradiction(of_one_route(id, of_route::PATH), &other, message);
        }
    }
}

/// An issuer can do without audiences only if all routes that take its tokens name a resource.
fn issuers_without_audiences(settings: &Settings, root: &Section<'_>) {
    for (id, issuer) in settings.issuers.iter_with_ids() {
        if issuer.audiences.as_ref().is_none_or(|audiences| !audiences.is_empty()) {
            continue;
        }
        let takes = |requirement: &RequirementSettings| {
            requirement.resource.is_none() && requirement.issuers.contains(&id)
        };
        let route = settings.routes.all().find(|route| match &route.access {
            AccessSettings::Token(requirement) => takes(requirement),
            AccessSettings::Public => false,
        });
        if let Some(route) = route {
            missing_audiences(issuer, route, root);
        }
    }
}

fn missing_audiences(issuer: &IssuerSettings, route: RouteId, root: &Section<'_>) {
    let message = format!(
        "missing; {} takes its tokens and names no resource; expected a list such as \
         [\"https://api.example.com\"], or resource = in every such route",
        of_one_route(route, of_route::PATH).trim_end_matches(".path")
    );
    let at = [key::ISSUERS, &issuer.name, of_issuer::AUDIENCES].join(".");
    root.contradiction(at, &of_one_route(route, of_route::PATH), message);
}
