//! T-19: tokens that are signed by the right issuer for another purpose.

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::support::world::World;

/// `typ` headers of JWTs that are no access tokens.
const OTHER_TYPES: &[&str] = &[
    "logout+jwt",
    "application/logout+jwt",
    "Logout+JWT",
    "dpop+jwt",
    "secevent+jwt",
    "application/SecEvent+JWT",
    "client-authentication+jwt",
    "token-introspection+jwt",
    "oauth-authz-req+jwt",
    "rt+jwt",
    "id_token+jwt",
    "entity-statement+jwt",
];

/// Claims by which other tokens are known though their header says `JWT`.
fn other_claims() -> Vec<Value> {
    vec![
        json!({ "nonce": "n-0S6_WzA2Mj" }),
        json!({ "at_hash": "77QmUPtjPfzWtF2AnpK9RQ" }),
        json!({ "c_hash": "LDktKdoQak3Pk0cnXxCltA", "scope": "openid" }),
        json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } }),
        json!({ "typ": "ID" }),
        json!({ "typ": "Refresh" }),
        json!({ "typ": "Offline" }),
        json!({ "typ": "Logout" }),
    ]
}

#[test]
fn t19_known_other_types_are_refused() {
    let world = World::start();
    for typ in OTHER_TYPES {
        let token = world.issuer.mint_with(json!({ "typ": typ }), json!({}));
        world.refuses(typ, &token, Reason::TokenTypeNotAllowed);
    }
    for claims in other_claims() {
        let token = world.issuer.mint_with(json!({ "typ": "JWT" }), claims.clone());
        world.refuses(&claims.to_string(), &token, Reason::TokenTypeNotAllowed);
    }
    for typ in [json!(17), json!(["JWT"]), json!({})] {
        let token = world.issuer.mint_with(json!({ "typ": typ }), json!({}));
        world.refuses(&typ.to_string(), &token, Reason::HeaderMalformed);
    }
}

#[test]
fn t19_access_tokens_of_any_style_are_taken() {
    let world = World::start();
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+JWT"] {
        world.admits(typ, &world.issuer.mint_with(json!({ "typ": typ }), json!({})));
    }
    world.admits("no typ", &world.issuer.mint(json!({})));
    // Keycloak before 25 repeats the nonce in access tokens.
    let keycloak = json!({ "typ": "Bearer", "nonce": "n-0S6_WzA2Mj", "scope": "openid" });
    world.admits("Keycloak", &world.issuer.mint(keycloak));
}

#[test]
fn t19_rfc_9068_mode_takes_access_tokens_only() {
    let world = World::with_rules(r#"token_types = ["at+jwt"]"#);
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/at+JWT"] {
        world.admits(typ, &world.issuer.mint_with(json!({ "typ": typ }), json!({})));
    }
    let others = ["JWT", "", "at", "at+jwt+x", "application/application/at+jwt", "text/at+jwt"];
    for typ in others.iter().chain(OTHER_TYPES) {
        let token = world.issuer.mint_with(json!({ "typ": typ }), json!({}));
        world.refuses(typ, &token, Reason::TokenTypeNotAllowed);
    }
    world.refuses("no typ", &world.issuer.mint(json!({})), Reason::TokenTypeNotAllowed);
}

#[test]
fn t19_id_tokens_are_taken_only_where_the_operator_says_so() {
    let world = World::with_rules("accept_id_tokens = true");
    for claims in [json!({ "nonce": "n" }), json!({ "at_hash": "h" }), json!({ "typ": "ID" })] {
        world.admits(&claims.to_string(), &world.issuer.mint(claims.clone()));
    }
    for claims in [json!({ "typ": "Refresh" }), json!({ "events": { "x": {} } })] {
        let token = world.issuer.mint(claims.clone());
        world.refuses(&claims.to_string(), &token, Reason::TokenTypeNotAllowed);
    }
    let logout = world.issuer.mint_with(json!({ "typ": "logout+jwt" }), json!({}));
    world.refuses("logout+jwt", &logout, Reason::TokenTypeNotAllowed);
}
