//! The caller's token is in nothing that is sent, wherever it came, but where it is forwarded.

use countersign::jose::base64url;

use crate::{
    support::{client::Request, setup::Setup},
    upstream_credentials::scene::{EXCHANGE, ROUTES, Scene},
};

const PLACES: &str = r#"
[credential]
sources = [
  { header = "authorization", scheme = "Bearer" },
  { header = "x-token" },
  { cookie = "session", chunks = true },
  { query = "access_token" },
  { websocket_protocol = "bearer" },
]
"#;

/// A request with the token in every place, one by one.
fn requests(token: &str) -> Vec<(&'static str, Request)> {
    let (one, two) = token.split_at(token.len() / 2);
    let query = format!("/a?b=c&access_token={token}");
    let handshake = || {
        Request::get("/a")
            .field("connection", "Upgrade")
            .field("upgrade", "websocket")
            .field("sec-websocket-version", "13")
            .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    let kubernetes =
        format!("base64url.bearer.authorization.k8s.io.{}", base64url::encode(token.as_bytes()));
    vec![
        ("header", Request::get("/a").bearer(token)),
        ("another header", Request::get("/a").field("x-token", token)),
        ("cookie", Request::get("/a").field("cookie", format!("a=b; session={token}; c=d"))),
        (
            "chunks",
            Request::get("/a").field("cookie", format!("session_0={one}; a=b; session_1={two}")),
        ),
        ("query", Request::get(&query).field("referer", format!("https://api.test{query}"))),
        ("protocol", handshake().field("sec-websocket-protocol", format!("bearer, {token}, chat"))),
        ("kubernetes", handshake().field("sec-websocket-protocol", format!("{kubernetes}, chat"))),
        ("several", Request::get("/a").bearer(token).field("x-token", token)),
    ]
}

#[test]
fn g1_the_callers_token_is_nowhere_but_where_it_is_forwarded() {
    for (choice, sends) in [("none", None), ("orders", Some("Bearer issued-"))] {
        let routes = ROUTES.replace("\"orders\"", &format!("{choice:?}"));
        // Even where tokens are forwarded otherwise.
        let places = PLACES.replace("[credential]\n", "[credential]\nforward = true\n");
        let scene = Scene::start(EXCHANGE, |setup| setup.with(&places).routes(&routes));
        let token = scene.caller("alice");
        let signature = token.rsplit('.').next().unwrap().to_owned();
        for (case, request) in requests(&token) {
            let received = scene.received(&request);
            let raw = format!("{received:?}");
            assert!(!raw.contains(&signature), "{choice}, {case}: {raw}");
            let half = &signature[..20];
            assert!(!raw.contains(half), "{choice}, {case}: {raw}");
            let encoded = base64url::encode(token.as_bytes());
            assert!(!raw.contains(&encoded[..40]), "{choice}, {case}: {raw}");
            let values: Vec<_> = received.head.all("authorization").collect();
            match sends {
                None => assert!(values.is_empty(), "{case}: {values:?}"),
                Some(start) => {
                    assert_eq!(values.len(), 1, "{case}");
                    assert!(values[0].starts_with(start), "{case}: {values:?}");
                }
            }
        }
    }
}

#[test]
fn forwarding_is_up_to_the_route_then_to_the_upstream_then_to_all() {
    let scene = |all: &str, upstream: &str, route: &str| {
        let routes = ROUTES.replace("upstream_credential = \"orders\"", route);
        let all = format!("[credential]\n{all}\n");
        let change = |setup: Setup| setup.with(&all).upstream(upstream).routes(&routes);
        Scene::start(EXCHANGE, change)
    };
    let (forward, none, orders) =
        ("credential = \"forward\"", "credential = \"none\"", "credential = \"orders\"");
    for (all, upstream, route, expected) in [
        ("forward = true", "", "", "forwarded"),
        ("", "", "", "nothing"),
        ("", forward, "", "forwarded"),
        ("forward = true", none, "", "nothing"),
        ("forward = true", none, "upstream_credential = \"forward\"", "forwarded"),
        ("forward = true", forward, "upstream_credential = \"none\"", "nothing"),
        ("forward = true", forward, "upstream_credential = \"orders\"", "exchanged"),
    ] {
        let scene = scene(all, upstream, route);
        let token = scene.caller("alice");
        let received = scene.received(&Request::get("/").bearer(&token));
        let found = match received.head.field("authorization") {
            None => "nothing",
            Some(value) if *value == format!("Bearer {token}") => "forwarded",
            Some(value) if value.starts_with("Bearer issued-") => "exchanged",
            Some(other) => panic!("{other}"),
        };
        assert_eq!(found, expected, "{all}, {upstream}, {route}");
    }
    // A public route without a caller needs another one than the upstream's.
    let routes = "[[routes]]\npath = \"/public/**\"\naccess = \"public\"\n\
                  upstream_credential = \"none\"\n[[routes]]\npath = \"/**\"";
    let scene = Scene::start(EXCHANGE, |setup| setup.upstream(orders).routes(routes));
    assert!(scene.authorization(&scene.caller("alice")).starts_with("Bearer issued-"));
    let public = scene.received(&Request::get("/public/a").bearer("unverified"));
    assert_eq!(public.head.field("authorization"), None);
}
