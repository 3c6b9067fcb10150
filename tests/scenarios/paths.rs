//! The P rows of the threat catalogue: the request that policy reads is the request that the
//! upstream receives, byte for byte.

mod any_target;
mod kept;
mod probes;
mod redirects;
pub(crate) mod rewriting;
mod scene;
mod targets;
mod targets_http2;
mod turned_back;

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::Request,
    h2::{self, Frames, H2, RawH2},
    oracle::{assert_refused, assert_turned_away},
    wire::Head,
    world::{World, identity},
};

/// Everything below `/public/` is public, `/admin/` for administrators, `/items/` takes
/// GET only, and the rest asks for a token.
const ROUTES: &str = r#"
[[routes]]
path = "/public/**"
access = "public"

[[routes]]
path = "/admin/**"
scopes = ["admin"]

[[routes]]
path = "/items/**"
methods = ["GET"]

[[routes]]
path = "/**"
"#;

fn world() -> World {
    World::with_setup(|setup| setup.routes(ROUTES))
}

/// Request targets as they are sent, and as policy and upstream see them.
const CANONICALISED: &[(&str, &str)] = &[
    ("/", "/"),
    ("/a/b", "/a/b"),
    ("/a//b", "/a/b"),
    ("//a///b", "/a/b"),
    ("/a/", "/a/"),
    ("/a/b.", "/a/b."),
    ("/%61dmin/x", "/admin/x"),
    ("/%41dmin", "/Admin"),
    ("/a%2Db%5F%7e", "/a-b_~"),
    ("/caf%c3%a9", "/caf%C3%A9"),
    ("/a%20b", "/a%20b"),
    ("/a;v=1/b", "/a;v=1/b"),
    ("/a:b@c", "/a:b@c"),
    ("/a|b", "/a%7Cb"),
    ("/a?x=../..&y=%2e%2e", "/a?x=../..&y=%2e%2e"),
    ("/a?", "/a?"),
    ("/a?b?c", "/a?b?c"),
    ("/a#fragment", "/a"),
    ("/a?b#fragment", "/a?b"),
    ("http://api.test/a", "/a"),
    ("http://API.test", "/"),
    ("http://api.test?q", "/?q"),
];

#[test]
fn p1_p2_p3_the_upstream_receives_the_canonical_target() {
    let world = world();
    let token = world.issuer.mint(json!({ "scope": "admin" }));
    for (sent, canonical) in CANONICALISED {
        let request = Request::get(sent).bearer(&token);
        let received = world.admits_request(sent, &request, &identity(&token));
        let line = format!("GET {canonical} HTTP/1.1");
        assert_eq!(received.head.start, line, "{sent}");
        assert_eq!(received.head.field("host"), Some("api.test"), "{sent}");
    }
}

#[test]
fn p1_the_upstream_receives_the_canonical_target_over_http2() {
    let mut world = world();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({ "scope": "admin" }));
    let client = H2::connect(world.proxy.address());
    let targets = CANONICALISED.iter();
    for (sent, canonical) in targets.filter(|(sent, _)| sent.starts_with('/')) {
        let before = world.mark();
        let answer = client.exchange(h2::get(sent, &token)).unwrap();
        assert_eq!(answer.status, 200, "{sent}");
        let line = format!("GET {canonical} HTTP/1.1");
        assert_eq!(before.only_request(sent).head.start, line, "{sent}");
    }
}

/// Targets that two readers could take for two different paths.
const HOSTILE: &[&[u8]] = &[
    b"/public/../admin/x",
    b"/public/./x",
    b"/public/..",
    b"/public/.",
    b"/..",
    b"/../admin/x",
    b"/public/%2e%2e/admin/x",
    b"/public/%2E%2e/admin/x",
    b"/public/.%2e/admin/x",
    b"/public/%2e/x",
    b"/public/..%2fadmin/x",
    b"/public/..%2Fadmin/x",
    b"/public/..%5cadmin/x",
    b"/public/..\\admin/x",
    b"/public\\..\\admin",
    b"/public/a%2fb",
    b"/public/a%5Cb",
    b"/public/..;/admin/x",
    b"/public/..;foo=bar/admin/x",
    b"/public/.;/x",
    b"/public/%2e%2e;x/admin",
    b"/public/..%3b/admin/x",
    b"/public/%252e%252e/admin/x",
    b"/public/..%252fadmin/x",
    b"/public/%25252e%25252e/x",
    b"/public/%25%32%65/x",
    b"/public/a%00b",
    b"/public/a%0ab",
    b"/public/a%0d%0ax",
    b"/public/a%7fb",
    b"/public/%zz",
    b"/public/%2",
    b"/public/%",
    b"/public/%c0%ae%c0%ae/admin",
    b"/public/%c0%af",
    b"/public/%ff",
    b"/public/\xc3\xa9",
    b"/public/\xff",
    b"/public/a?q=\xff",
];

