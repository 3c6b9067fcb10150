//! A random body in random pieces, over HTTP/1.1 and HTTP/2, arrives byte for byte or not at all.

use std::{cell::RefCell, sync::Arc};

use countersign::jose::{Algorithm, Dialect, SigningKey};
use http::Request;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json;

use crate::{
    signatures::scene::{ONE_SIGNER, Scene, jwks, sign_with},
    support::{
        h2::{self, Frames, H2},
        issuer::key,
    },
};

/// Around the thresholds: 4 KiB stay in memory, 64 KiB are allowed.
const LIMITS: &str = "[server.limits]\nbody_bytes = \"64KiB\"\nbody_memory = \"4KiB\"";

struct Sent {
    body: Vec<u8>,
    signature: String,
    /// Where the body is cut into pieces.
    cuts: Vec<usize>,
}

impl Sent {
    fn pieces(&self) -> Vec<&[u8]> {
        let mut cuts: Vec<usize> =
            self.cuts.iter().map(|cut| cut % (self.body.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let ends = cuts.iter().copied().chain([self.body.len()]);
        let starts = [0].into_iter().chain(cuts.iter().copied());
        starts.zip(ends).map(|(a, b)| &self.body[a..b]).filter(|piece| !piece.is_empty()).collect()
    }
}

fn over_http1(scene: &Scene, sent: &Sent) -> (u16, Option<Vec<u8>>) {
    let before = scene.world.mark();
    let head = scene.unsigned().field("x-jws-signature", &sent.signature);
    let mut client = scene.world.proxy.client();
    client.send(&head.field("transfer-encoding", "chunked").bytes());
    for piece in sent.pieces() {
        client.send(&[format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
    }
    client.send(b"0\r\n\r\n");
    let status = client.read().status;
    (status, received(scene, &before, status))
}

fn over_http2(scene: &Scene, client: &H2, sent: &Sent) -> (u16, Option<Vec<u8>>) {
    let before = scene.world.mark();
    let request: Request<Frames> = h2::request("POST", "/signed/a")
        .header("authorization", format!("Bearer {}", scene.token(json!({}))))
        .header("x-jws-signature", &sent.signature)
        .body(Frames::new(&sent.pieces(), &[]))
        .unwrap();
    let status = client.exchange(request).unwrap().status;
    (status, received(scene, &before, status))
}

fn received(scene: &Scene, before: &crate::support::oracle::Mark, status: u16) -> Option<Vec<u8>> {
    if status == 200 {
        return Some(before.only_request("admitted").body.bytes);
    }
    before.assert_untouched("refused");
    let _ = scene;
    None
}

fn check(algorithm: Algorithm, dialects: &'static [Dialect], cases: u32) {
    let signer: Arc<SigningKey> = key(algorithm, "k");
    let names: Vec<_> = dialects.iter().map(|dialect| format!("\"{dialect}\"")).collect();
    let rules = format!("dialects = [{}]\n{ONE_SIGNER}", names.join(","));
    let mut scene = Scene::with(&rules, &jwks(&[&signer]), |setup| setup.server(LIMITS));
    // HTTP/2 answers are read by hyper's client, which keeps no journal.
    scene.world.proxy.expect_unmatched_answers();
    let client = H2::connect(scene.world.proxy.address());
    let scene = RefCell::new(scene);
    let case = (
        vec(any::<u8>(), 1..10_000),
        vec(any::<usize>(), 0..20),
        proptest::sample::select(dialects),
        any::<prop::sample::Index>(),
        any::<bool>(),
    );
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&case, |(body, cuts, dialect, place, flips)| {
            let scene = scene.borrow();
            let signature = sign_with(&signer, dialect, &json!({}), &body);
            let mut sent = Sent { body, signature, cuts };
            if flips {
                let bit = place.index(sent.body.len() * 8);
                sent.body[bit / 8] ^= 1 << (bit % 8);
            }
            for (status, arrived) in [over_http1(&scene, &sent), over_http2(&scene, &client, &sent)]
            {
                if flips {
                    prop_assert_eq!(status, 401);
                } else {
                    prop_assert_eq!((status, arrived.as_ref()), (200, Some(&sent.body)));
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn s1_a_body_arrives_byte_for_byte_or_not_at_all() {
    check(Algorithm::Es256, Dialect::ALL, 96);
}

#[test]
fn s1_a_flipped_bit_of_the_signature_itself_is_refused() {
    let signer = key(Algorithm::Es256, "k");
    let scene = Scene::start(ONE_SIGNER, &jwks(&[&signer]));
    let body = b"as signed";
    let signature = sign_with(&signer, Dialect::Rfc7797, &json!({}), body).into_bytes();
    for place in 0..signature.len() {
        for bit in [0, 3, 6] {
            let mut forged = signature.clone();
            forged[place] ^= 1 << bit;
            if !forged[place].is_ascii_graphic() {
                continue;
            }
            let text = String::from_utf8(forged).unwrap();
            let before = scene.world.mark();
            let answer = scene.world.proxy.exchange(&scene.post(&text, body));
            assert_eq!(answer.status, 401, "{text}");
            before.assert_untouched(&text);
        }
    }
}
