//! UK Open Banking: third parties sign payments, the bank signs its answers.

use std::sync::Arc;

use countersign::{
    jose::{Algorithm, DetachedJws, Dialect, SigningKey},
    json::Object,
};
use serde_json::{Value, json};

use crate::{
    support::{
        NOW,
        client::Request,
        issuer::{Issuer, key, public},
        key_server::Page,
    },
    systems::scene::{Scene, header},
};

const IAT: &str = "http://openbanking.org.uk/iat";
const ISS: &str = "http://openbanking.org.uk/iss";
const TAN: &str = "http://openbanking.org.uk/tan";
const TPP: &str = "00158000016i44JAAQ/software-1";
const BODY: &[u8] = br#"{"Data":{"Initiation":{"InstructedAmount":{"Amount":"165.88"}}}}"#;

struct Bank {
    scene: Scene,
    issuer: Issuer,
    tpp: Arc<SigningKey>,
}

fn start() -> Bank {
    let usual = Issuer::new("https://auth.bank.example", &[Algorithm::Ps256]);
    let tpp = key(Algorithm::Ps256, "tpp-key");
    let mut named = None;
    let scene = Scene::start("openbanking-uk.toml", |shipped, key_server, _| {
        let issuer = usual.named(&key_server.url(""));
        let metadata = json!({ "issuer": issuer.iss(), "jwks_uri": key_server.url("/jwks") });
        key_server.serve("/.well-known/openid-configuration", Page::json(&metadata));
        key_server.serve("/jwks", Page::json(&issuer.jwks()));
        let keys = json!({ "keys": [public(&tpp)] });
        let of_tpp = "/keys?software=00158000016i44JAAQ%2Fsoftware-1";
        key_server.serve(of_tpp, Page::json(&keys));
        named = Some(issuer);
        shipped
            .with("https://auth.bank.example", &key_server.url(""))
            .with("https://directory.bank.example", &key_server.url(""))
    });
    Bank { scene, issuer: named.unwrap(), tpp }
}

impl Bank {
    fn payment(&self, tpp: &str, dialect: Dialect, header: &Value) -> Request {
        let header = Object::parse(header.to_string().as_bytes()).unwrap();
        let signature = self.tpp.sign_detached(dialect, &header, BODY).unwrap();
        let token = self.issuer.mint(json!({
            "aud": "https://api.bank.example", "scope": "payments", "org_software_id": tpp,
        }));
        Request::new("POST", "/open-banking/v3.1/pisp/domestic-payments")
            .bearer(&token)
            .field("x-jws-signature", signature)
            .body(BODY)
    }
}

fn parameters(critical: &[&str]) -> Value {
    json!({ "crit": critical, IAT: NOW, ISS: TPP, TAN: "openbanking.org.uk" })
}

#[test]
fn a_payment_passes_in_the_old_way_and_in_the_new_one_and_its_answer_is_signed() {
    let bank = start();
    for (dialect, critical) in
        [(Dialect::Rfc7797, vec!["b64", IAT, ISS, TAN]), (Dialect::Detached, vec![IAT, ISS, TAN])]
    {
        let request = bank.payment(TPP, dialect, &parameters(&critical));
        let received = bank.scene.passes("a payment", &request);
        assert_eq!(received.body.bytes, BODY);
        assert_eq!(header(&received, "x-tpp"), Some(TPP));
        assert_eq!(header(&received, "x-signature-signer"), Some(TPP));
        let answer = bank.scene.proxy.exchange(&request);
        let signature = answer.field("x-jws-signature").unwrap();
        assert_eq!(DetachedJws::parse(signature, &[]).unwrap().dialect(), dialect);
    }
}

#[test]
fn what_is_wrong_with_a_signature_is_400_in_the_banks_own_words() {
    let bank = start();
    let with = |name: &str, value: Value| {
        let mut header = parameters(&[IAT, ISS, TAN]);
        header[name] = value;
        bank.payment(TPP, Dialect::Detached, &header)
    };
    for (case, request, reason) in [
        (
            "another party's token",
            bank.payment("other", Dialect::Detached, &parameters(&[IAT, ISS, TAN])),
            "signer_mismatch",
        ),
        ("another anchor", with(TAN, json!("example.com")), "signature_header_not_allowed"),
        ("not critical", with("crit", json!([IAT])), "signature_header_not_allowed"),
        ("old", with(IAT, json!(NOW - 600)), "signature_expired"),
        ("unknown", with("crit", json!([IAT, ISS, TAN, "x"])), "critical_unknown"),
    ] {
        let answer = bank.scene.refuses(case, &request, 400);
        let body: Value = serde_json::from_slice(&answer.body.bytes).unwrap();
        assert_eq!(body["Errors"][0]["ErrorCode"], "UK.OBIE.Signature.Invalid", "{case}");
        assert_eq!(body["Errors"][0]["Message"], reason, "{case}");
    }
}