#[test]
fn p1_no_hostile_target_reaches_the_upstream() {
    let world = world();
    let token = world.issuer.mint(json!({ "scope": "admin" }));
    for target in HOSTILE {
        let case = String::from_utf8_lossy(target);
        let before = world.mark();
        let mut client = world.proxy.client();
        let request = [b"GET ", *target, b" HTTP/1.1\r\nhost: api.test\r\n"].concat();
        client.send(&request);
        client.send(format!("authorization: Bearer {token}\r\n\r\n").as_bytes());
        let answer = client.try_read().unwrap();
        assert_turned_away(&case, answer.as_ref(), &before);
        assert_eq!(answer.map(|answer| answer.status), Some(400), "{case}");
    }
}

#[test]
fn p1_no_hostile_target_reaches_the_upstream_over_http2() {
    let world = world();
    let bearer = format!("Bearer {}", world.issuer.mint(json!({ "scope": "admin" })));
    let before = world.mark();
    for target in HOSTILE.iter().chain(&[&b"*"[..], b"foo", b"", b"http://api.test/x"]) {
        let mut client = RawH2::connect(world.proxy.address(), &[]);
        let fields = [
            (":method", b"GET".as_slice()),
            (":scheme", b"http"),
            (":path", *target),
            (":authority", b"api.test"),
            ("authorization", bearer.as_bytes()),
        ];
        client.headers(1, &fields, true);
        // A status, a reset or the end; never the upstream's answer.
        let case = String::from_utf8_lossy(target).into_owned();
        while let Some(frame) = client.read() {
            match frame.kind {
                h2::HEADERS => {
                    assert_eq!(frame.payload[0], 0x8c, "{case}: not 400");
                    break;
                }
                h2::RST_STREAM | h2::GOAWAY => break,
                _ => {}
            }
        }
        before.assert_untouched(&case);
    }
}

#[test]
fn p1_a_route_cannot_be_left_by_an_encoded_spelling() {
    let world = world();
    let token = world.issuer.mint(json!({ "scope": "user" }));
    for target in ["/admin/x", "/%61dmin/x", "//admin/x", "/admin//x", "/adm%69n/%78"] {
        let request = Request::get(target).bearer(&token);
        world.refuses_request(target, &request, Reason::ScopeInsufficient);
    }
}

#[test]
fn p1_parameters_cannot_leave_a_route() {
    let world = world();
    let token = world.issuer.mint(json!({ "scope": "user" }));
    for target in ["/admin;x/y", "/admin;/y", "/;x/admin/y", "/public;/../admin"] {
        let before = world.mark();
        let answer = world.proxy.get(target, Some(&token));
        assert_turned_away(target, Some(&answer), &before);
    }
}

#[test]
fn p3_paths_are_case_sensitive() {
    let world = world();
    let before = world.mark();
    let answer = world.proxy.get("/Public/x", None);
    assert_refused("case", &answer, Reason::CredentialMissing, &before);
}

#[test]
fn p4_the_query_is_no_part_of_the_path() {
    let world = world();
    for target in [
        "/admin/x?/public/",
        "/admin/x?next=/public/x",
        "/?/public/x",
        "/x?%2fpublic",
        "/admin/x#/public/",
    ] {
        let request = Request::get(target);
        world.refuses_request(target, &request, Reason::CredentialMissing);
    }
    let before = world.mark();
    let answer = world.proxy.get("/public/x?/admin/", None);
    assert!(answer.is_from_upstream());
    let received = before.only_request("query");
    assert_eq!(received.target(), "/public/x?/admin/");
}

#[test]
fn p5_an_absolute_target_and_host_agree_or_are_refused() {
    let world = world();
    let token = world.issuer.mint(json!({}));
    for target in [
        "http://other.test/",
        "http://api.test:81/",
        "http://u@api.test/",
        "http://api.test@other.test/",
        "gopher://api.test/",
        "ftp://api.test/",
        "http:///",
        "//api.test@other.test:x/..",
    ] {
        let before = world.mark();
        let answer = world.proxy.get(target, Some(&token));
        assert_eq!(answer.status, 400, "{target}");
        assert_turned_away(target, Some(&answer), &before);
    }
}

/// A GET of `/` with these lines in the place of `Host`.
fn with_hosts(version: &str, hosts: &str, token: &str) -> Vec<u8> {
    format!("GET / HTTP/{version}\r\n{hosts}authorization: Bearer {token}\r\n\r\n").into_bytes()
}

