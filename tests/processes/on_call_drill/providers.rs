//! Providers that are down, slow, or do not know us.

use std::{thread, time::Duration};

use countersign::{
    jose::{Algorithm, Dialect, SigningKey},
    json::Object,
};
use serde_json::json;

use super::stage::{Scene, Stage};
use crate::support::{
    bare,
    client::Request,
    introspection::Endpoint,
    issuer::key,
    key_server::{KeyServer, Page},
    world::JWKS,
};

const BODY: &[u8] = b"{\"amount\":100}";

pub(super) fn down() -> Scene {
    let stage = Stage::new();
    let setup = stage.setup_of_two(&format!("jwks_url = \"{}/jwks\"", bare::closed_port()));
    let scene = stage.start(&setup);
    assert_eq!(scene.get(&scene.token(json!({}))), 503);
    scene
}

pub(super) fn slow() -> Scene {
    let (stage, provider) = (Stage::new(), KeyServer::start());
    provider.hold();
    let keys = format!("jwks_url = \"{}\"\ntimeout = \"500ms\"", provider.url(JWKS));
    let setup = stage.setup_of_two(&keys);
    let scene = stage.start(&setup).beside(provider);
    assert_eq!(scene.get(&scene.token(json!({}))), 503);
    scene
}

/// The provider signs with a new key, and the URL of its key set has moved.
pub(super) fn rotation() -> Scene {
    const COOLDOWN: Duration = Duration::from_secs(1);
    let stage = Stage::new();
    let setup = stage.setup("cooldown = \"1s\"");
    let scene = stage.start(&setup);
    scene.stage.key_server.serve(JWKS, Page::status(404));
    // What was fetched before counts as the provider's answer for that long.
    thread::sleep(COOLDOWN);
    assert_eq!(scene.get(&scene.token_with(json!({ "kid": "next" }), json!({}))), 503);
    scene
}

pub(super) fn introspection() -> Scene {
    let (stage, endpoint) = (Stage::new(), Endpoint::start());
    endpoint.demand(|_| false);
    let secret = stage.file("secret", "of-another-client");
    let setup = stage.setup(&format!(
        "[issuers.corp.introspection]\nurl = \"{}\"\nclient_id = \"proxy\"\n\
         client_secret_file = \"{secret}\"\n",
        endpoint.url("/introspect")
    ));
    let scene = stage.start(&setup).beside(endpoint);
    assert_eq!(scene.get("opaque.token-8d1f6c0b5a7e4932b1c6"), 503);
    scene
}

pub(super) fn registry() -> Scene {
    let (stage, registry) = (Stage::new(), KeyServer::start());
    let setup = stage
        .setup("")
        .with(&format!(
            "[signatures.partner]\nsigner = \"kid\"\ncaller = \"unrelated\"\n\
             [signatures.partner.keys.registry]\nurl = \"{}\"\n",
            registry.url("/participants/{signer}")
        ))
        .routes("[[routes]]\npath = \"/**\"\nsignature = \"partner\"");
    let scene = stage.start(&setup).beside(registry);
    assert_eq!(scene.ask(&signed(&scene, &key(Algorithm::Es256, "shop"))), 401);
    scene
}

/// A request that is signed with this key.
pub(super) fn signed(scene: &Scene, signer: &SigningKey) -> Request {
    let mut header = Object::default();
    header.insert("kid", signer.kid());
    let signature = signer.sign_detached(Dialect::Rfc7797, &header, BODY).unwrap();
    Request::new("POST", "/loans")
        .bearer(&scene.token(json!({})))
        .field("x-jws-signature", signature)
        .body(BODY)
}
