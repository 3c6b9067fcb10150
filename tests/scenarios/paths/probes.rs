//! Hosts, methods and targets of probes, load balancers and old clients, which only a setting lets
//! in.

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::Request,
    h2_upstream::H2Upstream,
    oracle::{assert_refused, assert_turned_away},
    setup::Setup,
    world::{World, identity},
};

/// Public health, one host's pages for its tokens, and a token for the rest.
const ROUTES: &str = r#"
[[routes]]
path = "/healthz"
access = "public"

[[routes]]
path = "/inner/**"
hosts = ["probe.internal"]
scopes = ["inner"]

[[routes]]
path = "/**"
"#;

fn with_server(lines: &str) -> World {
    World::with_setup(|setup: Setup| setup.routes(ROUTES).server(lines))
}

fn status(world: &World, head: &str) -> u16 {
    let mut client = world.proxy.client();
    client.send(format!("{head}\r\n\r\n").as_bytes());
    client.read().status
}

#[test]
fn p6_a_probe_without_a_host_is_answered_by_the_default_host() {
    let world = with_server("default_host = \"probe.internal\"");
    for head in [
        "GET /healthz HTTP/1.0",
        "GET /healthz HTTP/1.0\r\nhost:",
        "GET /healthz HTTP/1.1\r\nhost: ",
    ] {
        let before = world.mark();
        assert_eq!(status(&world, head), 200, "{head:?}");
        let received = before.only_request(head);
        assert_eq!(received.head.field("host"), Some("probe.internal"), "{head:?}");
        assert_eq!(received.head.field("x-forwarded-host"), Some("probe.internal"));
    }
    let strict = World::with_setup(|setup| setup.routes(ROUTES));
    for (world, head) in [
        (&world, "GET /healthz HTTP/1.1"),
        (&world, "GET http://a.test/healthz HTTP/1.0"),
        (&world, "GET /healthz HTTP/1.0\r\nhost: a b"),
        (&world, "GET /healthz HTTP/1.0\r\nhost:\r\nhost:"),
        (&strict, "GET /healthz HTTP/1.0"),
        (&strict, "GET /healthz HTTP/1.1\r\nhost:"),
    ] {
        let before = world.mark();
        assert_eq!(status(world, head), 400, "{head:?}");
        before.assert_untouched(head);
    }
}

/// The default host opens what is open at that host, and nothing else.
#[test]
fn p6_without_a_host_the_routes_of_the_default_host_decide() {
    let world = with_server("default_host = \"probe.internal\"");
    let token = world.issuer.mint(json!({ "scope": "other" }));
    for (target, expected) in [("/inner/x", 403), ("/x", 200)] {
        let head = format!("GET {target} HTTP/1.0\r\nauthorization: Bearer {token}");
        assert_eq!(status(&world, &head), expected, "{target}");
        assert_eq!(status(&world, &format!("GET {target} HTTP/1.0")), 401, "{target}");
    }
}

#[test]
fn p6_hosts_that_are_numbers_and_empty_ports_reach_the_upstream_in_one_spelling() {
    let world = with_server("accept_hosts = [\"number\", \"empty-port\"]");
    let strict = World::with_setup(|setup| setup.routes(ROUTES));
    for (sent, received) in [
        ("123456789012", "123456789012"),
        ("1234:8080", "1234:8080"),
        ("Probe.internal:", "probe.internal"),
    ] {
        let head = format!("GET /healthz HTTP/1.1\r\nhost: {sent}");
        let before = world.mark();
        assert_eq!(status(&world, &head), 200, "{sent}");
        assert_eq!(before.only_request(sent).head.field("host"), Some(received));
        assert_eq!(status(&strict, &head), 400, "{sent}");
    }
    // A container's id with a letter in it is a name like any other.
    assert_eq!(status(&strict, "GET /healthz HTTP/1.1\r\nhost: 4f66ad9a0b1c"), 200);
    // A host's routes can't be left by a colon.
    assert_eq!(status(&world, "GET /inner/x HTTP/1.1\r\nhost: probe.internal:"), 401);
    assert_eq!(status(&world, "GET /inner/x HTTP/1.1\r\nhost: probe.internal:80:"), 400);
}

const ASTERISK: &str = r#"
[[routes]]
path = "*"
access = "public"
upstream = "other"

[[routes]]
path = "/**"
upstream = "other"
"#;

#[test]
fn p7_the_asterisk_takes_the_route_that_is_for_it() {
    let h2c = H2Upstream::start();
    let (other, to_app) =
        (format!("[upstreams.other]\nurl = \"{}\"", h2c.url()), ASTERISK.replace("other", "app"));
    let world = World::with_setup(|setup| setup.routes(&to_app));
    let received = world.admits_request("OPTIONS *", &Request::new("OPTIONS", "*"), &[]);
    assert_eq!(received.head.start, "OPTIONS * HTTP/1.1");
    let mut in_front = World::with_setup(|setup| setup.with(&other).routes(ASTERISK));
    in_front.proxy.expect_unmatched_answers();
    let answer = in_front.proxy.exchange(&Request::new("OPTIONS", "*"));
    assert_eq!(answer.status, 200);
    assert_eq!(h2c.heads().len(), 1);
    for (method, target) in [("GET", "*"), ("OPTIONS", "*?x"), ("OPTIONS", "**")] {
        let before = world.mark();
        let answer = world.proxy.exchange(&Request::new(method, target));
        assert_eq!(answer.status, 400, "{method} {target}");
        assert_turned_away(target, Some(&answer), &before);
    }
    // It is no path, and opens none.
    for target in ["/*", "/%2A", "/"] {
        world.refuses_request(target, &Request::new("OPTIONS", target), Reason::CredentialMissing);
    }
}

const SPELLINGS: &str = r#"
[[routes]]
path = "/items/**"
methods = ["PATCH", "patch"]

[[routes]]
path = "/**"
"#;

#[test]
fn p7_another_spelling_of_a_method_passes_where_its_route_lists_it() {
    let world = World::with_setup(|setup| setup.routes(SPELLINGS));
    let token = world.issuer.mint(json!({}));
    let request = Request::new("patch", "/items/1").bearer(&token);
    let received = world.admits_request("patch", &request, &identity(&token));
    assert_eq!(received.head.start, "patch /items/1 HTTP/1.1");
    world.refuses_request(
        "without a token",
        &Request::new("patch", "/items/1"),
        Reason::CredentialMissing,
    );
    for (method, target) in
        [("Patch", "/items/1"), ("patch", "/x"), ("post", "/x"), ("get", "/items/1")]
    {
        let before = world.mark();
        let answer = world.proxy.exchange(&Request::new(method, target).bearer(&token));
        assert_refused(method, &answer, Reason::RequestNotCanonical, &before);
    }
}
