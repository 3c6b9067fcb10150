//! T-25: a token in the query, for what can't set a header: the URL is where the most readers are.

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::Request,
    setup::Setup,
    upstream::Reply,
    world::{World, identity},
};

const QUERY: &str = r#"
[credential]
sources = [{ header = "authorization", scheme = "Bearer" }, { query = "access_token" }]
"#;

fn with_query(setup: Setup) -> Setup {
    setup.with(QUERY)
}

#[test]
fn t25_a_token_of_the_query_is_taken_and_goes_nowhere() {
    let world = World::with_setup(with_query);
    let token = world.issuer.mint(json!({}));
    let identity = identity(&token);
    for (target, left) in [
        (format!("/hub?id=7&access_token={token}"), "/hub?id=7"),
        (format!("/hub?access_token={token}&id=%2F"), "/hub?id=%2F"),
        (format!("/hub?access%5Ftoken={token}"), "/hub"),
        (format!("/hub?access_token={}", token.replace('.', "%2E")), "/hub"),
    ] {
        let referer = format!("https://app.test/page?access_token={token}&x=1");
        let request = Request::get(&target).field("referer", &referer);
        let received = world.admits_request(&target, &request, &identity);
        assert_eq!(received.target(), left);
        assert_eq!(received.head.field("referer"), Some("https://app.test/page?x=1"));
        assert!(!format!("{:?}", received.head).contains(&token), "{target}");
    }
    assert!(!world.proxy.logs().contains(&token), "nor is it in a log line");
}

#[test]
fn t25_by_default_a_query_is_the_services_own() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let target = format!("/hub?access_token={token}");
    world.refuses_request("no source", &Request::get(&target), Reason::CredentialMissing);
    let request = Request::get("/hub?access_token=its-own").bearer(&token);
    let received = world.admits_request("its own", &request, &identity(&token));
    assert_eq!(received.target(), "/hub?access_token=its-own");
    let answer = world.proxy.exchange(&request);
    assert_eq!((answer.field("referrer-policy"), answer.field("cache-control")), (None, None));
}

#[test]
fn t25_what_servers_read_differently_is_refused() {
    let world = World::with_setup(with_query);
    let (alice, bob) = (world.issuer.mint(json!({})), world.issuer.mint(json!({ "sub": "bob" })));
    for target in [
        format!("/?access_token={alice}&access_token={alice}"),
        format!("/?access_token={alice}&access%5ftoken={bob}"),
        format!("/?access_token={alice}&Access_Token={bob}"),
        format!("/?access_token={alice}&access.token={bob}"),
        format!("/?access_token={alice}&access_token[]={bob}"),
        format!("/?access_token={alice}&access_token="),
        format!("/?x=1;access_token={alice}"),
        format!("/?access_token={alice};access_token={bob}"),
        format!("/?access%255Ftoken={alice}"),
    ] {
        let request = Request::get(&target);
        world.refuses_request(&target, &request, Reason::CredentialAmbiguous);
    }
    let malformed = Request::get(&format!("/?access_token={alice}%"));
    world.refuses_request("escape", &malformed, Reason::CredentialMalformed);
    let malformed = Request::get(&format!("/?access_token={alice}+{bob}"));
    world.refuses_request("two in one", &malformed, Reason::CredentialMalformed);
    let both = Request::get(&format!("/?access_token={alice}")).bearer(&bob);
    world.refuses_request("header and query", &both, Reason::CredentialAmbiguous);
    let forged = Request::get(&format!("/?access_token={}AAAA", &alice[..alice.len() - 4]));
    world.refuses_request("forged", &forged, Reason::SignatureInvalid);
}

#[test]
fn t25_every_occurrence_goes_on_public_routes_too() {
    let world = World::with_setup(with_query);
    let token = world.issuer.mint(json!({}));
    let twice = format!("/public/x?a=1&access_token={token}&b=2&Access_Token={token};c=3");
    let before = world.mark();
    assert!(world.proxy.exchange(&Request::get(&twice)).is_from_upstream());
    assert_eq!(before.only_request("public").target(), "/public/x?a=1&b=2;c=3");
}

#[test]
fn t25_the_answer_is_private_and_its_url_goes_no_further() {
    let world = World::with_setup(with_query);
    let token = world.issuer.mint(json!({}));
    let target = format!("/hub?access_token={token}");
    world.upstream.answer_by(|_| {
        let fields = [("cache-control", "public, max-age=60"), ("referrer-policy", "unsafe-url")];
        Reply::with(200, &fields, b"x")
    });
    let answer = world.proxy.exchange(&Request::get(&target));
    let caching: Vec<_> = answer.head.all("cache-control").collect();
    assert_eq!(caching, ["public, max-age=60", "private"]);
    assert_eq!(answer.field("referrer-policy"), Some("no-referrer"));
    let refused = world.proxy.exchange(&Request::get(&format!("{target}x")));
    assert_eq!(refused.status, 401);
    assert_eq!(refused.field("cache-control"), Some("no-store"));
    assert_eq!(refused.field("referrer-policy"), Some("no-referrer"));
    let by_header = world.proxy.exchange(&Request::get("/hub").bearer(&token));
    assert_eq!(by_header.field("cache-control"), Some("public, max-age=60"));
    assert_eq!(by_header.field("referrer-policy"), Some("unsafe-url"));
}

#[test]
fn t25_a_forwarded_credential_is_not_the_querys() {
    let forwarding = format!("{QUERY}\nforward = true\n");
    let world = World::with_setup(|setup| setup.with(&forwarding));
    let token = world.issuer.mint(json!({}));
    let request = Request::get(&format!("/hub?access_token={token}"));
    let received = world.admits_request("query", &request, &identity(&token));
    assert_eq!((received.target(), received.head.field("authorization")), ("/hub", None));
    let request = Request::get(&format!("/hub?access_token={token}")).bearer(&token);
    let received = world.admits_request("both", &request, &identity(&token));
    let expected = format!("Bearer {token}");
    assert_eq!(received.target(), "/hub");
    assert_eq!(received.head.field("authorization"), Some(&*expected));
}
