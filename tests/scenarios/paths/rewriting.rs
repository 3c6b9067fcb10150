//! P-17: paths that are stripped, rewritten and put behind the upstream's own. Policy reads the
//! client's path; the upstream receives what the operator says, and nothing that it could read as
//! a path elsewhere.

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::Request,
    h2::RawH2,
    h2_upstream::H2Upstream,
    issuer::Issuer,
    key_server::{KeyServer, Page},
    oracle::assert_refused,
    setup::Setup,
    upstream::Upstream,
    world::{JWKS, World},
};

const ROUTES: &str = r#"
[[routes]]
path           = "/api/**"
upstream       = "based"
strip_prefix   = "/api"
encoded_slash  = "keep"
empty_segments = "keep"
escapes        = "keep"

[[routes]]
path         = "/api/admin/**"
upstream     = "based"
scopes       = ["admin"]
strip_prefix = "/api"

[[routes]]
path          = "/root/**"
upstream      = "app"
access        = "public"
strip_prefix  = "/root"
encoded_slash = "keep"
escapes       = "keep"

[[routes]]
path     = "/tenants/{tenant}/v1/**"
upstream = "based"
rewrite  = "/t/{tenant}/{rest}"

[[routes]]
path     = "/files/{id}"
upstream = "based"
rewrite  = "/store/{id}.json"

[[routes]]
path     = "/**"
upstream = "based"
"#;

/// The usual scene with a second upstream `based`, which is the same one below `/base`.
pub(crate) fn behind_a_base(routes: &str, change: impl FnOnce(Setup) -> Setup) -> World {
    let (issuer, upstream, key_server) = (Issuer::usual(), Upstream::start(), KeyServer::start());
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    let based = format!("[upstreams.based]\nurl = \"{}/base\"", upstream.url());
    let setup = Setup::new().issuer("corp", &issuer, &key_server, "", "");
    let proxy = change(setup.with(&based).routes(routes)).start(&upstream);
    World { proxy, upstream, key_server, issuer }
}

/// Targets as clients send them, and as the upstream receives them.
const REWRITTEN: &[(&str, &str)] = &[
    ("/api/a/b?x=%2f;y", "/base/a/b?x=%2f;y"),
    ("/api", "/base/"),
    ("/api/", "/base/"),
    ("/%61pi/%61", "/base/a"),
    ("/api/a%2fb//%41", "/base/a%2fb//%41"),
    ("/%61pi/a%2fb", "/base/a%2fb"),
    ("/api/a;v=1/b", "/base/a;v=1/b"),
    ("/api/.well-known/x", "/base/.well-known/x"),
    ("/root/a", "/a"),
    ("/root", "/"),
    // Merged, since the route does not keep empty segments.
    ("/root//evil.test", "/evil.test"),
    ("/tenants/acme/v1/users/7", "/base/t/acme/users/7"),
    ("/tenants/acme/v1", "/base/t/acme"),
    ("/tenants/acme/v1/", "/base/t/acme/"),
    ("/files/7", "/base/store/7.json"),
    ("/other/x?q", "/base/other/x?q"),
    ("/", "/base/"),
];

/// Targets that some server could read as another path than the upstream is meant to receive.
const REFUSED: &[&str] = &[
    "/api/../x",
    "/api/..%2fx",
    "/api/a%2f..%2f..%2fx",
    "/api/%252e%252e/x",
    "/api/%252e%252e%252fx",
    "/api/..;/x",
    "/api/..%3bx/y",
    "/api/%5c..%5cx",
    "/root/%2Fevil.test",
    "/root/%5Cevil.test",
    "/root/%252Fevil.test",
    "/root/%0A%2Fevil.test",
    "/files/..%2fx",
    "/files/a%2fb",
    "/tenants/../v1/x",
    "/tenants/a%2f..%2fb/v1/x",
    "/tenants/%2e%2e/v1/x",
];

#[test]
fn p17_the_upstream_receives_the_path_that_the_route_says() {
    let world = behind_a_base(ROUTES, |setup| setup);
    let token = world.issuer.mint(json!({ "scope": "admin" }));
    for (target, expected) in REWRITTEN {
        let before = world.mark();
        let answer = world.proxy.get(target, Some(&token));
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        assert_eq!(before.only_request(target).target(), *expected, "{target}");
    }
}

