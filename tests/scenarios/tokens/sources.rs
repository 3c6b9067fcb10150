//! T-27: several lists of places, for all routes, for one, and for an issuer; and their order. The
//! token cache knows a token by its bytes, wherever it was.

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::Request,
    issuer::{AUDIENCE, Issuer},
    key_server::{KeyServer, Page},
    oracle::assert_refused,
    setup::Setup,
    upstream::Upstream,
    world::{World, identity},
};

const FIRST: &str = r#"
[credential]
ambiguous = "first"
sources = [{ header = "authorization", scheme = "Bearer" }, { cookie = "session" }]
"#;

fn with_cookie(request: Request, token: &str) -> Request {
    request.field("cookie", format!("session={token}"))
}

#[test]
fn t21_the_first_source_that_is_there_decides_even_if_its_token_is_bad() {
    let world = World::with_setup(|setup| setup.with(FIRST));
    let good = world.issuer.mint(json!({}));
    let other = world.issuer.mint(json!({ "sub": "mallory" }));
    let expired = world.issuer.mint(json!({ "exp": 1 }));
    let alice = identity(&good);
    for cookie in [&other, &expired, "rubbish"] {
        let request = with_cookie(Request::get("/").bearer(&good), cookie);
        let received = world.admits_request(cookie, &request, &alice);
        assert_eq!(received.head.field("cookie"), None, "all are removed");
        assert_eq!(received.head.field("authorization"), None);
    }
    let request = with_cookie(Request::get("/").bearer(&expired), &good);
    world.refuses_request("a bad one decides", &request, Reason::TokenExpired);
    let request = with_cookie(Request::get("/").field("authorization", "Bearer"), &good);
    world.refuses_request("malformed", &request, Reason::CredentialMalformed);
    let twice = Request::get("/").bearer(&good).bearer(&good);
    world.refuses_request("twice in one place", &twice, Reason::CredentialAmbiguous);
    world.admits_request("cookie alone", &with_cookie(Request::get("/"), &good), &alice);
    let basic = with_cookie(Request::get("/").field("authorization", "Basic dTpw"), &good);
    world.admits_request("another scheme is no source of ours", &basic, &alice);
}

#[test]
fn t21_by_default_an_order_decides_nothing() {
    let sources = FIRST.replace("ambiguous = \"first\"\n", "");
    let world = World::with_setup(|setup| setup.with(&sources));
    let good = world.issuer.mint(json!({}));
    let expired = world.issuer.mint(json!({ "exp": 1 }));
    let request = with_cookie(Request::get("/").bearer(&good), &expired);
    world.refuses_request("strict", &request, Reason::CredentialAmbiguous);
}

/// A list of its own for `/events`, an order of its own for `/mixed`.
const ROUTES: &str = r#"
[[routes]]
path = "/events/**"
credential = { sources = [{ query = "access_token" }] }

[[routes]]
path = "/mixed/**"
credential = { ambiguous = "first" }

[[routes]]
path = "/public/**"
access = "public"

[[routes]]
path = "/**"
"#;

fn by_route(setup: Setup) -> Setup {
    setup.routes(ROUTES).with(&FIRST.replace("ambiguous = \"first\"\n", ""))
}

#[test]
fn t27_a_cached_token_opens_a_route_from_its_own_places_only() {
    let world = World::with_setup(by_route);
    let token = world.issuer.mint(json!({}));
    let alice = identity(&token);
    let query = |path: &str| Request::get(&format!("{path}?access_token={token}"));
    // Verified and cached by way of a cookie, then shown in the query elsewhere, and vice versa.
    world.admits_request("cookie", &with_cookie(Request::get("/a"), &token), &alice);
    world.refuses_request("query", &query("/a"), Reason::CredentialMissing);
    world.admits_request("query", &query("/events/a"), &alice);
    for request in
        [with_cookie(Request::get("/events/a"), &token), Request::get("/events/a").bearer(&token)]
    {
        world.refuses_request("not there", &request, Reason::CredentialMissing);
    }
    let both = with_cookie(query("/events/a"), "mallory").bearer("mallory");
    let received = world.admits_request("one list decides", &both, &alice);
    let said = format!("{:?}", received.head);
    assert!(!said.contains("mallory"), "what no one verified goes nowhere: {said}");
    for path in ["/a", "/public/a"] {
        let before = world.mark();
        let request = with_cookie(query(path), &token);
        assert!(world.proxy.exchange(&request).is_from_upstream());
        let received = before.only_request(path);
        assert_eq!((received.target(), received.head.field("cookie")), (path, None));
    }
}

#[test]
fn t27_an_order_is_of_its_own_route() {
    let world = World::with_setup(by_route);
    let good = world.issuer.mint(json!({}));
    let other = world.issuer.mint(json!({ "sub": "mallory" }));
    let request = |path| with_cookie(Request::get(path).bearer(&good), &other);
    world.admits_request("first", &request("/mixed/a"), &identity(&good));
    world.refuses_request("strict", &request("/a"), Reason::CredentialAmbiguous);
}

