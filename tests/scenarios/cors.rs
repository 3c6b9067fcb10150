//! Pages of other origins, through a browser that goes by the Fetch standard: what they may send,
//! what they may read, and what a preflight is not.

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    browser::{Blocked, Call, Page, Readable},
    client::Request,
    h2::{self, Frames, H2},
    logs::subject_in,
    oracle::assert_refused,
    upstream::Reply,
    world::{World, identity},
};

const APP: &str = "https://app.test";

const ROUTES: &str = r#"
[[routes]]
path = "/public/**"
access = "public"

[[routes]]
path = "/loans/**"
methods = ["GET", "POST", "PUT"]
cors = true

[[routes]]
path = "/loans/**"
methods = ["DELETE"]

[[routes]]
path = "/loans/*/notes"
methods = ["POST"]

[[routes]]
path = "/report"
methods = ["PUT"]
scopes = ["reports"]
cors = true

[[routes]]
path = "/closed"
"#;

/// A world with these lines of `[cors]`.
fn world(lines: &str) -> World {
    let cors = format!("[cors]\norigins = [\"{APP}\", \"http://localhost:3000\"]\n{lines}");
    World::with_setup(|setup| setup.with(&cors).routes(ROUTES))
}

fn page(origin: &str) -> Page<'_> {
    Page { origin, with_credentials: false }
}

fn call<'c>(method: &'c str, target: &'c str, headers: &'c [(&'c str, &'c str)]) -> Call<'c> {
    Call { method, target, headers }
}

/// A PUT of JSON with a token to that place, from a page of that origin.
fn put(world: &World, origin: &str, target: &str) -> Result<Readable, Blocked> {
    let bearer = format!("Bearer {}", world.issuer.mint(json!({})));
    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
    page(origin).call(&world.proxy, call("PUT", target, &headers))
}

fn preflight(method: &str, target: &str) -> Request {
    page(APP).preflight(call(method, target, &[("authorization", "")]))
}

#[test]
fn a_page_of_a_configured_origin_calls_a_route_with_a_token_and_reads_the_answer() {
    let world = world("expose = [\"x-total\"]");
    world.upstream.answer_by(|received| {
        assert_ne!(received.method(), "OPTIONS", "preflights stop at the proxy");
        let own = [("access-control-allow-origin", "https://evil.test"), ("x-total", "3")];
        Reply::with(200, &[&own[..], &[("x-other", "4")]].concat(), b"ok")
    });
    for origin in [APP, "http://localhost:3000"] {
        let read = put(&world, origin, "/loans/1").unwrap();
        assert_eq!(read.status, 200);
        let names: Vec<_> = read.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["content-length", "x-total"], "{origin}");
    }
    let counted = "countersign_requests_total{outcome=\"preflight\",route=\"GET,POST,PUT \
                   /loans/**\"}";
    assert!(world.proxy.metric(counted) >= 2.0);
}

/// Suffixes, prefixes, other schemes and ports, `null`: what no comparison but the exact one
/// refuses.
#[test]
fn p16_pages_of_other_origins_read_nothing() {
    let world = world("credentials = true");
    for origin in [
        "https://evil.test",
        "https://app.test.evil.test",
        "https://evil-app.test",
        "https://sub.app.test",
        "http://app.test",
        "https://app.test:8443",
        "https://app.tes",
        "https://localhost:3000",
        "http://localhost:30000",
        "null",
    ] {
        assert_eq!(put(&world, origin, "/loans/1").unwrap_err(), Blocked::Preflight, "{origin}");
        let simple = call("GET", "/loans/1", &[("accept", "*/*")]);
        let read = page(origin).call(&world.proxy, simple);
        assert_eq!(read.unwrap_err(), Blocked::Answer, "{origin}");
        let before = world.mark();
        let answer = world.proxy.exchange(&page(origin).preflight(call("PUT", "/loans/1", &[])));
        assert_refused(origin, &answer, Reason::OriginNotAllowed, &before);
        assert_eq!(answer.field("access-control-allow-origin"), None, "{origin}");
        assert_eq!(answer.field("vary"), Some("Origin"), "{origin}");
        let told =
            format!("header 'origin' is not allowed; found: '{origin}'; setting: cors.origins");
        let logs = world.proxy.worker_logs();
        assert!(logs.lines().filter_map(subject_in).any(|it| it == told), "{told}");
    }
}

