//! `GET /denials` on the private listener: the last requests that did not pass.

use serde_json::{Value, json};

use crate::{
    access_log::refused_token,
    support::{
        client::{Answer, Request},
        setup::Setup,
        upstream::Reply,
        wait_until,
        world::World,
    },
};

const CONTROL: &str = "[control]\nlisten = \"127.0.0.1:0\"\n";

fn world(more: &str) -> World {
    World::with_setup(|setup| setup.with(&format!("{CONTROL}{more}")))
}

fn page(world: &World, target: &str, accept: &str) -> Answer {
    let request = Request::to("localhost", "GET", target).field("accept", accept);
    world.proxy.ask_control(&request.field("connection", "close"))
}

fn denials(world: &World, query: &str) -> Vec<Value> {
    let answer = page(world, &format!("/denials{query}"), "*/*");
    assert_eq!(answer.status, 200);
    let page: Value = serde_json::from_slice(&answer.body.bytes).unwrap();
    page["denials"].as_array().unwrap().clone()
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.bytes.clone()).unwrap()
}

#[test]
fn whose_401_it_was_is_found_by_its_id() {
    // Nothing of it is in the log: the ring has its own rule.
    let world = world("[log]\nlevel = \"debug\"\naccess = \"off\"\nsubject = \"plain\"\n");
    let (claims, facts) = refused_token();
    let token = world.issuer.mint(claims);
    let answer = world.proxy.get("/loans/1?q=1", Some(&token));
    assert_eq!(answer.status, 401);
    world.proxy.get("/loans/2", None);
    let id = answer.head.request_id.0.unwrap();
    wait_until("both", || denials(&world, "").len() == 2);
    let found = denials(&world, &format!("?id={id}"));
    assert_eq!(found.len(), 1, "{found:?}");
    for (name, expected) in facts.into_iter().chain([("id", json!(id))]) {
        assert_eq!(found[0][name], expected, "{name}: {found:?}");
    }
    assert!(found[0]["kid"].is_string() && found[0]["time"].is_string(), "{found:?}");
    assert!(found[0]["duration_seconds"].as_f64().unwrap() > 0.0, "{found:?}");
}

#[test]
fn the_newest_is_first_and_what_passes_is_not_there() {
    let world = world("");
    let token = world.issuer.mint(json!({ "aud": "other" }));
    let good = world.issuer.mint(json!({}));
    for (path, token) in [("/1", None), ("/2", Some(&token)), ("/3", Some(&good)), ("/4", None)] {
        world.proxy.get(path, token.map(String::as_str));
    }
    wait_until("three", || denials(&world, "").len() == 3);
    let paths = |query: &str| -> Vec<String> {
        let found = denials(&world, query);
        found.iter().map(|denied| denied["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(paths(""), ["/4", "/2", "/1"]);
    assert_eq!(paths("?reason=credential_missing"), ["/4", "/1"]);
    assert_eq!(paths("?reason=credential_missing&limit=1"), ["/4"]);
    let filtered = page(&world, "/denials?limit=1", "*/*");
    let filtered: Value = serde_json::from_slice(&filtered.body.bytes).unwrap();
    assert_eq!(filtered["kept"], 3, "before the filter: {filtered}");
    assert_eq!(paths("?issuer=corp"), ["/2"]);
    assert_eq!(paths("?route=%2F**&reason=audience_mismatch"), ["/2"]);
    assert!(paths("?route=%2Fother").is_empty() && paths("?id=x").is_empty());
    let mistaken = page(&world, "/denials?reason=expired", "*/*");
    assert_eq!(
        (mistaken.status, text(&mistaken)),
        (400, "reason: there is no \"expired\"\n".into())
    );
}

#[test]
fn failures_of_the_upstream_and_unread_heads_are_among_them() {
    let world = world("");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    client.send(b"GET / HTTP/1.1\r\nHost: api.test\r\nbad header\r\n\r\n");
    assert_eq!(client.read().status, 400);
    world.upstream.answer_by(|_| Reply::hang_up());
    assert_eq!(world.proxy.exchange(&Request::new("POST", "/x").bearer(&token)).status, 502);
    wait_until("both", || denials(&world, "").len() == 2);
    let [failed, unread] = &denials(&world, "")[..] else { unreachable!() };
    assert_eq!((&failed["status"], &failed["upstream"]), (&json!(502), &json!("app")), "{failed}");
    assert_eq!(failed["token"], "verified", "{failed}");
    assert_eq!(unread["reason"], "head_malformed", "{unread}");
}

#[test]
fn o10_the_ring_is_bounded_and_stays_over_a_reload() {
    let world = world("");
    let kept = |denials: usize| {
        let setup = Setup::new().issuer("corp", &world.issuer, &world.key_server, "", "");
        let control = format!("{CONTROL}denials = {denials}\n");
        world.proxy.server().reload(setup.with(&control).load(&world.upstream).unwrap()).unwrap();
    };
    (0..5).for_each(|_| drop(world.proxy.get("/", None)));
    wait_until("five", || denials(&world, "").len() == 5);
    kept(3);
    assert_eq!(denials(&world, "").len(), 3, "the others are gone");
    let last = world.proxy.get("/last", None).head.request_id.0.unwrap();
    wait_until("the last", || denials(&world, "").first().is_some_and(|it| it["id"] == *last));
    assert_eq!(denials(&world, "").len(), 3);
    kept(0);
    world.proxy.get("/", None);
    assert!(denials(&world, "").is_empty());
}

#[test]
fn o10_no_token_no_query_no_body_and_no_markup_is_shown() {
    let world = world("[log]\nlevel = \"debug\"\nsubject = \"plain\"\n");
    let token = world.issuer.mint(json!({ "sub": "<script>alert(1)</script>", "aud": "<b>x</b>" }));
    let request = Request::new("POST", "/%3Cimg%3E?access=CANARY-QUERY")
        .bearer(&token)
        .field("cookie", "session=CANARY-COOKIE")
        .body(b"CANARY-BODY");
    assert_eq!(world.proxy.exchange(&request).status, 401);
    world.proxy.get("/", Some("CANARY-OPAQUE"));
    wait_until("both", || denials(&world, "").len() == 2);
    let html = page(&world, "/denials", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
    assert_eq!(html.field("content-type"), Some("text/html; charset=utf-8"));
    assert!(html.field("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert_eq!(html.field("x-content-type-options"), Some("nosniff"));
    assert_eq!(html.field("cache-control"), Some("no-store"));
    let json = page(&world, "/denials", "application/json");
    for shown in [text(&html), text(&json)] {
        assert!(shown.contains("audience_mismatch"), "{shown}");
        for secret in [&*token, token.rsplit('.').next().unwrap(), "CANARY"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }
    let html_text = text(&html);
    assert!(html_text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{html_text}");
    for markup in ["<script", "<b>x", "<img", "<style", " href", " src"] {
        assert!(!html_text.contains(markup), "{markup}: {html_text}");
    }
}

#[test]
fn o10_no_other_listener_shows_them() {
    let world = world("");
    let token = world.issuer.mint(json!({}));
    for path in ["/denials", "/explain"] {
        let admin = world.proxy.admin(path);
        assert_eq!(admin.status, 404, "{path}");
        world.proxy.get(path, Some(&token));
        assert_eq!(world.upstream.requests().last().unwrap().target(), path, "the service's own");
    }
}
