//! I-6 … I-8 and I-12: what is remembered of an answer, for whom, and for how long.

use std::thread;

use countersign::reason::Reason;
use serde_json::json;

use crate::{
    introspection::scene::{Scene, claims, opaque},
    support::NOW,
};

/// No worker keeps what it made of an answer: each request looks at the answer itself.
const NO_TOKEN_CACHE: &str = "[cache]\nentries = 0\n";

#[test]
fn i7_i12_active_is_believed_for_the_time_to_live_and_no_longer() {
    let scene = Scene::start("cache_ttl = \"10s\"");
    let token = scene.active("alice", json!({}));
    scene.admits("new", &token);
    scene.endpoint.revoke(&token);
    scene.world.proxy.advance(9);
    scene.admits("revoked, and not known yet", &token);
    assert_eq!(scene.endpoint.count_of(&token), 1);
    scene.world.proxy.advance(1);
    scene.refuses("asked about again", &token, Reason::TokenInactive);
    assert_eq!(scene.endpoint.count_of(&token), 2);
}

#[test]
fn i7_active_is_believed_no_longer_than_the_token_lives() {
    let scene = Scene::start("cache_ttl = \"1m\"");
    let token = scene.active("brief", json!({ "exp": NOW + 5 }));
    scene.admits("new", &token);
    scene.world.proxy.advance(4);
    scene.admits("alive", &token);
    assert_eq!(scene.endpoint.count_of(&token), 1);
    scene.world.proxy.advance(1);
    scene.endpoint.revoke(&token);
    scene.refuses("at its end", &token, Reason::TokenInactive);
}

#[test]
fn i7_a_time_to_live_of_zero_asks_every_time() {
    let scene = Scene::start("cache_ttl = \"0s\"\nnegative_ttl = \"0s\"");
    let token = scene.active("alice", json!({}));
    scene.admits("twice", &token);
    assert_eq!(scene.endpoint.count_of(&token), 2);
    scene.endpoint.revoke(&token);
    assert_eq!(scene.reason(&token), "token_inactive");
    scene.endpoint.activate(&token, &claims(json!({})));
    scene.admits("at once", &token);
}

#[test]
fn i8_a_definite_no_is_remembered_briefly() {
    let scene = Scene::start("");
    let token = opaque("early");
    scene.refuses("not issued yet", &token, Reason::TokenInactive);
    scene.endpoint.activate(&token, &claims(json!({})));
    scene.world.proxy.advance(4);
    scene.refuses("remembered", &token, Reason::TokenInactive);
    assert_eq!(scene.endpoint.count_of(&token), 1);
    scene.world.proxy.advance(1);
    scene.admits("forgotten after five seconds", &token);
}

#[test]
fn i6_tokens_are_distinguished_by_all_their_bytes() {
    let scene = Scene::start("");
    let token = scene.active("alice", json!({}));
    scene.admits("the token", &token);
    let others = [
        token.to_uppercase(),
        format!("{token}x"),
        token[..token.len() - 1].to_owned(),
        format!("x{token}"),
    ];
    for other in others {
        scene.refuses("another one", &other, Reason::TokenInactive);
        assert_eq!(scene.endpoint.count_of(&other), 1, "{other}");
    }
}

#[test]
fn i6_what_the_route_asks_for_is_decided_on_every_request() {
    let scene = Scene::with("", |setup| {
        setup.routes(
            "[[routes]]\npath = \"/read/**\"\nscopes = [\"read\"]\n\
             [[routes]]\npath = \"/write/**\"\nscopes = [\"write\"]\n\
             [[routes]]\npath = \"/carol/**\"\nclaims.sub = \"carol\"\n",
        )
    });
    let token = scene.active("reader", json!({ "scope": "read" }));
    for _ in 0..2 {
        let status = |path: &str| scene.world.proxy.get(path, Some(&token)).status;
        assert_eq!([status("/read/x"), status("/write/x"), status("/carol/x")], [200, 403, 403]);
    }
    assert_eq!(scene.endpoint.count_of(&token), 1, "one answer for all routes");
}

#[test]
fn one_answer_is_for_all_workers() {
    let scene = Scene::with("", |setup| setup.server("workers = 4"));
    let token = scene.active("alice", json!({}));
    thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| assert!(scene.passes(&token)));
        }
    });
    assert_eq!(scene.endpoint.count_of(&token), 1);
}

#[test]
fn d7_no_more_answers_are_kept_than_allowed() {
    let asked_twice = |cache_entries: usize| {
        let lines = format!("cache_entries = {cache_entries}");
        let scene = Scene::with(&lines, |setup| setup.with(NO_TOKEN_CACHE));
        let tokens: Vec<_> = (0..20).map(|n| scene.active(&format!("t{n}"), json!({}))).collect();
        for token in tokens.iter().chain(&tokens) {
            assert!(scene.passes(token));
        }
        scene.endpoint.count()
    };
    assert_eq!(asked_twice(100), 20, "all are kept");
    assert!(asked_twice(2) >= 20 + 18, "two are kept");
    assert_eq!(asked_twice(0), 40, "none is kept");
}
