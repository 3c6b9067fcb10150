//! Listeners: that no two are the same, and that they have what they name.

use super::super::whole::{Settings, key};
use crate::{
    admin,
    config::{
        node::{Node, Value},
        reader::Section,
    },
    identity::forwarded::{self, settings::TrustedProxy},
    listener::settings::ListenAddress,
    proxy::settings::listeners::{ListenerSettings, key as of_listener},
};

/// Reports every address and every name that two listeners have.
pub(super) fn listeners(settings: &Settings, root: &Section<'_>) {
    let all: Vec<_> = settings.listeners.iter().collect();
    for (position, listener) in all.iter().enumerate() {
        let earlier = all.iter().take(position);
        if let Some(first) = earlier.clone().find(|it| it.listen.conflicts_with(&listener.listen)) {
            let message = format!("is the same address as that of {first}");
            mistake(settings, root, position, of_listener::LISTEN, message);
        }
        if earlier.clone().any(|first| first.name == listener.name) {
            let message = format!("found {:?}, which is another's name", listener.name);
            mistake(settings, root, position, of_listener::NAME, message);
        }
    }
    let admin_at = &settings.admin.listen;
    if let Some(message) = taken_by_a_listener(settings, admin_at) {
        operators_address(root, [key::ADMIN, admin::settings::key::LISTEN], message);
    }
    let control = [key::CONTROL, admin::control::settings::key::LISTEN];
    let Some(control_at) = settings.control.as_ref().map(|control| &control.listen) else { return };
    if let Some(message) = taken_by_a_listener(settings, control_at) {
        operators_address(root, control, message);
    }
    if control_at.conflicts_with(admin_at) {
        let message = format!("is the same address as admin.listen ({admin_at})");
        operators_address(root, control, message);
    }
}

/// That a listener of requests has the address of an operator's.
fn taken_by_a_listener(settings: &Settings, address: &ListenAddress) -> Option<String> {
    let listener = settings.listeners.iter().find(|it| it.listen.conflicts_with(address))?;
    let of_server = settings.server.listen.as_ref() == Some(&listener.listen);
    Some(if of_server {
        format!("is the same address as server.listen ({})", listener.listen)
    } else {
        format!("is the same address as that of {listener}")
    })
}

/// Reports a mistake of the address of an operator's listener.
fn operators_address(root: &Section<'_>, [section, listen]: [&str; 2], message: String) {
    let node = root.peek(section).and_then(|section| section.member(listen));
    root.mistake_at([section, listen].join("."), node.and_then(Node::origin), message);
}

/// A name that is no route's would leave the listener with fewer routes than were meant.
pub(super) fn listener_routes(settings: &Settings, root: &Section<'_>) {
    for (position, listener) in settings.listeners.iter().enumerate() {
        for name in listener.routes.iter().flatten() {
            let mut names = settings.routes.all().iter().filter_map(|route| route.name.as_ref());
            if !names.any(|route| route == name) {
                let message = format!("found {name:?}, which is not the name of a route");
                mistake(settings, root, position, of_listener::ROUTES, message);
            }
        }
    }
}

/// Only the operator knows who can open the socket, and there has to be one.
pub(super) fn trusted_socket(settings: &Settings, root: &Section<'_>) {
    let has_unix = |listener: &ListenerSettings| !matches!(listener.listen, ListenAddress::Tcp(_));
    let trusted = &settings.forwarding.trusted_proxies;
    if !trusted.contains(&TrustedProxy::Unix) || settings.listeners.iter().any(has_unix) {
        return;
    }
    let message = match &settings.server.listen {
        Some(listen) if settings.listeners.len() == 1 => format!(
            "found \"unix\", which has no effect: server.listen is {listen}, no unix socket"
        ),
        _ => "found \"unix\", which has no effect: no listener is a unix socket".to_owned(),
    };
    let list = forwarded::settings::key::TRUSTED_PROXIES;
    let node = root.peek(key::FORWARDING).and_then(|forwarding| forwarding.member(list));
    root.mistake_at([key::FORWARDING, list].join("."), node.and_then(Node::origin), message);
}

/// Reports a mistake of the listener at that position.
fn mistake(settings: &Settings, root: &Section<'_>, position: usize, name: &str, message: String) {
    let has_server = usize::from(settings.server.listen.is_some());
    let (section, node) = match position.checked_sub(has_server) {
        None => (key::SERVER.to_owned(), root.peek(key::SERVER)),
        Some(further) => {
            let list = root.peek(of_listener::LISTENERS).map(|node| &node.value);
            let node = match list {
                Some(Value::List(list)) => list.get(further),
                _ => None,
            };
            (format!("{}[{further}]", of_listener::LISTENERS), node)
        }
    };
    let origin = node.and_then(|node| node.member(name).unwrap_or(node).origin());
    root.mistake_at(format!("{section}.{name}"), origin, message);
}

/// The name of a listener's setting, for warnings.
pub(in crate::settings) fn setting_of(settings: &Settings, position: usize, name: &str) -> String {
    let has_server = usize::from(settings.server.listen.is_some());
    match position.checked_sub(has_server) {
        None => format!("{}.{name}", key::SERVER),
        Some(further) => format!("{}[{further}].{name}", of_listener::LISTENERS),
    }
}
