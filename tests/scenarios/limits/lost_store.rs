//! L-6: a shared store that was never there.

use std::{fs, sync::Arc};

use countersign::{
    jose::{Algorithm, Dialect, SigningKey},
    reason::Reason,
};
use serde_json::json;

use super::passes;
use crate::{
    signatures::scene::{jwks, sign_with},
    support::{
        bare,
        client::Request,
        issuer::{Issuer, key},
        key_server::{KeyServer, Page},
        setup::Setup,
        upstream::Upstream,
        wait_until,
        world::{JWKS, World},
    },
};

/// A world with a limit by client and once-only messages, both shared through a store where nothing
/// listens, with these lines of `[shared]`.
fn world(shared: &str, signer: &Arc<SigningKey>) -> World {
    let (upstream, key_server, issuer) = (Upstream::start(), KeyServer::start(), Issuer::usual());
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    let files = tempfile::tempdir().unwrap();
    let signers = files.path().join("signers.json");
    fs::write(&signers, jwks(&[signer]).to_string()).unwrap();
    let url = bare::closed_port().replace("http", "redis");
    let tables = format!(
        "[shared]\nurl = \"{url}\"\nintegrity = \"none\"\n{shared}\n\
         [limits.own]\nkey = {{ claim = \"client_id\" }}\nrate = \"6/h\"\nshared = true\n\
         [signatures.partner]\nsigner = {{ fixed = \"acme\" }}\ncaller = \"unrelated\"\n\
         replay = {{ id = {{ header = \"jti\" }} }}\nkeys.jwks_file = \"{}\"",
        signers.display()
    );
    let proxy = Setup::new()
        .issuer("corp", &issuer, &key_server, "", "")
        .with(&tables)
        .routes(
            "[[routes]]\npath = \"/signed\"\nsignature = \"partner\"\n\
             [[routes]]\npath = \"/**\"\nlimit = \"own\"",
        )
        .start_unready(&upstream);
    wait_until("readiness", || proxy.admin("/readyz").status == 200);
    World { proxy, upstream, key_server, issuer }
}

fn message(world: &World, signer: &SigningKey) -> Request {
    let signature = sign_with(signer, Dialect::Rfc7797, &json!({ "jti": "1" }), b"{}");
    let token = world.issuer.mint(json!({}));
    Request::new("POST", "/signed").bearer(&token).field("x-jws-signature", signature).body(b"{}")
}

#[test]
fn s8_l6_without_the_store_a_replica_decides_alone() {
    let signer = key(Algorithm::Es256, "signer");
    let world = world("limits.replicas = 3", &signer);
    let app = world.issuer.mint(json!({ "client_id": "app" }));
    assert_eq!(passes(6, || world.proxy.get("/", Some(&app))), 2);
    assert!(world.proxy.exchange(&message(&world, &signer)).is_from_upstream());
    world.refuses_request("again", &message(&world, &signer), Reason::SignatureReplayed);
}

#[test]
fn s8_l6_without_the_store_nothing_passes_where_that_is_set() {
    let signer = key(Algorithm::Es256, "signer");
    let refuse = "replay.on_failure = \"refuse\"\nlimits.on_failure = \"refuse\"";
    let world = world(refuse, &signer);
    let app = Request::get("/").bearer(&world.issuer.mint(json!({ "client_id": "app" })));
    world.refuses_request("a limit", &app, Reason::LimitUnavailable);
    world.refuses_request("a message", &message(&world, &signer), Reason::ReplayUnavailable);
}
