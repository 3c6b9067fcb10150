//! How the proxy proves to the endpoint who asks.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use countersign::jose::{Algorithm, SigningKey, base64url, verify_compact};
use rustls::server::WebPkiClientVerifier;
use serde_json::{Value, json};

use crate::{
    introspection::scene::{CLIENT, PATH, SECRET, Scene},
    support::{
        NOW,
        authority::Authority,
        introspection::{Endpoint, Question, decode_part},
        page::Page,
        wait_until,
    },
};

/// The pair of HTTP Basic, decoded but for any encoding of its parts.
fn basic(question: &Question) -> Option<(String, String)> {
    let encoded = question.head.field("authorization")?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    pair.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// One token passes; the question about it.
fn asked(scene: &Scene) -> Question {
    let token = scene.active("alice", json!({}));
    scene.admits("asked", &token);
    assert_eq!(scene.endpoint.count(), 1);
    scene.endpoint.last()
}

#[test]
fn client_secret_basic_encodes_both_parts_as_a_form_does() {
    let scene = Scene::start("");
    scene.endpoint.demand(|question| {
        basic(question).is_some_and(|(user, secret)| {
            decode_part(&user) == CLIENT && decode_part(&secret) == SECRET
        })
    });
    let question = asked(&scene);
    let (_, secret) = basic(&question).unwrap();
    assert!(!secret.contains(' ') && secret.contains("%25"), "RFC 6749 §2.3.1: {secret}");
    assert_eq!(question.names(), ["token"], "nothing of the client is in the form");
}

#[test]
fn client_secret_post_is_in_the_form_and_nowhere_else() {
    let scene = Scene::start(
        "auth = \"client_secret_post\"\nclient_id = \"proxy\"\nclient_secret_file = \"FILES/secret\"",
    );
    let question = asked(&scene);
    assert_eq!(question.parameter("client_id"), Some(CLIENT));
    assert_eq!(question.parameter("client_secret"), Some(SECRET));
    assert_eq!(question.head.field("authorization"), None);
}

#[test]
fn none_names_the_client_only() {
    let scene = Scene::start("auth = \"none\"\nclient_id = \"proxy\"");
    let question = asked(&scene);
    assert_eq!(question.names(), ["token", "client_id"]);
    assert_eq!(question.head.field("authorization"), None);
}

/// As Hydra's endpoint is called, behind its own network.
#[test]
fn none_without_an_id_names_no_client() {
    let scene = Scene::start("auth = \"none\"");
    let question = asked(&scene);
    assert_eq!(question.names(), ["token"]);
    assert_eq!(question.head.field("authorization"), None);
}

#[test]
fn basic_sends_a_users_name_and_password_as_they_are() {
    let scene = Scene::start(
        "auth = \"basic\"\nusername = \"admin@corp\"\npassword_file = \"FILES/secret\"",
    );
    let question = asked(&scene);
    assert_eq!(basic(&question), Some(("admin@corp".to_owned(), SECRET.to_owned())));
}

#[test]
fn private_key_jwt_signs_a_fresh_assertion_for_each_question() {
    let key = SigningKey::generate(Algorithm::Es256, Some("client")).unwrap();
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("key.json"), key.private_jwk().to_text()).unwrap();
    let lines =
        "auth = \"private_key_jwt\"\nclient_id = \"proxy\"\nprivate_key_file = \"FILES/key.json\"";
    let scene = Scene::at(Endpoint::start(), files, lines, |setup| setup);
    let mut ids = Vec::new();
    for name in ["alice", "bob"] {
        let token = scene.active(name, json!({}));
        assert!(scene.passes(&token));
        let question = scene.endpoint.last();
        assert_eq!(question.parameter("client_id"), Some(CLIENT));
        assert_eq!(
            question.parameter("client_assertion_type"),
            Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        );
        let assertion = question.parameter("client_assertion").unwrap();
        let public = key.verification_key().unwrap();
        let claims = verify_compact(assertion.as_bytes(), &public).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["iss"], CLIENT);
        assert_eq!(claims["sub"], CLIENT);
        assert_eq!(claims["aud"], scene.endpoint.url(PATH));
        assert_eq!(claims["iat"], NOW);
        let lifetime = claims["exp"].as_i64().unwrap() - NOW;
        assert!((1..=300).contains(&lifetime), "{claims}");
        ids.push(claims["jti"].as_str().unwrap().to_owned());
    }
    assert_ne!(ids[0], ids[1]);
}

/// Settings under which the proxy asks with an access token of its own.
const BEARER: &str = "auth = \"bearer\"\ntoken_url = \"TOKENS\"\ntoken_scope = \"introspect\"\n\
                      client_id = \"proxy\"\nclient_secret_file = \"FILES/secret\"";

fn with_own_token() -> Scene {
    let endpoint = Endpoint::start();
    let lines = BEARER.replace("TOKENS", &endpoint.url("/token"));
    Scene::at(endpoint, tempfile::tempdir().unwrap(), &lines, |setup| setup)
}

