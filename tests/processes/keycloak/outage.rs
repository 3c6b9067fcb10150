//! Keycloak that hangs, dies and comes back. Its realm has the address of what can fail.

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::{
    keycloak::{
        relay::Relay,
        scene::{Scene, introspecting},
        server::Keycloak,
    },
    support::wait_until,
};

/// A realm that is reached by the relay.
fn behind(keycloak: &Keycloak, relay: &Relay, name: &str) -> Keycloak {
    keycloak.another_realm(name, |realm: &mut Value| {
        realm["attributes"] = json!({ "frontendUrl": relay.url() });
    })
}

#[test]
fn k3_tokens_under_known_keys_pass_while_keycloak_hangs_or_is_dead() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let relay = Relay::start(keycloak.address());
    let realm = behind(keycloak, &relay, "hanging");
    let scene = Scene::at(&relay.url(), &realm, |shipped| {
        shipped.with("refresh = \"1m\"", "refresh = \"1s\"\ncooldown = \"1s\"\ntimeout = \"1s\"")
    });
    scene.admits("well", realm.tokens("rs256", "openid").access());
    relay.hang();
    relay.wait_until_asked();
    scene.admits("hanging", realm.tokens("rs256", "openid").access());
    relay.die();
    relay.wait_until_asked();
    scene.admits("dead", realm.tokens("rs256", "openid").access());

    realm.rotate_key();
    let rotated = realm.tokens("rs256", "openid");
    let request = || scene.proxy.get("/loans/7", Some(rotated.access())).status;
    wait_until("the end of the cooldown", || request() == 503);
    scene.refuses("a new key, dead", rotated.access(), Reason::KeysUnavailable);
    relay.recover();
    wait_until("the new key", || request() == 200);
    scene.admits("recovered", rotated.access());
}

#[test]
fn i11_nothing_passes_that_keycloak_must_be_asked_about_while_it_hangs_or_is_dead() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let relay = Relay::start(keycloak.address());
    let realm = behind(keycloak, &relay, "dying");
    let scene = Scene::at(&relay.url(), &realm, |shipped| {
        introspecting(shipped, "always").with("timeout = \"20s\"", "timeout = \"2s\"")
    });
    let tokens = || realm.tokens("rs256", "openid");
    scene.admits("well", tokens().access());
    relay.hang();
    scene.refuses("hanging", tokens().access(), Reason::IntrospectionUnavailable);
    relay.die();
    scene.refuses("dead", tokens().access(), Reason::IntrospectionUnavailable);
    relay.recover();
    let later = tokens();
    let request = || {
        scene.proxy.advance(5);
        scene.proxy.get("/loans/7", Some(later.access())).status
    };
    wait_until("the recovery", || request() == 200);
    scene.admits("recovered", later.access());
}
