//! Tokens of the proxy's own (RFC 6749 §4.4), by every way of client authentication.

use std::{fs, process::Command, sync::Arc};

use countersign::jose::{Algorithm, base64url};
use rustls::server::WebPkiClientVerifier;
use serde_json::Value;

use crate::{
    support::{
        authority::Authority, client::Request, introspection::Endpoint, issuer::key, wait_until,
    },
    upstream_credentials::scene::{CLIENT, LIFE, ROUTES, Scene, denied, issue, table},
};

#[test]
fn every_request_carries_the_proxys_own_token() {
    let scene = Scene::start(&format!("{CLIENT}scopes = [\"orders\"]"), |setup| {
        setup.routes(&ROUTES.replace("public\"\n", "public\"\nupstream_credential = \"orders\"\n"))
    });
    let first = scene.authorization(&scene.caller("alice"));
    assert!(first.contains(".gateway.none.orders.none"), "{first}");
    assert_eq!(scene.authorization(&scene.caller("bob")), first);
    let public = scene.received(&Request::get("/public/a").bearer("whatever"));
    assert_eq!(public.head.field("authorization"), Some(&*first));
    assert_eq!(public.head.all("authorization").count(), 1);
    assert_eq!(scene.requests(), 1);
    assert_eq!(scene.last().names(), ["grant_type", "scope"]);
    assert_eq!(scene.last().parameter("grant_type"), Some("client_credentials"));
}

#[test]
fn it_is_renewed_before_it_ends_beside_the_requests() {
    let scene = Scene::start(CLIENT, |setup| setup);
    let token = scene.caller("alice");
    let first = scene.authorization(&token);
    scene.world.proxy.advance(LIFE * 4 / 5);
    scene.endpoint.hold();
    assert_eq!(scene.authorization(&token), first, "no request waits for the next one");
    scene.wait_for_requests(2);
    assert_eq!(scene.authorization(&token), first);
    scene.endpoint.release();
    wait_until("the next token", || scene.authorization(&token) != first);
    assert_eq!(scene.requests(), 2);
}

#[test]
fn the_secret_may_be_in_the_form() {
    let lines = "auth = \"client_secret_post\"\nclient_id = \"gateway\"\n\
                 client_secret_file = \"FILES/secret\"\n";
    let scene = Scene::start(&format!("{CLIENT}{lines}"), |setup| setup);
    scene.authorization(&scene.caller("alice"));
    assert_eq!(scene.last().names(), ["grant_type", "client_id", "client_secret"]);
    assert_eq!(scene.last().parameter("client_secret"), Some(super::scene::SECRET));
}

#[test]
fn a_private_key_may_sign_who_the_proxy_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.jwk");
    fs::write(&file, key(Algorithm::Es256, "gateway").private_jwk().to_text()).unwrap();
    let lines = format!(
        "auth = \"private_key_jwt\"\nclient_id = \"gateway\"\nprivate_key_file = \"{}\"\n",
        file.display()
    );
    let scene = Scene::start(&format!("{CLIENT}{lines}"), |setup| setup);
    scene.authorization(&scene.caller("alice"));
    let question = scene.last();
    let assertion = question.parameter("client_assertion").unwrap();
    let claims = assertion.split('.').nth(1).unwrap();
    let claims: Value =
        serde_json::from_slice(&base64url::decode(claims.as_bytes()).unwrap()).unwrap();
    assert_eq!(claims["sub"], "gateway");
    assert_eq!(claims["aud"], scene.endpoint.url(super::scene::PATH));
}

#[test]
fn what_the_provider_says_of_this_proxy_is_no_callers_fault() {
    for error in ["invalid_client", "unauthorized_client", "invalid_scope", "invalid_grant"] {
        let scene = Scene::start(CLIENT, |setup| setup);
        scene.endpoint.answer_by(move |_| denied(400, error));
        let reason = countersign::reason::Reason::UpstreamCredentialUnavailable;
        let answer = scene.refuses(error, &scene.caller("alice"), reason);
        let text = String::from_utf8(answer.body.bytes).unwrap();
        assert!(!text.contains("words of the provider") && !text.contains(error), "{text}");
        scene.endpoint.answer_by(issue);
        scene.authorization(&scene.caller("alice"));
    }
}