#[test]
fn p17_the_upstream_receives_the_same_of_http2() {
    let mut world = behind_a_base(ROUTES, |setup| setup);
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({ "scope": "admin" }));
    let mut client = RawH2::connect(world.proxy.address(), &[]);
    for (stream, (target, expected)) in (1..).step_by(2).zip(REWRITTEN) {
        let before = world.mark();
        client.get(stream, target, &token);
        assert_eq!(client.read_status(stream), Some(200), "{target}");
        assert_eq!(before.only_request(target).target(), *expected, "{target}");
    }
}

#[test]
fn p17_what_could_be_read_as_a_path_elsewhere_is_refused() {
    let world = behind_a_base(ROUTES, |setup| setup);
    let token = world.issuer.mint(json!({ "scope": "admin" }));
    for target in REFUSED {
        let before = world.mark();
        let answer = world.proxy.get(target, Some(&token));
        assert_refused(target, &answer, Reason::RequestNotCanonical, &before);
    }
}

#[test]
fn p17_policy_reads_the_path_of_the_client() {
    let world = behind_a_base(ROUTES, |setup| setup);
    let token = world.issuer.mint(json!({ "scope": "user" }));
    for target in ["/api/admin/x", "/api/admin", "/api/%61dmin/x", "/api//admin/x"] {
        let before = world.mark();
        let answer = world.proxy.get(target, Some(&token));
        assert_refused(target, &answer, Reason::ScopeInsufficient, &before);
    }
}

#[test]
fn p17_a_path_is_rewritten_for_those_who_may_pass_only() {
    let world = behind_a_base(ROUTES, |setup| setup);
    let target = "/api/%2Fx";
    let before = world.mark();
    assert_refused("no token", &world.proxy.get(target, None), Reason::CredentialMissing, &before);
    let token = world.issuer.mint(json!({}));
    assert_eq!(world.proxy.get(target, Some(&token)).status, 200);
    assert_eq!(before.only_request(target).target(), "/base/%2Fx");
}

#[test]
fn p17_the_path_of_an_h2c_url_is_put_before_the_path() {
    let upstream = H2Upstream::start();
    let url = format!("{}/base", upstream.url());
    let mut world = World::with_setup(|setup| {
        setup.with(&format!("[upstreams.based]\nurl = \"{url}\"")).routes(ROUTES)
    });
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let answer = world.proxy.get("/api/a%2Fb?q", Some(&token));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(upstream.heads()[0].uri, "http://api.test/base/a%2Fb?q");
}

#[test]
fn h9_p17_the_upstream_learns_which_prefix_was_stripped() {
    let trusting = "[forwarding]\ntrusted_proxies = [\"127.0.0.0/8\"]";
    let prefix = |world: &World, target: &str, sent: &[&str]| {
        let token = world.issuer.mint(json!({}));
        let request = Request::get(target).bearer(&token);
        let request = sent.iter().fold(request, |it, value| it.field("x-forwarded-prefix", value));
        let before = world.mark();
        world.proxy.exchange(&request);
        let received = before.only_request(target);
        received.head.field("x-forwarded-prefix").map(str::to_owned)
    };
    let plain = behind_a_base(ROUTES, |setup| setup);
    assert_eq!(prefix(&plain, "/api/a", &[]).as_deref(), Some("/api"));
    assert_eq!(prefix(&plain, "/api/a", &["/forged"]).as_deref(), Some("/api"));
    assert_eq!(prefix(&plain, "/tenants/a/v1/x", &["/forged"]), None);
    let keeping = "[forwarding]\nkeep = [\"x-forwarded-prefix\"]";
    let keeping = behind_a_base(ROUTES, |setup| setup.with(keeping));
    assert_eq!(prefix(&keeping, "/api/a", &["/forged"]).as_deref(), Some("/api"));
    assert_eq!(prefix(&keeping, "/other", &["/kept"]).as_deref(), Some("/kept"));
    let trusting = behind_a_base(ROUTES, |setup| setup.with(trusting));
    for (sent, expected) in [
        (&["/outer"][..], "/outer/api"),
        (&["/outer/"], "/outer/api"),
        (&[], "/api"),
        (&["/a", "/b"], "/api"),
        (&["/a, /b"], "/api"),
        (&["//evil.test"], "/api"),
        (&["https://evil.test"], "/api"),
        (&[""], "/api"),
    ] {
        assert_eq!(prefix(&trusting, "/api/a", sent).as_deref(), Some(expected), "{sent:?}");
    }
}
