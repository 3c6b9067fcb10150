//! Keys and lists of unchanged sources: no fetch, so that a reload works while a provider is down.

use std::{
    fs,
    time::{Duration, Instant},
};

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::json;

use crate::support::{
    NOW,
    issuer::{Issuer, key},
    key_server::{KeyServer, Page},
    setup::Setup,
    upstream::Upstream,
    wait_until,
    world::{JWKS, World},
};

/// A reload that waits for keys that do not come takes 15 s.
const AT_ONCE: Duration = Duration::from_secs(5);

/// The usual world, and its configuration with further lines of the keys.
fn world_with_keys(keys: &str) -> (World, Setup) {
    let (issuer, upstream, key_server) = (Issuer::usual(), Upstream::start(), KeyServer::start());
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    let setup = Setup::new().issuer("corp", &issuer, &key_server, "", keys);
    let proxy = setup.start(&upstream);
    (World { proxy, upstream, key_server, issuer }, setup)
}

fn reload(world: &World, setup: &Setup) -> Result<(), String> {
    world.proxy.server().reload(setup.load(&world.upstream).unwrap())
}

/// A configuration in which another route is public.
fn changed(setup: &Setup) -> Setup {
    setup.clone().routes("[[routes]]\npath = \"/**\"\nscopes = [\"read\"]")
}

/// A token that outlives every outage in here.
fn lasting(world: &World, sub: &str) -> String {
    world.issuer.mint(json!({ "sub": sub, "scope": "read", "exp": NOW + 1_000_000 }))
}

#[test]
fn x3_a_reload_fetches_no_key_of_an_unchanged_provider_and_works_while_it_is_down() {
    let (world, setup) = world_with_keys("");
    let before = world.key_server.count();
    world.key_server.serve(JWKS, Page::hang_up());
    let started = Instant::now();
    for _ in 0..5 {
        reload(&world, &changed(&setup)).unwrap();
    }
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    world.admits("a token of an old key", &lasting(&world, "alice"));
    world.refuses(
        "the new rule counts",
        &world.issuer.mint(json!({ "scope": "write" })),
        Reason::ScopeInsufficient,
    );
    assert_eq!(world.key_server.count(), before, "no refresher has started again");
}

#[test]
fn x3_a_refresh_by_an_unknown_kid_still_works_after_a_reload_and_is_one_fetch() {
    let (world, setup) = world_with_keys("cooldown = \"1s\"");
    for _ in 0..3 {
        reload(&world, &changed(&setup)).unwrap();
    }
    let before = world.key_server.count();
    let rotated = world.issuer.with_keys(vec![key(Algorithm::Es256, "new")]);
    world.key_server.serve(JWKS, Page::json(&rotated.jwks()));
    let token = rotated.mint(json!({ "scope": "read" }));
    wait_until("the new key", || world.proxy.get("/", Some(&token)).status == 200);
    assert_eq!(world.key_server.count(), before + 1, "one refresher has fetched");
}

#[test]
fn x3_keys_that_are_only_refreshed_more_often_stay_while_the_provider_is_down() {
    let (world, setup) = world_with_keys("");
    world.key_server.serve(JWKS, Page::hang_up());
    let token = lasting(&world, "alice");
    world.admits("before", &token);
    let often = setup.rewritten("jwks_url", "refresh = \"1m\"\nmax_stale = \"2h\"\njwks_url");
    let started = Instant::now();
    reload(&world, &often).unwrap();
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    world.admits("after", &token);
    // Their age counts from when the provider confirmed them, not from the reload.
    world.proxy.advance(7_201);
    world.refuses("stale", &token, Reason::KeysUnavailable);
}

#[test]
fn x3_another_source_is_fetched_and_waited_for() {
    let (world, setup) = world_with_keys("");
    let other = KeyServer::start();
    let moved = setup.rewritten(&world.key_server.url(JWKS), &other.url(JWKS));
    let rotated = world.issuer.with_keys(vec![key(Algorithm::Es256, "other")]);
    other.serve(JWKS, Page::json(&rotated.jwks()));
    reload(&world, &moved).unwrap();
    world.admits("a key of the new source", &rotated.mint(json!({ "scope": "read" })));
    world.refuses("a key of the old one", &lasting(&world, "bob"), Reason::KidUnknown);
    assert!(other.count() > 0);
}

