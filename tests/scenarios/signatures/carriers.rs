//! S-6: where the signature is, and that there is one of it.

use base64::{Engine, prelude::BASE64_STANDARD};
use countersign::{jose::Algorithm, json::Object, reason::Reason};
use serde_json::json;

use crate::{
    signatures::scene::{ONE_SIGNER, Scene, jwks, sign},
    support::{client::Request, issuer::key},
};

const BODY: &[u8] = br#"{"amount":100}"#;

#[test]
fn s6_there_is_exactly_one_signature_and_the_payload_is_not_in_it() {
    let signer = key(Algorithm::Es256, "k");
    let scene = Scene::start(ONE_SIGNER, &jwks(&[&signer]));
    let good = sign(&signer, BODY);
    scene.admits("one", &scene.post(&good, BODY), BODY);
    scene.refuses("none", &scene.unsigned().body(BODY), Reason::SignatureMissing);
    let twice = scene.post(&good, BODY).field("x-jws-signature", &good);
    scene.refuses("two", &twice, Reason::SignatureMalformed);
    let attached = signer.sign_compact(&Object::default(), BODY).unwrap();
    for (case, text) in [
        ("attached", attached),
        ("two in one field", format!("{good}, {good}")),
        ("empty", String::new()),
        ("one part", good.split('.').next().unwrap().to_owned()),
        ("padded", format!("{good}=")),
        ("a space in it", good.replacen("..", ". .", 1)),
        ("JSON", r#"{"protected":"e30","signature":"AA"}"#.to_owned()),
        ("beyond ASCII", "é..é".to_owned()),
    ] {
        scene.refuses(case, &scene.post(&text, BODY), Reason::SignatureMalformed);
    }
}

#[test]
fn s11_a_signature_in_a_trailer_is_none() {
    let signer = key(Algorithm::Es256, "k");
    let scene = Scene::start(ONE_SIGNER, &jwks(&[&signer]));
    let signature = sign(&signer, BODY);
    let head = scene.unsigned().field("transfer-encoding", "chunked");
    let trailer = format!("{:x}\r\n", BODY.len());
    let rest = format!("\r\n0\r\nx-jws-signature: {signature}\r\n\r\n");
    let before = scene.world.mark();
    let mut client = scene.world.proxy.client();
    client.send(&[&head.bytes(), trailer.as_bytes(), BODY, rest.as_bytes()].concat());
    let answer = client.read();
    assert_eq!(answer.reason().as_deref(), Some("signature_missing"));
    before.assert_untouched("in a trailer");
}

#[test]
fn one_of_several_headers_may_carry_it() {
    let signer = key(Algorithm::Es256, "k");
    let rules = format!("header = [\"x-jws-signature\", \"signature\"]\n{ONE_SIGNER}");
    let scene = Scene::start(&rules, &jwks(&[&signer]));
    let good = sign(&signer, BODY);
    scene.admits("the first", &scene.post(&good, BODY), BODY);
    let second = scene.unsigned().field("Signature", &good).body(BODY);
    scene.admits("the second", &second, BODY);
    let both = scene.post(&good, BODY).field("Signature", &good);
    scene.refuses("both", &both, Reason::SignatureMalformed);
}

#[test]
fn a_signature_in_authorization_has_a_scheme_while_the_token_travels_elsewhere() {
    let signer = key(Algorithm::Es256, "k");
    let rules = format!("header = \"authorization\"\nscheme = \"JWS\"\n{ONE_SIGNER}");
    let scene = Scene::with(&rules, &jwks(&[&signer]), |setup| {
        setup.with("[credential]\nsources = [{ header = \"x-api-token\" }]")
    });
    let good = sign(&signer, BODY);
    let request = || {
        Request::new("POST", "/signed/a").field("x-api-token", scene.token(json!({}))).body(BODY)
    };
    let signed = request().field("authorization", format!("JWS {good}"));
    scene.admits("in Authorization", &signed, BODY);
    let other = request().field("authorization", format!("Bearer {good}"));
    scene.refuses("another scheme", &other, Reason::SignatureMissing);
    let bare = request().field("authorization", &good);
    scene.refuses("no scheme", &bare, Reason::SignatureMissing);
}

#[test]
fn s12_what_is_wrong_without_the_body_is_refused_without_it() {
    let (signer, stranger) = (key(Algorithm::Es256, "k"), key(Algorithm::Es256, "stranger"));
    let scene = Scene::start(ONE_SIGNER, &jwks(&[&signer]));
    for (case, signature, reason) in [
        ("no signature", None, Reason::SignatureMissing),
        ("a stranger's", Some(sign(&stranger, BODY)), Reason::SignerUnknown),
        ("malformed", Some("x".to_owned()), Reason::SignatureMalformed),
    ] {
        // The body is announced, and never sent.
        let mut request = scene.unsigned().field("content-length", "1000000");
        if let Some(signature) = signature {
            request = request.field("x-jws-signature", signature);
        }
        scene.refuses(case, &request, reason);
    }
    let expecting = scene.unsigned().field("expect", "100-continue").field("content-length", "10");
    let answer = scene.refuses("not even asked for", &expecting, Reason::SignatureMissing);
    assert_eq!(answer.status, 401);
}

/// The signature covers the body itself, so that a digest header adds nothing and is not read.
#[test]
fn s9_a_digest_in_a_header_stands_in_for_no_signature() {
    let signer = key(Algorithm::Es256, "k");
    let scene = Scene::start(ONE_SIGNER, &jwks(&[&signer]));
    let digest_of = |body: &[u8]| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
        format!("sha-256=:{}:", BASE64_STANDARD.encode(digest))
    };
    let other: &[u8] = br#"{"amount":999}"#;
    let (good, of_digest) = (sign(&signer, BODY), sign(&signer, digest_of(other).as_bytes()));
    let post = |signature: &str, body: &[u8], digest: String| {
        scene.post(signature, body).field("content-digest", digest)
    };
    let changed = post(&good, other, digest_of(other));
    scene.refuses("a right digest of a changed body", &changed, Reason::SignatureInvalid);
    let unchanged = post(&good, other, digest_of(BODY));
    scene.refuses("the digest of what was signed", &unchanged, Reason::SignatureInvalid);
    let signed_digest = post(&of_digest, other, digest_of(other));
    scene.refuses("a signature over the digest", &signed_digest, Reason::SignatureInvalid);
    scene.admits("what was signed", &post(&good, BODY, digest_of(BODY)), BODY);
}
