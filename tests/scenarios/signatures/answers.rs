//! Answers that are signed in turn: as a whole, or not at all.

use std::{fs, sync::Arc};

use countersign::{
    jose::{Algorithm, DetachedJws, Dialect, SigningKey},
    reason::Reason,
};
use serde_json::json;

use crate::{
    signatures::scene::{ONE_SIGNER, Scene, jwks, sign_with},
    support::{client::Answer, issuer::key, setup::Setup, upstream::Reply, wait_until},
};

const BODY: &[u8] = br#"{"amount":100}"#;

struct Signed {
    scene: Scene,
    partner: Arc<SigningKey>,
    own: Arc<SigningKey>,
    _folder: tempfile::TempDir,
}

/// With these lines of `[signatures.partner.respond]`.
fn start(lines: &str) -> Signed {
    start_with(lines, |setup| setup)
}

fn start_with(lines: &str, change: impl FnOnce(Setup) -> Setup) -> Signed {
    let (partner, own) = (key(Algorithm::Es256, "partner"), key(Algorithm::Rs256, "own"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.jwk");
    fs::write(&file, own.private_jwk().to_text()).unwrap();
    let rules = format!(
        "dialects = [\"rfc7797\", \"detached\"]\n{ONE_SIGNER}\n[signatures.partner.respond]\n\
         key = \"{}\"\n{lines}",
        file.display()
    );
    let scene = Scene::with(&rules, &jwks(&[&partner]), change);
    Signed { scene, partner, own, _folder: folder }
}

impl Signed {
    fn ask(&self, dialect: Dialect) -> Answer {
        let signature = sign_with(&self.partner, dialect, &json!({}), BODY);
        self.scene.world.proxy.exchange(&self.scene.post(&signature, BODY))
    }

    /// The answer is the upstream's, and signed in that dialect.
    #[track_caller]
    fn assert_signed(&self, answer: &Answer, header: &str, dialect: Dialect) {
        assert!(answer.is_from_upstream(), "{answer:?}");
        assert!(answer.field(header).is_some(), "{answer:?}");
        let signature = answer.field(header).unwrap();
        let jws = DetachedJws::parse(signature, &[]).unwrap();
        assert_eq!((jws.dialect(), jws.header().kid()), (dialect, Some("own")));
        let public = self.own.verification_key().unwrap();
        assert!(jws.over(&answer.body.bytes).verifies_under(&public), "{answer:?}");
    }
}

#[test]
fn an_answer_is_signed_as_its_request_is() {
    let signed = start("");
    for dialect in [Dialect::Rfc7797, Dialect::Detached] {
        let answer = signed.ask(dialect);
        signed.assert_signed(&answer, "x-jws-signature", dialect);
    }
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-jws-signature: forged\r\n\
                   x-answered-by: upstream\r\ntrailer: x-t\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\
                   x-t: 1\r\n\r\n";
    signed.scene.world.upstream.answer_by(move |_| Reply::raw(chunked.as_bytes()));
    let answer = signed.ask(Dialect::Rfc7797);
    signed.assert_signed(&answer, "x-jws-signature", Dialect::Rfc7797);
    assert_eq!(answer.body.bytes, b"abcde");
    assert_eq!(answer.head.all("x-jws-signature").count(), 1);
    assert_eq!(answer.field("content-length"), Some("5"));
    let count = "countersign_answers_signed_total{signature=\"partner\"}";
    assert!((signed.scene.world.proxy.metric(count) - 3.0).abs() < f64::EPSILON);
}

#[test]
fn the_operator_may_choose_header_and_dialect() {
    let signed = start("header = \"signature\"\ndialect = \"b64-false-without-crit\"");
    let answer = signed.ask(Dialect::Rfc7797);
    signed.assert_signed(&answer, "signature", Dialect::B64FalseWithoutCrit);
}

#[test]
fn an_answer_without_a_body_is_signed_over_nothing() {
    let signed = start("");
    let empty = "HTTP/1.1 204 No Content\r\nx-answered-by: upstream\r\n\r\n";
    signed.scene.world.upstream.answer_by(move |_| Reply::raw(empty.as_bytes()));
    let answer = signed.ask(Dialect::Rfc7797);
    assert_eq!((answer.status, answer.body.bytes.len()), (204, 0));
    signed.assert_signed(&answer, "x-jws-signature", Dialect::Rfc7797);
}

#[test]
fn what_can_not_be_signed_is_502_and_never_unsigned() {
    let mut signed = start("max_bytes = \"10B\"");
    // The upstream answers what no client reads.
    signed.scene.world.proxy.expect_unmatched_answers();
    let head = |more: &str| format!("HTTP/1.1 200 OK\r\nx-answered-by: upstream\r\n{more}\r\n\r\n");
    for (case, answer) in [
        ("too large", head("content-length: 11") + "12345678901"),
        (
            "too large, of unknown length",
            head("transfer-encoding: chunked") + "b\r\n12345678901\r\n0\r\n\r\n",
        ),
        ("events", head("content-type: text/event-stream\r\ncontent-length: 2") + "ok"),
        ("cut off", head("content-length: 5\r\nconnection: close") + "123"),
    ] {
        signed.scene.world.upstream.answer_by(move |_| Reply::raw(answer.as_bytes()).then_close());
        let answer = signed.ask(Dialect::Rfc7797);
        assert_eq!(answer.status, 502, "{case}: {answer:?}");
        assert!(!answer.is_from_upstream(), "{case}: {answer:?}");
    }
    let fits = head("content-length: 10") + "1234567890";
    signed.scene.world.upstream.answer_by(move |_| Reply::raw(fits.as_bytes()));
    let answer = signed.ask(Dialect::Rfc7797);
    signed.assert_signed(&answer, "x-jws-signature", Dialect::Rfc7797);
}

#[test]
fn a_refusal_is_no_answer_of_the_service() {
    let signed = start("");
    let request = signed.scene.post("nonsense", BODY);
    let answer = signed.scene.refuses("malformed", &request, Reason::SignatureMalformed);
    assert_eq!(answer.field("x-jws-signature"), None);
}

#[test]
fn a_large_answer_arrives_whole() {
    let signed = start("");
    let text = "0123456789".repeat(30_000);
    let whole = format!(
        "HTTP/1.1 200 OK\r\nx-answered-by: upstream\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
    signed.scene.world.upstream.answer_by(move |_| Reply::raw(whole.as_bytes()));
    let answer = signed.ask(Dialect::Rfc7797);
    signed.assert_signed(&answer, "x-jws-signature", Dialect::Rfc7797);
    assert_eq!(answer.body.bytes, text.as_bytes());
}

#[test]
fn d5_without_room_for_the_answer_the_upstream_is_not_asked() {
    let signed = start_with("max_bytes = \"1KiB\"", |setup| {
        setup.server("[server.limits]\nbody_bytes = \"1KiB\"\nbuffer_bytes = \"1536B\"")
    });
    let (scene, proxy) = (&signed.scene, &signed.scene.world.proxy);
    let signature = |body: &[u8]| sign_with(&signed.partner, Dialect::Rfc7797, &json!({}), body);
    // Another client's body is on its way.
    let large = vec![b'a'; 1000];
    let request = scene.post(&signature(&large), &large).bytes();
    let mut slow = proxy.client();
    slow.send(&request[..request.len() - 1]);
    wait_until("it is held", || proxy.metric("countersign_held_body_bytes") >= 1000.0);
    let small = scene.post(&signature(BODY), BODY);
    scene.refuses("no room for the answer", &small, Reason::BodyBufferUnavailable);
    slow.send(&request[request.len() - 1..]);
    // Its own room does not suffice for both either.
    assert_eq!(slow.read().status, 503);
    wait_until("the room is given back", || proxy.metric("countersign_held_body_bytes") == 0.0);
    let answer = proxy.exchange(&small);
    signed.assert_signed(&answer, "x-jws-signature", Dialect::Rfc7797);
    wait_until("so is the answer's", || proxy.metric("countersign_held_body_bytes") == 0.0);
}
