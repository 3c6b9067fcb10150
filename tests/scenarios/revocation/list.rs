//! The list: what it revokes, how soon, and what happens without one.

use std::{fs, path::PathBuf};

use countersign::{jose::Algorithm, reason::Reason, settings::Settings};
use serde_json::{Value, json};

use crate::support::{
    NOW,
    client::Request,
    issuer::{Issuer, key},
    key_server::{KeyServer, Page},
    setup::Setup,
    upstream::Upstream,
    wait_until,
    world::{JWKS, World},
};

/// A list in a file.
struct File(tempfile::TempDir);

impl File {
    fn new(list: &Value) -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        file.write(list);
        file
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("revoked.json")
    }

    /// Written aside and renamed, as it is documented.
    fn write(&self, list: &Value) {
        let aside = self.0.path().join("aside");
        fs::write(&aside, list.to_string()).unwrap();
        fs::rename(aside, self.path()).unwrap();
    }

    fn table(&self) -> String {
        format!("[revocation]\nfile = {}\n", Value::from(self.path().to_str().unwrap()))
    }
}

fn revoked(entries: Value) -> Value {
    json!({ "revoked": entries })
}

fn with_file(file: &File) -> World {
    World::with_setup(|setup| setup.with(&file.table()))
}

/// The path of the list on the key server.
const LIST: &str = "/revoked";

/// A world whose list is on the key server, asked every second. No request waits for readiness.
fn with_url(page: Page, lines: &str) -> World {
    let (issuer, upstream, key_server) = (Issuer::usual(), Upstream::start(), KeyServer::start());
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    key_server.serve(LIST, page);
    let url = key_server.url(LIST);
    let table = format!("[revocation]\nurl = \"{url}\"\nrefresh = \"1s\"\n{lines}");
    let setup = Setup::new().issuer("corp", &issuer, &key_server, "", "").with(&table);
    let proxy = setup.start_unready(&upstream);
    World { proxy, upstream, key_server, issuer }
}

fn readings(world: &World, outcome: &str) -> f64 {
    world.proxy.metric(&format!("countersign_revocation_refreshes_total{{outcome=\"{outcome}\"}}"))
}

fn wait_for_another(world: &World, outcome: &str) {
    let before = readings(world, outcome);
    wait_until(outcome, || readings(world, outcome) > before);
}

/// A token that outlives every outage in here.
fn lasting(world: &World, changes: Value) -> String {
    let mut claims = json!({ "exp": NOW + 1_000_000 });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    world.issuer.mint(claims)
}

#[test]
fn each_kind_of_entry_revokes_its_tokens_and_no_others() {
    let file = File::new(&revoked(json!([
        { "jti": "t1" },
        { "sid": "s1" },
        { "sub": "mallory" },
        { "client_id": "stolen-app" },
        { "sub": "bob", "iss": "https://idp.test" },
        { "sub": "carol", "iss": "https://other.test" },
        { "sub": "dave", "before": NOW - 10 },
        { "sub": "erin", "until": NOW },
    ])));
    let world = with_file(&file);
    for (case, claims) in [
        ("its id", json!({ "jti": "t1" })),
        ("its session", json!({ "sid": "s1" })),
        ("its subject", json!({ "sub": "mallory" })),
        ("its client", json!({ "client_id": "stolen-app" })),
        ("its client, as azp", json!({ "azp": "stolen-app" })),
        ("its subject, of this issuer", json!({ "sub": "bob" })),
        ("issued before", json!({ "sub": "dave", "iat": NOW - 11 })),
        ("without a time of issue", json!({ "sub": "dave", "iat": null })),
    ] {
        world.refuses(case, &world.issuer.mint(claims), Reason::TokenRevoked);
    }
    for (case, claims) in [
        ("nothing", json!({})),
        ("names that belong elsewhere", json!({ "jti": "s1", "sid": "t1", "sub": "stolen-app" })),
        ("the namesake of another issuer", json!({ "sub": "carol" })),
        ("issued later", json!({ "sub": "dave", "iat": NOW - 10 })),
        ("an entry whose time is over", json!({ "sub": "erin" })),
        ("no subject at all", json!({ "sub": null })),
    ] {
        world.admits(case, &world.issuer.mint(claims));
    }
    let denied = r#"countersign_denials_total{issuer="corp",reason="token_revoked"}"#;
    assert!((world.proxy.metric(denied) - 16.0).abs() < 0.5, "{}", world.proxy.metrics());
}

