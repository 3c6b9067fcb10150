//! Access tokens: of every algorithm and grant, they pass.

use std::process::Command;

use countersign::reason::Reason;

use crate::{
    keycloak::{SIGNED, header, scene::Scene, server::Keycloak},
    support::{shipped::Shipped, world::claims},
};

/// H-1 and H-2 for the forged headers that every request of these tests carries.
#[test]
fn a_users_access_tokens_of_every_algorithm_pass_with_their_roles() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let scene = Scene::start(keycloak);
    for (client, algorithm) in SIGNED {
        let tokens = keycloak.tokens(client, "openid");
        assert_eq!(header(tokens.access())["alg"], algorithm);
        assert_eq!(claims(tokens.access())["resource_access"]["my-api"]["roles"][0], "reader");
        scene.admits(client, tokens.access());
    }
}

#[test]
fn a_clients_own_access_tokens_of_every_algorithm_pass() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let scene = Scene::start(keycloak);
    for (client, algorithm) in SIGNED {
        let token = keycloak.client_token(client);
        assert_eq!(header(&token)["alg"], algorithm);
        scene.admits(client, &token);
    }
}

/// RFC 9470: `acr` and `auth_time` are in access tokens, too, not only in ID tokens.
#[test]
fn an_access_token_that_says_how_and_when_the_user_logged_in_passes() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let tokens = keycloak.browser_tokens("rs256");
    let claims = claims(tokens.access());
    assert!(claims["acr"].is_string() && claims["auth_time"].is_number(), "{claims}");
    Scene::start(keycloak).admits("after a login", tokens.access());
}

#[test]
fn an_access_token_for_offline_use_passes() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let tokens = keycloak.tokens("rs256", "openid offline_access");
    Scene::start(keycloak).admits("of an offline session", tokens.access());
}

#[test]
fn a_refreshed_access_token_passes() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let first = keycloak.tokens("es256", "openid");
    let form = [("grant_type", "refresh_token"), ("refresh_token", first.refresh())];
    let second = keycloak.grant("es256", &form, None);
    let scene = Scene::start(keycloak);
    scene.admits("the first", first.access());
    scene.admits("the second", second.access());
}

/// RFC 9068 §2.1, which a client of Keycloak can be set to.
#[test]
fn t19_where_the_type_is_required_only_tokens_of_that_type_pass() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let typed = keycloak.tokens("rfc9068", "openid");
    let untyped = keycloak.tokens("rs256", "openid");
    assert_eq!(header(typed.access())["typ"], "at+jwt");
    assert_eq!(header(untyped.access())["typ"], "JWT");
    Scene::start(keycloak).admits("by default", typed.access());

    let scene = Scene::with(keycloak, |shipped| {
        shipped.with("algorithms =", "token_types = [\"at+jwt\"]\nalgorithms =")
    });
    scene.admits("at+jwt", typed.access());
    scene.refuses("JWT", untyped.access(), Reason::TokenTypeNotAllowed);
    scene.refuses("an ID token", typed.id(), Reason::TokenTypeNotAllowed);
}

#[test]
fn check_online_finds_the_keys_and_the_endpoint_of_the_realm() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let shipped = crate::keycloak::scene::introspecting(Shipped::load("keycloak.toml"), "hybrid")
        .with("https://keycloak.example.com", &format!("http://{}", keycloak.address()));
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["check", "--online", "--config"])
        .arg(shipped.write())
        .env_clear()
        .output()
        .unwrap();
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("introspection"), "{stdout}{stderr}");
}
