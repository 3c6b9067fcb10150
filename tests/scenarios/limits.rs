//! Limits by verified identity.

mod addresses;
mod at_once;
mod lost_store;
mod rates;
mod signers;

use serde_json::json;

use crate::support::{
    client::{Answer, Request},
    proxy::metric_in,
    world::World,
};

/// The usual scene whose routes have the limit `own`, of these lines.
fn world(limit: &str) -> World {
    world_with(&format!("[limits.own]\n{limit}"), "limit = \"own\"")
}

/// With these tables, and these lines of both routes.
fn world_with(tables: &str, lines: &str) -> World {
    let routes = format!(
        "[[routes]]\npath = \"/public/**\"\naccess = \"public\"\n{lines}\n\
         [[routes]]\npath = \"/**\"\n{lines}\n"
    );
    World::with_setup(|setup| setup.with(tables).routes(&routes))
}

/// A token of that client.
fn token(world: &World, client: &str) -> String {
    world.issuer.mint(json!({ "client_id": client }))
}

fn get(world: &World, token: &str) -> Answer {
    world.proxy.get("/", Some(token))
}

fn public(world: &World, field: (&str, &str)) -> Answer {
    world.proxy.exchange(&Request::get("/public/").field(field.0, field.1))
}

/// How many of so many requests pass; the others have to be refused with 429.
fn passes(count: usize, mut request: impl FnMut() -> Answer) -> usize {
    let mut passed = 0;
    for _ in 0..count {
        let answer = request();
        match answer.status {
            200 => passed += 1,
            429 => assert!(!answer.is_from_upstream(), "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
    }
    passed
}

/// How many callers have a bucket.
fn keys(world: &World) -> u64 {
    metric(world, "countersign_limit_keys")
}

/// A metric of the limit `own`.
fn metric(world: &World, family: &str) -> u64 {
    let series = format!("{family}{{limit=\"own\"}}");
    metric_in(&world.proxy.metrics(), &series).map_or(0, |value| value.parse().unwrap())
}