#[test]
fn p6_a_request_has_exactly_one_valid_host() {
    let world = world();
    let token = world.issuer.mint(json!({}));
    for hosts in [
        "",
        "host:\r\n",
        "host: \r\n",
        "host: api.test\r\nhost: api.test\r\n",
        "host: api.test\r\nHost: other.test\r\n",
        "host: api.test, other.test\r\n",
        "host: u@api.test\r\n",
        "host: api.test/\r\n",
        "host: api.test?x\r\n",
        "host: api.test#x\r\n",
        "host: api.test:\r\n",
        "host: api.test:0\r\n",
        "host: api.test:99999\r\n",
        "host: api.test:80:80\r\n",
        "host: api test\r\n",
        "host: [fe80::1%25eth0]\r\n",
        "host: [::1\r\n",
        "host: %61pi.test\r\n",
        "host: \u{e9}.test\r\n",
        "host: ..\r\n",
        "host: 127.1\r\n",
    ] {
        for version in ["1.1", "1.0"] {
            let before = world.mark();
            let mut client = world.proxy.client();
            client.send(&with_hosts(version, hosts, &token));
            let answer = client.read();
            assert_eq!(answer.status, 400, "{hosts:?}");
            assert_turned_away(hosts, Some(&answer), &before);
        }
    }
}

#[test]
fn p6_the_upstream_receives_the_one_spelling_of_the_host() {
    let world = world();
    let token = world.issuer.mint(json!({}));
    for (sent, canonical) in [
        ("API.Test", "api.test"),
        ("api.test.", "api.test"),
        ("api.test:8080", "api.test:8080"),
        ("[::1]:80", "[::1]:80"),
        ("[0:0::1]", "[::1]"),
    ] {
        let before = world.mark();
        let mut client = world.proxy.client();
        client.send(&with_hosts("1.1", &format!("host: {sent}\r\n"), &token));
        assert!(client.read().is_from_upstream(), "{sent}");
        let received = before.only_request(sent);
        assert_eq!(received.head.field("host"), Some(canonical));
        assert_eq!(received.head.field("x-forwarded-host"), Some(canonical));
    }
}

#[test]
fn p7_tunnels_and_echoes_are_never_served() {
    let world = world();
    let token = world.issuer.mint(json!({ "scope": "admin" }));
    for (method, target) in [
        ("CONNECT", "api.test:443"),
        ("CONNECT", "/public/x"),
        ("TRACE", "/public/x"),
        ("TRACE", "/"),
        ("TRACK", "/"),
    ] {
        let before = world.mark();
        let request = Request::new(method, target).bearer(&token);
        let answer = world.proxy.exchange(&request);
        assert_eq!(answer.status, 405, "{method} {target}");
        assert_turned_away(method, Some(&answer), &before);
    }
}

#[test]
fn p7_a_target_is_a_path() {
    let world = world();
    let token = world.issuer.mint(json!({}));
    for (method, target) in [
        ("GET", "*"),
        ("POST", "*"),
        ("GET", "foo"),
        ("GET", "api.test:443"),
        ("GET", "?x"),
        ("get", "/"),
        ("Post", "/public/x"),
        ("G!T", "/public/x"),
        ("GET_X", "/public/x"),
    ] {
        let case = format!("{method} {target}");
        let before = world.mark();
        let request = Request::new(method, target).bearer(&token);
        let answer = world.proxy.exchange(&request);
        assert_eq!(answer.status, 400, "{case}");
        assert_turned_away(&case, Some(&answer), &before);
    }
}

#[test]
fn p8_options_asks_for_a_token_like_any_other_method() {
    let world = world();
    for request in [
        Request::new("OPTIONS", "/"),
        Request::new("OPTIONS", "/admin/x")
            .field("origin", "https://evil.test")
            .field("access-control-request-method", "POST"),
    ] {
        world.refuses_request("OPTIONS", &request, Reason::CredentialMissing);
    }
    let before = world.mark();
    let answer = world.proxy.exchange(&Request::new("OPTIONS", "*"));
    assert_turned_away("OPTIONS *", Some(&answer), &before);
}

#[test]
fn p9_no_header_changes_the_method() {
    let world = world();
    let token = world.issuer.mint(json!({}));
    for name in
        ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override"]
    {
        let request = Request::get("/items/1").field(name, "DELETE").bearer(&token);
        let received = world.admits_request(name, &request, &identity(&token));
        assert_eq!(received.method(), "GET");
        assert!(!format!("{:?}", received.head).contains("DELETE"), "{name}");
        let before = world.mark();
        let request = Request::new("DELETE", "/items/1").field(name, "GET");
        let answer = world.proxy.exchange(&request.bearer(&token));
        assert_refused(name, &answer, Reason::MethodNotAllowed, &before);
    }
}

