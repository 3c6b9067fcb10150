//! The names of what routes, signatures and denials refer to.

use super::{Settings, whole::key};
use crate::{
    config::{
        node::{Node, Value},
        reader::Section,
        values::Names,
    },
    decision::denials,
    policy::{
        denial_profile::{BUILT_IN, DenialProfile},
        ids::{ListenerId, OwnProfileId, PerListener, UpstreamCredentialId},
        settings::KnownNames,
        upstream_credential::{self, CredentialChoice},
    },
    proxy::settings::{key as of_server, listeners},
    table::{Id, Table},
};

/// As they are written, whatever is wrong with the things themselves.
pub(super) fn of_tree(root: &Section<'_>) -> KnownNames {
    let profiles = denials::settings::key::PROFILES;
    let profiles = root.peek(key::DENIALS).and_then(|denials| denials.member(profiles));
    KnownNames {
        issuers: members(root.peek(key::ISSUERS)),
        upstreams: members(root.peek(key::UPSTREAMS)),
        signatures: members(root.peek(key::SIGNATURES)),
        resources: members(root.peek(key::RESOURCES)),
        limits: members(root.peek(key::LIMITS)),
        upstream_credentials: with_choices(members(root.peek(key::UPSTREAM_CREDENTIALS))),
        profiles: with_built_in(members(profiles)),
        listeners: with_listener_ids(listener_routes(root)),
    }
}

/// The routes that each listener names, in the order of the listeners; `None`: all.
fn listener_routes(root: &Section<'_>) -> Vec<Option<Vec<String>>> {
    let further = root.peek(listeners::key::LISTENERS);
    let listen = root.peek(key::SERVER).and_then(|server| server.member(of_server::LISTEN));
    let of_server = (further.is_none() || listen.is_some()).then_some(None);
    let further = match further.map(|node| &node.value) {
        Some(Value::List(listeners)) => listeners.as_slice(),
        _ => &[],
    };
    of_server.into_iter().chain(further.iter().map(listeners::named_routes)).collect()
}

fn with_listener_ids(routes: Vec<Option<Vec<String>>>) -> Vec<(ListenerId, Option<Vec<String>>)> {
    let listeners: PerListener<_> = routes.into_iter().collect();
    listeners.iter_with_ids().map(|(id, routes)| (id, routes.clone())).collect()
}

/// As the settings have them.
pub(super) fn of_settings(settings: &Settings) -> KnownNames {
    let profiles = with_ids(&settings.denials.profiles, |profile| &profile.name);
    KnownNames {
        issuers: with_ids(&settings.issuers, |issuer| &issuer.name),
        upstreams: with_ids(&settings.upstreams, |upstream| &upstream.name),
        signatures: with_ids(&settings.signatures, |signature| &signature.name),
        resources: with_ids(&settings.resources, |resource| &resource.name),
        limits: with_ids(&settings.limits, |limit| &limit.name),
        upstream_credentials: with_choices(with_ids(&settings.upstream_credentials, |it| &it.name)),
        profiles: with_built_in(profiles),
        listeners: with_listener_ids(
            settings.listeners.iter().map(|listener| listener.routes.clone()).collect(),
        ),
    }
}

/// The names of a table's members, with the ids that their settings will have.
fn members<K>(table: Option<&Node>) -> Names<Id<K>> {
    let members = table.and_then(Node::as_table).into_iter().flatten();
    let names: Table<K, _> = members.map(|(name, _)| name).collect();
    with_ids(&names, |name| name)
}

fn with_ids<K, T>(table: &Table<K, T>, name: impl Fn(&T) -> &String) -> Names<Id<K>> {
    table.iter_with_ids().map(|(id, item)| (name(item).clone(), id)).collect()
}

/// The built-in profiles first.
fn with_built_in(own: Names<OwnProfileId>) -> Names<DenialProfile> {
    let built_in = BUILT_IN.iter();
    let built_in = built_in.map(|(name, built_in)| (*name, DenialProfile::BuiltIn(*built_in)));
    let built_in = built_in.map(|(name, profile)| (name.to_owned(), profile));
    built_in.chain(own.into_iter().map(|(name, id)| (name, DenialProfile::Own(id)))).collect()
}

/// `none` and `forward` first.
fn with_choices(own: Names<UpstreamCredentialId>) -> Names<CredentialChoice> {
    let built_in = upstream_credential::BUILT_IN.iter();
    let built_in = built_in.map(|(name, choice)| ((*name).to_owned(), *choice));
    built_in.chain(own.into_iter().map(|(name, id)| (name, CredentialChoice::Own(id)))).collect()
}
