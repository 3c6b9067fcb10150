//! The exchange itself (RFC 8693): what is requested, for whom, and how long it counts.

use base64::{Engine, prelude::BASE64_STANDARD};
use countersign::reason::Reason;
use serde_json::json;

use crate::{
    support::{NOW, client::Request, issuer::LIFETIME, wait_until},
    upstream_credentials::scene::{EXCHANGE, LIFE, ROUTES, SECRET, Scene, granted, table},
};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

#[test]
fn the_service_receives_the_exchanged_token_once_and_nothing_of_the_callers() {
    let scene = Scene::exchange("scopes = [\"orders:read\", \"orders:list\"]");
    let token = scene.caller("alice");
    let received = scene.received(&Request::get("/").bearer(&token));
    assert_eq!(received.head.all("authorization").count(), 1);
    let authorization = received.head.field("authorization").unwrap();
    assert!(authorization.starts_with("Bearer issued-"), "{authorization}");
    assert!(authorization.ends_with(".alice.orders.orders:read+orders:list.none"));
    let raw = format!("{received:?}");
    assert!(!raw.contains(&token), "{raw}");
    assert_eq!(received.head.field("x-auth-subject"), Some("alice"));
    assert!(!scene.world.proxy.logs().contains("issued-"), "a token was logged");
}

#[test]
fn the_request_is_that_of_rfc_8693_and_authenticated() {
    let scene = Scene::exchange(
        "resource = [\"https://orders.test/a\", \"https://orders.test/b\"]\nscopes = [\"read\"]",
    );
    let token = scene.caller("alice");
    scene.authorization(&token);
    let question = scene.last();
    assert_eq!(
        question.names(),
        [
            "grant_type",
            "subject_token",
            "subject_token_type",
            "requested_token_type",
            "audience",
            "resource",
            "resource",
            "scope"
        ]
    );
    let parameter = |name| question.parameter(name).unwrap();
    assert_eq!(parameter("grant_type"), "urn:ietf:params:oauth:grant-type:token-exchange");
    assert_eq!(parameter("subject_token"), token);
    assert_eq!(parameter("subject_token_type"), ACCESS_TOKEN);
    assert_eq!(parameter("requested_token_type"), ACCESS_TOKEN);
    assert_eq!(parameter("audience"), "orders");
    // RFC 6749 §2.3.1: both parts are form-encoded.
    let basic = question.head.field("authorization").unwrap();
    let basic = BASE64_STANDARD.decode(basic.strip_prefix("Basic ").unwrap()).unwrap();
    assert_eq!(basic, b"gateway:the%20secret%20of%20the%20gateway%3A%20100%20%25");
}

#[test]
fn a_token_is_exchanged_once_and_again_shortly_before_it_ends_beside_the_request() {
    let scene = Scene::exchange("");
    let token = scene.caller("alice");
    let first = scene.authorization(&token);
    scene.world.proxy.advance(LIFE * 4 / 5 - 1);
    assert_eq!(scene.authorization(&token), first);
    assert_eq!(scene.requests(), 1);

    scene.world.proxy.advance(1);
    assert_eq!(scene.authorization(&token), first, "it is still good");
    scene.wait_for_requests(2);
    wait_until("the renewed token", || scene.authorization(&token) != first);
    assert_eq!(scene.requests(), 2);
}

#[test]
fn a_token_that_has_ended_is_never_sent() {
    let scene = Scene::exchange("");
    let token = scene.caller("alice");
    let first = scene.authorization(&token);
    scene.world.proxy.advance(LIFE - LIFE / 10);
    assert_ne!(scene.authorization(&token), first, "it could end on its way");
    assert_eq!(scene.requests(), 2);
}

#[test]
fn the_exp_of_a_jwt_counts_where_it_is_earlier() {
    let scene = Scene::exchange("");
    let jwt = scene.world.issuer.mint(json!({ "sub": "for-orders", "exp": NOW + 20 }));
    scene.endpoint.answer_by(move |_| granted(&jwt, json!({ "expires_in": 3600 })));
    let token = scene.caller("alice");
    scene.authorization(&token);
    scene.world.proxy.advance(18);
    let fresh = scene.world.issuer.mint(json!({ "sub": "for-orders", "exp": NOW + 500 }));
    let expected = format!("Bearer {fresh}");
    scene.endpoint.answer_by(move |_| granted(&fresh, json!({ "expires_in": 3600 })));
    assert_eq!(scene.authorization(&token), expected);
}

#[test]
fn an_exchanged_token_does_not_outlive_the_callers() {
    let scene = Scene::exchange("");
    scene.endpoint.answer_by(|_| granted("long-lived", json!({ "expires_in": 86_400 })));
    let token = scene.world.issuer.mint(json!({}));
    assert_eq!(scene.authorization(&token), "Bearer long-lived");
    scene.world.proxy.advance(LIFETIME + 60);
    scene.refuses("expired", &token, Reason::TokenExpired);
    assert_eq!(scene.requests(), 1);
}

