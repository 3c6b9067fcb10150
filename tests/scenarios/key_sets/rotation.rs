//! K-8 and K-9: keys come and go while requests are on their way.

use std::{
    thread,
    time::{Duration, Instant},
};

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::json;

use crate::support::{
    NOW,
    client::Request,
    issuer::{self, Issuer, renamed},
    key_server::Page,
    oracle::assert_refused,
    wait_until,
    world::{JWKS, World},
};

/// Between two refreshes that a kid asks for.
const COOLDOWN: Duration = Duration::from_secs(1);

const SHORT_COOLDOWN: &str = "cooldown = \"1s\"\n";

/// A world whose first cooldown is over: the next unknown kid may ask.
fn rested(keys: &str) -> World {
    let world = World::with_keys(&format!("{SHORT_COOLDOWN}{keys}"));
    let since = Instant::now();
    wait_until("the end of the cooldown", || since.elapsed() > COOLDOWN);
    world
}

/// The issuer with one more key, `new`, which it signs with from now on.
fn rotated(issuer: &Issuer) -> Issuer {
    let keys = ["ec", "rsa", "ed"].map(|kid| issuer.key(kid).clone());
    let new = issuer::key(Algorithm::Es256, "new");
    issuer.with_keys([vec![new], keys.to_vec()].concat())
}

fn publish(world: &World, issuer: &Issuer) {
    world.key_server.serve(JWKS, Page::json(&issuer.jwks()));
}

#[test]
fn k09_a_new_key_is_fetched_for_the_first_token_that_names_it() {
    let world = rested("");
    let next = rotated(&world.issuer);
    publish(&world, &next);
    world.admits("at the first try", &next.mint(json!({})));
    world.admits("an old key's", &world.issuer.mint(json!({})));
    assert_eq!(world.key_server.count(), 2, "INV-5: the start, and one for the new key");
}

#[test]
fn k09_two_hundred_requests_wait_for_one_fetch() {
    let world = rested("timeout = \"20s\"\n");
    let next = rotated(&world.issuer);
    publish(&world, &next);
    world.key_server.hold();
    let asked_at = Instant::now();
    let tokens: Vec<_> = (0..200).map(|n| next.mint(json!({ "jti": n.to_string() }))).collect();
    let answers: Vec<_> = thread::scope(|scope| {
        let waiting: Vec<_> =
            tokens.iter().map(|token| scope.spawn(|| world.proxy.get("/", Some(token)))).collect();
        wait_until("a fetch", || world.key_server.count() == 2);
        wait_until("200 connections", || world.proxy.metric("countersign_connections") >= 200.0);
        // No request is answered before the keys are.
        assert_eq!(world.upstream.requests().len(), 0);
        world.key_server.release();
        waiting.into_iter().map(|request| request.join().unwrap()).collect()
    });
    for answer in &answers {
        assert!(answer.is_from_upstream(), "{answer:?}");
    }
    assert_eq!(world.upstream.requests().len(), 200);
    let cooldowns = asked_at.elapsed().as_millis() / COOLDOWN.as_millis();
    let fetches = world.key_server.count() as u128 - 1;
    assert!(fetches <= 1 + cooldowns, "INV-5: {fetches} fetches for all of them");
}

#[test]
fn k09_a_waiter_that_goes_away_takes_nothing_with_it() {
    let world = rested("");
    let next = rotated(&world.issuer);
    publish(&world, &next);
    world.key_server.hold();
    let mut leader = world.proxy.client();
    leader.send(&Request::get("/").bearer(&next.mint(json!({}))).bytes());
    wait_until("a fetch", || world.key_server.count() == 2);
    drop(leader);
    wait_until("the leader has gone", || world.proxy.metric("countersign_connections") < 0.5);
    let follower = next.mint(json!({ "sub": "bob" }));
    thread::scope(|scope| {
        let answer = scope.spawn(|| world.proxy.get("/", Some(&follower)));
        wait_until("the follower", || world.proxy.metric("countersign_connections") > 0.5);
        world.key_server.release();
        let answer = answer.join().unwrap();
        assert!(answer.is_from_upstream(), "{answer:?}");
    });
    let received = world.upstream.requests();
    assert_eq!(received.len(), 1, "the leader's request went with it: {received:?}");
    assert_eq!(received[0].head.field("x-auth-subject"), Some("bob"));
    assert_eq!(world.key_server.count(), 2, "INV-5: one fetch");
}

#[test]
fn k09_a_wait_is_bounded_and_ends_undecided() {
    let world = rested("timeout = \"1s\"\n");
    let next = rotated(&world.issuer);
    world.key_server.serve(JWKS, Page::silence());
    let started = Instant::now();
    let token = next.mint(json!({}));
    let before = world.mark();
    let answer = world.proxy.get("/", Some(&token));
    assert_refused("silence", &answer, Reason::KeysUnavailable, &before);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    // A known key is none of the source's business.
    world.admits("a known key", &world.issuer.mint(json!({})));
    // As soon as the source is back, so is the new key.
    publish(&world, &next);
    wait_until("the new key", || world.proxy.get("/", Some(&token)).is_from_upstream());
}

