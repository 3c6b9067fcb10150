//! What refusals say of the resource.

use serde_json::json;

use super::{FILES, METADATA, RESOURCES, ROUTES, world};
use crate::support::{client::Request, world::World};

fn challenge(world: &World, request: &Request) -> (u16, Option<String>) {
    let answer = world.proxy.exchange(request);
    assert!(!answer.is_from_upstream(), "{answer:?}");
    (answer.status, answer.field("www-authenticate").map(str::to_owned))
}

#[test]
fn every_401_of_a_resource_says_where_its_metadata_is_and_which_scope_to_ask_for() {
    let world = world();
    let said = format!("scope=\"files:read\", resource_metadata=\"{METADATA}\"");
    let expired = world.issuer.mint(json!({ "aud": FILES, "exp": 1 }));
    for (request, expected) in [
        (Request::get("/mcp"), format!("Bearer {said}")),
        (Request::get("/mcp/x").field("authorization", "Basic x"), format!("Bearer {said}")),
        (
            Request::new("POST", "/mcp").bearer(&expired),
            format!("Bearer error=\"invalid_token\", {said}"),
        ),
        (
            Request::get("/mcp").bearer("no.token"),
            format!("Bearer error=\"invalid_token\", {said}"),
        ),
    ] {
        assert_eq!(challenge(&world, &request), (401, Some(expected)));
    }
    let twice = Request::get("/mcp").bearer("a").bearer("b");
    let expected = format!("Bearer error=\"invalid_request\", resource_metadata=\"{METADATA}\"");
    assert_eq!(challenge(&world, &twice), (400, Some(expected)));
}

#[test]
fn a_403_names_every_scope_that_the_request_needs() {
    let routes = ROUTES.replace("[\"files:read\"]", "[\"a\", \"b\"]\nany_scopes = [\"c\", \"d\"]");
    let world = World::with_setup(|setup| setup.with(RESOURCES).routes(&routes));
    let token = world.issuer.mint(json!({ "aud": FILES, "scope": "a c" }));
    let expected = format!(
        "Bearer error=\"insufficient_scope\", scope=\"a b c d\", resource_metadata=\"{METADATA}\""
    );
    let request = Request::get("/mcp").bearer(&token);
    assert_eq!(challenge(&world, &request), (403, Some(expected)));
}

#[test]
fn without_a_resource_challenges_are_as_ever() {
    let world = world();
    assert_eq!(challenge(&world, &Request::get("/plain/x")), (401, Some("Bearer".to_owned())));
    let expired = world.issuer.mint(json!({ "exp": 1 }));
    let expected = "Bearer error=\"invalid_token\"".to_owned();
    let request = Request::get("/plain/x").bearer(&expired);
    assert_eq!(challenge(&world, &request), (401, Some(expected)));
}

/// Profiles that say less than RFC 6750 still lead a client to the metadata, with a realm or
/// without; an operator's own challenge stays as it is.
#[test]
fn the_profile_decides_on_the_rest() {
    let said = format!("scope=\"files:read\", resource_metadata=\"{METADATA}\"");
    for (denials, expected) in [
        ("profile = \"empty\"", format!("Bearer {said}")),
        ("profile = \"ubirch\"", format!("Bearer realm=\"Verification Access\", {said}")),
        (
            "profile = \"own\"\n[denials.profiles.own]\n\
             credential_missing = { headers = { WWW-Authenticate = \"Own\" } }",
            "Own".to_owned(),
        ),
    ] {
        let world =
            World::with_setup(|setup| super::setup(setup).with(&format!("[denials]\n{denials}")));
        assert_eq!(challenge(&world, &Request::get("/mcp")), (401, Some(expected)));
    }
}

/// O-4: a document and a challenge are the operator's words, whatever a client sends.
#[test]
fn o4_a_host_of_the_client_is_in_no_challenge() {
    let world = world();
    let request = Request::to("evil.test", "GET", "/mcp").field("x-forwarded-host", "evil.test");
    let (status, said) = challenge(&world, &request);
    let said = said.unwrap();
    assert_eq!(status, 401);
    assert!(said.contains(METADATA) && !said.contains("evil"), "{said}");
}