#[test]
fn x3_a_reload_is_not_refused_for_keys_that_are_missing_in_any_case() {
    let world = World::unready(Issuer::usual(), "", "", Page::hang_up());
    wait_until("the first attempt", || world.key_server.count() > 0);
    let setup = Setup::new().issuer("corp", &world.issuer, &world.key_server, "", "");
    let open =
        "[[routes]]\npath = \"/now-public/**\"\naccess = \"public\"\n[[routes]]\npath = \"/**\"";
    let started = Instant::now();
    reload(&world, &setup.clone().routes(open)).unwrap();
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    assert_eq!(world.proxy.get("/now-public/x", None).status, 200);
    let token = lasting(&world, "alice");
    world.refuses("no keys yet", &token, Reason::KeysUnavailable);

    // Nor is what may mend it, though it does not.
    let other = KeyServer::start();
    let moved = |setup: Setup| setup.rewritten(&world.key_server.url(JWKS), &other.url(JWKS));
    other.serve(JWKS, Page::status(404));
    reload(&world, &moved(setup.clone())).unwrap();
    world.refuses("no keys there either", &token, Reason::KeysUnavailable);

    // And what mends it counts from the moment of the reload.
    other.serve("/good", Page::json(&world.issuer.jwks()));
    let good = setup.rewritten(&world.key_server.url(JWKS), &other.url("/good"));
    reload(&world, &good).unwrap();
    world.admits("mended", &token);
}

#[test]
fn x3_a_changed_key_file_counts_from_the_moment_of_the_reload() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let (issuer, upstream, key_server) = (Issuer::usual(), Upstream::start(), KeyServer::start());
    fs::write(&file, issuer.jwks().to_string()).unwrap();
    let keys = format!("jwks_file = \"{}\"", file.display());
    let setup = Setup::new().issuer_from("corp", &issuer, "", &keys);
    let proxy = setup.start(&upstream);
    let world = World { proxy, upstream, key_server, issuer };
    let old = lasting(&world, "alice");
    world.admits("before", &old);
    let rotated = world.issuer.with_keys(vec![key(Algorithm::Es256, "new")]);
    fs::write(&file, rotated.jwks().to_string()).unwrap();
    reload(&world, &setup).unwrap();
    // Not within the seconds in which the file is looked at: at once.
    assert_eq!(world.proxy.get("/", Some(&rotated.mint(json!({})))).status, 200);
    world.refuses("verified before, by a key that is gone", &old, Reason::KidUnknown);
}

#[test]
fn the_keys_have_changed_is_logged_only_when_they_did() {
    let (issuer, upstream, key_server) = (Issuer::usual(), Upstream::start(), KeyServer::start());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    fs::write(&file, issuer.jwks().to_string()).unwrap();
    key_server.serve("/quiet-url/jwks", Page::json(&issuer.jwks()));
    key_server.serve("/moved", Page::json(&issuer.jwks()));
    let from_file = format!("jwks_file = \"{}\"", file.display());
    let setup = Setup::new().issuer("quiet-url", &issuer, &key_server, "", "").issuer_from(
        "quiet-file",
        &issuer.named("https://file.test"),
        "",
        &from_file,
    );
    let proxy = setup.start(&upstream);
    let world = World { proxy, upstream, key_server, issuer };
    let lines = |name: &str| {
        let logs = world.proxy.logs();
        let of_issuer = |line: &&str| line.contains(name) && line.contains("the keys have changed");
        logs.lines().filter(of_issuer).count()
    };
    assert_eq!((lines("quiet-url"), lines("quiet-file")), (1, 1), "at the start");
    reload(&world, &changed(&setup)).unwrap();
    let moved =
        setup.rewritten(&world.key_server.url("/quiet-url/jwks"), &world.key_server.url("/moved"));
    reload(&world, &moved).unwrap();
    assert_eq!((lines("quiet-url"), lines("quiet-file")), (1, 1), "the same keys, elsewhere");
    let rotated = world.issuer.with_keys(vec![key(Algorithm::Es256, "new")]);
    fs::write(&file, rotated.jwks().to_string()).unwrap();
    reload(&world, &moved).unwrap();
    assert_eq!((lines("quiet-url"), lines("quiet-file")), (1, 2));
}

#[test]
fn x3_an_unchanged_revocation_list_is_not_read_again_and_holds_while_its_server_is_down() {
    const LIST: &str = "/revoked";
    let (issuer, upstream, key_server) = (Issuer::usual(), Upstream::start(), KeyServer::start());
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    key_server.serve(LIST, Page::json(&json!({ "revoked": [{ "sub": "mallory" }] })));
    let table = format!("[revocation]\nurl = \"{}\"", key_server.url(LIST));
    let setup = Setup::new().issuer("corp", &issuer, &key_server, "", "").with(&table);
    let proxy = setup.start(&upstream);
    let world = World { proxy, upstream, key_server, issuer };
    let (mallory, alice) = (lasting(&world, "mallory"), lasting(&world, "alice"));
    world.refuses("before", &mallory, Reason::TokenRevoked);
    world.admits("before", &alice);
    let before = world.key_server.count();
    world.key_server.serve(LIST, Page::hang_up());
    reload(&world, &changed(&setup)).unwrap();
    world.refuses("after", &mallory, Reason::TokenRevoked);
    world.admits("after", &alice);
    // Where only its times change, what is known stays as well.
    reload(&world, &setup.with("max_stale = \"2h\"")).unwrap();
    world.refuses("later", &mallory, Reason::TokenRevoked);
    world.proxy.advance(3_700);
    world.admits("within the new time", &alice);
    assert!(world.key_server.count() <= before + 1, "the changed list alone is read");
}