#[test]
fn t27_an_issuers_tokens_are_taken_from_its_own_places_cached_or_not() {
    let (corp, upstream, key_server) = (Issuer::usual(), Upstream::start(), KeyServer::start());
    let web = corp.named("https://web.test");
    for name in ["corp", "web"] {
        key_server.serve(&format!("/{name}/jwks"), Page::json(&corp.jwks()));
    }
    let bearer = "{ header = \"authorization\", scheme = \"Bearer\" }";
    let setup = Setup::new()
        .issuer("corp", &corp, &key_server, &format!("credential.sources = [{bearer}]"), "")
        .issuer("web", &web, &key_server, "credential.sources = [{ cookie = \"session\" }]", "")
        .with(&format!("[credential]\nsources = [{bearer}, {{ cookie = \"session\" }}]"));
    let proxy = setup.start(&upstream);
    let world = World { proxy, upstream, key_server, issuer: corp };
    let (by_header, by_cookie) =
        (world.issuer.mint(json!({})), web.mint(json!({ "aud": AUDIENCE })));
    let cookie = |token: &str| with_cookie(Request::get("/"), token);
    let not_there = Reason::CredentialSourceNotAllowed;
    world.refuses_request("cold", &cookie(&by_header), not_there);
    world.refuses_request("cold", &Request::get("/").bearer(&by_cookie), not_there);
    world.admits("its own place", &by_header);
    world.admits_request("its own place", &cookie(&by_cookie), &identity(&by_cookie));
    world.refuses_request("cached", &cookie(&by_header), not_there);
    world.refuses_request("cached", &Request::get("/").bearer(&by_cookie), not_there);
    let both = with_cookie(Request::get("/").bearer(&by_header), &by_header);
    world.admits_request("in its place as well", &both, &identity(&by_header));
}

/// Applications, oauth2-proxy and browsers' libraries write cookies in these forms.
#[test]
fn t21_a_cookie_comes_in_quotes_with_a_scheme_or_in_parts() {
    let sources = r#"
[credential]
sources = [{ cookie = "session", scheme = "Bearer", chunks = true }]
"#;
    let world = World::with_setup(|setup| setup.with(sources));
    let token = world.issuer.mint(json!({}));
    let value = format!("Bearer {token}");
    let (one, two) = value.split_at(value.len() / 2);
    for cookies in [
        format!("a=b; session={value}"),
        format!("a=b; session=\"{value}\""),
        format!("a=b; session_0={one}; session_1={two}"),
        format!("session_1={two}; a=b; session_0={one}"),
    ] {
        let request = Request::get("/").field("cookie", &cookies);
        let received = world.admits_request(&cookies, &request, &identity(&token));
        assert_eq!(received.head.field("cookie"), Some("a=b"), "{cookies}");
    }
    let before = world.mark();
    for (cookies, reason) in [
        (format!("session=\"{value}"), Reason::CredentialSchemeUnknown),
        (format!("session=\"Basic {token}\""), Reason::CredentialSchemeUnknown),
        (format!("session={token}"), Reason::CredentialSchemeUnknown),
        (format!("session_0={one}; session_2={two}"), Reason::CredentialMalformed),
        (format!("session_1={two}"), Reason::CredentialMalformed),
        (format!("session_0={one}"), Reason::TokenMalformed),
        (format!("session={value}; session_0={value}"), Reason::CredentialAmbiguous),
        (format!("session_0={one}; session_1={two}; session_1={two}"), Reason::CredentialAmbiguous),
    ] {
        let answer = world.proxy.exchange(&Request::get("/").field("cookie", &cookies));
        let found = (answer.reason(), answer.is_from_upstream());
        assert_eq!(found, (Some(reason.code().to_owned()), false), "{cookies}");
    }
    before.assert_untouched("forms");
}

#[test]
fn t26_a_page_of_another_site_can_not_use_a_cookie() {
    let world = World::with_setup(|setup| {
        let routes = "[[routes]]\npath = \"/open/**\"\ncredential.cross_site = \"allow\"\n\
                      [[routes]]\npath = \"/app/**\"\n\
                      credential.cross_site = [\"https://app.test\"]\n\
                      [[routes]]\npath = \"/**\"\n";
        setup.with(&FIRST.replace("ambiguous = \"first\"\n", "")).routes(routes)
    });
    let token = world.issuer.mint(json!({}));
    let alice = identity(&token);
    let post = |path: &str| with_cookie(Request::new("POST", path), &token);
    let refused = Reason::CrossSiteCredential;
    // Warm first: a cached token is no reason to trust a page.
    world.admits_request("safe", &with_cookie(Request::get("/"), &token), &alice);
    world.refuses_request("no origin", &post("/"), refused);
    for origin in ["https://evil.test", "null", "https://api.test.evil.test", "https://app.test"] {
        let request = post("/").field("origin", origin).field("sec-fetch-site", "cross-site");
        world.refuses_request(origin, &request, refused);
    }
    for site in ["none", "same-site", "cross-site"] {
        world.refuses_request(site, &post("/").field("sec-fetch-site", site), refused);
    }
    let own = post("/").field("sec-fetch-site", "same-origin");
    world.admits_request("same origin", &own, &alice);
    world.admits_request("own origin", &post("/").field("origin", "https://api.test"), &alice);
    world.admits_request("listed", &post("/app/x").field("origin", "https://app.test"), &alice);
    let unlisted = post("/app/x").field("origin", "https://evil.test");
    world.refuses_request("not listed", &unlisted, refused);
    world.admits_request("open", &post("/open/x").field("origin", "https://evil.test"), &alice);
    world.admits_request("by header", &Request::new("POST", "/").bearer(&token), &alice);
    let both = post("/").bearer(&token);
    world.admits_request("a page can not set the header", &both, &alice);
}

#[test]
fn t26_what_is_wrong_with_the_request_is_said_before_its_token() {
    let world = World::with_setup(|setup| setup.with(FIRST));
    let expired = world.issuer.mint(json!({ "exp": 1 }));
    let before = world.mark();
    let request = with_cookie(Request::new("POST", "/"), &expired);
    let answer = world.proxy.exchange(&request);
    assert_refused("cross site", &answer, Reason::CrossSiteCredential, &before);
}
