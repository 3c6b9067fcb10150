//! RFC 9470: how, and how lately, the user of a token authenticated.

use countersign::reason::Reason;
use serde_json::{Value, json};

use super::{FILES, METADATA, RESOURCES};
use crate::support::{NOW, client::Request, world::World};

const ROUTES: &str = r#"
[[routes]]
path = "/transfer"
acr = ["urn:test:mfa", "urn:test:phr"]
max_age = "15m"
scopes = ["pay"]

[[routes]]
path = "/fresh"
max_age = "10s"

[[routes]]
path = "/**"
"#;

fn world() -> World {
    World::with_setup(|setup| setup.routes(ROUTES))
}

fn token(world: &World, acr: impl Into<Value>, auth_time: impl Into<Value>) -> String {
    let claims = json!({ "acr": acr.into(), "auth_time": auth_time.into(), "scope": "pay" });
    world.issuer.mint(claims)
}

#[track_caller]
fn assert_passes(world: &World, path: &str, token: &str) {
    let answer = world.proxy.exchange(&Request::get(path).bearer(token));
    assert!(answer.is_from_upstream(), "{path}: {answer:?}");
}

/// Twice: not cached, and cached.
#[track_caller]
fn assert_steps_up(world: &World, path: &str, token: &str, reason: Reason, said: &str) {
    for _ in 0..2 {
        let before = world.mark();
        let answer = world.proxy.exchange(&Request::get(path).bearer(token));
        let found = (answer.status, answer.reason());
        assert_eq!(found, (401, Some(reason.code().to_owned())), "{path} {said}");
        let expected = format!("Bearer error=\"insufficient_user_authentication\", {said}");
        assert_eq!(answer.field("www-authenticate"), Some(&*expected), "{path}");
        before.assert_untouched(path);
    }
}

const TRANSFER: &str = "scope=\"pay\", acr_values=\"urn:test:mfa urn:test:phr\", max_age=\"900\"";

#[test]
fn c19_a_weaker_authentication_is_challenged_and_a_stronger_one_passes() {
    let world = world();
    for good in ["urn:test:mfa", "urn:test:phr"] {
        let token = token(&world, good, NOW - 900);
        assert_passes(&world, "/transfer", &token);
        assert_passes(&world, "/transfer", &token);
    }
    for weak in [
        json!("urn:test:pwd"),
        json!("0"),
        json!(""),
        json!("urn:test:mfa urn:test:phr"),
        json!(["urn:test:mfa"]),
        json!({ "urn:test:mfa": true }),
        json!(1),
        json!(true),
        Value::Null,
    ] {
        let token = token(&world, weak.clone(), NOW);
        let reason = Reason::AuthenticationInsufficient;
        assert_steps_up(&world, "/transfer", &token, reason, TRANSFER);
        // Each route has its own demands, whatever is cached of the token.
        assert_passes(&world, "/", &token);
        assert_passes(&world, "/fresh", &token);
    }
}

#[test]
fn c19_an_authentication_whose_time_is_unknown_or_impossible_is_too_old() {
    let world = world();
    for unknown in [
        Value::Null,
        json!(NOW.to_string()),
        json!("yesterday"),
        json!(true),
        json!([NOW]),
        json!(1e300),
        json!(NOW + 61),
        json!(-1),
        json!(0),
    ] {
        let token = token(&world, "urn:test:mfa", unknown);
        assert_steps_up(&world, "/transfer", &token, Reason::AuthenticationTooOld, TRANSFER);
        assert_passes(&world, "/", &token);
    }
    for known in [NOW, NOW + 60, NOW - 900] {
        assert_passes(&world, "/transfer", &token(&world, "urn:test:mfa", known));
    }
}

/// The token stays good, and is cached; only its authentication grows older.
#[test]
fn c19_a_cached_token_is_judged_by_the_clock_on_every_request() {
    let world = world();
    let token = token(&world, "urn:test:mfa", NOW - 5);
    for _ in 0..5 {
        assert_passes(&world, "/fresh", &token);
        world.proxy.advance(1);
    }
    assert_passes(&world, "/fresh", &token);
    world.proxy.advance(1);
    let reason = Reason::AuthenticationTooOld;
    assert_steps_up(&world, "/fresh", &token, reason, "max_age=\"10\"");
    assert_passes(&world, "/", &token);
    assert_passes(&world, "/transfer", &token);
}

/// No authentication makes up for what it can't change.
#[test]
fn scope_and_claims_come_first() {
    let world = world();
    let token = world.issuer.mint(json!({ "scope": "read" }));
    let answer = world.proxy.exchange(&Request::get("/transfer").bearer(&token));
    assert_eq!((answer.status, answer.reason().as_deref()), (403, Some("scope_insufficient")));
}

#[test]
fn a_resource_says_in_the_same_challenge_where_to_get_a_better_token() {
    let routes = "[[routes]]\npath = \"/mcp\"\nresource = \"files\"\nacr = [\"urn:test:mfa\"]";
    let world = World::with_setup(|setup| setup.with(RESOURCES).routes(routes));
    let token = world.issuer.mint(json!({ "aud": FILES }));
    let said = format!("acr_values=\"urn:test:mfa\", resource_metadata=\"{METADATA}\"");
    assert_steps_up(&world, "/mcp", &token, Reason::AuthenticationInsufficient, &said);
}
