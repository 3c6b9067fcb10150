//! K-12 and K-13: the issuer is down, at the start or later, and comes back.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::support::{
    NOW,
    client::Request,
    issuer::Issuer,
    key_server::{KeyServer, Page},
    setup::Setup,
    upstream::Upstream,
    wait_until,
    world::{JWKS, World, identity},
};

fn refreshes(world: &World, outcome: &str) -> f64 {
    let labels = format!("{{issuer=\"corp\",outcome=\"{outcome}\"}}");
    world.proxy.metric(&format!("countersign_key_refreshes_total{labels}"))
}

/// A token that outlives every outage in here.
fn lasting(world: &World) -> String {
    world.issuer.mint(json!({ "exp": NOW + 1_000_000 }))
}

#[test]
fn k13_a_cold_start_without_the_issuer_waits_and_recovers() {
    let world = World::unready(Issuer::usual(), "", "", Page::hang_up());
    wait_until("the first attempt", || refreshes(&world, "interrupted") > 0.0);
    let token = world.issuer.mint(json!({}));
    world.refuses("cold", &token, Reason::KeysUnavailable);
    assert!(
        world.proxy.pending().contains("issuer corp: no keys yet"),
        "{}",
        world.proxy.pending()
    );
    assert_eq!(world.proxy.admin("/livez").status, 200, "alive, not ready");
    // What needs no key is decided as ever.
    world.refuses_request("no token", &Request::get("/"), Reason::CredentialMissing);
    world.refuses(
        "another issuer",
        &world.issuer.mint(json!({ "iss": "x" })),
        Reason::IssuerUnknown,
    );
    world.refuses("expired", &world.issuer.mint(json!({ "exp": 1 })), Reason::TokenExpired);
    world.refuses("rubbish", "a.b.c", Reason::TokenMalformed);
    world.admits_request("public", &Request::get("/public/x"), &[]);

    world.key_server.serve(JWKS, Page::json(&world.issuer.jwks()));
    world.proxy.wait_until_ready();
    world.admits("recovered", &token);
}

#[test]
fn k13_a_request_that_comes_before_the_first_answer_waits_for_it() {
    let (issuer, upstream, key_server) = (Issuer::usual(), Upstream::start(), KeyServer::start());
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    key_server.hold();
    let proxy = Setup::new().issuer("corp", &issuer, &key_server, "", "").start_unready(&upstream);
    let mut client = proxy.client();
    client.send(&Request::get("/").bearer(&issuer.mint(json!({}))).bytes());
    wait_until("the first question", || key_server.count() > 0);
    key_server.release();
    assert_eq!(client.read().status, 200);
    proxy.wait_until_ready();
}

#[test]
fn k13_a_source_that_is_silent_keeps_no_other_waiting_for_long() {
    let world = World::unready(Issuer::usual(), "", "", Page::silence());
    let begun = Instant::now();
    world.admits_request("public", &Request::get("/public/x"), &[]);
    assert!(begun.elapsed() < Duration::from_secs(4), "the key server's own time is 5 s");
    let logs = world.proxy.logs();
    assert!(logs.contains("pending=\"issuer corp\""), "what is missing is named: {logs}");
    world.refuses("cold", &world.issuer.mint(json!({})), Reason::KeysUnavailable);
}

#[test]
fn k13_a_closed_port_is_an_outage_too() {
    let (upstream, issuer) = (Upstream::start(), Issuer::usual());
    // Port 1 of loopback: nothing of ours, and refused at once.
    let line = "jwks_url = \"http://127.0.0.1:1/jwks\"";
    let proxy = Setup::new().issuer_from("corp", &issuer, "", line).start_unready(&upstream);
    let world = World { proxy, upstream, key_server: KeyServer::start(), issuer };
    wait_until("the first attempt", || refreshes(&world, "connect") > 0.0);
    world.refuses("no connection", &world.issuer.mint(json!({})), Reason::KeysUnavailable);
}

#[test]
fn k13_one_issuer_that_is_down_does_not_stop_the_other() {
    let (upstream, key_server) = (Upstream::start(), KeyServer::start());
    let (up, down) = (Issuer::usual(), Issuer::usual().named("https://down.test"));
    key_server.serve("/up/jwks", Page::json(&up.jwks()));
    let proxy = Setup::new()
        .issuer("down", &down, &key_server, "", "")
        .issuer("up", &up, &key_server, "", "")
        .start_unready(&upstream);
    let world = World { proxy, upstream, key_server, issuer: up };
    wait_until("one of two", || {
        let page = world.proxy.page("/readyz");
        page.starts_with("ready\nnote: issuer down: no keys yet") && !page.contains("issuer up")
    });
    world.admits("up", &world.issuer.mint(json!({})));
    world.refuses("down", &down.mint(json!({})), Reason::KeysUnavailable);
    let denied = r#"countersign_denials_total{issuer="down",reason="keys_unavailable"}"#;
    assert!((world.proxy.metric(denied) - 2.0).abs() < 0.5, "{}", world.proxy.metrics());
}

