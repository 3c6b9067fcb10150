//! A realm that changes while its tokens are in use. Each test has a realm of its own.

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::{
    keycloak::{
        header,
        requests::USER,
        scene::{Scene, any_audience, identity, introspecting},
        server::Keycloak,
    },
    support::{shipped::Shipped, wait_until, world::claims},
};

/// With that refresh instead of the shipped one, and after the first fetch no long cooldown.
fn refreshing(shipped: Shipped, refresh: &str) -> Shipped {
    shipped.with("refresh = \"1m\"", &format!("refresh = \"{refresh}\"\ncooldown = \"1s\""))
}

#[test]
fn k9_a_new_key_is_taken_when_it_is_met_and_a_disabled_one_is_refused_after_the_next_refresh() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let realm = keycloak.another_realm("rotating", |_| ());
    let scene = Scene::with(&realm, |shipped| refreshing(shipped, "1m"));
    let often = Scene::with(&realm, |shipped| refreshing(shipped, "1s"));
    let status = |scene: &Scene, token| scene.proxy.get("/loans/7", Some(token)).status;
    let before = realm.tokens("rs256", "openid");
    scene.admits("under the first key", before.access());
    realm.rotate_key();
    let after = realm.tokens("rs256", "openid");
    assert_ne!(header(before.access())["kid"], header(after.access())["kid"]);
    wait_until("the end of the cooldown", || status(&scene, after.access()) == 200);
    scene.admits("under the second key", after.access());
    scene.admits("under the first key, still", before.access());

    realm.disable_first_key();
    wait_until("the refresh", || status(&often, before.access()) == 401);
    often.refuses("under the disabled key", before.access(), Reason::KidUnknown);
    often.admits("under the second key", after.access());
    scene.admits("where the keys are of the minute before", before.access());
}

/// Signatures say nothing about users, so that this takes introspection.
#[test]
fn a_disabled_users_tokens_are_refused_where_keycloak_is_asked() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let realm = keycloak.another_realm("disabling", |_| ());
    let offline = Scene::start(&realm);
    let hybrid = Scene::introspecting(&realm, "hybrid");
    let tokens = realm.tokens_of("bob", "rs256", "openid");
    hybrid.admits("enabled", tokens.access());
    realm.disable_user("bob");
    let request = || hybrid.proxy.get("/loans/7", Some(tokens.access())).status;
    wait_until("the next answer", || {
        hybrid.proxy.advance(30);
        request() == 401
    });
    hybrid.refuses("disabled, in the background", tokens.access(), Reason::TokenInactive);
    let asked = Scene::introspecting(&realm, "always");
    asked.refuses("disabled", tokens.access(), Reason::TokenInactive);
    offline.admits("not asked", tokens.access());
}

#[test]
fn a_revoked_token_is_refused_where_keycloak_is_asked() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let (revoked, other) = (keycloak.tokens("rs256", "openid"), keycloak.tokens("rs256", "openid"));
    keycloak.revoke(revoked.access());
    let asked = Scene::introspecting(keycloak, "always");
    asked.refuses("revoked", revoked.access(), Reason::TokenInactive);
    asked.admits("the other", other.access());
    Scene::start(keycloak).admits("not asked", revoked.access());
}

/// The whole way: Keycloak itself posts the logout token to the admin listener.
#[test]
fn keycloak_tells_the_proxy_of_a_logout() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let realm = keycloak.another_realm("logging-out", |_| ());
    let scene = Scene::with(&realm, |shipped| {
        shipped.with(
            "# backchannel_logout = { client_ids = [\"my-web-client\"] }",
            "backchannel_logout = { client_ids = [\"rs256\"] }",
        )
    });
    let admin = scene.proxy.server().admin_address().to_string();
    realm.set_logout_url("rs256", &format!("http://{admin}/backchannel-logout"));
    let (ended, other) = (realm.tokens("rs256", "openid"), realm.tokens("rs256", "openid"));
    scene.admits("logged in", ended.access());
    realm.end_session(ended.refresh());
    let request = || scene.proxy.get("/loans/7", Some(ended.access())).status;
    wait_until("the logout", || request() == 401);
    scene.refuses("logged out", ended.access(), Reason::TokenRevoked);
    scene.admits("the other session", other.access());
}

/// Cases IDP-8: the token itself has neither a subject nor roles.
#[test]
fn a_lightweight_token_is_what_keycloak_says_of_it() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let tokens = keycloak.tokens("lightweight", "openid");
    let said = keycloak.introspected(tokens.access());
    assert_eq!(said["preferred_username"], USER, "{said}");
    let scene = Scene::introspecting(keycloak, "only");
    scene.admits_as("asked instead", tokens.access(), &identity(&said));
    let offline = Scene::start(keycloak);
    offline.refuses("by itself", tokens.access(), Reason::AudienceMismatch);
    let anyone = Scene::with(keycloak, any_audience);
    anyone.admits("by itself, for any audience, without a subject", tokens.access());
    assert!(claims(tokens.access())["sub"].is_null());
}

#[test]
fn groups_reach_the_service() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let tokens = keycloak.tokens("rs256", "openid");
    for when in ["never", "always"] {
        let scene = Scene::introspecting(keycloak, when);
        let mut identity = identity(&claims(tokens.access()));
        identity.retain(|(name, _)| *name != "x-auth-groups");
        identity.push(("x-auth-groups", "/staff/payments".to_owned()));
        identity.sort();
        scene.admits_as(when, tokens.access(), &identity);
    }
}

/// Cases IDP-9: tokens have the public host, the proxy uses the internal one.
#[test]
fn keycloak_has_an_internal_and_a_public_host() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let public = "http://id.example.test";
    let realm = keycloak.another_realm("published", |realm: &mut Value| {
        realm["attributes"] = json!({ "frontendUrl": public });
    });
    let internal = |shipped: Shipped| {
        let shipped = shipped
            .with("# jwks_url   = ", "jwks_url = ")
            .with("# allow_http = true", "allow_http = true")
            .with("http://keycloak.identity.svc:8080", &format!("http://{}", keycloak.address()))
            .with("issuer     = \"https://keycloak.example.com", &format!("issuer = \"{public}"));
        introspecting(shipped, "always")
    };
    let tokens = realm.tokens("rs256", "openid");
    let scene = Scene::with(&realm, internal);
    scene.admits("of the public host", tokens.access());
    let other = keycloak.tokens("rs256", "openid");
    scene.refuses("of the internal host", other.access(), Reason::IssuerUnknown);
}
