//! K-1 to K-4: what a key server can answer instead of a key set, on a cold start and later.

use std::{thread, time::Duration};

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    issuer::{Issuer, public},
    key_server::Page,
    listening::Listening,
    wait_until,
    world::{JWKS, World},
};

/// A byte limit and a deadline that a test can exceed.
const BOUNDS: &str = "max_bytes = \"64KiB\"\ntimeout = \"1s\"\n";

/// How many cases run at the same time: each waits for the refresher's own pauses.
const AT_ONCE: usize = 9;

/// A page that is no key set, and the code of the failure.
type Bad = (&'static str, Page, &'static str);

fn bad_pages(issuer: &Issuer) -> Vec<Bad> {
    let good = issuer.jwks().to_string();
    let slow = Duration::from_millis(50);
    vec![
        ("endless", Page::endless(), "too_large"),
        ("100 KiB", Page::text(&format!("{good}{}", " ".repeat(100_000))), "too_large"),
        ("gzip", Page::text("\x1f\u{8b}").field("content-encoding", "gzip"), "encoded"),
        ("gzip by name only", Page::text(&good).field("content-encoding", "gzip"), "encoded"),
        ("depth bomb", Page::text(&"[".repeat(60_000)), "malformed"),
        ("silence", Page::silence(), "timeout"),
        ("drip", Page::text(&good).dripping(slow), "timeout"),
        ("late", Page::text(&good).late(Duration::from_secs(3)), "timeout"),
        ("hang up", Page::hang_up(), "interrupted"),
        ("500", Page::status(500), "status"),
        ("503 with keys", Page::text(&good).with_status(503), "status"),
        ("404", Page::status(404), "status"),
        ("401 with keys", Page::text(&good).with_status(401), "status"),
        ("204", Page::status(204), "status"),
        ("304 without a condition", Page::status(304), "status"),
        ("HTML", Page::text("<html><body>maintenance</body></html>"), "malformed"),
        ("nothing", Page::text(""), "malformed"),
        ("no member", Page::text("{}"), "malformed"),
        ("keys is an object", Page::text(r#"{"keys":{}}"#), "malformed"),
        ("keys is null", Page::text(r#"{"keys":null}"#), "malformed"),
        ("an array", Page::text("[]"), "malformed"),
        ("truncated", Page::text(&good[..good.len() - 2]), "malformed"),
        (
            "keys twice",
            Page::text(&format!("{},\"keys\":[]}}", good.trim_end_matches('}'))),
            "malformed",
        ),
        ("no key", Page::text(r#"{"keys":[]}"#), "no_usable_keys"),
        (
            "no usable key",
            Page::text(r#"{"keys":[{"kty":"oct","k":"AAAA"},17,null]}"#),
            "no_usable_keys",
        ),
        ("redirect", Page::status(302).field("location", "/elsewhere"), "redirect"),
        ("redirect to itself", Page::status(308).field("location", JWKS), "redirect"),
    ]
}

/// Runs every case in a world of its own, several at a time.
fn for_each_bad_page(check: impl Fn(&World, &Bad) + Sync, world: impl Fn(&Bad) -> World + Sync) {
    for some in bad_pages(&Issuer::usual()).chunks(AT_ONCE) {
        thread::scope(|scope| {
            for bad in some {
                let (check, world) = (&check, &world);
                scope.spawn(move || check(&world(bad), bad));
            }
        });
    }
}

fn failures(world: &World, code: &str) -> f64 {
    let series = format!("countersign_key_refreshes_total{{issuer=\"corp\",outcome=\"{code}\"}}");
    world.proxy.metric(&series)
}

#[test]
fn k01_k02_k03_without_keys_the_answer_is_503() {
    let cold = |(_, page, _): &Bad| World::unready(Issuer::usual(), "", BOUNDS, page.clone());
    for_each_bad_page(
        |world, (case, _, code)| {
            wait_until(case, || failures(world, code) > 0.0);
            let token = world.issuer.mint(json!({}));
            world.refuses(case, &token, Reason::KeysUnavailable);
            let pending = world.proxy.pending();
            assert!(pending.contains("issuer corp: no keys yet"), "{case}: {pending}");
            assert!(pending.contains(JWKS), "{case}: the source is named: {pending}");
            // The first good answer ends it, without a restart.
            world.key_server.serve(JWKS, Page::json(&world.issuer.jwks()));
            world.proxy.wait_until_ready();
            world.admits(case, &token);
        },
        cold,
    );
}

#[test]
fn k01_k02_k03_keys_at_hand_outlive_bad_answers() {
    let warm = |_: &Bad| World::with_keys(&format!("{BOUNDS}refresh = \"1s\"\n"));
    for_each_bad_page(
        |world, (case, page, code)| {
            let token = world.issuer.mint(json!({}));
            world.admits(case, &token);
            world.key_server.serve(JWKS, page.clone());
            let shown = format!("\"code\": \"{code}\"");
            wait_until(case, || world.proxy.page("/keys").contains(&shown));
            world.admits(&format!("{case}, cached"), &token);
            world.admits(&format!("{case}, new"), &world.issuer.mint(json!({ "jti": "1" })));
            assert_eq!(world.proxy.pending(), "", "{case}: ready all the same");
        },
        warm,
    );
}

#[test]
fn k01_of_too_many_keys_the_first_are_taken() {
    let issuer = Issuer::usual();
    let ec = public(issuer.key("ec"));
    let mut keys: Vec<_> = (0..150)
        .map(|n| {
            let mut key = ec.clone();
            key["kid"] = format!("k{n}").into();
            key
        })
        .collect();
    keys.push(public(issuer.key("rsa")));
    let page = Page::json(&json!({ "keys": keys }));
    let world = World::unready(issuer, "", "", page);
    world.proxy.wait_until_ready();
    let by = |kid: &str| world.issuer.mint_with(json!({ "kid": kid }), json!({}));
    world.admits("the 1st", &by("k0"));
    world.admits("the 100th", &by("k99"));
    world.refuses("the 101st", &by("k100"), Reason::KeyUnsuitable);
    let skipped = r#"countersign_keys_skipped{issuer="corp",reason="too_many_keys"}"#;
    assert!((world.proxy.metric(skipped) - 51.0).abs() < 0.5, "{}", world.proxy.metrics());
}

#[test]
fn k03_the_content_type_is_a_label_and_nothing_else() {
    let issuer = Issuer::usual();
    let page = Page::text(&issuer.jwks().to_string()).field("content-type", "text/html");
    let world = World::unready(issuer, "", "", page);
    world.proxy.wait_until_ready();
    world.admits("text/html", &world.issuer.mint(json!({})));
}

#[test]
fn k03_retry_after_is_honoured() {
    let page = Page::status(429).field("retry-after", "3600");
    let world = World::unready(Issuer::usual(), "", "", page);
    wait_until("the first attempt", || failures(&world, "status") > 0.0);
    // Requests do not make it ask again.
    for n in 0..20 {
        let token = world.issuer.mint(json!({ "jti": n.to_string() }));
        world.refuses("resting", &token, Reason::KeysUnavailable);
    }
    let keys: serde_json::Value = serde_json::from_str(&world.proxy.page("/keys")).unwrap();
    let next = keys[0]["next_refresh"].as_i64().unwrap() - crate::support::NOW;
    assert!((300..=330).contains(&next), "an hour is too long, five minutes are not: {next}");
    assert_eq!(world.key_server.count(), 1, "INV-5: left alone");
}

#[test]
fn k04_no_redirect_is_followed() {
    let canary = Listening::canary();
    let targets = [
        format!("http://{}/jwks", canary.address()),
        format!("//{}/jwks", canary.address()),
        format!("http://localhost:{}/jwks", canary.address().port()),
    ];
    for (status, target) in [(301, 0), (302, 1), (303, 2), (307, 0), (308, 0)] {
        let page = Page::status(status).field("location", &targets[target]);
        let world = World::unready(Issuer::usual(), "", "", page);
        wait_until("a refusal", || failures(&world, "redirect") > 0.0);
        let token = world.issuer.mint(json!({}));
        world.refuses(&targets[target], &token, Reason::KeysUnavailable);
    }
    assert_eq!(canary.accepted(), 0, "the proxy followed a redirect");
}
