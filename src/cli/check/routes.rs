//! The table of routes → requirement, as `check` prints it.

use crate::{
    config::values::format_duration,
    policy::{
        HostPattern, PathChange, RouteDestination,
        settings::{
            AccessSettings, AuthenticationSettings, Guests, RequirementSettings, RouteSettings,
        },
    },
    settings::Settings,
};

/// One line per route, in columns.
pub(super) fn table(settings: &Settings) -> String {
    let title = "\nRoutes (the most specific one wins; what matches none is refused):\n";
    let rows: Vec<[String; 4]> = rows(settings).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let (methods, paths, access) = (width(0), width(1), width(2));
    let line = |[method, path, requirement, upstream]: &[String; 4]| {
        format!("  {method:methods$}  {path:paths$}  {requirement:access$}  -> {upstream}\n")
    };
    rows.iter().map(line).fold(title.to_owned(), |table, line| table + &line)
}

/// Methods, host and path, what is required, and where requests go.
pub(super) fn rows(settings: &Settings) -> impl Iterator<Item = [String; 4]> {
    settings.routes.all().iter().map(|route| row(settings, route))
}

fn row(settings: &Settings, route: &RouteSettings) -> [String; 4] {
    let methods: Vec<&str> = route.methods.iter().map(http::Method::as_str).collect();
    let methods = match methods.as_slice() {
        [] => "any".to_owned(),
        methods => methods.join(","),
    };
    let path = route.path.as_str();
    let hosts: Vec<&str> = route.hosts.iter().map(HostPattern::as_str).collect();
    let target = match hosts.as_slice() {
        [] => path.to_owned(),
        hosts => format!("{}{path}", hosts.join(",")),
    };
    let access = match &route.access {
        AccessSettings::Public => "public".to_owned(),
        AccessSettings::Token(requirement) => describe(settings, requirement),
    };
    let access = match route.signature {
        Some(signature) => {
            format!("{access}, body signed by {}", settings.signatures.get(signature).name)
        }
        None => access,
    };
    let access = match &route.client_certificate {
        Some(_) => format!("{access}, client certificate"),
        None => access,
    };
    let access = match listeners(settings, route) {
        Some(listeners) => format!("{access}, at {listeners}"),
        None => access,
    };
    [methods, target, access, destination(settings, route)]
}

/// The listeners that have the route; `None`: all.
fn listeners(settings: &Settings, route: &RouteSettings) -> Option<String> {
    let has_it = |id| route.listeners.contains(id);
    if settings.listeners.iter_with_ids().all(|(id, _)| has_it(id)) {
        return None;
    }
    let with_it = settings.listeners.iter_with_ids().filter(|(id, _)| has_it(*id));
    let names: Vec<_> = with_it.map(|(_, listener)| listener.name.as_str()).collect();
    Some(if names.is_empty() { "no listener".to_owned() } else { names.join(", ") })
}

/// The upstream, and the path there if it is another one; or where clients are sent.
fn destination(settings: &Settings, route: &RouteSettings) -> String {
    let upstream = match &route.destination {
        RouteDestination::Upstream(upstream) => settings.upstreams.get(*upstream),
        RouteDestination::Redirect(redirect) => {
            return format!("{} {}", redirect.status.as_u16(), redirect.to.as_str());
        }
    };
    let base = upstream.path.as_str();
    let path = match &route.outgoing.change {
        PathChange::Keep if base.is_empty() => return upstream.name.clone(),
        PathChange::Keep => route.path.as_str(),
        PathChange::Strip(prefix) => {
            route.path.as_str().strip_prefix(prefix.as_str()).unwrap_or_default()
        }
        PathChange::Rewrite(template) => template.as_str(),
    };
    format!("{} {base}{path}", upstream.name)
}

fn describe(settings: &Settings, requirement: &RequirementSettings) -> String {
    let issuers = requirement.issuers.iter();
    let issuers: Vec<_> = issuers.map(|id| settings.issuers.get(*id).name.as_str()).collect();
    let mut parts = vec![format!("token of {}", issuers.join(" or "))];
    if !requirement.all_scopes.is_empty() {
        parts.push(format!("scope {}", requirement.all_scopes.join(" and ")));
    }
    if !requirement.any_scopes.is_empty() {
        parts.push(format!("scope {}", requirement.any_scopes.join(" or ")));
    }
    for claim in &requirement.claims {
        let (name, values) = (claim.claim.as_str(), claim.any_of.join(" or "));
        parts.push(format!("{name} = {values}"));
    }
    let AuthenticationSettings { acr, max_age } = &requirement.authentication;
    if !acr.is_empty() {
        parts.push(format!("acr {}", acr.join(" or ")));
    }
    if let Some(max_age) = max_age {
        parts.push(format!("authenticated within {}", format_duration(*max_age)));
    }
    if let Some(resource) = requirement.resource {
        parts.push(format!("resource {}", settings.resources.get(resource).name));
    }
    match requirement.guests {
        Guests::Refused => {}
        Guests::WithoutToken => parts.push("or no token".to_owned()),
        Guests::WithExpiredToken => parts.push("or none, or an expired one".to_owned()),
    }
    parts.join(", ")
}