#[test]
fn p16_two_origins_are_none() {
    let world = world("");
    let token = world.issuer.mint(json!({}));
    for (first, second) in [(APP, APP), (APP, "https://evil.test"), ("https://evil.test", APP)] {
        let both = |request: Request| request.field("origin", first).field("origin", second);
        let asked =
            Request::new("OPTIONS", "/loans/1").field("access-control-request-method", "PUT");
        world.refuses_request("preflight", &both(asked), Reason::MethodNotAllowed);
        let answer = world.proxy.exchange(&both(Request::get("/loans/1").bearer(&token)));
        assert_eq!(answer.status, 200, "the token decides, not the page");
        assert_eq!(answer.field("access-control-allow-origin"), None);
        assert_eq!(answer.field("vary"), Some("Origin"));
    }
}

#[test]
fn a_page_reads_our_refusals_and_why() {
    let world = world("");
    let bearer = |claims| format!("Bearer {}", world.issuer.mint(claims));
    let (expired, weak) = (bearer(json!({ "exp": 1 })), bearer(json!({})));
    for (method, target, token, status, readable) in [
        ("GET", "/loans/1", None, 401, &["content-type", "cache-control", "www-authenticate"][..]),
        ("PUT", "/loans/1", Some(&expired), 401, &["www-authenticate"]),
        ("PUT", "/report", Some(&weak), 403, &["www-authenticate"]),
        ("POST", "/report", None, 405, &[]),
        ("GET", "/nowhere", None, 403, &[]),
        ("POST", "/loans/%zz", None, 400, &[]),
    ] {
        let headers: Vec<_> = token.iter().map(|token| ("authorization", token.as_str())).collect();
        let read = page(APP).call(&world.proxy, call(method, target, &headers));
        let read = read.unwrap_or_else(|blocked| panic!("{method} {target}: {blocked:?}"));
        assert_eq!(read.status, status, "{method} {target}");
        for name in readable {
            let found = read.headers.iter().any(|(found, _)| found == name);
            assert!(found, "{method} {target}: {name} in {:?}", read.headers);
        }
    }
    world.upstream.answer_by(|_| Reply::hang_up());
    assert_eq!(put(&world, APP, "/loans/1").unwrap().status, 502);
    assert_eq!(put(&world, "https://evil.test", "/loans/1").unwrap_err(), Blocked::Preflight);
}

#[test]
fn p16_a_route_without_the_switch_shares_nothing() {
    let world = world("");
    let simple = call("GET", "/closed", &[]);
    assert_eq!(page(APP).call(&world.proxy, simple).unwrap_err(), Blocked::Answer);
    let theirs = [("access-control-allow-origin", "https://partner.test"), ("vary", "x-tenant")];
    world.upstream.answer_by(move |_| Reply::with(200, &theirs, b"ok"));
    let token = world.issuer.mint(json!({}));
    let request = Request::get("/closed").bearer(&token).field("origin", APP);
    let answer = world.proxy.exchange(&request);
    assert_eq!(answer.field("access-control-allow-origin"), Some("https://partner.test"));
    assert_eq!(answer.field("vary"), Some("x-tenant"), "as the service sent it");
}

/// The strict default: a preflight is a request like any other.
#[test]
fn p8_without_the_section_preflights_need_a_token_and_a_route() {
    let world = World::start();
    let asked = preflight("PUT", "/loans/1");
    world.refuses_request("no token", &asked, Reason::CredentialMissing);
    let answer = world.proxy.exchange(&asked.bearer(&world.issuer.mint(json!({}))));
    assert!(answer.is_from_upstream());
    assert_eq!((answer.field("vary"), answer.status), (None, 200));
}

/// A preflight is answered only where the request that it announces has the switch: it never makes
/// another route's decision, and it opens nothing.
#[test]
fn p8_p16_a_preflight_is_decided_by_the_route_of_what_it_announces() {
    let world = world("");
    for (case, request, reason) in [
        ("no switch", preflight("DELETE", "/loans/1"), Reason::MethodNotAllowed),
        ("a more specific place", preflight("POST", "/loans/1/notes"), Reason::MethodNotAllowed),
        ("a method without a route", preflight("PATCH", "/loans/1"), Reason::MethodNotAllowed),
        ("a method in small letters", preflight("put", "/loans/1"), Reason::MethodNotAllowed),
        ("a method never served", preflight("TRACE", "/loans/1"), Reason::MethodNotAllowed),
        ("a route for every method", preflight("PUT", "/closed"), Reason::CredentialMissing),
        ("no place", preflight("PUT", "/nowhere"), Reason::RouteUnknown),
        ("a dot segment", preflight("PUT", "/closed/../loans/1"), Reason::RequestNotCanonical),
        ("a parameter", preflight("PUT", "/loans/1/notes;x"), Reason::RequestNotCanonical),
        ("no origin", Request::new("OPTIONS", "/loans/1"), Reason::MethodNotAllowed),
        (
            "no method",
            Request::new("OPTIONS", "/loans/1").field("origin", APP),
            Reason::MethodNotAllowed,
        ),
        (
            "two methods",
            preflight("PUT", "/loans/1").field("access-control-request-method", "DELETE"),
            Reason::MethodNotAllowed,
        ),
        (
            "no OPTIONS",
            Request::new("DELETE", "/loans/1")
                .field("origin", APP)
                .field("access-control-request-method", "PUT"),
            Reason::CredentialMissing,
        ),
        (
            "another method by header",
            Request::new("DELETE", "/loans/1")
                .field("x-http-method-override", "OPTIONS")
                .field("origin", APP)
                .field("access-control-request-method", "PUT"),
            Reason::CredentialMissing,
        ),
    ] {
        world.refuses_request(case, &request, reason);
    }
}

