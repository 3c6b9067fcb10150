//! Any standard provider, found by its issuer.

use serde_json::{Value, json};

use crate::{
    support::{client::Request, issuer::Issuer, key_server::Page, shipped::Shipped},
    systems::scene::{Scene, header},
};

const AUDIENCE: &str = "https://api.example.com";

fn start(change: impl FnOnce(Shipped) -> Shipped) -> (Scene, Issuer) {
    let usual = Issuer::usual();
    let mut named = None;
    let scene = Scene::start("oidc.toml", |shipped, key_server, endpoint| {
        let issuer = usual.named(&key_server.url(""));
        let metadata = json!({
            "issuer": issuer.iss(),
            "jwks_uri": key_server.url("/keys"),
            "introspection_endpoint": endpoint.url("/introspect"),
        });
        key_server.serve("/.well-known/openid-configuration", Page::json(&metadata));
        key_server.serve("/keys", Page::json(&issuer.jwks()));
        let shipped =
            change(shipped).with("\"https://idp.example.com\"", &format!("\"{}\"", issuer.iss()));
        named = Some(issuer);
        shipped
    });
    (scene, named.unwrap())
}

fn token(issuer: &Issuer, header: Value, changes: Value) -> String {
    let mut claims = json!({ "aud": AUDIENCE, "scope": "read", "client_id": "web" });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    issuer.mint_with(header, claims)
}

#[test]
fn a_token_passes_with_nothing_but_issuer_and_audience_filled_in() {
    let (scene, issuer) = start(|shipped| shipped);
    let received = scene.admits("a user's", &token(&issuer, json!({}), json!({})));
    assert_eq!(header(&received, "x-auth-subject"), Some("alice"));
    assert_eq!(header(&received, "x-auth-client"), Some("web"));
    let azure = json!({ "scope": null, "scp": "read write", "client_id": null, "azp": "spa" });
    let received = scene.admits("of another dialect", &token(&issuer, json!({}), azure));
    assert_eq!(header(&received, "x-auth-scope"), Some("read write"));
    assert_eq!(header(&received, "x-auth-client"), Some("spa"));
    let other = token(&issuer, json!({}), json!({ "aud": "https://other.example.com" }));
    scene.refuses("for another service", &Request::get("/").bearer(&other), 401);
}

#[test]
fn rfc_9068_can_be_asked_for() {
    let (scene, issuer) = start(|shipped| shipped.with("# profile", "profile"));
    let jti = || json!({ "jti": "j" });
    scene.admits("at+jwt", &token(&issuer, json!({ "typ": "at+jwt" }), jti()));
    scene.admits("in full", &token(&issuer, json!({ "typ": "application/at+jwt" }), jti()));
    for header in [json!({}), json!({ "typ": "JWT" })] {
        scene.refuses(
            "anything else",
            &Request::get("/").bearer(&token(&issuer, header, jti())),
            401,
        );
    }
}

/// Dex gives its access tokens the form of its ID tokens.
#[test]
fn t19_dex_needs_what_the_file_says_of_it() {
    let of_dex = |issuer: &Issuer| {
        let own = json!({ "scope": null, "client_id": null, "at_hash": "h", "nonce": "n",
                          "email": "a@x.test", "email_verified": true, "name": "alice" });
        token(issuer, json!({}), own)
    };
    let (scene, issuer) = start(|shipped| shipped);
    scene.refuses("by default", &Request::get("/").bearer(&of_dex(&issuer)), 401);
    let accepting = "[issuers.idp]\naccept_id_tokens = true";
    let (scene, issuer) = start(|shipped| shipped.with("[issuers.idp]", accepting));
    scene.admits("as the file says", &of_dex(&issuer));
}

#[test]
fn an_opaque_token_is_asked_about_where_the_metadata_says() {
    let (scene, issuer) = start(|shipped| shipped.with_table("[issuers.idp.introspection]"));
    let opaque = "opaque.8d1f6c0b5a7e4932b1c6";
    scene.endpoint.activate(opaque, &json!({ "iss": issuer.iss(), "aud": AUDIENCE, "sub": "bob" }));
    let received = scene.admits("opaque", opaque);
    assert_eq!(header(&received, "x-auth-subject"), Some("bob"));
    assert_eq!(scene.endpoint.last().path(), "/introspect");
}
