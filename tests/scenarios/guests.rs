//! Routes that look at a token only if there is one, and public routes whose service has
//! credentials of its own.

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::{Value, json};

use crate::{
    introspection::scene::{Scene, opaque},
    support::{
        NOW,
        client::Request,
        invariants::FORGED,
        issuer::{Issuer, key},
        setup::Setup,
        world::{World, identity},
    },
};

const OPTIONAL: &str = r#"
[[routes]]
path = "/scoped"
access = "optional"
scopes = ["admin"]

[[routes]]
path = "/lenient"
access = "optional"
expired = "ignore"

[[routes]]
path = "/lenient/scoped"
access = "optional"
expired = "ignore"
scopes = ["admin"]

[[routes]]
path = "/strict"

[[routes]]
path = "/**"
access = "optional"
"#;

fn optional(setup: Setup) -> Setup {
    setup.routes(OPTIONAL)
}

/// The request passes without an identity, although it claims one.
#[track_caller]
fn passes_as_guest(world: &World, case: &str, request: Request) {
    let request = request.field("x-auth-subject", FORGED).field("X_Auth_Subject", FORGED);
    world.admits_request(case, &request, &[]);
}

#[test]
fn h1_t28_without_a_token_a_request_passes_as_a_guest_with_a_good_one_as_its_subject() {
    let world = World::with_setup(optional);
    let token = world.issuer.mint(json!({}));
    passes_as_guest(&world, "no token", Request::get("/"));
    passes_as_guest(&world, "an empty field", Request::get("/").field("authorization", ""));
    let claimed = Request::get("/").bearer(&token).field("x-auth-subject", FORGED);
    world.admits_request("a good one", &claimed, &identity(&token));
    passes_as_guest(&world, "no token again", Request::get("/"));
    let strict = Request::get("/strict");
    world.refuses_request("by default", &strict, Reason::CredentialMissing);
}

#[test]
fn t28_what_is_no_good_token_is_not_the_same_as_none() {
    let world = World::with_setup(optional);
    let good = world.issuer.mint(json!({}));
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    let mint = |claims| world.issuer.mint(claims);
    let bearer = |token: &str| Request::get("/").bearer(token);
    for (case, request, reason) in [
        ("expired", bearer(&mint(json!({ "exp": 1 }))), Reason::TokenExpired),
        ("forged", bearer(&forged), Reason::SignatureInvalid),
        ("for another", bearer(&mint(json!({ "aud": "x" }))), Reason::AudienceMismatch),
        ("of another", bearer(&mint(json!({ "iss": "https://x" }))), Reason::IssuerUnknown),
        ("bound", bearer(&mint(json!({ "cnf": { "jkt": "x" } }))), Reason::BindingUnproven),
        ("rubbish", bearer("rubbish"), Reason::TokenMalformed),
        (
            "nothing",
            Request::get("/").field("authorization", "Bearer"),
            Reason::CredentialMalformed,
        ),
        (
            "another scheme",
            Request::get("/").field("authorization", "Basic dTpw"),
            Reason::CredentialSchemeUnknown,
        ),
        (
            "DPoP",
            Request::get("/").field("authorization", format!("DPoP {good}")),
            Reason::CredentialSchemeUnknown,
        ),
        ("two", bearer(&good).bearer(&good), Reason::CredentialAmbiguous),
    ] {
        world.refuses_request(case, &request, reason);
    }
}

#[test]
fn what_a_route_requires_binds_every_caller_with_a_token() {
    let world = World::with_setup(optional);
    let (without, with) =
        (world.issuer.mint(json!({})), world.issuer.mint(json!({ "scope": "admin" })));
    let scoped = |token: &str| Request::get("/scoped").bearer(token);
    passes_as_guest(&world, "a guest", Request::get("/scoped"));
    world.refuses_request("no scope", &scoped(&without), Reason::ScopeInsufficient);
    world.admits_request("scope", &scoped(&with), &identity(&with));
    world.refuses_request("cached", &scoped(&without), Reason::ScopeInsufficient);
}

#[test]
fn t28_an_expired_token_counts_as_none_only_if_nothing_else_is_wrong_with_it() {
    let world = World::with_setup(optional);
    let expired = |changes: Value| {
        let mut claims = json!({ "exp": 100, "iat": 1 });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        world.issuer.mint(claims)
    };
    let token = expired(json!({}));
    let lenient = |token: &str| Request::get("/lenient").bearer(token);
    passes_as_guest(&world, "merely expired", lenient(&token));
    world.refuses_request("by default", &Request::get("/").bearer(&token), Reason::TokenExpired);
    let strict = Request::get("/strict").bearer(&token);
    world.refuses_request("cached as what it is", &strict, Reason::TokenExpired);
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    for (case, token, reason) in [
        ("forged", forged, Reason::SignatureInvalid),
        ("for another", expired(json!({ "aud": "x" })), Reason::AudienceMismatch),
        ("of another", expired(json!({ "iss": "https://x" })), Reason::IssuerUnknown),
        ("bound", expired(json!({ "cnf": { "jkt": "x" } })), Reason::BindingUnproven),
        ("never valid", expired(json!({ "nbf": 5000 })), Reason::TokenNotYetValid),
    ] {
        world.refuses_request(case, &lenient(&token), reason);
    }
    let scoped = Request::get("/lenient/scoped").bearer(&token);
    world.refuses_request("no scope", &scoped, Reason::ScopeInsufficient);
    let with_scope = expired(json!({ "scope": "admin" }));
    let scoped = Request::get("/lenient/scoped").bearer(&with_scope);
    passes_as_guest(&world, "with scope", scoped);
}