/// Routes of one place may keep what others of it refuse: a preflight is read as the request that
/// it announces will be, not by another route's rules.
#[test]
fn p1_p16_a_preflight_is_read_by_the_rules_of_what_it_announces() {
    const ROUTES: &str = r#"
[[routes]]
path = "/projects/**"
methods = ["GET"]
encoded_slash = "keep"

[[routes]]
path = "/projects/**"
methods = ["PUT"]

[[routes]]
path = "/projects/**"
methods = ["POST"]
encoded_slash = "keep"
"#;
    for preflights in ["answer", "pass"] {
        let cors = format!(
            "[cors]\norigins = [\"{APP}\"]\nall_routes = true\npreflights = \"{preflights}\""
        );
        let world = World::with_setup(|setup| setup.with(&cors).routes(ROUTES));
        let kept = "/projects/group%2Fname";
        for method in ["GET", "POST"] {
            let answer = world.proxy.exchange(&preflight(method, kept));
            assert!(answer.status < 300, "{preflights} {method}: {answer:?}");
        }
        for received in world.upstream.requests() {
            assert_eq!((received.method(), received.target()), ("OPTIONS", kept));
        }
        // By the first route of the place, as every OPTIONS there: it is not for that method.
        world.refuses_request("PUT", &preflight("PUT", kept), Reason::MethodNotAllowed);
        let answer = world.proxy.exchange(&preflight("PUT", "/projects/1"));
        assert!(answer.status < 300, "{preflights}: {answer:?}");
    }
}

/// What a preflight says is constants of the configuration, whatever it asks for; and what it has
/// allowed is decided again with the request.
#[test]
fn p16_nothing_of_a_preflight_is_reflected() {
    let world = world("methods = [\"PUT\"]\nheaders = [\"authorization\"]\nmax_age = \"0s\"");
    let before = world.mark();
    let hostile = preflight("PUT", "/loans/1")
        .field("access-control-request-headers", "x-admin, \"><script>, x\ty")
        .field("access-control-request-private-network", "true")
        .field("access-control-request-local-network", "true");
    let answer = world.proxy.exchange(&hostile);
    assert_eq!(answer.status, 204);
    let sent: Vec<_> = answer.head.fields.iter().filter(|(name, _)| name != "date").collect();
    let sent: Vec<_> = sent.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(
        sent,
        [
            "cache-control: no-store",
            "access-control-allow-methods: PUT",
            "access-control-allow-headers: authorization",
            "access-control-max-age: 0",
            "vary: Access-Control-Request-Method",
            "vary: Origin",
            "access-control-allow-origin: https://app.test",
            "access-control-expose-headers: www-authenticate, retry-after",
        ]
    );
    before.assert_untouched("the service sees no preflight");
    let headers = [("x-admin", "1")];
    let with_header = page(APP).call(&world.proxy, call("PUT", "/loans/1", &headers));
    assert_eq!(with_header.unwrap_err(), Blocked::Header);
    world.refuses_request("PUT", &Request::new("PUT", "/loans/1"), Reason::CredentialMissing);
}

/// A cache that goes by `Vary` never gives the answer for one origin to another, nor one for no
/// origin to a page.
#[test]
fn p16_every_answer_of_such_a_route_varies_by_origin() {
    let world = world("");
    let token = world.issuer.mint(json!({}));
    world.upstream.answer_by(|_| Reply::with(200, &[("vary", "accept-encoding")], b"ok"));
    for origin in [None, Some(APP), Some("https://evil.test")] {
        for bearer in [None, Some(&token)] {
            let mut request = Request::get("/loans/1");
            request =
                origin.iter().fold(request, |request, origin| request.field("origin", origin));
            request = bearer.iter().fold(request, |request, token| request.bearer(token));
            let answer = world.proxy.exchange(&request);
            let vary: Vec<_> = answer.head.all("vary").collect();
            let expected: &[&str] =
                if bearer.is_some() { &["accept-encoding", "Origin"] } else { &["Origin"] };
            assert_eq!(vary, expected, "{origin:?}");
            let allowed = answer.field("access-control-allow-origin");
            assert_eq!(allowed, origin.filter(|origin| *origin == APP), "{origin:?}");
        }
    }
}

