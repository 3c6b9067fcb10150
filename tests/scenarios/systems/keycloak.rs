//! Keycloak: a realm's tokens, its roles, its logouts.

use serde_json::{Value, json};

use crate::{
    support::{NOW, client::Request, issuer::Issuer, shipped::Shipped},
    systems::scene::{Scene, header, rs256, serve_realm},
};

const REALM: &str = "/realms/my-realm";

fn start(change: impl FnOnce(Shipped) -> Shipped) -> (Scene, Issuer) {
    let usual = Issuer::usual();
    let mut named = None;
    let scene = Scene::start("keycloak.toml", |shipped, key_server, endpoint| {
        serve_realm(key_server, REALM, &usual);
        named = Some(usual.named(&key_server.url(REALM)));
        let path = format!("{REALM}/protocol/openid-connect/token/introspect");
        change(shipped)
            .with(&format!("https://keycloak.example.com{path}"), &endpoint.url(&path))
            .with("https://keycloak.example.com", &key_server.url(""))
    });
    (scene, named.unwrap())
}

fn token(issuer: &Issuer, changes: Value) -> String {
    let mut claims = json!({
        "aud": ["account", "my-api"],
        "typ": "Bearer",
        "azp": "my-web-client",
        "sid": "c3a1",
        "sub": "f1e2",
        "preferred_username": "alice",
        "scope": "openid email",
        "realm_access": { "roles": ["user", "admin"] },
        "resource_access": { "my-api": { "roles": ["reader"] } },
        "iat": NOW - 10,
        "exp": NOW + 300,
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    rs256(issuer, json!({ "typ": "JWT" }), claims)
}

#[test]
fn an_access_token_passes_with_its_roles_and_rules_about_them_hold() {
    let (scene, issuer) = start(|shipped| shipped);
    let admin = token(&issuer, json!({}));
    let received = scene.admits("a user's", &admin);
    assert_eq!(header(&received, "x-auth-user"), Some("alice"));
    assert_eq!(header(&received, "x-auth-roles"), Some("user,admin"));
    assert_eq!(header(&received, "x-auth-api-roles"), Some("reader"));
    scene.passes("an administrator", &Request::get("/admin/x").bearer(&admin));
    let user = token(&issuer, json!({ "realm_access": { "roles": ["user", "administrator"] } }));
    scene.refuses("another user", &Request::get("/admin/x").bearer(&user), 403);
}

#[test]
fn t19_what_is_no_access_token_is_refused() {
    let (scene, issuer) = start(|shipped| shipped);
    for changes in [
        json!({ "typ": "Refresh" }),
        json!({ "typ": "Offline" }),
        json!({ "typ": "ID" }),
        json!({ "typ": "Logout" }),
        json!({ "at_hash": "x" }),
        json!({ "aud": "account" }),
    ] {
        let request = Request::get("/").bearer(&token(&issuer, changes.clone()));
        scene.refuses(&changes.to_string(), &request, 401);
    }
}

#[test]
fn a_disabled_users_token_is_refused_where_every_token_is_asked_about() {
    let (scene, issuer) = start(|shipped| {
        shipped
            .with_table("[issuers.keycloak.introspection]")
            .with("when               = \"hybrid\"", "when = \"always\"")
    });
    let token = token(&issuer, json!({}));
    let request = Request::get("/").bearer(&token);
    scene.refuses("disabled", &request, 401);
    let said = json!({ "aud": ["account", "my-api"], "iss": issuer.iss(), "client_id": "x" });
    scene.endpoint.activate(&token, &said);
    scene.proxy.advance(5);
    scene.passes("enabled", &request);
    assert!(scene.endpoint.last().path().ends_with("/protocol/openid-connect/token/introspect"));
}

#[test]
fn a_logout_ends_the_session_at_once() {
    let (scene, issuer) =
        start(|shipped| shipped.with("# backchannel_logout", "backchannel_logout"));
    let session = token(&issuer, json!({}));
    scene.admits("logged in", &session);
    let logout = rs256(
        &issuer,
        json!({ "typ": "logout+jwt" }),
        json!({
            "aud": "my-web-client",
            "iat": NOW,
            "exp": NOW + 60,
            "jti": "l-1",
            "sid": "c3a1",
            "sub": "f1e2",
            "typ": "Logout",
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        }),
    );
    let answer = scene.proxy.ask_admin(
        &Request::new("POST", "/backchannel-logout")
            .field("content-type", "application/x-www-form-urlencoded")
            .body(format!("logout_token={logout}").as_bytes()),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    scene.refuses("logged out", &Request::get("/").bearer(&session), 401);
    scene.admits("another session", &token(&issuer, json!({ "sid": "d4b2" })));
}
