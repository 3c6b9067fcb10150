//! Requests that are refused.

use serde_json::json;

use super::stage::{Scene, Stage, now};
use crate::support::{client::Request, issuer::Issuer};

fn usual() -> Scene {
    let stage = Stage::new();
    let setup = stage.setup("");
    stage.start(&setup)
}

pub(super) fn wrong_audience() -> Scene {
    let scene = usual();
    assert_eq!(scene.get(&scene.token(json!({ "aud": "https://billing.test" }))), 401);
    scene
}

pub(super) fn expired() -> Scene {
    let scene = usual();
    let times = json!({ "iat": now() - 7200, "exp": now() - 3600 });
    assert_eq!(scene.get(&scene.token(times)), 401);
    scene
}

pub(super) fn unknown_kid() -> Scene {
    let scene = usual();
    assert_eq!(scene.get(&scene.token_with(json!({ "kid": "staging" }), json!({}))), 401);
    scene
}

pub(super) fn clock_of_the_provider() -> Scene {
    let scene = usual();
    let times = json!({ "iat": now() + 3600, "exp": now() + 7200 });
    assert_eq!(scene.get(&scene.token(times)), 401);
    scene
}

/// Browsers get their tokens from `localhost`, services talk to `keycloak`.
pub(super) fn host_of_the_issuer() -> Scene {
    let stage = Stage::of(Issuer::usual().named("http://keycloak:8080/realms/shop"));
    let setup = stage.setup("");
    let scene = stage.start(&setup);
    let token = scene.token(json!({ "iss": "http://localhost:8080/realms/shop" }));
    assert_eq!(scene.get(&token), 401);
    scene
}

pub(super) fn forged_header() -> Scene {
    let scene = usual();
    let token = scene.token(json!({}));
    let request = Request::get("/loans/17").bearer(&token).field("X-Auth-Subject", "admin");
    assert_eq!(scene.ask(&request), 200);
    let requests = scene.stage.upstream.requests();
    assert_eq!(requests[0].head.field("x-auth-subject"), Some("alice"));
    scene
}

pub(super) fn limit() -> Scene {
    let stage = Stage::new();
    let setup = stage
        .setup("")
        .with("[limits.partner]\nkey = { claim = \"azp\" }\nrate = \"2/h\"")
        .routes("[[routes]]\npath = \"/**\"\nlimit = \"partner\"");
    let scene = stage.start(&setup);
    let token = scene.token(json!({}));
    let statuses: Vec<_> = (0..3).map(|_| scene.get(&token)).collect();
    assert_eq!(statuses, [200, 200, 429]);
    scene
}
