//! Tokens that are tied to the request that carries them, which no cache may forget.

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::support::{
    client::Request,
    world::{World, identity},
};

const ORIGIN: &str = "https://app.test";

fn by_origin() -> World {
    World::with_rules("origin_claim = \"ord\"")
}

fn from(token: &str, origin: &str) -> Request {
    Request::get("/").bearer(token).field("origin", origin)
}

#[test]
fn a_token_for_an_origin_is_asked_for_it_cached_or_not() {
    let world = by_origin();
    for ord in [json!([ORIGIN]), json!(ORIGIN), json!([ORIGIN, ORIGIN])] {
        let token = world.issuer.mint(json!({ "ord": ord }));
        let identity = identity(&token);
        // Cold, then cached, then refused from the cache, then admitted again.
        world.refuses_request("cold", &from(&token, "https://evil.test"), Reason::OriginMismatch);
        let received = world.admits_request("its own", &from(&token, ORIGIN), &identity);
        assert_eq!(received.head.field("origin"), Some(ORIGIN), "the upstream sees it");
        for other in
            ["https://evil.test", "https://app.test/", "https://APP.test", "https://app.test:443"]
        {
            world.refuses_request(other, &from(&token, other), Reason::OriginMismatch);
        }
        world.refuses("none at all", &token, Reason::OriginMismatch);
        let twice = from(&token, ORIGIN).field("origin", ORIGIN);
        world.refuses_request("twice", &twice, Reason::OriginMismatch);
        world.admits_request("its own again", &from(&token, ORIGIN), &identity);
    }
}

#[test]
fn a_token_without_an_origin_comes_from_anywhere() {
    let world = by_origin();
    for ord in [Value::Null, json!([]), json!("")] {
        let token = world.issuer.mint(json!({ "ord": ord }));
        world.admits("from nowhere", &token);
        world.admits_request("from anywhere", &from(&token, "https://x"), &identity(&token));
    }
    for ord in ["7", "{}", "[7]", "true"] {
        let token = world.issuer.mint_text("ord", ord);
        world.refuses_request(ord, &from(&token, ORIGIN), Reason::ClaimMalformed);
    }
    let two = world.issuer.mint(json!({ "ord": [ORIGIN, "https://other.test"] }));
    world.refuses_request("not all of them", &from(&two, ORIGIN), Reason::OriginMismatch);
}

#[test]
fn the_origin_does_not_matter_where_no_claim_is_named() {
    let world = World::start();
    let token = world.issuer.mint(json!({ "ord": ["https://other.test"] }));
    world.admits_request("not configured", &from(&token, ORIGIN), &identity(&token));
}

/// The cookie of WSO2's documentation, and the reference to it in the token.
const COOKIE: &str = "646b0ed2-c501-4b17-9251-94112013a718";
const REFERENCE: &str = "5b6f756e3c043d254890dbc5b428fc80";

const BY_COOKIE: &str = r#"
token_types = ["at+jwt"]
cookie_binding = { cookie = "atbv", reference = "binding_ref", type = { claim = "binding_type", value = "cookie" } }
"#;

fn mint(world: &World, claims: Value) -> String {
    world.issuer.mint_with(json!({ "typ": "at+jwt" }), claims)
}

fn with_cookie(token: &str, cookie: &str) -> Request {
    Request::get("/").bearer(token).field("cookie", cookie)
}

#[test]
fn c12_a_token_bound_to_a_cookie_is_refused_without_it_cached_or_not() {
    let world = World::with_rules(BY_COOKIE);
    let bound = json!({ "binding_type": "cookie", "binding_ref": REFERENCE });
    let token = mint(&world, bound);
    let identity = identity(&token);
    world.refuses("cold", &token, Reason::BindingUnproven);
    for cookies in [format!("atbv={COOKIE}"), format!("a=1; atbv={COOKIE}; b=2")] {
        world.admits_request(&cookies, &with_cookie(&token, &cookies), &identity);
    }
    for cookies in [
        "atbv=".to_owned(),
        "other=1".to_owned(),
        format!("atbv={REFERENCE}"),
        format!("atbv={}", COOKIE.to_uppercase()),
        format!("ATBV={COOKIE}"),
        format!("atbv={COOKIE}; atbv={COOKIE}"),
    ] {
        world.refuses_request(&cookies, &with_cookie(&token, &cookies), Reason::BindingUnproven);
    }
    world.refuses("cached by now", &token, Reason::BindingUnproven);
    world.admits("not bound", &mint(&world, json!({})));
    let refresh = world.issuer.mint_with(json!({ "typ": "rt+jwt" }), json!({}));
    world.refuses("a refresh token", &refresh, Reason::TokenTypeNotAllowed);
}

#[test]
fn c12_other_bindings_are_refused_unless_they_are_ignored() {
    let strict = World::with_rules(BY_COOKIE);
    let lenient = World::with_rules(&format!("{BY_COOKIE}ignore_binding = true"));
    for claims in [
        json!({ "binding_type": "certificate", "binding_ref": "x" }),
        json!({ "binding_type": "sso-session", "binding_ref": "x" }),
        json!({ "binding_type": ["cookie"], "binding_ref": REFERENCE }),
        json!({ "binding_ref": REFERENCE }),
    ] {
        let case = claims.to_string();
        let token = mint(&strict, claims.clone());
        let cookie = with_cookie(&token, &format!("atbv={COOKIE}"));
        strict.refuses_request(&case, &cookie, Reason::BindingUnproven);
        lenient.admits(&case, &mint(&lenient, claims));
    }
    let bound = json!({ "binding_type": "cookie", "binding_ref": REFERENCE });
    let token = mint(&lenient, bound);
    lenient.refuses("what can be proven is asked for", &token, Reason::BindingUnproven);
}
