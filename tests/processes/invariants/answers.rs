//! INV-2: as many requests reach the upstream as answers come back, and no refused byte is one.

use std::sync::Arc;

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::{Client, Request},
    oracle::assert_refused,
    world::World,
};

#[test]
fn inv2_a_refused_body_is_never_taken_for_a_request() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let smuggled = Request::get("/public/smuggled").bytes();
    let framed = Request::new("POST", "/").body(&smuggled);
    let chunked = {
        let head = Request::new("POST", "/").field("transfer-encoding", "chunked").bytes();
        let size = format!("{:x}\r\n", smuggled.len()).into_bytes();
        [head, size, smuggled, b"\r\n0\r\n\r\n".to_vec()].concat()
    };
    for (case, bytes) in [("Content-Length", framed.bytes()), ("chunked", chunked)] {
        let before = world.mark();
        let mut client = world.proxy.client();
        client.send(&bytes);
        let answer = client.read();
        assert_refused(case, &answer, Reason::CredentialMissing, &before);
        // The connection is closed, or it goes on behind the body.
        client.send(&Request::get("/public/next").bytes());
        if let Ok(Some(answer)) = client.try_read() {
            assert!(answer.is_from_upstream(), "{case}: {answer:?}");
            let received = before.only_request(case);
            assert_eq!(received.target(), "/public/next", "{case}");
        } else {
            before.assert_untouched(case);
        }
    }
    world.admits("afterwards", &token);
}

#[test]
fn inv2_a_refused_body_that_does_not_come_does_not_hold_the_answer_back() {
    let world = World::start();
    let before = world.mark();
    let mut client = world.proxy.client();
    let head = Request::new("POST", "/").field("content-length", "1000000");
    client.send(&head.bytes());
    let answer = client.read();
    assert_refused("unread body", &answer, Reason::CredentialMissing, &before);
    client.finish_sending();
    assert!(client.is_closed());
    before.assert_untouched("unread body");
}

#[test]
fn inv2_pipelined_requests_are_decided_one_by_one() {
    let world = World::start();
    let (alice, bob) = (world.issuer.mint(json!({})), world.issuer.mint(json!({ "sub": "bob" })));
    let expired = world.issuer.mint(json!({ "exp": 1 }));
    let tokens = [&alice, &expired, &bob, &expired, &alice];
    let requests: Vec<_> =
        tokens.iter().map(|token| Request::get("/").bearer(token).bytes()).collect();
    let mut client = world.proxy.client();
    client.send(&requests.concat());
    let statuses: Vec<_> = tokens.iter().map(|_| client.read().status).collect();
    assert_eq!(statuses, [200, 401, 200, 401, 200]);
    let received = world.upstream.requests();
    let subjects: Vec<_> =
        received.iter().map(|received| received.head.field("x-auth-subject")).collect();
    assert_eq!(subjects, [Some("alice"), Some("bob"), Some("alice")]);
}

#[test]
#[should_panic(expected = "INV-2")]
fn inv2_the_harness_notices_a_request_without_an_answer() {
    let world = World::start();
    let address = world.upstream.url().trim_start_matches("http://").parse().unwrap();
    let mut direct = Client::connect(address, &Arc::default());
    direct.exchange(&Request::get("/"));
    drop(world);
}
