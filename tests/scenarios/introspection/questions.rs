//! What goes over the wire to the endpoint, and what of it is written down.

use countersign::reason::Reason;
use serde_json::json;

use crate::{
    introspection::scene::{PATH, Scene, claims, opaque},
    support::{
        client::Request,
        key_server::{KeyServer, Page as KeyPage},
        page::Page,
    },
};

#[test]
fn a_question_is_a_form_with_the_token_and_the_fixed_parameters() {
    let scene = Scene::start(
        "auth = \"none\"\nclient_id = \"proxy\"\ntoken_type_hint = \"access_token\"\n\
         parameters = { strict = true, tenant = \"a b&c\" }",
    );
    let token = scene.active("alice", json!({}));
    scene.admits("asked", &token);
    let question = scene.endpoint.last();
    assert_eq!((question.method(), question.path()), ("POST", PATH));
    assert_eq!(question.head.field("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(question.head.field("accept"), Some("application/json"));
    assert_eq!(question.parameter("token"), Some(token.as_str()));
    assert_eq!(question.parameter("token_type_hint"), Some("access_token"));
    assert_eq!(question.parameter("strict"), Some("true"));
    assert_eq!(question.parameter("tenant"), Some("a b&c"));
    assert_eq!(question.parameter("client_id"), Some("proxy"));
    assert_eq!(question.parameters.len(), 5, "{question:?}");
}

#[test]
fn i14_a_token_of_any_allowed_character_arrives_as_it_is() {
    let scene = Scene::start("");
    let token = "a+b/c~d-e_f.g=h".replace('h', "=");
    scene.endpoint.activate(&token, &claims(json!({})));
    scene.admits("the whole alphabet of b64token", &token);
    assert_eq!(scene.endpoint.last().parameter("token"), Some(token.as_str()));
}

#[test]
fn the_endpoint_is_found_by_the_issuers_metadata() {
    let metadata = KeyServer::start();
    let issuer = metadata.url("");
    let endpoint = crate::support::introspection::Endpoint::start();
    let document = json!({
        "issuer": issuer,
        "jwks_uri": metadata.url("/jwks"),
        "introspection_endpoint": endpoint.url(PATH),
    });
    metadata.serve("/.well-known/openid-configuration", KeyPage::json(&document));
    let files = tempfile::tempdir().unwrap();
    let scene = Scene::at(endpoint, files, "# discovered\nissuers = \"any\"", |setup| {
        setup.rewritten("issuer = \"https://idp.test\"", &format!("issuer = \"{issuer}\""))
    });
    let token = scene.active("alice", json!({}));
    assert!(scene.passes(&token));
    assert_eq!(scene.endpoint.last().path(), PATH);
}

/// A scene whose endpoint is GenAuth's `validate_token`.
fn genauth(method: &str) -> Scene {
    Scene::unauthenticated(&format!("method = \"{method}\""))
}

#[test]
fn validate_token_200_with_claims_is_valid_and_400_is_not() {
    let scene = genauth("validate_access_token");
    let token = opaque("alice");
    scene.endpoint.say(&token, Page::json(&claims(json!({}))));
    scene.admits("valid", &token);
    let question = scene.endpoint.last();
    assert_eq!((question.method(), question.path()), ("GET", PATH));
    assert_eq!(question.names(), ["access_token"]);
    assert_eq!(question.parameter("access_token"), Some(token.as_str()));
    let invalid = opaque("invalid");
    let said = json!({ "code": 400, "message": "id_token is invalid" });
    scene.endpoint.say(&invalid, Page::json(&said).with_status(400));
    scene.refuses("invalid", &invalid, Reason::TokenInactive);
    for status in [201, 204, 401, 403, 404, 500] {
        let other = opaque(&format!("status-{status}"));
        let page = if status == 204 { Page::status(204) } else { Page::json(&claims(json!({}))) };
        scene.endpoint.say(&other, page.with_status(status));
        assert_eq!(scene.reason(&other), "introspection_unavailable", "{status}");
        scene.endpoint.say(&other, Page::json(&claims(json!({}))));
        scene.admits("nothing of it is remembered", &other);
    }
}

#[test]
fn validate_token_of_an_id_token_names_it_so() {
    let scene = genauth("validate_id_token");
    let token = opaque("alice");
    scene.endpoint.say(&token, Page::json(&claims(json!({}))));
    scene.admits("valid", &token);
    assert_eq!(scene.endpoint.last().names(), ["id_token"]);
}

/// INV-4 looks for the token's last part in everything that is shown; here it is the query as a
/// whole, also where the exchange fails and the place is named.
#[test]
fn the_query_of_validate_token_is_never_written_down() {
    let scene = genauth("validate_access_token");
    let token = opaque("secret");
    for page in [Page::json(&claims(json!({}))), Page::status(500), Page::hang_up()] {
        scene.endpoint.say(&token, page);
        scene.passes(&token);
        scene.world.proxy.advance(60);
    }
    let shown = [scene.world.proxy.logs(), scene.world.proxy.page("/readyz")].concat();
    assert!(shown.contains("introspection fails"), "{shown}");
    assert!(!shown.contains("access_token="), "{shown}");
    assert!(!shown.contains(&token), "{shown}");
}

#[test]
fn i14_a_token_adds_no_parameter_to_the_question() {
    let scene = Scene::start("token_type_hint = \"access_token\"");
    for token in ["a&active=true", "a%26b", "a b", "a;b", "a#b", "a?b", "\"a\"", "a\\b", "a,b", "é"]
    {
        let answer = scene.world.proxy.get("/", Some(token));
        assert!([400, 401].contains(&answer.status), "{token}: {answer:?}");
    }
    assert_eq!(scene.endpoint.count(), 0, "none of them is asked about");
    let token = scene.active("a+b=c/d", json!({}));
    scene.admits("escaped", &token);
    let asked = scene.endpoint.last();
    assert_eq!(asked.names(), ["token", "token_type_hint"]);
    assert_eq!(asked.parameter("token"), Some(&*token));
}

#[test]
fn o6_nothing_of_a_request_goes_along_with_a_question() {
    const MARK: &str = "of-the-request";
    let scene = Scene::start("");
    let token = scene.active("alice", json!({}));
    let request = Request::get(&format!("/{MARK}?q={MARK}"))
        .bearer(&token)
        .field("cookie", format!("session={MARK}"))
        .field("x-request-id", MARK)
        .field("user-agent", MARK)
        .field("traceparent", MARK)
        .field("x-forwarded-for", MARK);
    assert!(scene.world.proxy.exchange(&request).is_from_upstream());
    let unknown = scene.world.issuer.mint_with(json!({ "kid": MARK }), json!({}));
    scene.world.proxy.exchange(&request_with(&unknown, MARK));
    let asked = format!("{:?}{:?}", scene.endpoint.asked(), scene.world.key_server.asked());
    assert!(asked.contains(&token), "the question is heard at all");
    assert!(!asked.contains(MARK), "{asked}");
}

fn request_with(token: &str, mark: &str) -> Request {
    Request::get("/").bearer(token).field("cookie", mark).field("x-request-id", mark)
}
