//! `body = "buffer"`: the upstream is not kept waiting for a client, and what it gets can be sent
//! again.

use std::{
    io::{Read, Write},
    sync::atomic::{AtomicUsize, Ordering},
};

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    bare,
    client::Request,
    h2::{self, Frames, H2},
    listening::Listening,
    oracle::assert_refused,
    wait_until,
    wire::{Head, Unframed},
    world::World,
};

const LARGE: usize = 300_000;

fn world(route: &str, limits: &str) -> World {
    World::with_setup(|setup| {
        setup
            .server(&format!("[server.limits]\n{limits}"))
            .routes(&format!("[[routes]]\npath = \"/**\"\nbody = \"buffer\"\n{route}"))
    })
}

fn head(token: &str, framing: &str) -> Vec<u8> {
    let (name, value) = framing.split_once(": ").unwrap();
    Request::new("POST", "/").bearer(token).field(name, value).bytes()
}

#[test]
fn the_upstream_gets_a_request_when_all_of_it_is_here() {
    let world = world("", "");
    let token = world.issuer.mint(json!({}));
    for (framing, first, second) in [
        ("content-length: 10", &b"12345"[..], &b"67890"[..]),
        ("transfer-encoding: chunked", b"5\r\n12345\r\n", b"5\r\n67890\r\n0\r\nx-t: 1\r\n\r\n"),
    ] {
        let before = world.mark();
        let mut client = world.proxy.client();
        client.send(&[&head(&token, framing), first].concat());
        // Another request has gone all the way meanwhile.
        assert_eq!(world.proxy.get("/probe", Some(&token)).status, 200);
        assert_eq!(before.only_request(framing).target(), "/probe");
        client.send(second);
        assert_eq!(client.read().status, 200);
        let received = world.upstream.requests().pop().unwrap();
        assert_eq!(received.body.bytes, b"1234567890");
        assert_eq!(received.head.field("content-length"), Some("10"), "framed by us");
        assert_eq!(received.head.field("transfer-encoding"), None);
    }
}

#[test]
fn a_large_body_arrives_unchanged_over_both_versions() {
    let mut world = world("", "body_memory = \"64KiB\"");
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let body: Vec<u8> = (0..=250).cycle().take(LARGE).collect();
    let request = Request::new("PUT", "/").bearer(&token).body(&body);
    assert_eq!(world.proxy.exchange(&request).status, 200);
    let chunks: Vec<_> = body.chunks(10_000).collect();
    let request = h2::request("PUT", "/").header("authorization", format!("Bearer {token}"));
    let request = request.body(Frames::new(&chunks, &[])).unwrap();
    assert_eq!(H2::connect(world.proxy.address()).exchange(request).unwrap().status, 200);
    for received in world.upstream.requests() {
        assert!(received.body.bytes == body, "{} bytes", received.body.bytes.len());
    }
    assert_eq!(world.upstream.requests().len(), 2);
    let held = || world.proxy.metric("countersign_held_body_bytes") < f64::EPSILON;
    wait_until("the room to be given back", held);
}

#[test]
fn d13_nothing_is_sent_on_of_a_body_that_is_too_large_or_does_not_end() {
    let world = world("max_body = \"10B\"", "body_timeout = \"200ms\"");
    let token = world.issuer.mint(json!({}));
    let before = world.mark();
    let mut client = world.proxy.client();
    client.send(&head(&token, "content-length: 11"));
    assert_refused("announced", &client.read(), Reason::BodyTooLarge, &before);
    let mut client = world.proxy.client();
    client.send(&head(&token, "transfer-encoding: chunked"));
    client.send(b"6\r\n123456\r\n6\r\n123456\r\n");
    assert_refused("grown", &client.read(), Reason::BodyTooLarge, &before);
    let mut client = world.proxy.client();
    client.send(&[&head(&token, "content-length: 10"), &b"12345"[..]].concat());
    assert_eq!(client.read().status, 408);
    let mut client = world.proxy.client();
    client.send(&[&head(&token, "content-length: 10"), &b"12345"[..]].concat());
    client.finish_sending();
    assert!(client.try_read().is_ok_and(|answer| answer.is_none_or(|it| it.status == 400)));
    before.assert_untouched("never whole");
}

#[test]
fn d5_without_room_a_body_is_503() {
    let world = world("", "body_bytes = \"4KiB\"\nbuffer_bytes = \"4KiB\"");
    let token = world.issuer.mint(json!({}));
    let before = world.mark();
    let mut first = world.proxy.client();
    first.send(&[&head(&token, "content-length: 4096"), &[b'x'; 4000][..]].concat());
    let taken = || world.proxy.metric("countersign_held_body_bytes") > 0.0;
    wait_until("the first body", taken);
    let second = Request::new("POST", "/").bearer(&token).body(&[b'x'; 4000]);
    let answer = world.proxy.exchange(&second);
    assert_refused("no room", &answer, Reason::BodyBufferUnavailable, &before);
    first.send(&[b'x'; 96]);
    assert_eq!(first.read().status, 200);
    let large = Request::new("POST", "/").bearer(&token).body(&[b'x'; 4097]);
    assert_eq!(world.proxy.exchange(&large).status, 413, "as large as signed ones at most");
}

/// An upstream whose every second request, of its second connection on, breaks off with the body
/// half read.
fn breaking(broken: &'static AtomicUsize) -> Listening {
    bare::upstream(move |first, mut reader| {
        let mut next = Some(first);
        while let Some(head) = next {
            if head.start.contains("/break") && broken.fetch_add(1, Ordering::SeqCst) == 0 {
                let _ = reader.read_exact(&mut [0; 1000]);
                return;
            }
            let body = head.read_body(&mut reader, Unframed::Empty).unwrap();
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{:08}", body.bytes.len());
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            next = Head::read(&mut reader).unwrap_or(None);
        }
    })
}

#[test]
fn f13_a_buffered_body_that_was_begun_is_sent_again_and_a_streamed_one_is_not() {
    static STREAMED: AtomicUsize = AtomicUsize::new(0);
    static BUFFERED: AtomicUsize = AtomicUsize::new(0);
    static POSTED: AtomicUsize = AtomicUsize::new(0);
    for (broken, lines, method, expected) in [
        (&STREAMED, "", "PUT", 502),
        (&BUFFERED, "body = \"buffer\"", "PUT", 200),
        (&POSTED, "body = \"buffer\"", "POST", 502),
    ] {
        let upstream = breaking(broken);
        let world = bare::in_front_of(&bare::url(&upstream), lines);
        let token = world.issuer.mint(json!({}));
        assert_eq!(world.proxy.get("/first", Some(&token)).status, 200);
        let body = vec![b'x'; LARGE];
        let request = Request::new(method, "/break").bearer(&token).body(&body);
        let answer = world.proxy.exchange(&request);
        assert_eq!(answer.status, expected, "{method} {lines}");
        if expected == 200 {
            assert_eq!(answer.body.bytes, b"00300000");
        }
        let sent = broken.load(Ordering::SeqCst);
        assert_eq!(sent, if expected == 200 { 2 } else { 1 }, "{method} {lines}");
    }
}