#[test]
fn k09_a_removed_key_is_refused_though_its_tokens_are_cached() {
    let world = World::with_keys("refresh = \"1s\"\ncooldown = \"1s\"\n");
    let token = world.issuer.mint(json!({}));
    world.admits("cached", &token);
    let others = world.issuer.with_keys(vec![world.issuer.key("rsa").clone()]);
    publish(&world, &others);
    let mut client = world.proxy.client();
    let request = Request::get("/").bearer(&token);
    wait_until("the removal", || client.exchange(&request).status != 200);
    world.refuses("cached", &token, Reason::KidUnknown);
    let fresh = world.issuer.mint(json!({ "jti": "1" }));
    world.refuses("new", &fresh, Reason::KidUnknown);
    world.admits("a key that stays", &others.mint(json!({})));
    // Replaced, not merged.
    let keys = world.proxy.page("/keys");
    assert!(!keys.contains("\"ec\""), "{keys}");
}

#[test]
fn k09_a_key_that_changes_under_its_kid_takes_its_tokens_along() {
    let world = World::with_keys("refresh = \"1s\"\n");
    let token = world.issuer.mint(json!({}));
    world.admits("cached", &token);
    let other = renamed(&issuer::key(Algorithm::Es256, "x"), "ec");
    let next = world.issuer.with_keys(vec![other]);
    let new = next.mint(json!({}));
    // Refused under the old key, and remembered as such.
    world.refuses("too early", &new, Reason::SignatureInvalid);
    publish(&world, &next);
    let request = Request::get("/").bearer(&token);
    wait_until("the change", || world.proxy.exchange(&request).status != 200);
    world.refuses("the old key's", &token, Reason::SignatureInvalid);
    world.admits("the new key's, once refused", &new);
    // And back again: no verdict is kept beyond its keys.
    publish(&world, &world.issuer);
    wait_until("the change back", || world.proxy.exchange(&request).status == 200);
    world.refuses("the new key's", &new, Reason::SignatureInvalid);
}

#[test]
fn k09_an_unchanged_set_keeps_what_was_verified() {
    let world = World::with_keys("refresh = \"1s\"\n");
    let mut reordered = world.issuer.jwks();
    reordered["keys"].as_array_mut().unwrap().reverse();
    let token = world.issuer.mint(json!({}));
    world.admits("at first", &token);
    let misses = |cache: &str| {
        let labels = format!("{{algorithm=\"ES256\",cache=\"{cache}\"}}");
        world.proxy.metric(&format!("countersign_verification_seconds_count{labels}"))
    };
    let before = misses("miss");
    world.key_server.serve(JWKS, Page::json(&reordered));
    let count = world.key_server.count();
    wait_until("two refreshes", || world.key_server.count() >= count + 2);
    world.admits("after two refreshes", &token);
    assert!((misses("miss") - before).abs() < 0.5, "verified again: {}", world.proxy.metrics());
}

#[test]
fn k08_d6_a_flood_of_kids_costs_one_fetch_per_cooldown() {
    let world = rested("");
    let started = Instant::now();
    let fetches = world.key_server.count();
    let flood = |client: usize| {
        let mut connection = world.proxy.client();
        for n in 0..150 {
            let header = json!({ "kid": format!("flood-{client}-{n}") });
            let token = world.issuer.mint_with(header, json!({}));
            let before = world.mark();
            let answer = connection.exchange(&Request::get("/").bearer(&token));
            assert_refused("flood", &answer, Reason::KidUnknown, &before);
        }
    };
    thread::scope(|scope| {
        (0..8).for_each(|client| drop(scope.spawn(move || flood(client))));
    });
    let budget = 1 + started.elapsed().as_millis() / COOLDOWN.as_millis();
    let spent = (world.key_server.count() - fetches) as u128;
    assert!(spent <= budget, "INV-5: {spent} fetches, budget {budget}");
    assert!(spent >= 1, "an unknown kid does ask");
    // A legitimate new kid gets through as soon as the cooldown lets it.
    let next = rotated(&world.issuer);
    publish(&world, &next);
    let token = next.mint(json!({}));
    wait_until("the new key", || world.proxy.get("/", Some(&token)).is_from_upstream());
    // No kid became a label.
    assert!(!world.proxy.metrics().contains("flood-"));
}

#[test]
fn k08_a_kid_that_is_known_to_be_unknown_does_not_ask_again() {
    let world = rested("");
    let fetches = world.key_server.count();
    let token = world.issuer.mint_with(json!({ "kid": "gone" }), json!({}));
    let since = Instant::now();
    // Beyond the cooldown: the same kid again and again, and nothing else.
    let mut client = world.proxy.client();
    while since.elapsed() < COOLDOWN * 5 / 2 {
        let before = world.mark();
        let answer = client.exchange(&Request::get("/").bearer(&token));
        assert_refused("gone", &answer, Reason::KidUnknown, &before);
    }
    let spent = world.key_server.count() - fetches;
    assert!((1..=3).contains(&spent), "INV-5: one per cooldown at most, not {spent}");
}

#[test]
fn d11_a_clock_that_jumps_costs_one_fetch() {
    const YEAR: i64 = 365 * 86_400;
    let world = World::start();
    let fetched = world.key_server.count();
    let token = world.issuer.mint(json!({}));
    let later =
        world.issuer.mint(json!({ "iat": null, "nbf": NOW + YEAR, "exp": NOW + YEAR + 300 }));
    world.admits("now", &token);
    world.refuses("not yet", &later, Reason::TokenNotYetValid);
    world.proxy.advance(YEAR);
    // By the new time the keys are a year old: they are fetched before they are used again.
    wait_until("the keys", || world.proxy.get("/", Some(&later)).status == 200);
    world.refuses("over", &token, Reason::TokenExpired);
    world.proxy.advance(-YEAR);
    world.admits("now again", &token);
    world.refuses("not yet, again", &later, Reason::TokenNotYetValid);
    assert_eq!(world.key_server.count(), fetched + 1);
}
