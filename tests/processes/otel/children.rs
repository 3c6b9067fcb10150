//! The spans of what a request waits for: other servers than the service.

use std::fs;

use countersign::{
    jose::{Algorithm, Dialect},
    json::Object,
};
use serde_json::json;

use super::{Receiver, Scene};
use crate::support::{
    client::Request,
    introspection::Endpoint,
    issuer::{key, public},
    key_server::{KeyServer, Page},
};

const BODY: &[u8] = b"{\"amount\":100}";

fn section(receiver: &Receiver) -> String {
    receiver.section("http/protobuf", "sample = 1.0")
}

#[test]
fn a_signed_request_has_a_span_of_the_lookup_once_and_of_the_signature_each_time() {
    let Some(mut receiver) = Receiver::start() else { return };
    let (registry, signer) = (KeyServer::start(), key(Algorithm::Es256, "k"));
    registry.serve("/roles/acme", Page::json(&json!({ "publicKey": public(&signer).to_string() })));
    let scene = Scene::start(&format!(
        "[signatures.partner]\nsigner = {{ claim = \"participant\" }}\n\
         [signatures.partner.keys.registry]\nurl = \"{}\"\npointer = \"/publicKey\"\n\
         [[routes]]\npath = \"/signed/**\"\nsignature = \"partner\"\n{}",
        registry.url("/roles/{signer}"),
        section(&receiver),
    ));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let claims = json!({ "participant": "acme", "iat": now, "nbf": now, "exp": now + 300 });
    let signature = signer.sign_detached(Dialect::Rfc7797, &Object::default(), BODY).unwrap();
    let request = Request::new("POST", "/signed/a")
        .bearer(&scene.issuer.mint(claims))
        .field("x-jws-signature", &signature)
        .body(BODY);
    for lookups in [1, 0] {
        let (answer, id) = scene.send(&request);
        assert_eq!(answer.status, 200, "{answer:?}");
        let spans = receiver.spans_of(&id);
        let all = || receiver.spans.iter().filter(|span| span["trace"] == spans.own["trace"]);
        let [verified] = spans.named("verify signature")[..] else {
            panic!("{:?}", spans.children)
        };
        let found: Vec<_> = all().filter(|span| span["name"] == "look up signer").collect();
        assert_eq!(found.len(), lookups, "{found:?}");
        assert!(found.iter().all(|lookup| lookup["parent"] == spans.own["id"]), "{found:?}");
        assert_eq!(verified["status"], "STATUS_CODE_UNSET");
    }
    assert!(!json!(receiver.spans).to_string().contains(&signature));
}

#[test]
fn a_token_for_the_service_has_a_span_where_it_is_requested() {
    let Some(mut receiver) = Receiver::start() else { return };
    let (provider, folder) = (Endpoint::start(), tempfile::tempdir().unwrap());
    let token = json!({ "access_token": "own-s3cret", "token_type": "Bearer", "expires_in": 300 });
    provider.serve("/token", Page::json(&token));
    let secret = folder.path().join("secret");
    fs::write(&secret, "correct-horse").unwrap();
    let scene = Scene::start(&format!(
        "[upstream_credentials.orders]\nkind = \"client-credentials\"\ntoken_url = {:?}\n\
         client_id = \"gateway\"\nclient_secret_file = {secret:?}\n\
         [[routes]]\npath = \"/orders/**\"\naccess = \"public\"\n\
         upstream_credential = \"orders\"\n{}",
        provider.url("/token"),
        section(&receiver),
    ));
    for expected in [1, 0] {
        let (answer, id) = scene.send(&Request::get("/orders/a"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let spans = receiver.spans_of(&id);
        assert_eq!(spans.named("obtain upstream token").len(), expected, "{:?}", spans.children);
    }
    assert!(!json!(receiver.spans).to_string().contains("s3cret"));
}