#[test]
fn o3_who_forges_a_token_does_not_learn_what_is_revoked() {
    let world = with_file(&File::new(&revoked(json!([{ "sub": "mallory" }]))));
    let forger = world.issuer.with_keys(vec![key(Algorithm::Es256, "ec")]);
    world.refuses("forged", &forger.mint(json!({ "sub": "mallory" })), Reason::SignatureInvalid);
    world.refuses(
        "expired",
        &world.issuer.mint(json!({ "sub": "mallory", "exp": 1 })),
        Reason::TokenExpired,
    );
}

#[test]
fn i12_a_cached_token_is_refused_by_the_first_request_after_the_list_has_changed() {
    let file = File::new(&revoked(json!([])));
    let world = with_file(&file);
    let (alice, bob) = (world.issuer.mint(json!({})), world.issuer.mint(json!({ "sub": "bob" })));
    world.admits("before, cached", &alice);
    world.admits("before, cached", &bob);
    let mut client = world.proxy.client();
    let request = Request::get("/").bearer(&alice);
    assert_eq!(client.exchange(&request).status, 200);

    file.write(&revoked(json!([{ "sub": "alice" }])));
    wait_until("the change", || readings(&world, "changed") > 1.5);
    assert_eq!(client.exchange(&request).status, 401, "the very next one");
    world.refuses("from now on", &alice, Reason::TokenRevoked);
    world.admits("untouched", &bob);

    file.write(&revoked(json!([])));
    wait_until("the change back", || readings(&world, "changed") > 2.5);
    assert_eq!(client.exchange(&request).status, 200, "pardoned");
}

#[test]
fn i12_under_traffic_a_revoked_token_never_comes_back() {
    let file = File::new(&revoked(json!([])));
    let world = with_file(&file);
    let request = Request::get("/").bearer(&world.issuer.mint(json!({})));
    let mut clients: Vec<_> = (0..4).map(|_| world.proxy.client()).collect();
    for client in &mut clients {
        assert_eq!(client.exchange(&request).status, 200);
    }
    file.write(&revoked(json!([{ "sub": "alice" }])));
    wait_until("a refusal", || clients[0].exchange(&request).status == 401);
    for _ in 0..10 {
        for client in &mut clients {
            assert_eq!(client.exchange(&request).status, 401);
        }
    }
}

#[test]
fn a_broken_file_changes_nothing() {
    let file = File::new(&revoked(json!([{ "sub": "mallory" }])));
    let world = with_file(&file);
    let bad = lasting(&world, json!({ "sub": "mallory" }));
    let good = lasting(&world, json!({}));
    for broken in [json!({}), json!([]), revoked(json!([{ "subject": "alice" }]))] {
        file.write(&broken);
        wait_for_another(&world, "malformed");
        world.refuses("still revoked", &bad, Reason::TokenRevoked);
        world.admits("still good", &good);
    }
    assert_eq!(world.proxy.pending(), "");
    assert!(!world.proxy.logs().contains("\"alice\""), "the list is not logged");
}

#[test]
fn a_url_is_asked_with_its_etag_and_304_confirms_the_list() {
    let page =
        |etag: &str, sub: &str| Page::json(&revoked(json!([{ "sub": sub }]))).field("etag", etag);
    let world = with_url(page("\"1\"", "mallory"), "");
    world.proxy.wait_until_ready();
    let mallory = lasting(&world, json!({ "sub": "mallory" }));
    world.refuses("listed", &mallory, Reason::TokenRevoked);
    wait_for_another(&world, "unchanged");
    let asked = world.key_server.asked();
    let last = asked.iter().rfind(|head| head.start.contains(LIST)).unwrap();
    assert_eq!(last.field("if-none-match"), Some("\"1\""));

    world.proxy.advance(3_500);
    wait_for_another(&world, "unchanged");
    world.proxy.advance(3_500);
    world.admits("confirmed by 304", &lasting(&world, json!({})));

    world.key_server.serve(LIST, page("\"2\"", "alice"));
    wait_for_another(&world, "changed");
    world.refuses("listed now", &lasting(&world, json!({})), Reason::TokenRevoked);
    world.admits("not any more", &mallory);
}

#[test]
fn an_answer_that_was_refused_is_not_confirmed_by_a_later_304() {
    let good = Page::json(&revoked(json!([{ "sub": "mallory" }]))).field("etag", "\"good\"");
    let world = with_url(good, "");
    world.proxy.wait_until_ready();
    let broken = Page::text("{\"revoked\":[").field("etag", "\"broken\"");
    world.key_server.serve(LIST, broken);
    wait_for_another(&world, "malformed");
    wait_for_another(&world, "malformed");
    let asked = world.key_server.asked();
    let with = |etag| asked.iter().filter(|head| head.field("if-none-match") == Some(etag)).count();
    assert_eq!(with("\"broken\""), 0);
    assert!(with("\"good\"") >= 2);
    world.refuses("kept", &lasting(&world, json!({ "sub": "mallory" })), Reason::TokenRevoked);
}

