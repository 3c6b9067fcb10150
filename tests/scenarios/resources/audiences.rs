//! For whom a token must be, on routes with a resource and beside them.

use countersign::reason::Reason;
use serde_json::{Value, json};

use super::{FILES, RESOURCES, ROUTES, world};
use crate::support::{
    client::{Answer, Request},
    issuer::AUDIENCE,
    world::World,
};

fn get(world: &World, path: &str, token: &str) -> Answer {
    world.proxy.exchange(&Request::get(path).bearer(token))
}

/// Twice: not cached, and cached.
#[track_caller]
fn assert_passes(world: &World, path: &str, token: &str) {
    for _ in 0..2 {
        let answer = get(world, path, token);
        assert!(answer.is_from_upstream(), "{path}: {answer:?}");
    }
}

#[track_caller]
fn assert_is_for_others(world: &World, path: &str, token: &str) {
    for _ in 0..2 {
        let answer = get(world, path, token);
        let expected = Some(Reason::AudienceMismatch.code().to_owned());
        assert_eq!((answer.status, answer.reason()), (401, expected), "{path}");
    }
}

fn token(world: &World, aud: impl Into<Value>) -> String {
    world.issuer.mint(json!({ "aud": aud.into(), "scope": "files:read" }))
}

/// C-7: one verdict is cached for all routes, and still counts for none that it is not for.
#[test]
fn c07_a_token_for_the_resource_is_for_no_other_route_and_the_other_way_round() {
    let world = world();
    let (of_resource, of_issuer) = (token(&world, FILES), token(&world, AUDIENCE));
    for _ in 0..2 {
        assert_passes(&world, "/mcp", &of_resource);
        assert_is_for_others(&world, "/plain/x", &of_resource);
        assert_passes(&world, "/plain/x", &of_issuer);
        assert_is_for_others(&world, "/mcp", &of_issuer);
    }
    let both = token(&world, json!([AUDIENCE, FILES]));
    assert_passes(&world, "/mcp", &both);
    assert_passes(&world, "/plain/x", &both);
}

#[test]
fn c07_only_the_identifier_to_the_letter_is_the_resource() {
    let world = world();
    for aud in [
        "https://api.test",
        "https://api.test/",
        "https://api.test/mcp/",
        "https://api.test/MCP",
        "https://api.test/mcp/x",
        "https://api.test/mcp?",
        "http://api.test/mcp",
        "files",
    ] {
        let token = token(&world, aud);
        let answer = get(&world, "/mcp", &token);
        assert_eq!(answer.reason().as_deref(), Some("audience_mismatch"), "{aud}");
    }
    let without = world.issuer.mint(json!({ "aud": null, "scope": "files:read" }));
    assert_is_for_others(&world, "/mcp", &without);
}

/// `URL` writes a slash where there is no path, and clients ask for what it writes.
#[test]
fn a_resource_without_a_path_is_the_same_with_a_slash() {
    let world = World::with_setup(|setup| {
        let routes = "[[routes]]\npath = \"/**\"\nresource = \"all\"";
        setup.with("[resources.all]\nid = \"https://root.test\"").routes(routes)
    });
    for aud in ["https://root.test", "https://root.test/"] {
        assert_passes(&world, "/", &token(&world, aud));
    }
    for aud in ["https://root.test//", AUDIENCE] {
        assert_is_for_others(&world, "/", &token(&world, aud));
    }
}

#[test]
fn a_resource_may_have_audiences_of_its_own() {
    let other = format!("{RESOURCES}\naudiences = [\"api://files\"]");
    let world = World::with_setup(|setup| setup.with(&other).routes(ROUTES));
    assert_passes(&world, "/mcp", &token(&world, "api://files"));
    assert_is_for_others(&world, "/mcp", &token(&world, FILES));
    assert_is_for_others(&world, "/mcp", &token(&world, AUDIENCE));

    let any = format!("{RESOURCES}\naudiences = \"any\"");
    let world = World::with_setup(|setup| setup.with(&any).routes(ROUTES));
    assert_passes(&world, "/mcp", &token(&world, "https://whatever.test"));
    assert_is_for_others(&world, "/plain/x", &token(&world, "https://whatever.test"));
    assert_passes(&world, "/plain/x", &token(&world, AUDIENCE));
}

#[test]
fn an_issuer_whose_routes_all_name_a_resource_needs_no_audiences() {
    let world = World::with_setup(|setup| {
        let routes = "[[routes]]\npath = \"/mcp\"\nresource = \"files\"";
        let audiences = format!("audiences = [\"{AUDIENCE}\"]");
        setup.rewritten(&audiences, "").with(RESOURCES).routes(routes)
    });
    assert_passes(&world, "/mcp", &token(&world, FILES));
    assert_is_for_others(&world, "/mcp", &token(&world, AUDIENCE));
}

#[test]
fn h10_the_token_of_a_resource_is_not_passed_on_unless_that_is_said() {
    let world = world();
    let files = token(&world, FILES);
    assert_passes(&world, "/mcp", &files);
    let received = world.upstream.requests();
    assert!(received.iter().all(|request| request.head.field("authorization").is_none()));
    let world = World::with_setup(|setup| super::setup(setup).with("[credential]\nforward = true"));
    let files = token(&world, FILES);
    assert_passes(&world, "/mcp", &files);
    let sent = format!("Bearer {files}");
    let received = world.upstream.requests();
    assert!(received.iter().all(|request| request.head.field("authorization") == Some(&sent)));
}
