//! T-21: where a request carries its credential, and how many.

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::Request,
    setup::Setup,
    world::{World, identity},
};

/// Authorization, a raw header and a cookie.
const EVERYWHERE: &str = r#"
[credential]
sources = [
  { header = "authorization", scheme = "Bearer" },
  { header = "x-token" },
  { cookie = "session" },
]
"#;

fn everywhere(setup: Setup) -> Setup {
    setup.with(EVERYWHERE)
}

fn authorization(value: &str) -> Request {
    Request::get("/").field("authorization", value)
}

#[test]
fn t21_authorization_carries_one_token_by_the_scheme_bearer() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let identity = identity(&token);
    for value in [
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER {token}"),
        format!("bEaReR {token}"),
        format!("Bearer  {token}"),
        format!("  Bearer {token}  "),
    ] {
        let received = world.admits_request(&value, &authorization(&value), &identity);
        assert_eq!(received.head.field("authorization"), None, "{value}: stripped by default");
    }
    for value in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer\t{token}"),
        format!("Bearer \t{token}"),
        format!("Bearer {token} {token}"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {token},{token}"),
        format!("Bearer {token};x=1"),
        format!("Bearer token=\"{token}\""),
    ] {
        world.refuses_request(&value, &authorization(&value), Reason::CredentialMalformed);
    }
    for value in [
        token.clone(),
        format!("Basic {token}"),
        "Basic dXNlcjpwYXNz".to_owned(),
        format!("DPoP {token}"),
        format!("Token {token}"),
        format!("Bearer:{token}"),
        format!("BearerX {token}"),
        format!("xBearer {token}"),
    ] {
        world.refuses_request(&value, &authorization(&value), Reason::CredentialSchemeUnknown);
    }
    world.refuses_request("empty", &authorization(""), Reason::CredentialMissing);
}

#[test]
fn t21_two_authorization_headers_are_ambiguous_even_if_they_agree() {
    let world = World::start();
    let (alice, bob) = (world.issuer.mint(json!({})), world.issuer.mint(json!({ "sub": "bob" })));
    for (one, two) in [
        (format!("Bearer {alice}"), format!("Bearer {bob}")),
        (format!("Bearer {alice}"), format!("Bearer {alice}")),
        (format!("Bearer {alice}"), "Basic dXNlcjpwYXNz".to_owned()),
        ("Basic dXNlcjpwYXNz".to_owned(), format!("Bearer {alice}")),
        (format!("Bearer {alice}"), String::new()),
    ] {
        let request = authorization(&one).field("Authorization", &two);
        world.refuses_request(&two, &request, Reason::CredentialAmbiguous);
    }
}

#[test]
fn t21_other_places_are_not_looked_at_by_default() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let form = format!("access_token={token}");
    for request in [
        Request::get("/"),
        Request::get(&format!("/?access_token={token}")),
        Request::get("/").field("proxy-authorization", format!("Bearer {token}")),
        Request::get("/").field("cookie", format!("access_token={token}")),
        Request::get("/").field("x-authorization", format!("Bearer {token}")),
        Request::get("/").field("authorization_", format!("Bearer {token}")),
        Request::get("/").field("x-access-token", &token),
        Request::new("POST", "/")
            .field("content-type", "application/x-www-form-urlencoded")
            .body(form.as_bytes()),
    ] {
        let case = String::from_utf8_lossy(&request.bytes()).into_owned();
        world.refuses_request(&case, &request, Reason::CredentialMissing);
    }
}

#[test]
fn t21_each_configured_place_is_enough() {
    let world = World::with_setup(everywhere);
    let token = world.issuer.mint(json!({}));
    let identity = identity(&token);
    let cookies = format!("a=b; session={token}; c=d");
    for request in [
        authorization(&format!("Bearer {token}")),
        Request::get("/").field("x-token", &token),
        Request::get("/").field("cookie", &cookies),
        authorization(&format!("Bearer {token}"))
            .field("x-token", &token)
            .field("cookie", &cookies),
        authorization("Basic dXNlcjpwYXNz").field("x-token", &token),
    ] {
        let case = String::from_utf8_lossy(&request.bytes()).into_owned();
        let received = world.admits_request(&case, &request, &identity);
        let said = format!("{:?}", received.head);
        assert!(!said.contains(&token), "{case}: the credential went on: {said}");
        if case.contains("cookie") {
            assert_eq!(received.head.field("cookie"), Some("a=b; c=d"), "{case}");
        }
    }
}

#[test]
fn t21_different_tokens_in_several_places_are_ambiguous() {
    let world = World::with_setup(everywhere);
    let (alice, bob) = (world.issuer.mint(json!({})), world.issuer.mint(json!({ "sub": "bob" })));
    let bearer = || authorization(&format!("Bearer {alice}"));
    for request in [
        bearer().field("x-token", &bob),
        bearer().field("x-token", "rubbish"),
        bearer().field("cookie", format!("session={bob}")),
        Request::get("/").field("x-token", &alice).field("cookie", format!("session={bob}")),
        Request::get("/").field("x-token", &alice).field("X-Token", &alice),
        Request::get("/").field("cookie", format!("session={alice}; session={bob}")),
        Request::get("/").field("cookie", format!("session={alice}; session={alice}")),
        // There are servers that take the blanks away, and the last one.
        Request::get("/").field("cookie", format!("session={alice}; session ={bob}")),
        Request::get("/").field("cookie", format!("session={alice}; session\t= {bob}")),
        Request::get("/")
            .field("cookie", format!("session={alice}"))
            .field("cookie", format!("session={bob}")),
    ] {
        let case = String::from_utf8_lossy(&request.bytes()).into_owned();
        world.refuses_request(&case, &request, Reason::CredentialAmbiguous);
    }
    let malformed = Request::get("/").field("x-token", format!("{alice} {bob}"));
    world.refuses_request("two in one", &malformed, Reason::CredentialMalformed);
}

#[test]
fn t21_a_forwarded_credential_is_the_verified_one_to_the_byte() {
    let world = World::with_setup(|setup| setup.with("[credential]\nforward = true"));
    let token = world.issuer.mint(json!({}));
    for scheme in ["Bearer ", "bearer   "] {
        let value = format!("{scheme}{token}");
        let received = world.admits_request(scheme, &authorization(&value), &identity(&token));
        assert_eq!(received.head.field("authorization"), Some(value.as_str()));
    }
    // What is not verified is not forwarded as if it were.
    let before = world.mark();
    let request = Request::get("/public/x").bearer(&token);
    assert!(world.proxy.exchange(&request).is_from_upstream());
    let received = before.only_request("public");
    assert_eq!(received.head.field("authorization"), None);
}
