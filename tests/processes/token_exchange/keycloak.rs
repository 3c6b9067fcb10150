//! Keycloak's standard token exchange.

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::{
    keycloak::{
        requests::{SERVICE, SERVICE_SECRET},
        server::Keycloak,
    },
    support::world::claims,
    token_exchange::scene::{Provider, Scene},
};

/// `my-api`, whom tokens are for, may exchange them for tokens of `orders`, where alice has a role
/// and bob has none.
fn exchanging(realm: &mut Value) {
    realm["roles"]["client"]["orders"] = json!([{ "name": "reader" }]);
    realm["users"][0]["clientRoles"]["orders"] = json!(["reader"]);
    let clients = realm["clients"].as_array_mut().unwrap();
    let gateway = clients.iter_mut().find(|client| client["clientId"] == SERVICE).unwrap();
    gateway["serviceAccountsEnabled"] = json!(true);
    gateway["attributes"]["standard.token.exchange.enabled"] = json!("true");
    let orders = json!({ "clientId": "orders", "secret": "unused", "standardFlowEnabled": false });
    clients.push(orders);
}

fn scene(keycloak: &Keycloak, lines: &str) -> Option<Scene> {
    let issuer = format!("http://{}/realms/{}", keycloak.address(), keycloak.realm);
    let endpoint = format!("{issuer}/protocol/openid-connect");
    let jwks = format!("{endpoint}/certs");
    let lines = format!("token_url = \"{endpoint}/token\"\n{lines}");
    let (issuer, jwks) = (&*issuer, &*jwks);
    let provider = Provider { issuer, jwks, gateway: SERVICE, secret: SERVICE_SECRET };
    Scene::start(&provider, &lines)
}

#[test]
fn g1_g2_a_users_token_is_exchanged_for_one_that_the_service_verifies() {
    let Some(keycloak) = Keycloak::get() else { return };
    let realm = keycloak.another_realm("exchanging", exchanging);
    let Some(scene) = scene(&realm, "kind = \"exchange\"\naudience = \"orders\"") else { return };
    let alice = realm.tokens_of("alice", "rs256", "openid");
    let sub = claims(alice.access())["sub"].as_str().unwrap().to_owned();
    let said = scene.passes(alice.access());
    let expected = (&json!(sub), &json!("orders"), &json!(SERVICE));
    assert_eq!((&said["sub"], &said["aud"], &said["azp"]), expected);
    let another = realm.tokens_of("alice", "rs256", "openid");
    let callers = [alice.access(), another.access()].map(|it| (&*sub, it.to_owned()));
    scene.passes_under_load(&callers);
    assert!((scene.granted() - 2.0).abs() < f64::EPSILON, "{}", scene.granted());

    // Keycloak has no such audience for him: "invalid_request".
    let bob = realm.tokens_of("bob", "rs256", "openid");
    let answer = scene.refuses(bob.access(), Reason::UpstreamCredentialRefused);
    assert_eq!(answer.status, 403);
    // Keycloak knows of him, and of what has ended there; the token alone would still be good.
    let later = realm.tokens_of("alice", "rs256", "openid");
    realm.disable_user("alice");
    scene.refuses(later.access(), Reason::UpstreamCredentialRefused);
}

#[test]
fn the_proxys_own_token_of_keycloak_is_one_that_a_service_verifies() {
    let Some(keycloak) = Keycloak::get() else { return };
    let realm = keycloak.another_realm("exchanging-own", |realm| {
        exchanging(realm);
        let clients = realm["clients"].as_array_mut().unwrap();
        let gateway = clients.iter_mut().find(|client| client["clientId"] == SERVICE).unwrap();
        gateway["protocolMappers"] = json!([{
            "name": "audience",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": { "included.client.audience": "orders", "access.token.claim": "true" },
        }]);
    });
    let Some(scene) = scene(&realm, "kind = \"client-credentials\"") else { return };
    for user in ["alice", "bob"] {
        let said = scene.passes(realm.tokens_of(user, "rs256", "openid").access());
        assert_eq!(said["azp"], json!(SERVICE));
    }
    assert!((scene.granted() - 1.0).abs() < f64::EPSILON);
}
