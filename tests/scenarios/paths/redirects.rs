//! P-19: routes that answer with another URL, which no client can choose the host of.

use countersign::reason::Reason;

use crate::support::{
    client::{Answer, Request},
    h2::{self, Frames, H2},
    oracle::assert_refused,
    world::World,
};

const ROUTES: &str = r#"
[[routes]]
path     = "/**"
hosts    = ["plain.test", "*.plain.test"]
redirect = { to = "https://{host}/{rest}" }

[[routes]]
path     = "/old/**"
redirect = { to = "/new/{rest}", status = 301, query = "drop" }

[[routes]]
path           = "/up/**"
redirect       = { to = "/{rest}", status = 307 }
encoded_slash  = "keep"
empty_segments = "keep"
escapes        = "keep"

[[routes]]
path     = "/users/{id}"
methods  = ["GET"]
redirect = { to = "https://users.test:8443/u/{id}.html", status = 302 }

[[routes]]
path = "/**"
"#;

fn redirected(world: &World, request: &Request) -> (Answer, String) {
    let before = world.mark();
    let answer = world.proxy.exchange(request);
    before.assert_untouched("a redirect");
    let location = answer.field("location").unwrap_or_default().to_owned();
    (answer, location)
}

#[test]
fn p19_a_client_is_sent_where_the_route_says() {
    let world = World::with_setup(|setup| setup.routes(ROUTES));
    for (host, target, status, expected) in [
        ("plain.test", "/a/%62?x=%2f", 308, "https://plain.test/a/b?x=%2f"),
        ("API.plain.test:8080", "/", 308, "https://api.plain.test/"),
        ("plain.test", "http://plain.test?q", 308, "https://plain.test/?q"),
        ("api.test", "/old/a//b?x", 301, "/new/a/b"),
        ("api.test", "/old", 301, "/new"),
        ("api.test", "/up/a%2Fb;c?x", 307, "/a%2Fb;c?x"),
        ("api.test", "/up/a%0D%0Aset-cookie:x", 307, "/a%0D%0Aset-cookie:x"),
        ("api.test", "/users/7", 302, "https://users.test:8443/u/7.html"),
        ("api.test", "/users/@evil.test", 302, "https://users.test:8443/u/@evil.test.html"),
    ] {
        let (answer, location) = redirected(&world, &Request::to(host, "GET", target));
        assert_eq!((answer.status, location.as_str()), (status, expected), "{host} {target}");
        assert!(answer.body.bytes.is_empty());
    }
    let counted = "countersign_requests_total{outcome=\"redirected\",route=\"/old/**\"}";
    assert!((world.proxy.metric(counted) - 2.0).abs() < f64::EPSILON);
}

#[test]
fn p19_no_path_leads_to_another_host() {
    let world = World::with_setup(|setup| setup.routes(ROUTES));
    for target in [
        "/up//evil.test",
        "/up/%2Fevil.test",
        "/up/%5Cevil.test",
        "/up/%255Cevil.test",
        "/up/%09/evil.test",
        "/up/;x/evil.test",
        "/up/..%2Fevil.test",
        "/users/..%2Fx",
    ] {
        let before = world.mark();
        let answer = world.proxy.get(target, None);
        assert_refused(target, &answer, Reason::RequestNotCanonical, &before);
        assert_eq!(answer.field("location"), None, "{target}");
    }
    // A host that the route is not for has no redirect.
    let before = world.mark();
    let request = Request::to("evil.test", "GET", "/a");
    let answer = world.proxy.exchange(&request);
    assert_refused("another host", &answer, Reason::CredentialMissing, &before);
    let request = Request::to("plain.test.evil.test", "GET", "/a");
    let answer = world.proxy.exchange(&request);
    assert_refused("a look-alike", &answer, Reason::CredentialMissing, &before);
}

#[test]
fn p19_a_redirect_takes_requests_of_any_kind_without_a_token() {
    let world = World::with_setup(|setup| setup.routes(ROUTES));
    let post = Request::to("plain.test", "POST", "/a").bearer("no.good.token").body(b"some body");
    let (answer, location) = redirected(&world, &post);
    assert_eq!((answer.status, location.as_str()), (308, "https://plain.test/a"));
    let head = Request::to("plain.test", "HEAD", "/a").field("connection", "close");
    let (answer, location) = redirected(&world, &head);
    assert_eq!((answer.status, location.as_str()), (308, "https://plain.test/a"));
    let (answer, _) = redirected(&world, &Request::to("plain.test", "OPTIONS", "/a"));
    assert_eq!(answer.status, 308);
    let before = world.mark();
    let answer = world.proxy.exchange(&Request::new("POST", "/users/7"));
    assert_refused("another method", &answer, Reason::MethodNotAllowed, &before);
}

#[test]
fn p19_a_token_in_the_query_is_not_taken_along() {
    let sources = "[credential]\nsources = [{ query = \"access_token\" }]";
    let world = World::with_setup(|setup| setup.routes(ROUTES).with(sources));
    let token = world.issuer.mint(serde_json::json!({}));
    let target = format!("/a?x=1&access_token={token}&y=2");
    let (answer, location) = redirected(&world, &Request::to("plain.test", "GET", &target));
    assert_eq!((answer.status, location.as_str()), (308, "https://plain.test/a?x=1&y=2"));
    assert_eq!(answer.field("cache-control"), Some("private"));
}

#[test]
fn p19_an_http2_client_is_sent_to_the_same_place() {
    let world = World::with_setup(|setup| setup.routes(ROUTES));
    let request = h2::request("GET", "/old/a").body(Frames::default()).unwrap();
    let answer = H2::connect(world.proxy.address()).exchange(request).unwrap();
    assert_eq!((answer.status, answer.field("location")), (301, Some("/new/a")));
}
