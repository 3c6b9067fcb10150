//! T-19, T-23: tokens that are signed by the right issuer for another purpose.

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::support::{NOW, issuer::AUDIENCE, world::World};

const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// `typ` headers of JWTs that are no access tokens, among them unknown ones.
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
    "oauth-id-jag+jwt",
    "rt+jwt",
    "id_token+jwt",
    "entity-statement+jwt",
    "statuslist+jwt",
    "txntoken+jwt",
    "vc+jwt",
    "vp+jwt",
    "vc+sd-jwt",
    "dc+sd-jwt",
    "kb+jwt",
    "jwk-set+jwt",
    "openid4vci-proof+jwt",
    "oauth-client-attestation+jwt",
    "software-statement+jwt",
    "passport",
    "JOSE",
    "x",
    "",
];

/// Claims by which other tokens are known though their header says `JWT`; one of each kind. The
/// whole tables are tried in `src/token/kind`.
fn other_claims() -> Vec<(&'static str, Value)> {
    vec![
        ("ID token", json!({ "nonce": "n-0S6_WzA2Mj" })),
        ("ID token", json!({ "at_hash": "77QmUPtjPfzWtF2AnpK9RQ" })),
        ("hybrid ID token", json!({ "c_hash": "LDktKdoQak3Pk0cnXxCltA", "scope": "openid" })),
        ("Cognito's ID token", json!({ "token_use": "id" })),
        ("Keycloak's ID token", json!({ "typ": "ID" })),
        ("Spring's ID token", json!({ "azp": AUDIENCE, "auth_time": NOW - 20, "sid": "s" })),
        ("refresh token", json!({ "typ": "Refresh", "scope": "openid" })),
        ("offline token", json!({ "typ": "Offline" })),
        ("simplejwt's refresh token", json!({ "token_type": "refresh" })),
        ("flask's refresh token", json!({ "type": "refresh" })),
        ("Hydra's refresh token", json!({ "token_use": "refresh_token" })),
        ("logout token", json!({ "events": { LOGOUT_EVENT: {} } })),
        ("logout token", json!({ "typ": "Logout" })),
        ("security event", json!({ "events": { "urn:ietf:params:scim:event": {} } })),
        ("authorization response", json!({ "sub": null, "code": "c", "state": "s" })),
        ("request object", json!({ "response_type": "code", "client_id": "web" })),
        ("client assertion", json!({ "sub": "https://idp.test", "jti": "j" })),
        ("software statement", json!({ "software_id": "s", "redirect_uris": ["https://a"] })),
        ("DPoP proof", json!({ "htm": "GET", "htu": "https://api.test/" })),
        ("introspection response", json!({ "token_introspection": { "active": true } })),
        ("status list", json!({ "status_list": { "bits": 1, "lst": "eNrbuRgAAhcBXQ" } })),
        ("credential", json!({ "vc": { "type": ["VerifiableCredential"] } })),
        ("SD-JWT credential", json!({ "vct": "https://a", "_sd": [] })),
        ("transaction token", json!({ "txn": "t", "scope": "trade" })),
        ("e-mail token", json!({ "purpose": "email_verification" })),
        ("password token", json!({ "type": "password_reset" })),
        ("metadata", json!({ "token_endpoint": "https://idp.test/token" })),
    ]
}

#[test]
fn t19_t23_known_other_types_are_refused() {
    let world = World::start();
    for typ in OTHER_TYPES {
        let token = world.issuer.mint_with(json!({ "typ": typ }), json!({}));
        world.refuses(typ, &token, Reason::TokenTypeNotAllowed);
    }
    for typ in [json!(17), json!(["JWT"]), json!({})] {
        let token = world.issuer.mint_with(json!({ "typ": typ }), json!({}));
        world.refuses(&typ.to_string(), &token, Reason::HeaderMalformed);
    }
}

#[test]
fn t23_kinds_without_a_telling_type_are_known_by_their_claims() {
    let world = World::start();
    for (kind, claims) in other_claims() {
        for header in [json!({}), json!({ "typ": "JWT" })] {
            let token = world.issuer.mint_with(header, claims.clone());
            world.refuses(&format!("{kind}: {claims}"), &token, Reason::TokenTypeNotAllowed);
        }
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
    for (whose, claims) in [
        ("Keycloak, bound to nothing", json!({ "typ": "Bearer", "azp": AUDIENCE, "acr": "1" })),
        ("Cognito", json!({ "token_use": "access", "client_id": "web", "auth_time": NOW })),
        ("simplejwt", json!({ "token_type": "access", "user_id": 1 })),
        ("flask-jwt-extended", json!({ "type": "access", "fresh": true })),
        ("step-up", json!({ "acr": "mfa", "auth_time": NOW - 5, "amr": ["otp"] })),
        ("Entra", json!({ "azp": "web", "azpacr": "1", "oid": "o", "tid": "t", "ver": "2.0" })),
        ("events of a private claim", json!({ "events": ["login"] })),
        ("an object of a private claim", json!({ "events": { "login": 1 } })),
    ] {
        world.admits(whose, &world.issuer.mint(claims));
    }
}

#[test]
fn t23_a_profile_or_required_values_decide_where_nothing_else_can() {
    let world = World::with_rules("profile = \"rfc9068\"");
    let whole = json!({ "client_id": "web", "jti": "j" });
    let typed = |typ: &str, claims: Value| world.issuer.mint_with(json!({ "typ": typ }), claims);
    world.admits("all of it", &typed("at+jwt", whole.clone()));
    world.refuses("another type", &typed("JWT", whole), Reason::TokenTypeNotAllowed);
    for missing in [json!({ "client_id": "web" }), json!({ "jti": "j" })] {
        let case = missing.to_string();
        world.refuses(&case, &typed("at+jwt", missing), Reason::ClaimMissing);
    }

    let world = World::with_rules("require_values = { token_use = [\"access\", \"sliding\"] }");
    let used = |value: Value| world.issuer.mint(json!({ "token_use": value }));
    world.admits("access", &used(json!("access")));
    world.admits("listed, so that no table judges it", &used(json!("sliding")));
    world.refuses("another", &used(json!("id")), Reason::ClaimValueNotAllowed);
    world.refuses("none", &world.issuer.mint(json!({})), Reason::ClaimMissing);
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
    for claims in [json!({ "typ": "Refresh" }), json!({ "events": { LOGOUT_EVENT: {} } })] {
        let token = world.issuer.mint(claims.clone());
        world.refuses(&claims.to_string(), &token, Reason::TokenTypeNotAllowed);
    }
    let logout = world.issuer.mint_with(json!({ "typ": "logout+jwt" }), json!({}));
    world.refuses("logout+jwt", &logout, Reason::TokenTypeNotAllowed);
}
