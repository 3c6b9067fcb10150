//! Listeners: that no two are the same, and that they have what they name.

use super::super::whole::{Settings, key};
use crate::{
    admin,
    config::{node::Node, reader::Section},
    identity::forwarded::{self, settings::TrustedProxy},
    listener::settings::ListenAddress,
    proxy::settings::listeners::{ListenerSettings, key as of_listener},
};

/// Reports every address and every name that two listeners have.
pub(super) fn listeners(settings: &Settings, root: &Section<'_>) {
    let all: Vec<_> = settings.listeners.iter().collect();
    for (position, listener) in all.iter().enumerate() {
        let mut earlier = all.iter().take(position).enumerate();
        let contradict = |name, (first, _), message| {
            let key = setting_of(settings, position, name);
            root.contradiction(key, &setting_of(settings, first, name), message);
        };
        let same_address =
            earlier.clone().find(|(_, first)| first.listen.conflicts_with(&listener.listen));
        if let Some(first) = same_address {
            let message = format!("is the same address as that of {}", first.1);
            contradict(of_listener::LISTEN, first, message);
        }
        if let Some(first) = earlier.find(|(_, first)| first.name == listener.name) {
            let message = format!("found {:?}, which is another's name", listener.name);
            contradict(of_listener::NAME, first, message);
        }
    }
    let admin_at = &settings.admin.listen;
    let own = [key::ADMIN, admin::settings::key::LISTEN].join(".");
    if let Some((other, message)) = taken_by_a_listener(settings, admin_at) {
        root.contradiction(own.clone(), &other, message);
    }
    let Some(control_at) = settings.control.as_ref().map(|control| &control.listen) else { return };
    let control = [key::CONTROL, admin::control::settings::key::LISTEN].join(".");
    if let Some((other, message)) = taken_by_a_listener(settings, control_at) {
        root.contradiction(control.clone(), &other, message);
    }
    if control_at.conflicts_with(admin_at) {
        let message = format!("is the same address as admin.listen ({admin_at})");
        root.contradiction(control, &own, message);
    }
}

/// The setting of a listener of requests that has the address of an operator's.
fn taken_by_a_listener(settings: &Settings, address: &ListenAddress) -> Option<(String, String)> {
    let mut listeners = settings.listeners.iter().enumerate();
    let (position, listener) = listeners.find(|(_, it)| it.listen.conflicts_with(address))?;
    let of_server = settings.server.listen.as_ref() == Some(&listener.listen);
    let message = if of_server {
        format!("is the same address as server.listen ({})", listener.listen)
    } else {
        format!("is the same address as that of {listener}")
    };
    Some((setting_of(settings, position, of_listener::LISTEN), message))
}

/// A name that is no route's would leave the listener with fewer routes than were meant.
pub(super) fn listener_routes(settings: &Settings, root: &Section<'_>) {
    for (position, listener) in settings.listeners.iter().enumerate() {
        for name in listener.routes.iter().flatten() {
            let mut names = settings.routes.all().iter().filter_map(|route| route.name.as_ref());
            if !names.any(|route| route == name) {
                let message = format!("found {name:?}, which is not the name of a route");
                let key = setting_of(settings, position, of_listener::ROUTES);
                root.mistake_at(key, None, message);
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
    let list = [key::FORWARDING, forwarded::settings::key::TRUSTED_PROXIES].join(".");
    match &settings.server.listen {
        Some(listen) if settings.listeners.len() == 1 => {
            let message = format!(
                "found \"unix\", which has no effect: server.listen is {listen}, no unix socket"
            );
            root.contradiction(list, &[key::SERVER, of_listener::LISTEN].join("."), message);
        }
        _ => {
            let message = "found \"unix\", which has no effect: no listener is a unix socket";
            let origin = root.peek(key::FORWARDING).and_then(Node::origin);
            root.mistake_at(list, origin, message.to_owned());
        }
    }
}

/// The name of a listener's setting.
pub(in crate::settings) fn setting_of(settings: &Settings, position: usize, name: &str) -> String {
    let has_server = usize::from(settings.server.listen.is_some());
    match position.checked_sub(has_server) {
        None => format!("{}.{name}", key::SERVER),
        Some(further) => format!("{}[{further}].{name}", of_listener::LISTENERS),
    }
}
