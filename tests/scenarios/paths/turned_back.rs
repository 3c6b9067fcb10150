//! P-18: what an answer says about the service's own paths is turned back into the client's, and
//! nothing else of it.

use crate::{
    paths::rewriting::behind_a_base,
    support::{
        client::Answer,
        h2::{self, Frames, H2},
        upstream::Reply,
        world::World,
    },
};

const ROUTES: &str = r#"
[[routes]]
path             = "/api/**"
access           = "public"
upstream         = "based"
strip_prefix     = "/api"
rewrite_location = true

[[routes]]
path             = "/tenants/{tenant}/v1/**"
access           = "public"
upstream         = "based"
rewrite          = "/t/{tenant}/{rest}"
rewrite_location = true
encoded_slash    = "keep"

[[routes]]
path             = "/plain/**"
access           = "public"
upstream         = "app"
rewrite_location = true

[[routes]]
path         = "/as-it-is/**"
access       = "public"
upstream     = "based"
strip_prefix = "/as-it-is"
"#;

/// The answer to a request of which the upstream's answer has these fields.
fn answered(world: &World, target: &str, fields: &[(&'static str, String)]) -> Answer {
    let fields = fields.to_vec();
    world.upstream.answer_by(move |_| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Reply::with(302, &fields, b"moved")
    });
    world.proxy.get(target, None)
}

fn location(world: &World, target: &str, sent: &str) -> String {
    let answer = answered(world, target, &[("location", sent.to_owned())]);
    assert!(answer.is_from_upstream(), "{sent}: {answer:?}");
    answer.field("location").unwrap().to_owned()
}

#[test]
fn p18_a_redirect_of_the_service_leads_to_the_clients_path() {
    let world = behind_a_base(ROUTES, |setup| setup);
    let own = world.upstream.url();
    for (target, sent, expected) in [
        ("/api/a", "/base/login?next=/base/a#x", "/api/login?next=/base/a#x"),
        ("/api/a", &format!("{own}/base/login"), "/api/login"),
        ("/api/a", "http://api.test/base/login", "/api/login"),
        ("/api/a", "https://api.test/base/login", "https://api.test/api/login"),
        ("/api/a", "login", "login"),
        ("/api/a", "https://idp.test/base/login", "https://idp.test/base/login"),
        ("/api/a", "//idp.test/base/login", "//idp.test/base/login"),
        ("/api/a", "/outside", "/outside"),
        ("/tenants/acme/v1/a", "/base/t/acme/login", "/tenants/acme/v1/login"),
        ("/tenants/acme/v1", "/base/t/acme/", "/tenants/acme/v1/"),
        ("/tenants/acme/v1/a", "/base/t/other/login", "/base/t/other/login"),
        ("/tenants/acme/v1/a%2Fb", "/base/t/acme/a%2Fc", "/tenants/acme/v1/a%2Fc"),
        ("/plain/a", &format!("{own}/plain/login"), "/plain/login"),
        ("/as-it-is/a", &format!("{own}/base/login"), &format!("{own}/base/login")),
    ] {
        assert_eq!(location(&world, target, sent), expected, "{target} {sent}");
    }
}

#[test]
fn p18_a_redirect_can_not_be_turned_into_one_to_another_host() {
    let world = behind_a_base(ROUTES, |setup| setup);
    let own = world.upstream.url();
    // As a service that repeats what it is asked for would send them.
    for sent in [
        "/base/..//evil.test",
        "/base\\evil.test",
        "//evil.test/base/",
        "http://api.test@evil.test/base/",
        "http://api.test.evil.test/base/",
        "/base/\tevil.test",
        &format!("{own}@evil.test/base/"),
        &format!("{own}.evil.test/base/"),
    ] {
        assert_eq!(location(&world, "/api/a", sent), *sent);
    }
    let base_only = "[[routes]]\npath = \"/**\"\naccess = \"public\"\nupstream = \"based\"\n\
                     rewrite_location = true";
    let world = behind_a_base(base_only, |setup| setup);
    for sent in ["/base//evil.test", "/base//evil.test/%2e", "/base/\\evil.test"] {
        assert_eq!(location(&world, "/a", sent), sent);
    }
    assert_eq!(location(&world, "/a", "/base/login"), "/login");
}

#[test]
fn p18_cookies_are_sent_below_the_clients_path() {
    let world = behind_a_base(ROUTES, |setup| setup);
    let sent = [
        "a=1; Path=/base; HttpOnly",
        "b=\"x;y\"; path=/base/x;Secure",
        "c=3; Path=/",
        "d=4",
        "e=5; Path=/outside",
        "__Host-f=6; Path=/; Secure",
        "g=7; Path=/base; Path=/base/x",
        "h=8; Domain=api.test; Path=/base",
    ];
    let fields: Vec<_> = sent.iter().map(|cookie| ("set-cookie", (*cookie).to_owned())).collect();
    let answer = answered(&world, "/api/a", &fields);
    assert_eq!(
        answer.head.all("set-cookie").collect::<Vec<_>>(),
        [
            "a=1; Path=/api; HttpOnly",
            "b=\"x;y\"; path=/api/x;Secure",
            "c=3; Path=/api",
            "d=4",
            "e=5; Path=/outside",
            "__Host-f=6; Path=/; Secure",
            "g=7; Path=/base; Path=/base/x",
            "h=8; Domain=api.test; Path=/api",
        ]
    );
}

#[test]
fn p18_a_clients_path_adds_no_attribute_to_a_cookie() {
    let world = behind_a_base(ROUTES, |setup| setup);
    for (tenant, expected) in
        [("acme", "/tenants/acme/v1"), ("acme;Domain=test", "/base/t/acme;Domain=test")]
    {
        let cookie = format!("a=1; Path=/base/t/{tenant}");
        let fields = [("set-cookie", cookie)];
        let answer = answered(&world, &format!("/tenants/{tenant}/v1/x"), &fields);
        assert!(answer.is_from_upstream(), "{answer:?}");
        assert_eq!(answer.field("set-cookie"), Some(format!("a=1; Path={expected}").as_str()));
    }
    // One for the whole service is not narrowed to such a path either.
    let fields = [("set-cookie", "a=1; Path=/".to_owned())];
    let answer = answered(&world, "/tenants/acme;Domain=test/v1/x", &fields);
    assert_eq!(answer.field("set-cookie"), Some("a=1; Path=/"));
}

#[test]
fn p18_other_headers_stay_as_they_are() {
    let world = behind_a_base(ROUTES, |setup| setup);
    let fields = ["refresh", "link", "x-location", "content-location"];
    let values = ["0; url=/base/a", "</base/a>; rel=next", "/base/a", "/base/a"];
    let sent: Vec<_> = fields.into_iter().zip(values.map(str::to_owned)).collect();
    let answer = answered(&world, "/api/a", &sent);
    for (name, value) in sent.iter().take(3) {
        assert_eq!(answer.field(name), Some(value.as_str()), "{name}");
    }
    assert_eq!(answer.field("content-location"), Some("/api/a"));
}

#[test]
fn p18_an_http2_client_gets_the_same() {
    let mut world = behind_a_base(ROUTES, |setup| setup);
    world.proxy.expect_unmatched_answers();
    world.upstream.answer_by(|_| {
        let fields = [("location", "/base/login"), ("set-cookie", "a=1; Path=/base")];
        Reply::with(201, &fields, b"")
    });
    let request = h2::request("GET", "/api/a").body(Frames::default()).unwrap();
    let answer = H2::connect(world.proxy.address()).exchange(request).unwrap();
    assert_eq!(answer.status, 201);
    assert_eq!(answer.field("location"), Some("/api/login"));
    assert_eq!(answer.field("set-cookie"), Some("a=1; Path=/api"));
}