#[test]
fn g3_a_revoked_caller_has_no_exchanged_token_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("revoked.json");
    std::fs::write(&list, "{\"revoked\":[]}").unwrap();
    let table = format!("[revocation]\nfile = \"{}\"", list.display());
    let scene = Scene::start(EXCHANGE, |setup| setup.with(&table));
    let token = scene.world.issuer.mint(json!({ "jti": "t-1" }));
    scene.authorization(&token);
    let aside = folder.path().join("aside");
    let revoked = json!({ "revoked": [{ "iss": "https://idp.test", "jti": "t-1" }] });
    std::fs::write(&aside, revoked.to_string()).unwrap();
    std::fs::rename(aside, &list).unwrap();
    wait_until("the revocation", || scene.world.proxy.get("/", Some(&token)).status == 401);
    scene.refuses("revoked", &token, Reason::TokenRevoked);
    assert_eq!(scene.requests(), 1);
}

#[test]
fn g2_neither_callers_nor_credentials_are_confused() {
    const TWO: &str = r#"
[[routes]]
path = "/orders/**"
upstream_credential = "orders"

[[routes]]
path = "/bills/**"
upstream_credential = "bills"

[[routes]]
path = "/**"
upstream_credential = "orders"
"#;
    let second = crate::support::introspection::Endpoint::start();
    second.answer_by(super::scene::issue);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), SECRET).unwrap();
    let bills = table("bills", &second, &folder, "kind = \"exchange\"\naudience = \"bills\"");
    let scene = Scene::start(EXCHANGE, |setup| setup.with(&bills).routes(TWO));
    let callers = ["alice", "bob"].map(|sub| (sub, scene.caller(sub)));
    for _ in 0..3 {
        for (sub, token) in &callers {
            for (path, audience) in [("/orders/1", "orders"), ("/bills/1", "bills")] {
                let received = scene.received(&Request::get(path).bearer(token));
                let authorization = received.head.field("authorization").unwrap();
                assert!(authorization.ends_with(&format!(".{sub}.{audience}.none.none")));
            }
        }
    }
    assert_eq!((scene.requests(), second.visits("/token").len()), (2, 2));
}

#[test]
fn a_request_without_a_caller_carries_none() {
    let routes = ROUTES.replace("path = \"/**\"", "path = \"/**\"\naccess = \"optional\"");
    let scene = Scene::start(EXCHANGE, |setup| setup.routes(&routes));
    let guest = scene.received(&Request::get("/"));
    assert_eq!(guest.head.field("authorization"), None);
    assert_eq!(scene.requests(), 0);
    assert!(scene.authorization(&scene.caller("alice")).contains(".alice."));
}

#[test]
fn the_actor_is_the_proxy_itself_or_whose_token_is_in_a_file() {
    let scene = Scene::exchange("actor = \"client\"");
    let authorization = scene.authorization(&scene.caller("alice"));
    assert!(authorization.contains(".alice.orders.none.issued-"), "{authorization}");
    let questions = scene.endpoint.visits(super::scene::PATH);
    let grants: Vec<_> =
        questions.iter().map(|question| question.parameter("grant_type").unwrap()).collect();
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    assert_eq!(grants, ["client_credentials", exchange]);
    scene.authorization(&scene.caller("bob"));
    assert_eq!(scene.requests(), 3, "the actor's token is kept");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("actor");
    std::fs::write(&file, "workload-1\n").unwrap();
    let lines = format!("actor = {{ file = \"{}\", type = \"jwt\" }}", file.display());
    let scene = Scene::exchange(&lines);
    let token = scene.caller("alice");
    assert!(scene.authorization(&token).ends_with(".none.workload-1"));
    let question = scene.last();
    let kind = question.parameter("actor_token_type");
    assert_eq!(kind, Some("urn:ietf:params:oauth:token-type:jwt"));
    // Another actor's tokens are others.
    std::fs::write(&file, "workload-2\n").unwrap();
    wait_until("the actor", || scene.authorization(&token).ends_with(".workload-2"));
    assert_eq!(scene.requests(), 2);
}

#[test]
fn a_reload_keeps_the_tokens_of_credentials_that_stay() {
    let scene = Scene::exchange("");
    let token = scene.caller("alice");
    let first = scene.authorization(&token);
    let server = scene.world.proxy.server();
    server
        .reload(scene.settings(EXCHANGE, |setup| {
            setup.with("[cors]\nall_routes = true\norigins = [\"https://a.test\"]")
        }))
        .unwrap();
    assert_eq!(scene.authorization(&token), first);
    assert_eq!(scene.requests(), 1);
    let other = "kind = \"exchange\"\naudience = \"orders\"\nscopes = [\"read\"]";
    server.reload(scene.settings(other, |setup| setup)).unwrap();
    assert!(scene.authorization(&token).contains(".orders.read."));
    assert_eq!(scene.requests(), 2);
}