#[test]
fn k03_keys_older_than_max_stale_are_used_no_longer() {
    let world = World::with_keys("refresh = \"1s\"\nmax_stale = \"1h\"\n");
    let (cached, new) = (lasting(&world), world.issuer.mint(json!({ "exp": NOW + 100_000 })));
    world.admits("fresh", &cached);
    world.key_server.serve(JWKS, Page::hang_up());
    wait_until("an outage", || refreshes(&world, "interrupted") > 0.0);
    world.proxy.advance(3_600);
    world.admits("at its last second", &cached);
    assert_eq!(world.proxy.pending(), "");
    world.proxy.advance(1);
    world.refuses("stale, cached", &cached, Reason::KeysUnavailable);
    world.refuses("stale, new", &new, Reason::KeysUnavailable);
    let pending = world.proxy.pending();
    assert!(pending.contains("3601 s ago") && pending.contains("max_stale"), "{pending}");

    world.key_server.serve(JWKS, Page::json(&world.issuer.jwks()));
    world.proxy.wait_until_ready();
    world.admits("recovered, cached", &cached);
    world.admits("recovered, new", &new);
}

/// A world with a snapshot in that folder; whether the source is up is the page's matter.
fn with_snapshot(issuer: &Issuer, key_server: KeyServer, folder: &str, now: i64) -> World {
    let upstream = Upstream::start();
    let keys = format!("snapshot = {}\nmax_stale = \"1h\"\n", Value::from(folder));
    let setup = Setup::new().issuer("corp", issuer, &key_server, "", &keys).at(now);
    let proxy = setup.start_unready(&upstream);
    World { proxy, upstream, key_server, issuer: issuer.clone() }
}

/// The snapshot in that folder, once it is complete and has its name.
fn snapshot_file(folder: &str) -> Option<PathBuf> {
    let mut files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.find(|file| file.extension().is_some_and(|extension| extension == "json"))
}

/// Runs once with the source up, so that a snapshot is left behind; then takes the source down.
fn leave_snapshot(issuer: &Issuer, folder: &str) -> KeyServer {
    let key_server = KeyServer::start();
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    let world = with_snapshot(issuer, key_server, folder, NOW);
    world.proxy.wait_until_ready();
    wait_until("a snapshot", || snapshot_file(folder).is_some());
    let World { proxy, key_server, .. } = world;
    drop(proxy);
    key_server.serve(JWKS, Page::hang_up());
    key_server
}

#[test]
fn k13_a_cold_start_from_the_snapshot_serves_at_once() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::usual());
    let folder = folder.path().to_str().unwrap();
    let key_server = leave_snapshot(&issuer, folder);
    let world = with_snapshot(&issuer, key_server, folder, NOW + 1_800);
    world.proxy.wait_until_ready();
    let token = lasting(&world);
    world.admits("from the snapshot", &token);
    let keys: Value = serde_json::from_str(&world.proxy.page("/keys")).unwrap();
    assert_eq!(keys[0]["from_snapshot"], true, "{keys}");
    assert_eq!(keys[0]["confirmed_at"], NOW, "its age goes on: {keys}");
    // An hour after the source confirmed them, not after the start.
    world.proxy.set_time(NOW + 3_600);
    world.admits("the last second", &token);
    world.proxy.set_time(NOW + 3_601);
    world.refuses("stale", &token, Reason::KeysUnavailable);
}

#[test]
fn k13_a_snapshot_that_is_stale_foreign_or_damaged_is_ignored() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::usual());
    let folder = folder.path().to_str().unwrap();
    let key_server = leave_snapshot(&issuer, folder);
    let file = snapshot_file(folder).unwrap();
    let page: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let with = |name: &str, value: Value| {
        let mut page = page.clone();
        page[name] = value;
        page.to_string()
    };
    let mut key_server = Some(key_server);
    for (case, text, now) in [
        ("stale", page.to_string(), NOW + 3_601),
        ("from the future", page.to_string(), NOW - 3_600),
        ("of another issuer", with("issuer", json!("https://other.test")), NOW),
        ("of another source", with("source", json!("http://other.test/jwks")), NOW),
        ("without a key", with("jwks", json!({ "keys": [] })), NOW),
        ("damaged", page.to_string()[..100].to_owned(), NOW),
        ("empty", String::new(), NOW),
    ] {
        fs::write(&file, text).unwrap();
        let world = with_snapshot(&issuer, key_server.take().unwrap(), folder, now);
        wait_until("an attempt", || refreshes(&world, "interrupted") > 0.0);
        let token = lasting(&world);
        let token = if now < NOW { world.issuer.mint(json!({ "iat": 0 })) } else { token };
        world.refuses(case, &token, Reason::KeysUnavailable);
        let World { proxy, key_server: again, .. } = world;
        drop(proxy);
        key_server = Some(again);
    }
}

#[test]
fn k12_two_credentials_while_the_source_fails_are_refused_and_harm_nothing() {
    let world = World::unready(Issuer::usual(), "", "timeout = \"1s\"\n", Page::silence());
    let (alice, bob) = (world.issuer.mint(json!({})), world.issuer.mint(json!({ "sub": "bob" })));
    for _ in 0..3 {
        let twice = Request::get("/").bearer(&alice).bearer(&bob);
        world.refuses_request("two", &twice, Reason::CredentialAmbiguous);
        world.refuses("one", &alice, Reason::KeysUnavailable);
    }
    world.key_server.serve(JWKS, Page::json(&world.issuer.jwks()));
    world.proxy.wait_until_ready();
    world.admits("alice", &alice);
    let request = Request::get("/").bearer(&bob);
    world.admits_request("bob", &request, &identity(&bob));
}
