//! `[cors]` and the routes that it applies to.

use super::of_one_route;
use crate::{
    config::{node::Node, reader::Section},
    policy::settings::key as of_route,
    settings::whole::{Settings, key},
};

/// A switch without effect is a mistake: the operator believes that pages can read answers.
pub(super) fn cors_routes(settings: &Settings, root: &Section<'_>) {
    let mut switched_on = settings.routes.all().iter_with_ids();
    match &settings.cors {
        None if root.peek(key::CORS).is_none() => {
            let origin = root.peek(of_route::ROUTES).and_then(Node::origin);
            for (id, _) in switched_on.filter(|(_, route)| route.cors == Some(true)) {
                let message = "there is no [cors] section; expected one with the origins that may \
                               read answers";
                root.mistake_at(
                    of_one_route(id, of_route::CORS),
                    origin.clone(),
                    message.to_owned(),
                );
            }
        }
        // Its mistakes are reported.
        None => {}
        Some(cors) => {
            let applies = |cors_of_route: Option<bool>| cors_of_route.unwrap_or(cors.all_routes);
            if !switched_on.any(|(_, route)| applies(route.cors)) {
                let origin = root.peek(key::CORS).and_then(Node::origin);
                let message = "applies to no route; expected cors = true on a route, or all_routes \
                               = true";
                root.mistake_at(key::CORS.to_owned(), origin, message.to_owned());
            }
        }
    }
}
