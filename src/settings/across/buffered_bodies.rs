//! Bodies that are buffered have to fit into the room for them.

use crate::{
    config::reader::Section,
    policy::settings::{BodyHandling, exchange_limits},
    settings::Settings,
};

use super::{buffer_bytes, of_one_route};

/// A body for which there is never room would be refused with 503 as if there were some later.
pub(super) fn buffered_bodies(settings: &Settings, root: &Section<'_>) {
    let room = settings.server.limits.held.buffer_bytes;
    for (id, route) in settings.routes.all().iter_with_ids() {
        let limits = settings.limits_of(route);
        let is_buffered = limits.body == BodyHandling::Buffer && route.signature.is_none();
        if let Some(most) = limits.max_body.most().filter(|most| is_buffered && *most > room) {
            let message = format!(
                "{most} bytes are more than server.limits.buffer_bytes ({room}), within which \
                 bodies are buffered; expected less, or more room there"
            );
            let key = of_one_route(id, exchange_limits::key::MAX_BODY);
            root.contradiction(key, &buffer_bytes(), message);
        }
    }
}