/// From now on the token endpoint gives this token, and only that one may ask.
fn give(scene: &Scene, own: &'static str, expires_in: u32) {
    let page = json!({ "access_token": own, "token_type": "Bearer", "expires_in": expires_in });
    scene.endpoint.serve("/token", Page::json(&page));
    let expected = format!("Bearer {own}");
    scene.endpoint.demand(move |question| question.head.field("authorization") == Some(&expected));
}

#[test]
fn bearer_fetches_a_token_of_its_own_once_and_keeps_it() {
    let scene = with_own_token();
    give(&scene, "own-1", 300);
    for n in 0..5 {
        let token = scene.active(&format!("t{n}"), json!({}));
        scene.admits("asked", &token);
    }
    let visits = scene.endpoint.visits("/token");
    assert_eq!(visits.len(), 1);
    assert_eq!(visits[0].parameter("grant_type"), Some("client_credentials"));
    assert_eq!(visits[0].parameter("scope"), Some("introspect"));
    let (user, secret) = basic(&visits[0]).unwrap();
    assert_eq!((decode_part(&user), decode_part(&secret)), (CLIENT.to_owned(), SECRET.to_owned()));
}

#[test]
fn bearer_renews_its_token_before_it_ends() {
    let scene = with_own_token();
    give(&scene, "own-1", 1);
    let mut n = 0;
    wait_until("the next token", || {
        n += 1;
        let token = scene.active(&format!("t{n}"), json!({}));
        assert!(scene.passes(&token), "no request is refused meanwhile");
        scene.endpoint.visits("/token").len() >= 2
    });
}

#[test]
fn bearer_gets_another_token_when_its_own_is_refused() {
    let scene = with_own_token();
    give(&scene, "own-1", 300);
    let (first, second) = (scene.active("first", json!({})), scene.active("second", json!({})));
    scene.admits("with the first", &first);
    give(&scene, "own-2", 300);
    scene.admits("with the second, within the same request", &second);
    assert_eq!(scene.endpoint.visits("/token").len(), 2);
}

#[test]
fn i13_without_a_token_of_our_own_the_answer_is_503() {
    let scene = with_own_token();
    scene
        .endpoint
        .serve("/token", Page::json(&json!({ "error": "invalid_client" })).with_status(401));
    let token = scene.active("alice", json!({}));
    assert_eq!(scene.reason(&token), "introspection_unavailable");
    give(&scene, "own-1", 300);
    scene.admits("with one", &token);
}

#[test]
fn mutual_tls_shows_the_proxys_certificate_to_an_endpoint_that_it_trusts() {
    let authority = Authority::new("tests");
    let (server, client) = (authority.server("localhost"), authority.client(|_| ()));
    let verifier = WebPkiClientVerifier::builder(Arc::new(authority.roots())).build().unwrap();
    let config = rustls::ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server.certificate.clone()], server.key())
        .unwrap();
    let files = tempfile::tempdir().unwrap();
    for (name, pem) in [
        ("ca.pem", authority.pem()),
        ("client.pem", client.certificate_pem.clone()),
        ("client.key", client.key_pem()),
    ] {
        std::fs::write(files.path().join(name), pem).unwrap();
    }
    let endpoint = Endpoint::start_with_tls(config);
    let url = endpoint.url(PATH).replace("127.0.0.1", "localhost");
    let mutual = format!(
        "auth = \"tls_client_auth\"\nclient_id = \"proxy\"\nurl = \"{url}\"\n\
         ca_file = \"FILES/ca.pem\"\nclient_certificate = \"FILES/client.pem\"\n\
         client_key = \"FILES/client.key\""
    );
    let scene = Scene::at(endpoint, files, &mutual, |setup| setup);
    let question = asked(&scene);
    assert_eq!(question.names(), ["token", "client_id"]);
    let shown = scene.world.proxy.page("/config");
    for setting in ["\nauth = \"tls_client_auth\"  # ", "\nclient_id = \"proxy\"  # "] {
        assert!(shown.contains(setting), "{setting}: {shown}");
    }

    let untrusting = mutual.replace("ca_file = \"FILES/ca.pem\"\n", "");
    let Scene { world, endpoint, files } = scene;
    drop(world);
    let scene = Scene::at(endpoint, files, &untrusting, |setup| setup);
    let token = scene.active("bob", json!({}));
    assert_eq!(scene.reason(&token), "introspection_unavailable");
    assert_eq!(scene.outcomes("tls"), 1, "a server of another authority is told nothing");
    assert_eq!(scene.endpoint.count_of(&token), 0);
}

/// The secret is looked for in everything that an operator sees.
#[test]
fn o2_o5_no_secret_of_the_client_is_shown() {
    let scene = Scene::start("");
    scene.endpoint.demand(|_| false);
    let token = scene.active("alice", json!({}));
    scene.reason(&token);
    let proxy = &scene.world.proxy;
    let encoded = base64url::encode(SECRET.as_bytes());
    for shown in
        [proxy.logs(), proxy.page("/config"), proxy.page("/metrics"), proxy.page("/readyz")]
    {
        assert!(!shown.contains(SECRET) && !shown.contains(&encoded));
        assert!(!shown.contains("Basic "));
    }
}
