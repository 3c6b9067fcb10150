//! A proxy with more listeners than the usual one.

use serde_json::json;

use crate::support::{client::Request, setup::Setup, world::World};

/// Loopback addresses stand for clients and load balancers elsewhere: each test that needs a peer
/// of another address connects from one of `127.0.0.0/8`.
pub(crate) fn world(listeners: &str, routes: Option<&str>, more: &str) -> World {
    World::with_setup(|setup: Setup| {
        let setup = match routes {
            Some(routes) => setup.routes(routes),
            None => setup,
        };
        setup.with(listeners).with(more)
    })
}

/// A request that every route of the usual world takes.
pub(crate) fn request(world: &World) -> Request {
    Request::get("/").bearer(&world.issuer.mint(json!({})))
}
