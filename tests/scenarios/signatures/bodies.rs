//! S-1 … S-3: nothing but the body that was signed, and no more of it than there is room for.

use countersign::{jose::Algorithm, reason::Reason};

use crate::{
    signatures::scene::{ONE_SIGNER, Scene, jwks, sign},
    support::{issuer::key, setup::Setup, wait_until},
};

const BODY: &[u8] = br#"{"amount":100,"to":"bob"}"#;

fn limited(lines: &'static str) -> impl FnOnce(Setup) -> Setup {
    move |setup| setup.server(&format!("[server.limits]\n{lines}"))
}

#[test]
fn s1_any_other_body_is_refused() {
    let signer = key(Algorithm::Es256, "k");
    let scene = Scene::start(ONE_SIGNER, &jwks(&[&signer]));
    let signature = sign(&signer, BODY);
    scene.admits("as signed", &scene.post(&signature, BODY), BODY);
    let mut changed = BODY.to_vec();
    changed[10] ^= 1;
    for (case, body) in [
        ("changed", changed),
        ("cut", BODY[..BODY.len() - 1].to_vec()),
        ("a line break more", [BODY, b"\n"].concat()),
        ("a byte before", [b" ", BODY].concat()),
        ("twice", [BODY, BODY].concat()),
    ] {
        scene.refuses(case, &scene.post(&signature, &body), Reason::SignatureInvalid);
    }
    scene.refuses("nothing", &scene.post(&signature, b""), Reason::SignedBodyMissing);
}

#[test]
fn s2_the_upstream_gets_nothing_before_the_verdict() {
    let signer = key(Algorithm::Es256, "k");
    let scene = Scene::start(ONE_SIGNER, &jwks(&[&signer]));
    let signature = sign(&signer, BODY);
    let before = scene.world.mark();
    let mut client = scene.world.proxy.client();
    let request = scene.post(&signature, BODY).bytes();
    let (most, last) = request.split_at(request.len() - 1);
    client.send(most);
    wait_until("the body is held", || {
        scene.world.proxy.metric("countersign_held_body_bytes") > 0.0
    });
    before.assert_untouched("the last byte is missing");
    client.send(last);
    assert!(client.read().is_from_upstream());
    before.only_request("whole");
    wait_until("its room is given back", || {
        scene.world.proxy.metric("countersign_held_body_bytes") == 0.0
    });
}

#[test]
fn s3_d5_a_body_is_bounded_and_so_are_all_of_them() {
    let signer = key(Algorithm::Es256, "k");
    let limits = limited("body_bytes = \"1KiB\"\nbody_memory = \"512B\"\nbuffer_bytes = \"1536B\"");
    let scene = Scene::with(ONE_SIGNER, &jwks(&[&signer]), limits);
    let body = |length| vec![b'a'; length];
    let signed = |body: &[u8]| scene.post(&sign(&signer, body), body);
    scene.admits("in memory", &signed(&body(512)), &body(512));
    scene.admits("in a file", &signed(&body(1024)), &body(1024));
    scene.refuses("too large", &signed(&body(1025)), Reason::BodyTooLarge);
    let announced = scene.unsigned().field("x-jws-signature", sign(&signer, b"x"));
    let announced = announced.field("content-length", "1025");
    scene.refuses("announced as too large", &announced, Reason::BodyTooLarge);

    // One body of 1,000 bytes is on its way; there is no room for another one.
    let mut slow = scene.world.proxy.client();
    let large = body(1000);
    let request = signed(&large).bytes();
    slow.send(&request[..request.len() - 1]);
    wait_until("it is held", || scene.world.proxy.metric("countersign_held_body_bytes") >= 1000.0);
    scene.refuses("no room", &signed(&large), Reason::BodyBufferUnavailable);
    scene.admits("room enough", &signed(&body(100)), &body(100));
    slow.send(&request[request.len() - 1..]);
    assert!(slow.read().is_from_upstream());
    wait_until("its room is given back", || {
        scene.world.proxy.metric("countersign_held_body_bytes") == 0.0
    });
    scene.admits("room again", &signed(&large), &large);
}

#[test]
fn s3_a_body_of_unknown_length_is_bounded_too() {
    let signer = key(Algorithm::Es256, "k");
    let limits = limited("body_bytes = \"1KiB\"");
    let scene = Scene::with(ONE_SIGNER, &jwks(&[&signer]), limits);
    let signed = |body: &[u8]| scene.unsigned().field("x-jws-signature", sign(&signer, body));
    let chunked = |body: &[u8]| {
        let head = signed(body).field("transfer-encoding", "chunked").bytes();
        [&head, format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
    };
    for (length, status) in [(1024, 200), (1025, 413)] {
        let body = vec![b'a'; length];
        let mut client = scene.world.proxy.client();
        let before = scene.world.mark();
        client.send(&chunked(&body));
        let answer = client.read();
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 200 {
            let received = before.only_request("chunked");
            assert_eq!(received.body.bytes, body);
            // Fresh framing: its length is known now.
            assert_eq!(received.head.field("content-length"), Some("1024"));
            assert_eq!(received.head.field("transfer-encoding"), None);
        }
    }
}

#[test]
fn s3_a_stalled_body_meets_its_deadline_and_a_broken_one_is_no_body() {
    let signer = key(Algorithm::Es256, "k");
    let scene = Scene::with(ONE_SIGNER, &jwks(&[&signer]), limited("body_timeout = \"200ms\""));
    let before = scene.world.mark();
    let mut stalled = scene.world.proxy.client();
    let request = scene.post(&sign(&signer, BODY), BODY).bytes();
    stalled.send(&request[..request.len() - 3]);
    assert_eq!(stalled.read().status, 408);
    let mut broken = scene.world.proxy.client();
    broken.send(&request[..request.len() - 3]);
    broken.finish_sending();
    let answer = broken.try_read().unwrap();
    assert!(answer.is_none_or(|answer| answer.status == 400));
    before.assert_untouched("neither arrives");
    let aborted = "countersign_requests_total{outcome=\"aborted\",route=\"/signed/**\"}";
    wait_until("both are counted", || (scene.world.proxy.metric(aborted) - 2.0).abs() < 0.1);
}

#[test]
fn a_body_that_the_algorithm_reads_twice_has_to_fit_into_memory() {
    let signer = key(Algorithm::EdDsa, "k");
    let limits = limited("body_bytes = \"2KiB\"\nbody_memory = \"1KiB\"");
    let scene = Scene::with(ONE_SIGNER, &jwks(&[&signer]), limits);
    for (length, passes) in [(1024, true), (1025, false)] {
        let body = vec![b'a'; length];
        let request = scene.post(&sign(&signer, &body), &body);
        if passes {
            scene.admits("in memory", &request, &body);
        } else {
            scene.refuses("larger", &request, Reason::BodyTooLarge);
        }
    }
}

#[test]
fn a_signed_request_never_becomes_a_tunnel() {
    let signer = key(Algorithm::Es256, "k");
    let scene = Scene::start(ONE_SIGNER, &jwks(&[&signer]));
    let request = scene
        .post(&sign(&signer, BODY), BODY)
        .field("connection", "upgrade")
        .field("upgrade", "websocket");
    let received = scene.admits("as a message", &request, BODY);
    assert_eq!(received.head.field("upgrade"), None);
}