#[test]
fn an_outage_is_bridged_up_to_max_stale_and_then_nothing_is_decided() {
    let list = Page::json(&revoked(json!([{ "sub": "mallory" }])));
    let world = with_url(list.clone(), "max_stale = \"1h\"\n");
    world.proxy.wait_until_ready();
    let mallory = lasting(&world, json!({ "sub": "mallory" }));
    let (cached, new) = (lasting(&world, json!({})), lasting(&world, json!({ "sub": "new" })));
    world.admits("before", &cached);
    for (page, code) in [
        (Page::status(500), "status"),
        (Page::hang_up(), "interrupted"),
        (Page::text(&" ".repeat(9 * 1024 * 1024)), "too_large"),
    ] {
        world.key_server.serve(LIST, page);
        wait_for_another(&world, code);
        world.refuses(code, &mallory, Reason::TokenRevoked);
        world.admits(code, &cached);
    }
    world.proxy.advance(3_601);
    world.refuses("stale, cached", &cached, Reason::RevocationUnavailable);
    world.refuses("stale, new", &new, Reason::RevocationUnavailable);
    world.refuses("stale, revoked", &mallory, Reason::RevocationUnavailable);
    world.admits_request("public", &Request::get("/public/x"), &[]);
    let pending = world.proxy.pending();
    assert!(pending.contains("revocation: the list was last confirmed 3601 s ago"), "{pending}");

    world.key_server.serve(LIST, list);
    world.proxy.wait_until_ready();
    world.admits("recovered", &cached);
    world.refuses("recovered", &mallory, Reason::TokenRevoked);
}

#[test]
fn a_cold_start_without_the_list_refuses_until_it_is_there() {
    let world = with_url(Page::status(503), "");
    wait_until("an attempt", || readings(&world, "status") > 0.5);
    wait_until("keys", || !world.proxy.pending().contains("issuer corp"));
    let token = lasting(&world, json!({}));
    world.refuses("cold", &token, Reason::RevocationUnavailable);
    let pending = world.proxy.pending();
    assert!(pending.contains("revocation: no list yet") && pending.contains("503"), "{pending}");
    world.key_server.serve(LIST, Page::json(&revoked(json!([]))));
    world.proxy.wait_until_ready();
    world.admits("there", &token);
}

#[test]
fn where_the_operator_says_so_tokens_pass_without_the_list() {
    let world = with_url(Page::status(503), "on_failure = \"continue\"\n");
    world.proxy.wait_until_ready();
    let (alice, mallory) =
        (lasting(&world, json!({})), lasting(&world, json!({ "sub": "mallory" })));
    world.admits("no list", &alice);
    world.admits("no list", &mallory);
    assert!(readings(&world, "status") > 0.5);
    assert!(world.proxy.logs().contains("there is no fresh revocation list"));
    world.key_server.serve(LIST, Page::json(&revoked(json!([{ "sub": "mallory" }]))));
    wait_for_another(&world, "changed");
    world.refuses("a list", &mallory, Reason::TokenRevoked);
    world.key_server.serve(LIST, Page::status(500));
    wait_for_another(&world, "status");
    world.proxy.advance(10_000);
    world.refuses("what was known", &mallory, Reason::TokenRevoked);
    world.admits("and nothing else", &alice);
}

/// The settings of the same world with another table of revocation.
fn with_table(world: &World, table: &str) -> Settings {
    let setup = Setup::new().issuer("corp", &world.issuer, &world.key_server, "", "");
    setup.with(table).load(&world.upstream).unwrap()
}

#[test]
fn a_reload_waits_for_the_new_list_and_lets_no_revoked_token_in_meanwhile() {
    let file = File::new(&revoked(json!([{ "sub": "mallory" }])));
    let world = with_file(&file);
    let mallory = lasting(&world, json!({ "sub": "mallory" }));
    let another = File::new(&revoked(json!([{ "sub": "mallory" }, { "sub": "bob" }])));
    world.proxy.server().reload(with_table(&world, &another.table())).unwrap();
    world.refuses("the new list", &mallory, Reason::TokenRevoked);
    world.refuses("the new list", &lasting(&world, json!({ "sub": "bob" })), Reason::TokenRevoked);
    world.proxy.server().reload(with_table(&world, "")).unwrap();
    world.admits("no list any more", &mallory);
}
