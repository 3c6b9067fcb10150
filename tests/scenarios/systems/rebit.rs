//! `ReBIT` and Sahamati: Account Aggregators, whose keys are in a registry that lists them all.

use std::sync::Arc;

use countersign::{
    jose::{Algorithm, Dialect, SigningKey},
    json::Object,
};
use serde_json::{Value, json};

use crate::{
    support::{
        NOW,
        client::Request,
        issuer::{Issuer, key, public},
        key_server::Page,
        shipped::Shipped,
    },
    systems::scene::{Scene, header, rs256, serve_realm},
};

const REALM: &str = "/auth/realms/sahamati";
const BODY: &[u8] = br#"{"ver":"2.0.0","timestamp":"2030-03-17T17:46:00.000Z","txnid":"t-1"}"#;

struct Network {
    scene: Scene,
    issuer: Issuer,
    aggregator: Arc<SigningKey>,
}

fn start(change: impl FnOnce(Shipped) -> Shipped) -> Network {
    let usual = Issuer::usual();
    let mut named = None;
    let scene = Scene::start("rebit.toml", |shipped, key_server, _| {
        serve_realm(key_server, REALM, &usual);
        named = Some(usual.named(&key_server.url(REALM)));
        change(shipped)
            .with("https://uattokens.sahamati.org.in", &key_server.url(""))
            .with("https://uatcr.sahamati.org.in", &key_server.url(""))
    });
    let aggregator = key(Algorithm::Rs256, "4271913e-7b93-49dd-9949-1c76ff5fc5cf");
    let grant = json!({ "access_token": "ours", "token_type": "Bearer", "expires_in": 86_400 });
    let token_url = format!("{REALM}/protocol/openid-connect/token");
    scene.key_server.serve(&token_url, Page::json(&grant));
    let entity = |id: &str, jwk: &Value| {
        json!({
            "ver": "1.0",
            "requester": { "name": "r", "id": "r" },
            "entityinfo": { "id": id, "name": id, "certificate": jwk, "secret": "s3cret" },
        })
    };
    let others = key(Algorithm::Es256, "others");
    let list = json!([entity("AA-1", &public(&aggregator)), entity("AA-2", &public(&others)),]);
    scene.key_server.serve("/entityInfo/AA", Page::json(&list));
    Network { scene, issuer: named.unwrap(), aggregator }
}

impl Network {
    fn token(&self, azp: &str) -> String {
        let claims = json!({
            "aud": null, "iat": NOW - 60, "exp": NOW + 86_000, "typ": "Bearer", "azp": azp,
            "roles": "AA",
        });
        rs256(&self.issuer, json!({ "typ": "JWT" }), claims)
    }

    fn request(&self, carrier: &str, azp: &str, dialect: Dialect, body: &[u8]) -> Request {
        let signature = self.aggregator.sign_detached(dialect, &Object::default(), body).unwrap();
        Request::new("POST", "/FI/request")
            .field(carrier, self.token(azp))
            .field("x-jws-signature", signature)
            .body(body)
    }
}

#[test]
fn an_aggregators_request_passes_in_each_of_the_three_ways_of_signing_it() {
    let network = start(|shipped| shipped);
    for carrier in ["client_api_key", "aa_api_key"] {
        for dialect in [Dialect::Rfc7797, Dialect::B64FalseWithoutCrit, Dialect::Detached] {
            let request = network.request(carrier, "AA-1", dialect, BODY);
            let received = network.scene.passes(carrier, &request);
            assert_eq!(received.body.bytes, BODY);
            assert_eq!(header(&received, "x-auth-client"), Some("AA-1"));
            assert_eq!(header(&received, "x-auth-roles"), Some("AA"));
            assert_eq!(header(&received, "x-signature-signer"), Some("AA-1"));
        }
    }
    let asked = network.scene.key_server.asked();
    let lists = asked.iter().filter(|head| head.start.contains("/entityInfo/AA")).count();
    assert_eq!(lists, 1);
}

#[test]
fn s7_no_entity_signs_for_another() {
    let network = start(|shipped| shipped);
    let refuses = |case: &str, request: &Request| network.scene.refuses(case, request, 401);
    refuses("AA-2's token", &network.request("aa_api_key", "AA-2", Dialect::Rfc7797, BODY));
    refuses("a token of no entity", &network.request("aa_api_key", "AA-3", Dialect::Rfc7797, BODY));
    refuses("two parts", &network.request("aa_api_key", "AA-1", Dialect::TwoPart, BODY));
    let unsigned =
        Request::new("POST", "/FI/request").field("aa_api_key", network.token("AA-1")).body(BODY);
    refuses("unsigned", &unsigned);
    assert!(network.scene.refusals("", "signer_mismatch") > 0);
    assert!(network.scene.refusals("", "signer_unknown") > 0);
    assert!(!network.scene.proxy.logs().contains("s3cret"));
}

#[test]
fn s8_a_message_passes_once_where_that_is_asked_for() {
    let network = start(|shipped| {
        shipped.with(
            "# [signatures.rebit.freshness]\n# issued = { body = \"/timestamp\" }\n#\n\
             # [signatures.rebit.replay]\n# id = { body = \"/txnid\" }",
            "[signatures.rebit.freshness]\nissued = { body = \"/timestamp\" }\n\
             [signatures.rebit.replay]\nid = { body = \"/txnid\" }",
        )
    });
    let request = network.request("aa_api_key", "AA-1", Dialect::Rfc7797, BODY);
    assert!(network.scene.proxy.exchange(&request).is_from_upstream());
    network.scene.refuses("again", &request, 401);
    assert!(network.scene.refusals("", "signature_replayed") > 0);
    let old = br#"{"timestamp":"2030-03-17T17:00:00.000Z","txnid":"t-2"}"#;
    network.scene.refuses(
        "old",
        &network.request("aa_api_key", "AA-1", Dialect::Rfc7797, old),
        401,
    );
}
