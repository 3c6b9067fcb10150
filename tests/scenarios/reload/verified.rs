//! What was verified, answered or marked as used goes on.

use std::fs;

use countersign::{
    jose::{Algorithm, Dialect},
    reason::Reason,
};
use serde_json::json;

use crate::{
    introspection::scene as introspection,
    signatures::scene::{ONE_SIGNER, Scene as Signed, jwks, sign_with},
    support::{
        NOW, client::Request, issuer::key, proxy::metric_in, setup::Setup, wait_until, world::World,
    },
};

use super::scene::Scene;

/// How often a token had to be verified.
fn misses(world: &World) -> u32 {
    let series = "countersign_verification_seconds_count{algorithm=\"ES256\",cache=\"miss\"}";
    metric_in(&world.proxy.metrics(), series).map_or(0, |count| count.parse().unwrap())
}

/// Another route than before, in front of the usual ones.
fn with_another_route(setup: &Setup) -> Setup {
    setup
        .clone()
        .routes("[[routes]]\npath = \"/x\"\naccess = \"public\"\n[[routes]]\npath = \"/**\"")
}

#[test]
fn a_verified_token_is_not_verified_again_after_a_reload_that_leaves_its_issuer_alone() {
    let scene = Scene::start(|setup| setup);
    let world = &scene.world;
    let tokens: Vec<_> =
        (0..10).map(|n| world.issuer.mint(json!({ "sub": format!("u{n}") }))).collect();
    let all_pass = || tokens.iter().all(|token| world.proxy.get("/", Some(token)).status == 200);
    assert!(all_pass() && misses(world) == 10);
    scene.reload(&with_another_route(&scene.setup));
    assert!(all_pass());
    assert_eq!(misses(world), 10);
    // An issuer in front of it makes it the second one.
    world
        .key_server
        .serve("/acme/jwks", crate::support::key_server::Page::json(&world.issuer.jwks()));
    let acme = world.issuer.named("https://acme.test");
    let setup = Setup::new().issuer("acme", &acme, &world.key_server, "", "");
    scene.reload(&setup.issuer("corp", &world.issuer, &world.key_server, "", ""));
    assert!(all_pass());
    assert_eq!(misses(world), 10, "the issuer is another one by its number only");
    assert_eq!(world.proxy.get("/", Some(&acme.mint(json!({})))).status, 200);
    // Its own rules change.
    let skewed = setup_with_skew(world);
    scene.reload(&skewed);
    assert!(all_pass());
    assert_eq!(misses(world), 21);
}

fn setup_with_skew(world: &World) -> Setup {
    Setup::new().issuer("corp", &world.issuer, &world.key_server, "clock_skew = \"30s\"", "")
}

#[test]
fn i12_an_introspected_token_is_asked_about_no_second_time_after_a_reload() {
    let mut kept = None;
    let scene = introspection::Scene::with("", |setup| kept.insert(setup).clone());
    let setup = kept.unwrap();
    let token = scene.active("alice", json!({}));
    scene.admits("before", &token);
    for _ in 0..3 {
        let settings = with_another_route(&setup).load(&scene.world.upstream).unwrap();
        scene.world.proxy.server().reload(settings).unwrap();
        scene.admits("after", &token);
    }
    assert_eq!(scene.endpoint.count_of(&token), 1);
    // A secret that was replaced needs another client, and still no further question.
    scene.write("secret", "another secret");
    let settings = setup.load(&scene.world.upstream).unwrap();
    scene.world.proxy.server().reload(settings).unwrap();
    scene.admits("with another secret", &token);
    assert_eq!(scene.endpoint.count_of(&token), 1);
}

#[test]
fn i12_a_token_that_is_watched_in_the_background_is_watched_on_after_reloads() {
    let mut kept = None;
    let lines = "when = \"hybrid\"\nrecheck = \"10s\"";
    let scene = introspection::Scene::with(lines, |setup| kept.insert(setup).clone());
    let token = scene.world.issuer.mint(json!({}));
    scene.endpoint.activate(&token, &introspection::claims(json!({})));
    assert!(scene.passes(&token));
    scene.endpoint.wait_for(1);
    for _ in 0..3 {
        let settings = with_another_route(kept.as_ref().unwrap()).load(&scene.world.upstream);
        scene.world.proxy.server().reload(settings.unwrap()).unwrap();
        assert!(scene.passes(&token));
    }
    assert_eq!(scene.endpoint.count_of(&token), 1, "within its period");
    scene.endpoint.revoke(&token);
    scene.world.proxy.advance(10);
    wait_until("the revocation", || !scene.passes(&token));
}