#[test]
fn t28_a_token_that_expires_in_the_cache_becomes_none() {
    let world = World::with_setup(optional);
    let token = world.issuer.mint(json!({}));
    let request = || Request::get("/lenient").bearer(&token);
    world.admits_request("valid", &request(), &identity(&token));
    world.proxy.advance(3600);
    passes_as_guest(&world, "expired", request());
    let strict = Request::get("/strict").bearer(&token);
    world.refuses_request("elsewhere", &strict, Reason::TokenExpired);
    // The clock is set back: what was remembered of it is still right.
    world.proxy.advance(-3600);
    world.admits_request("valid again", &request(), &identity(&token));
}

#[test]
fn t28_an_expired_token_of_unknown_keys_is_not_decided() {
    let issuer = Issuer::usual();
    let world = World::with_setup(optional);
    let stranger = issuer.with_keys(vec![key(Algorithm::Es256, "unknown")]);
    let token = stranger.mint_with(json!({ "kid": "unknown" }), json!({ "exp": 100, "iat": 1 }));
    let request = Request::get("/lenient").bearer(&token);
    world.refuses_request("kid", &request, Reason::KidUnknown);
}

#[test]
fn t28_i4_an_issuer_that_is_asked_says_what_is_no_token() {
    let scene = Scene::with("", optional);
    let world = &scene.world;
    let lenient = |token: &str| Request::get("/lenient").bearer(token);
    passes_as_guest(world, "a guest", Request::get("/lenient"));
    let token = scene.active("good", json!({}));
    scene.admits("a good one", &token);
    let inactive = opaque("inactive");
    world.refuses_request("inactive", &lenient(&inactive), Reason::TokenInactive);
    let expired = scene.active("expired", json!({ "exp": NOW - 61 }));
    world.refuses_request("no signature says it is ours", &lenient(&expired), Reason::TokenExpired);
}

#[test]
fn t28_i12_an_expired_token_that_was_revoked_is_no_guest() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, json!({ "revoked": [{ "jti": "gone" }] }).to_string()).unwrap();
    let list = format!("[revocation]\nfile = {}", Value::from(file.path().to_str().unwrap()));
    let world = World::with_setup(|setup| optional(setup).with(&list));
    let mint = |jti| world.issuer.mint(json!({ "exp": 100, "iat": 1, "jti": jti }));
    let lenient = |token: &str| Request::get("/lenient").bearer(token);
    passes_as_guest(&world, "expired", lenient(&mint("other")));
    world.refuses_request("revoked", &lenient(&mint("gone")), Reason::TokenRevoked);
}

#[test]
fn h10_a_public_route_may_leave_authorization_to_its_service() {
    let routes = r#"
[[routes]]
path = "/hooks/**"
access = "public"
authorization = "keep"

[[routes]]
path = "/public/**"
access = "public"

[[routes]]
path = "/**"
"#;
    let sources = "[credential]\nsources = [{ header = \"authorization\", scheme = \"Bearer\" }, \
                   { cookie = \"session\" }]";
    for forward in ["", "\nforward = true"] {
        let world =
            World::with_setup(|setup| setup.routes(routes).with(&format!("{sources}{forward}")));
        let token = world.issuer.mint(json!({}));
        let bearer = format!("Bearer {token}");
        for own in ["Basic dTpw", "Bearer whsec_1", "token abc", &bearer] {
            let before = world.mark();
            let request = Request::get("/hooks/a").field("authorization", own);
            let request = request.field("cookie", format!("a=b; session={token}"));
            let request = request.field("x-auth-subject", FORGED);
            assert!(world.proxy.exchange(&request).is_from_upstream(), "{own}");
            let received = before.only_request(own);
            assert_eq!(received.head.field("authorization"), Some(own));
            assert_eq!(received.head.field("cookie"), Some("a=b"), "{own}: no other place");
            assert_eq!(received.head.field("x-auth-subject"), None);
        }
        for own in ["Negotiate abc", "NTLM abc"] {
            let before = world.mark();
            let request = Request::get("/hooks/a").field("authorization", own);
            assert!(world.proxy.exchange(&request).is_from_upstream());
            let received = before.only_request(own);
            assert_eq!(received.head.field("authorization"), None, "{own}: of a connection");
        }
        let before = world.mark();
        let request = Request::get("/public/a").bearer(&token);
        assert!(world.proxy.exchange(&request).is_from_upstream());
        assert_eq!(before.only_request("strict").head.field("authorization"), None);
        let received = world.admits_request(
            "protected",
            &Request::get("/x").bearer(&token),
            &identity(&token),
        );
        let expected = (!forward.is_empty()).then_some(&*bearer);
        assert_eq!(received.head.field("authorization"), expected);
    }
}
