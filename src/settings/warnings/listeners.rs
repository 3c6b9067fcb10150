//! Listeners and routes that have no use of each other.

use crate::{
    policy::settings::{RouteSettings, key as of_route},
    proxy::settings::{ListenerSettings, listeners::key as of_listener},
    settings::{Settings, across::setting_of},
};

use super::warning;

impl Settings {
    /// Listeners whose every request is refused, and routes that no listener has.
    pub(super) fn listener_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (position, (id, listener)) in self.listeners.iter_with_ids().enumerate() {
            let mut routes = self.routes.all().iter().filter(|route| route.listeners.contains(id));
            // That there is no route at all is a mistake, not one of each listener.
            if !self.routes.all().is_empty() && !routes.any(|route| is_reachable(route, listener)) {
                let text = "no route can be reached here: every request is refused";
                warnings.push(warning(&[&setting_of(self, position, of_listener::ROUTES)], text));
            }
        }
        for (id, route) in self.routes.all().iter_with_ids() {
            if route.listeners.is_empty() {
                let setting = format!("{}[{}]", of_route::ROUTES, id.position());
                let text = "no listener has it, so that no request takes it; listeners name it in \
                            their routes";
                warnings.push(warning(&[&setting], text));
            }
        }
        warnings
    }
}

fn is_reachable(route: &RouteSettings, listener: &ListenerSettings) -> bool {
    let overlaps = || {
        let hosts = route.hosts.iter();
        hosts
            .flat_map(|host| listener.hosts.iter().map(move |taken| (host, taken)))
            .any(|(host, taken)| host.overlaps(taken))
    };
    route.hosts.is_empty() || listener.hosts.is_empty() || overlaps()
}