#[test]
fn g2_a_preflight_that_is_passed_on_has_no_credential_of_ours() {
    let cors = "[cors]\norigins = [\"https://app.test\"]\nall_routes = true\npreflights = \"pass\"";
    let scene = Scene::start(CLIENT, |setup| setup.with(cors));
    let preflight = Request::new("OPTIONS", "/orders")
        .field("origin", "https://app.test")
        .field("access-control-request-method", "GET");
    let received = scene.received(&preflight);
    assert_eq!(received.head.field("authorization"), None);
    assert_eq!(scene.requests(), 0);
}

#[test]
fn the_proxys_certificate_may_show_who_it_is() {
    let authority = Authority::new("tests");
    let (server, client) = (authority.server("localhost"), authority.client(|_| ()));
    let verifier = WebPkiClientVerifier::builder(Arc::new(authority.roots())).build().unwrap();
    let config = rustls::ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server.certificate.clone()], server.key())
        .unwrap();
    let endpoint = Endpoint::start_with_tls(config);
    endpoint.answer_by(issue);
    let folder = tempfile::tempdir().unwrap();
    for (name, pem) in [
        ("ca.pem", authority.pem()),
        ("client.pem", client.certificate_pem.clone()),
        ("client.key", client.key_pem()),
    ] {
        fs::write(folder.path().join(name), pem).unwrap();
    }
    let url = endpoint.url(super::scene::PATH).replace("127.0.0.1", "localhost");
    let lines = format!(
        "{CLIENT}token_url = \"{url}\"\nauth = \"tls_client_auth\"\nclient_id = \"gateway\"\n\
         ca_file = \"DIR/ca.pem\"\nclient_certificate = \"DIR/client.pem\"\n\
         client_key = \"DIR/client.key\""
    );
    let lines = lines.replace("DIR", folder.path().to_str().unwrap());
    let scene = Scene::start(&lines, |setup| setup);
    assert!(scene.authorization(&scene.caller("alice")).contains(".gateway."));
    let question = endpoint.visits(super::scene::PATH).pop().unwrap();
    assert_eq!(question.names(), ["grant_type", "client_id"]);
    let untrusting = lines.replace("ca_file", "# ca_file");
    let scene = Scene::start(&untrusting, |setup| setup);
    let reason = countersign::reason::Reason::UpstreamCredentialUnavailable;
    scene.refuses("unknown authority", &scene.caller("alice"), reason);
}

#[test]
fn check_online_requests_a_token_where_no_caller_is_needed() {
    let scene = Scene::start(CLIENT, |setup| setup);
    let exchange = table("bills", &scene.endpoint, &scene.files, super::scene::EXCHANGE);
    let own = table("orders", &scene.endpoint, &scene.files, CLIENT);
    let text = format!(
        "upstreams.app.url = \"http://127.0.0.1:9\"\n{own}\n{exchange}\n[[routes]]\n\
         path = \"/**\"\naccess = \"public\"\nupstream_credential = \"orders\"\n"
    );
    scene.write("countersign.toml", &text);
    let check = || {
        let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["check", "--online", "--config", "countersign.toml"])
            .current_dir(scene.files.path())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (status, text) = check();
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("  orders: the token endpoint issues a token\n"), "{text}");
    assert!(text.contains("  bills: not tried"), "{text}");
    assert!(!text.contains("issued-"), "{text}");
    scene.endpoint.answer_by(|_| denied(401, "invalid_client"));
    let (status, text) = check();
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("status 401 (invalid_client)"), "{text}");
    assert!(text.contains("upstream_credentials.orders can't be obtained"), "{text}");
}
