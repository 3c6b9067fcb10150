//! H-15: headers with values of the operator's, in requests and in answers.

use serde_json::json;

use crate::support::{
    client::{Answer, Request},
    h2::{self, Frames, H2},
    upstream::Reply,
    world::World,
};

const HEADERS: &str = r#"
[headers]
set_headers      = { "x-gateway" = "countersign", "x-tier" = "all" }
add_headers      = { "x-hop" = "edge" }
response_headers = { remove = ["server", "x-powered-by"], set = { "strict-transport-security" = "max-age=31536000", "cache-control" = "max-age=5", "x-robots-tag" = "noindex" } }
"#;

const ROUTES: &str = r#"
[[routes]]
path   = "/public/**"
access = "public"

[[routes]]
path             = "/own/**"
access           = "public"
set_headers      = { "x-tier" = "own" }
response_headers = { remove = ["x-robots-tag"], set = { "server" = "own" } }

[[routes]]
path     = "/moved/**"
redirect = { to = "/public/{rest}" }

[[routes]]
path = "/private/**"
"#;

fn world() -> World {
    let world = World::with_setup(|setup| setup.routes(ROUTES).with(HEADERS));
    let sent = [("server", "old/1.0"), ("x-powered-by", "PHP"), ("cache-control", "no-cache")];
    world.upstream.answer_by(move |_| Reply::with(200, &sent, b"ok"));
    world
}

#[test]
fn h15_the_upstream_receives_what_the_operator_sets() {
    let world = world();
    let request = Request::get("/public/a")
        .field("x-gateway", "forged")
        .field("X-Gateway", "forged")
        .field("x_gateway", "forged")
        .field("x.gateway", "forged")
        .field("x-hop", "client");
    let before = world.mark();
    assert_eq!(world.proxy.exchange(&request).status, 200);
    let received = before.only_request("set and added").head;
    let named = |name: &str| received.all(name).collect::<Vec<_>>();
    assert_eq!(named("x-gateway"), ["countersign"]);
    assert_eq!(named("x-tier"), ["all"]);
    assert_eq!(named("x-hop"), ["client", "edge"]);
    assert!(named("x_gateway").is_empty() && named("x.gateway").is_empty(), "{received:?}");
    let before = world.mark();
    world.proxy.get("/own/a", None);
    let received = before.only_request("of the route").head;
    assert_eq!(
        (received.field("x-gateway"), received.field("x-tier")),
        (Some("countersign"), Some("own"))
    );
}

/// What the answer has of the headers that the rules are about.
fn shown(answer: &Answer) -> [Option<&str>; 5] {
    let names =
        ["server", "x-powered-by", "strict-transport-security", "cache-control", "x-robots-tag"];
    names.map(|name| answer.field(name))
}

const HSTS: Option<&str> = Some("max-age=31536000");

#[test]
fn h15_answers_of_the_service_have_what_the_operator_sets() {
    let mut world = world();
    world.proxy.expect_unmatched_answers();
    let answer = world.proxy.get("/public/a", None);
    assert_eq!(shown(&answer), [None, None, HSTS, Some("max-age=5"), Some("noindex")]);
    let answer = world.proxy.get("/own/a", None);
    assert_eq!(shown(&answer), [Some("own"), None, HSTS, Some("max-age=5"), None]);
    let request = h2::request("GET", "/public/a").body(Frames::default()).unwrap();
    let answer = H2::connect(world.proxy.address()).exchange(request).unwrap();
    assert_eq!((answer.field("server"), answer.field("strict-transport-security")), (None, HSTS));
}

#[test]
fn h15_the_proxys_own_answers_have_it_where_they_say_nothing_else() {
    let mut world = world();
    world.proxy.expect_unmatched_answers();
    let no_store = Some("no-store");
    for (case, target, status) in [
        ("no token", "/private/a", 401),
        ("no route", "/elsewhere", 403),
        ("malformed", "/a/..", 400),
    ] {
        let answer = world.proxy.get(target, None);
        assert_eq!(answer.status, status, "{case}: {answer:?}");
        assert_eq!(shown(&answer), [None, None, HSTS, no_store, Some("noindex")], "{case}");
    }
    let answer = world.proxy.get("/moved/a", None);
    assert_eq!((answer.status, answer.field("location")), (308, Some("/public/a")));
    assert_eq!(shown(&answer), [None, None, HSTS, Some("max-age=5"), Some("noindex")]);
    world.upstream.answer_by(|_| Reply::hang_up());
    let answer = world.proxy.get("/own/a", None);
    assert_eq!(answer.status, 502);
    assert_eq!(shown(&answer), [Some("own"), None, HSTS, no_store, None]);
}

#[test]
fn h15_a_fixed_header_stands_beside_the_verified_identity() {
    let world = world();
    let token = world.issuer.mint(json!({}));
    let before = world.mark();
    assert_eq!(world.proxy.get("/private/a", Some(&token)).status, 200);
    let received = before.only_request("with a token").head;
    assert!(received.field("x-auth-subject").is_some(), "{received:?}");
    assert_eq!(received.field("x-gateway"), Some("countersign"));
    assert_eq!(received.field("x-forwarded-host"), Some("api.test"));
}