#[test]
fn s8_the_id_of_a_message_is_good_once_over_reloads() {
    const BODY: &[u8] = br#"{"amount":100}"#;
    let signer = key(Algorithm::Es256, "k");
    let once = "[signatures.partner.replay]\nid = { header = \"jti\" }\nwindow = \"1m\"";
    let mut kept = None;
    let rules = format!("{ONE_SIGNER}\n{once}");
    let scene = Signed::with(&rules, &jwks(&[&signer]), |setup| kept.insert(setup).clone());
    let token = scene.token(json!({}));
    let message = |id: &str| {
        let signature = sign_with(&signer, Dialect::Rfc7797, &json!({ "jti": id }), BODY);
        let request = Request::new("PUT", "/signed/loans").bearer(&token);
        scene.world.proxy.exchange(&request.field("x-jws-signature", &signature).body(BODY)).status
    };
    assert_eq!((message("one"), message("one")), (200, 401));
    let settings = kept.unwrap().load(&scene.world.upstream).unwrap();
    scene.world.proxy.server().reload(settings).unwrap();
    assert_eq!((message("one"), message("two")), (401, 200));
}

/// How old messages may be that have their time there, and for how long their ids are kept.
fn freshness_and_replay(issued: &str, max_age: &str, window: &str) -> String {
    format!(
        "[signatures.partner.freshness]\nissued = {issued}\n\
         max_age = \"{max_age}\"\nclock_skew = \"10s\"\n\
         [signatures.partner.replay]\nid = {{ header = \"jti\" }}\nwindow = \"{window}\""
    )
}

#[test]
fn s8_a_reload_to_a_longer_window_makes_no_used_message_valid_again() {
    for issued in ["{ header = \"iat\" }", "{ body = \"/iat\" }"] {
        let signer = key(Algorithm::Es256, "k");
        let mut kept = None;
        let scene = Signed::with(ONE_SIGNER, &jwks(&[&signer]), |setup| {
            kept.insert(setup).clone().with(&freshness_and_replay(issued, "5m", "320s"))
        });
        let longer = kept.unwrap().with(&freshness_and_replay(issued, "50m", "1h"));
        let token = scene.token(json!({ "exp": NOW + 7_200 }));
        let message = |id: &str, iat: i64| {
            let body = json!({ "iat": iat }).to_string().into_bytes();
            let header = json!({ "jti": id, "iat": iat });
            let signature = sign_with(&signer, Dialect::Rfc7797, &header, &body);
            let request = Request::new("POST", "/signed/loans").bearer(&token);
            (request.field("x-jws-signature", &signature).body(&body), body)
        };
        let admits = |case: &str, (request, body): &(Request, Vec<u8>)| {
            scene.admits(&format!("{issued}: {case}"), request, body);
        };
        let refuses = |case: &str, (request, _): &(Request, Vec<u8>), reason| {
            scene.refuses(&format!("{issued}: {case}"), request, reason);
        };
        // By a clock that is ahead of ours.
        let used = message("used", NOW + 10);
        admits("once", &used);
        scene.world.proxy.advance(60);
        let settings = longer.load(&scene.world.upstream).unwrap();
        scene.world.proxy.server().reload(settings).unwrap();
        admits("under way during the reload", &message("late", NOW));
        refuses("a minute after its use", &used, Reason::SignatureReplayed);
        scene.world.proxy.advance(260);
        refuses("at the end of its window", &used, Reason::SignatureReplayed);
        scene.world.proxy.advance(1);
        refuses("behind its window", &used, Reason::SignatureExpired);
        // What was issued since has the longer time.
        let since = message("since", NOW + 71);
        scene.world.proxy.advance(2_750);
        admits("50 minutes old, and new", &since);
        refuses("again", &since, Reason::SignatureReplayed);
    }
}

#[test]
fn x3_a_token_revoked_by_a_new_list_is_refused_though_it_was_verified_before() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, entries: serde_json::Value| {
        let path = folder.path().join(name);
        fs::write(&path, json!({ "revoked": entries }).to_string()).unwrap();
        format!("[revocation]\nfile = \"{}\"", path.display())
    };
    let (none, alice) = (write("none", json!([])), write("alice", json!([{ "sub": "alice" }])));
    let scene = Scene::start(|setup| setup.with(&none));
    let world = &scene.world;
    let token = world.issuer.mint(json!({}));
    let usual = || scene.usual();
    for _ in 0..3 {
        world.admits("not revoked", &token);
        scene.reload(&usual().with(&alice));
        world.refuses("revoked", &token, Reason::TokenRevoked);
        scene.reload(&usual().with(&none));
    }
    world.admits("not revoked any more", &token);
    scene.reload(&usual());
    world.admits("no list", &token);
    scene.reload(&usual().with(&alice));
    world.refuses("a list again", &token, Reason::TokenRevoked);
}
