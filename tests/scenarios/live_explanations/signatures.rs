//! Signed requests: the signature is verified over the body that is given, and nothing is used up.

use countersign::{
    jose::{Algorithm, Dialect, SigningKey},
    reason::Reason,
};
use serde_json::{Value, json};

use super::{CONTROL, checks, explain, unchecked};
use crate::{
    registry::scene as registry,
    signatures::scene::{self as signed, ONE_SIGNER, jwks, sign, sign_with},
    support::{issuer::key, world::World},
};

const BODY: &str = r#"{"amount":100}"#;
const FORWARD: &str = "headers = { x-signer = \"signer\" }\n";

fn asked(world: &World, claims: Value, signature: &str, body: Option<&str>) -> Value {
    json!({
        "method": "POST",
        "path": "/signed/loans",
        "headers": {
            "authorization": format!("Bearer {}", world.issuer.mint(claims)),
            "x-jws-signature": signature,
        },
        "body": body,
    })
}

fn of_alice(scene: &signed::Scene, signature: &str, body: Option<&str>) -> Value {
    explain(&scene.world, &asked(&scene.world, json!({}), signature, body))
}

#[test]
fn a_signature_is_verified_over_the_body_that_is_given() {
    let signer = key(Algorithm::Es256, "k");
    let rules = format!("{FORWARD}{ONE_SIGNER}");
    let scene = signed::Scene::with(&rules, &jwks(&[&signer]), |setup| setup.with(CONTROL));
    let signature = sign(&signer, BODY.as_bytes());

    let right = of_alice(&scene, &signature, Some(BODY));
    assert_eq!((&right["verdict"], &right["not_checked"]), (&json!("admitted"), &json!([])));
    let passed = checks(&right, "passed");
    assert_eq!(passed[passed.len() - 3..], ["forwarded path", "signer", "body"], "{right}");
    let names = right["forwarded"]["headers"].as_array().unwrap();
    assert!(names.contains(&json!("x-signer")), "{names:?}");

    for (signature, body, reason, failed) in [
        (&*signature, Some("{}"), "signature_invalid", "body"),
        ("", Some(BODY), "signature_malformed", "signer"),
        ("no signature", None, "signature_malformed", "signer"),
    ] {
        let wrong = of_alice(&scene, signature, body);
        assert_eq!((&wrong["verdict"], &wrong["reason"]), (&json!("refused"), &json!(reason)));
        assert_eq!(checks(&wrong, "failed"), [failed], "{wrong}");
    }
    let unknown = of_alice(&scene, &signature, None);
    assert_eq!(unknown["verdict"], "admitted");
    assert_eq!(unchecked(&unknown), ["signature"]);
    assert!(unknown["not_checked"][0]["why"].as_str().unwrap().contains("body_base64"));

    let mut apart = asked(&scene.world, json!({}), "", None);
    apart["headers"].as_object_mut().unwrap().remove("x-jws-signature");
    assert_eq!(explain(&scene.world, &apart)["reason"], "signature_missing");
    (apart["signature"], apart["body_base64"]) = (json!(signature), json!("eyJhbW91bnQiOjEwMH0="));
    assert_eq!(checks(&explain(&scene.world, &apart), "passed").last().unwrap(), "body");
    let verified = "countersign_signatures_verified_total";
    assert!(!scene.world.proxy.metrics().contains(&format!("{verified}{{dialect=\"rfc7797\"}} 1")));
}

#[test]
fn o11_a_message_that_counts_once_is_not_used_up_by_explanations() {
    let signer = key(Algorithm::Es256, "k");
    let once = "[signatures.partner.replay]\nid = { header = \"jti\" }\nwindow = \"1m\"";
    let rules = format!("{ONE_SIGNER}{once}");
    let scene = signed::Scene::with(&rules, &jwks(&[&signer]), |setup| setup.with(CONTROL));
    let header = json!({ "jti": "1" });
    let signature = sign_with(&signer, Dialect::Rfc7797, &header, BODY.as_bytes());
    for _ in 0..2 {
        let explained = of_alice(&scene, &signature, Some(BODY));
        assert_eq!(explained["verdict"], "admitted", "{explained}");
    }
    let request = scene.post(&signature, BODY.as_bytes());
    scene.admits("the message itself", &request, BODY.as_bytes());
    let again = of_alice(&scene, &signature, Some(BODY));
    assert_eq!(again["reason"], "signature_replayed", "{again}");
    scene.refuses("a copy", &request, Reason::SignatureReplayed);
}

#[test]
fn o11_no_explanation_asks_a_registry_and_what_it_has_said_counts() {
    let signer = key(Algorithm::Es256, "k");
    let scene = registry::Scene::with(
        crate::support::key_server::KeyServer::start(),
        "/roles/{signer}",
        registry::AT_PUBLIC_KEY,
        |setup| setup.with(CONTROL),
    );
    scene.say("acme", &registry::as_text(&signer));
    let body = str::from_utf8(registry::BODY).unwrap();
    let of = |key: &SigningKey, participant: &str| {
        let signature = registry::sign(key, registry::BODY);
        let claims = json!({ "participantId": participant });
        explain(&scene.world, &asked(&scene.world, claims, &signature, Some(body)))
    };
    let before = scene.questions();
    let unknown = of(&signer, "acme");
    assert_eq!(unknown["verdict"], "admitted", "{unknown}");
    assert_eq!(unchecked(&unknown), ["signature"]);
    assert!(unknown["not_checked"][0]["why"].as_str().unwrap().contains("registry"));
    assert_eq!(scene.questions(), before, "an explanation sends no lookup");

    scene.admits("a request, which does", &scene.request("acme", &signer));
    let before = scene.questions();
    let known = of(&signer, "acme");
    assert_eq!((&known["verdict"], &known["not_checked"]), (&json!("admitted"), &json!([])));
    let other = of(&key(Algorithm::Es256, "k"), "acme");
    assert_eq!(other["reason"], "signature_invalid", "{other}");
    assert_eq!(scene.questions(), before, "nor one for a changed key");
}
