//! What the upstream receives about a signature, from the proxy alone.

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::json;

use crate::{
    signatures::scene::{ONE_SIGNER, Scene, jwks, sign},
    support::{NOW, client::Request, issuer::key},
};

const BODY: &[u8] = b"x";

#[test]
fn the_upstream_learns_who_signed_with_which_key_and_when() {
    let signer = key(Algorithm::Es256, "k");
    let scene = Scene::start(ONE_SIGNER, &jwks(&[&signer]));
    let signature = sign(&signer, BODY);
    let received = scene.admits("default", &scene.post(&signature, BODY), BODY);
    for (name, value) in [
        ("x-signature-signer", "acme"),
        ("x-signature-kid", "k"),
        ("x-signature-verified-at", &*NOW.to_string()),
        ("x-jws-signature", &*signature),
        ("x-auth-subject", "alice"),
    ] {
        assert_eq!(received.head.field(name), Some(value), "{name}");
    }
    let all = "signer = { fixed = \"Müller & Söhne\" }\ncaller = \"unrelated\"\n\
         [signatures.partner.headers]\nx-signer = \"signer\"\nx-kid = \"kid\"\n\
         x-thumbprint = \"thumbprint\"\nx-algorithm = \"algorithm\"\nx-dialect = \"dialect\"\n\
         x-at = \"verified_at\"";
    let scene = Scene::start(all, &jwks(&[&signer]));
    let received = scene.admits("all", &scene.post(&signature, BODY), BODY);
    let thumbprint = signer.verification_key().unwrap().thumbprint().to_text();
    for (name, value) in [
        ("x-signer", Some("M%C3%BCller & S%C3%B6hne")),
        ("x-kid", Some("k")),
        ("x-thumbprint", Some(thumbprint.as_str())),
        ("x-algorithm", Some("ES256")),
        ("x-dialect", Some("rfc7797")),
        ("x-at", Some("1900000000")),
        ("x-signature-signer", None),
    ] {
        assert_eq!(received.head.field(name), value, "{name}");
    }
}

#[test]
fn h1_no_client_says_who_signed() {
    let signer = key(Algorithm::Es256, "k");
    let scene = Scene::start(ONE_SIGNER, &jwks(&[&signer]));
    let forged = |request: Request| {
        request
            .field("x-signature-signer", "mallory")
            .field("X_Signature_Signer", "mallory")
            .field("x-signature-kid", "mallory")
    };
    let signed = forged(scene.post(&sign(&signer, BODY), BODY));
    let received = scene.admits("signed", &signed, BODY);
    let signers: Vec<_> = received.head.all("x-signature-signer").collect();
    assert_eq!(signers, ["acme"]);
    assert_eq!(received.head.field("x_signature_signer"), None);
    let public = forged(Request::get("/public/a"));
    let received = scene.admits("public", &public, b"");
    assert_eq!(received.head.field("x-signature-signer"), None);
    assert_eq!(received.head.field("x-signature-kid"), None);
    let nominated =
        scene.post(&sign(&signer, BODY), BODY).field("connection", "x-signature-signer");
    let answer = scene.world.proxy.exchange(&nominated);
    assert_eq!(answer.reason().as_deref(), Some("header_not_allowed"));
}

#[test]
fn refusals_are_counted_by_their_reason_and_say_nothing_of_the_token() {
    let signer = key(Algorithm::Es256, "k");
    let scene = Scene::start(ONE_SIGNER, &jwks(&[&signer]));
    let request = scene.post(&sign(&signer, b"other"), BODY);
    let answer = scene.refuses("wrong", &request, Reason::SignatureInvalid);
    assert_eq!(answer.field("www-authenticate"), Some("Signature"));
    let series = "countersign_denials_total{issuer=\"\",reason=\"signature_invalid\"}";
    assert!((scene.world.proxy.metric(series) - 1.0).abs() < f64::EPSILON);
    let keys: serde_json::Value = serde_json::from_str(&scene.world.proxy.page("/keys")).unwrap();
    let names: Vec<_> = keys.as_array().unwrap().iter().map(|i| &i["name"]).collect();
    assert_eq!(names, [&json!("corp"), &json!("signatures.partner")]);
}
