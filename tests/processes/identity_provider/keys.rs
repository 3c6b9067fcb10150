//! The provider's keys change, and the provider comes and goes.

use std::thread;

use countersign::reason::Reason;

use crate::{
    identity_provider::{
        SIGNED,
        provider::Provider,
        resource,
        scene::{COOLDOWN, Scene},
    },
    support::wait_until,
};

/// K-9: the first request with a new key is answered at once and rightly, and what the old keys
/// signed is worth nothing from then on. INV-5: all of that costs the provider one fetch.
#[test]
fn k9_a_rotation_is_followed_when_the_first_token_of_a_new_key_arrives() {
    let Some(mut provider) = Provider::start() else {
        return;
    };
    let scene = Scene::start(&provider);
    let tokens =
        |provider: &Provider| SIGNED.map(|(name, _)| provider.access_token(&resource(name)));
    let old = tokens(&provider);
    for token in &old {
        scene.admits(token);
    }
    assert_eq!(provider.key_fetches(), 1);

    provider.rotate();
    let new = tokens(&provider);
    // The fetch at the start counts too: until its cooldown is over, no unknown key asks for one.
    thread::sleep(COOLDOWN);
    // Nothing has told of the rotation yet.
    scene.admits(&old[0]);
    for token in &new {
        scene.admits(token);
    }
    assert_eq!(provider.key_fetches(), 2);
    for token in &old {
        scene.refuses(token, Reason::KidUnknown);
    }
}

/// K-8: within the cooldown an unknown key costs the provider nothing; after it, the honest new
/// key gets in.
#[test]
fn k8_new_keys_wait_for_the_cooldown_and_no_longer() {
    let Some(mut provider) = Provider::start() else {
        return;
    };
    let scene = Scene::with_keys(&provider, "cooldown = \"8s\"");
    provider.rotate();
    let token = provider.access_token(&resource("es256"));
    scene.refuses(&token, Reason::KidUnknown);
    assert_eq!(provider.key_fetches(), 1);
    wait_until("the new key", || scene.passes(&token));
    assert_eq!(provider.key_fetches(), 2);
}

/// K-3, K-13: keys outlive their provider; what only it could tell is a 503, not a 401.
#[test]
fn k13_known_keys_serve_on_while_the_provider_is_down() {
    let Some(mut provider) = Provider::start() else {
        return;
    };
    let scene = Scene::start(&provider);
    let seen = provider.access_token(&resource("rs256"));
    let unseen = provider.access_token(&resource("ed25519"));
    scene.admits(&seen);
    provider.rotate();
    let under_new_key = provider.access_token(&resource("es256"));
    drop(provider);

    thread::sleep(COOLDOWN);
    scene.refuses(&under_new_key, Reason::KeysUnavailable);
    scene.admits(&seen);
    scene.admits(&unseen);
    assert_eq!(scene.proxy.pending(), "");
}

/// K-13: it starts before its provider does.
#[test]
fn k13_a_cold_start_waits_for_the_provider_and_recovers_by_itself() {
    let Some(mut provider) = Provider::start() else {
        return;
    };
    let token = provider.access_token(&resource("es256"));
    provider.go_down();
    let scene = Scene::start_unready(&provider);
    scene.refuses(&token, Reason::KeysUnavailable);
    assert!(scene.proxy.pending().contains("issuer idp: no keys yet"));

    provider.come_back();
    scene.proxy.wait_until_ready();
    scene.admits(&token);
}