#[test]
fn p10_head_and_get_follow_the_same_policy() {
    let world = world();
    let token = world.issuer.mint(json!({ "scope": "user" }));
    for method in ["GET", "HEAD"] {
        let before = world.mark();
        let request = Request::new(method, "/admin/x").bearer(&token);
        let mut client = world.proxy.client();
        client.send(&request.bytes());
        let head = Head::read(client.stream()).unwrap().unwrap();
        assert!(head.start.contains(" 403 "), "{method}: {head:?}");
        before.assert_untouched(method);
    }
}

#[test]
fn p10_a_get_with_a_body_keeps_it() {
    let world = world();
    let token = world.issuer.mint(json!({}));
    let known = Request::get("/").bearer(&token).body(b"query");
    let received = world.admits_request("known length", &known, &identity(&token));
    assert_eq!(received.body.bytes, b"query");

    let before = world.mark();
    let mut client = world.proxy.client();
    let chunked = Request::get("/").bearer(&token).field("transfer-encoding", "chunked");
    client.send(&chunked.bytes());
    client.send(b"5\r\nquery\r\n0\r\n\r\n");
    assert!(client.read().is_from_upstream());
    let received = before.only_request("chunked");
    assert_eq!(received.body.bytes, b"query");
}

#[test]
fn p10_http_1_0_is_answered_and_closed() {
    let world = world();
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    client.send(&with_hosts("1.0", "host: api.test\r\n", &token));
    assert!(client.read().is_from_upstream());
    assert!(client.is_closed());
    assert_eq!(world.upstream.requests()[0].head.start, "GET / HTTP/1.1");
}

#[test]
fn p11_the_operators_pages_are_not_on_the_data_port() {
    let world = world();
    for page in ["/livez", "/readyz", "/metrics", "/keys", "/config", "/healthz", "/ping"] {
        for agent in ["kube-probe/1.30", "GoogleHC/1.0", "Prometheus/3"] {
            let request = Request::get(page).field("user-agent", agent);
            world.refuses_request(page, &request, Reason::CredentialMissing);
        }
    }
}

#[test]
fn p13_what_policy_matched_is_what_is_forwarded() {
    let routes = r#"
        [[routes]]
        path = "/a/*/c"
        scopes = ["one"]

        [[routes]]
        path = "/a/**"
        scopes = ["two"]

        [[routes]]
        path = "/a/b:export"
        scopes = ["three"]
    "#;
    let world = World::with_setup(|setup| setup.routes(routes));
    for (target, scope, canonical) in [
        ("/a/b/c", "one", "/a/b/c"),
        ("/a//b/%63", "one", "/a/b/c"),
        ("/a/b/c/", "two", "/a/b/c/"),
        ("/a/b/c?x", "one", "/a/b/c?x"),
        ("/a/b/d", "two", "/a/b/d"),
        ("/a/b%3Aexport", "three", "/a/b%3Aexport"),
        ("/a/b:export", "three", "/a/b:export"),
    ] {
        for given in ["one", "two", "three"] {
            let token = world.issuer.mint(json!({ "scope": given }));
            let request = Request::get(target).bearer(&token);
            if given == scope {
                let received = world.admits_request(target, &request, &identity(&token));
                assert_eq!(received.target(), canonical);
            } else {
                world.refuses_request(target, &request, Reason::ScopeInsufficient);
            }
        }
    }
}

#[test]
fn p13_a_method_that_the_best_route_does_not_take_does_not_fall_through() {
    let world = world();
    let token = world.issuer.mint(json!({}));
    for method in ["POST", "DELETE", "OPTIONS", "PROPFIND"] {
        let before = world.mark();
        let request = Request::new(method, "/items/1").bearer(&token);
        let answer = world.proxy.exchange(&request);
        assert_refused(method, &answer, Reason::MethodNotAllowed, &before);
        let allow = answer.field("allow").unwrap_or_default();
        assert!(allow.contains("GET"), "{method}: allow: {allow}");
    }
}

#[test]
fn inv7_a_path_without_a_route_is_refused() {
    let routes = "[[routes]]\npath = \"/only\"\naccess = \"public\"";
    let world = World::with_setup(|setup| setup.routes(routes));
    let token = world.issuer.mint(json!({}));
    for target in ["/", "/only/", "/onl", "/only/x", "/ONLY", "/only%20"] {
        let request = Request::get(target).bearer(&token);
        world.refuses_request(target, &request, Reason::RouteUnknown);
    }
    assert!(world.proxy.get("/only", None).is_from_upstream());
}

#[test]
fn p7_connect_is_not_served_over_http2() {
    let mut world = world();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let client = H2::connect(world.proxy.address());
    let before = world.mark();
    let connect = http::Request::builder()
        .method("CONNECT")
        .uri("api.test:443")
        .header("authorization", format!("Bearer {token}"))
        .body(Frames::default())
        .unwrap();
    let answer = client.exchange(connect);
    assert!(answer.is_err() || answer.unwrap().status == 405);
    before.assert_untouched("CONNECT");
}