#[test]
fn credentials_are_for_listed_origins_only() {
    let world = world("credentials = true");
    let with_cookies = Page { origin: APP, with_credentials: true };
    let read = with_cookies.call(&world.proxy, call("GET", "/loans/1", &[]));
    assert_eq!(read.unwrap().status, 401);

    let any = "[cors]\norigins = \"any\"\nall_routes = true";
    let open = World::with_setup(|setup| setup.with(any));
    let other = Page { origin: "https://anywhere.test", with_credentials: false };
    let simple = call("GET", "/public/page", &[]);
    assert_eq!(other.call(&open.proxy, simple).unwrap().status, 200);
    let with_cookies = Page { with_credentials: true, ..other };
    assert_eq!(with_cookies.call(&open.proxy, simple).unwrap_err(), Blocked::Answer);
}

/// With `preflights = "pass"` the service says who may do what, and sees preflights without a
/// token, as it would without a proxy.
#[test]
fn p8_h1_a_preflight_that_is_passed_carries_no_identity() {
    let world = world("preflights = \"pass\"");
    world.upstream.answer_by(|_| {
        let own = [("access-control-allow-origin", APP), ("access-control-allow-methods", "PUT")];
        Reply::with(204, &[&own[..], &[("vary", "x-own")]].concat(), b"")
    });
    let before = world.mark();
    let token = world.issuer.mint(json!({}));
    let forged = preflight("PUT", "/loans/1").bearer(&token).field("x-auth-subject", "mallory");
    let answer = world.proxy.exchange(&forged);
    assert!(answer.is_from_upstream() && answer.status == 204, "{answer:?}");
    assert_eq!(answer.field("access-control-allow-methods"), Some("PUT"));
    assert_eq!(answer.field("vary"), Some("x-own"), "one set of headers, the service's");
    let received = before.only_request("the preflight");
    assert_eq!(received.method(), "OPTIONS");
    for removed in ["authorization", "x-auth-subject", "x-auth-issuer"] {
        assert_eq!(received.head.field(removed), None, "{removed}");
    }

    world.refuses_request(
        "OPTIONS",
        &Request::new("OPTIONS", "/loans/1"),
        Reason::MethodNotAllowed,
    );
    world.refuses_request("DELETE", &preflight("DELETE", "/loans/1"), Reason::MethodNotAllowed);
    let foreign = page("https://evil.test").preflight(call("PUT", "/loans/1", &[]));
    world.refuses_request("another page", &foreign, Reason::OriginNotAllowed);
    let refused = page(APP).call(&world.proxy, call("GET", "/loans/1", &[]));
    assert_eq!(refused.unwrap().status, 401, "our own refusals are readable");
}

#[test]
fn p16_a_page_is_known_over_http2_alike() {
    let mut world = world("");
    world.proxy.expect_unmatched_answers();
    let client = H2::connect(world.proxy.address());
    for (origin, status, allowed) in
        [(APP, 204, Some(APP)), ("https://evil.test", 403, None), ("null", 403, None)]
    {
        let asked = h2::request("OPTIONS", "/loans/1")
            .header("origin", origin)
            .header("access-control-request-method", "PUT");
        let answer = client.exchange(asked.body(Frames::default()).unwrap()).unwrap();
        let found = (answer.status, answer.field("access-control-allow-origin"));
        assert_eq!(found, (status, allowed), "{origin}");
    }
    let mut request = h2::get("/loans/1", &world.issuer.mint(json!({})));
    request.headers_mut().insert("origin", APP.parse().unwrap());
    let answer = client.exchange(request).unwrap();
    assert_eq!((answer.status, answer.field("access-control-allow-origin")), (200, Some(APP)));
}

/// Who sends a request is the token's business, with CORS as without.
#[test]
fn the_token_decides_what_passes_whatever_the_page_is() {
    let world = world("");
    let token = world.issuer.mint(json!({}));
    for origin in [APP, "https://evil.test", "null"] {
        let request = Request::get("/loans/1").bearer(&token).field("origin", origin);
        let received = world.admits_request(origin, &request, &identity(&token));
        assert_eq!(received.head.field("origin"), Some(origin));
    }
}
