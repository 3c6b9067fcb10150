//! A pooled connection breaks while it is used again: what is sent a second time, and what never.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    bare,
    client::Request,
    flaky::{Break, Flaky},
    wait_until,
    world::World,
};

const RETRIES: &str = "countersign_upstream_retries_total{upstream=\"other\"}";

/// A proxy that has a pooled connection to the upstream.
fn in_front_of(upstream: &Flaky, lines: &str) -> (World, String) {
    let world = bare::in_front_of(&upstream.url(), lines);
    let token = world.issuer.mint(json!({}));
    assert_eq!(world.proxy.get("/first", Some(&token)).status, 200);
    (world, token)
}

#[test]
fn f13_an_idempotent_request_without_an_answer_is_sent_again_on_a_new_connection() {
    for ending in [Break::Close, Break::Reset, Break::CloseUnread, Break::HalfClose] {
        for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
            let upstream = Flaky::start(ending);
            let (world, token) = in_front_of(&upstream, "");
            let request = Request::new(method, "/a?b=c").bearer(&token).field("x-own", "kept");
            let answer = world.proxy.exchange(&request);
            assert_eq!(answer.status, 200, "{method} {ending:?}");
            assert_eq!(upstream.connections(), [0, 0, 1], "{method} {ending:?}");
            let received = upstream.received();
            if ending != Break::CloseUnread {
                assert_eq!(received[2].head, received[1].head, "the same head");
            }
            assert_eq!(received[2].head.start, format!("{method} /a?b=c HTTP/1.1"));
            assert_eq!(received[2].head.field("x-own"), Some("kept"));
            assert_eq!(received[2].head.field("x-auth-subject"), Some("alice"));
            assert!((world.proxy.metric(RETRIES) - 1.0).abs() < f64::EPSILON);
        }
    }
}

#[test]
fn f13_what_is_not_idempotent_is_sent_once() {
    for ending in [Break::Close, Break::Reset, Break::CloseUnread, Break::HalfClose] {
        for method in ["POST", "PATCH"] {
            let upstream = Flaky::start(ending);
            let (world, token) = in_front_of(&upstream, "");
            let request = Request::new(method, "/").bearer(&token);
            assert_eq!(world.proxy.exchange(&request).status, 502, "{method} {ending:?}");
            assert_eq!(upstream.connections(), [0, 0], "{method} {ending:?}");
            assert!(world.proxy.metric(RETRIES) < f64::EPSILON);
        }
    }
}

#[test]
fn f13_an_answer_that_has_begun_is_not_asked_for_again() {
    for ending in [Break::PartOfAnswer, Break::InterimAnswer] {
        let upstream = Flaky::start(ending);
        let (world, token) = in_front_of(&upstream, "retry = \"unanswered\"");
        assert_eq!(world.proxy.get("/", Some(&token)).status, 502, "{ending:?}");
        assert_eq!(upstream.connections(), [0, 0], "{ending:?}");
    }
}

#[test]
fn f13_the_setting_says_what_is_sent_again() {
    for (retry, method, status) in
        [("none", "GET", 502), ("idempotent", "POST", 502), ("unanswered", "POST", 200)]
    {
        let upstream = Flaky::start(Break::Close);
        let (world, token) = in_front_of(&upstream, &format!("retry = \"{retry}\""));
        let request = Request::new(method, "/").bearer(&token);
        assert_eq!(world.proxy.exchange(&request).status, status, "{retry} {method}");
        let sent = if status == 200 { vec![0, 0, 1] } else { vec![0, 0] };
        assert_eq!(upstream.connections(), sent, "{retry} {method}");
    }
}

#[test]
fn f13_a_body_that_was_begun_is_not_sent_again() {
    for retry in ["idempotent", "unanswered"] {
        let upstream = Flaky::start(Break::Close);
        let (world, token) = in_front_of(&upstream, &format!("retry = \"{retry}\""));
        let request = Request::new("PUT", "/").bearer(&token).body(b"body");
        assert_eq!(world.proxy.exchange(&request).status, 502, "{retry}");
        assert_eq!(upstream.connections(), [0, 0], "{retry}");
    }
}

#[test]
fn f13_a_body_of_which_nothing_was_read_is_sent_with_the_second_attempt() {
    for framing in [("content-length", "4"), ("transfer-encoding", "chunked")] {
        let upstream = Flaky::start(Break::Close);
        let (world, token) = in_front_of(&upstream, "");
        let mut client = world.proxy.client();
        client.send(&Request::new("PUT", "/").bearer(&token).field(framing.0, framing.1).bytes());
        wait_until("the second attempt", || upstream.connections() == [0, 0, 1]);
        client.send(if framing.1 == "chunked" { b"4\r\nbody\r\n0\r\n\r\n" } else { b"body" });
        assert_eq!(client.read().status, 200, "{framing:?}");
        assert_eq!(upstream.received()[2].body, b"body", "{framing:?}");
        // The connection goes on: all of the body was read.
        assert_eq!(client.exchange(&Request::get("/next").bearer(&token)).status, 200);
    }
}

#[test]
fn f13_both_attempts_have_the_time_of_one() {
    // The second connection never answers.
    let upstream = Flaky::with(Break::CloseAfter(Duration::from_millis(900)), |connection| {
        if connection == 0 {
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()
        } else {
            Vec::new()
        }
    });
    let limits = "response_timeout = \"2s\"\nconnect_timeout = \"100ms\"";
    let (world, token) = in_front_of(&upstream, limits);
    let started = Instant::now();
    assert_eq!(world.proxy.get("/", Some(&token)).status, 504);
    assert_eq!(upstream.connections(), [0, 0, 1]);
    // With a time of its own, the second would end after 2.9 s or more.
    assert!(started.elapsed() < Duration::from_millis(2700), "{:?}", started.elapsed());
}

#[test]
fn f13_a_second_attempt_that_finds_no_server_ends_as_the_first() {
    let upstream = Flaky::start(Break::CloseAfter(Duration::from_millis(200)));
    let (world, token) = in_front_of(&upstream, "");
    thread::scope(|scope| {
        let answer = scope.spawn(|| world.proxy.get("/", Some(&token)));
        wait_until("the first attempt", || upstream.connections() == [0, 0]);
        drop(upstream);
        assert_eq!(answer.join().unwrap().status, 502);
    });
}

#[test]
fn f13_a_websocket_is_asked_for_again() {
    let upstream = Flaky::with(Break::Close, |connection| match connection {
        0 => b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(),
        _ => b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
              upgrade: websocket\r\n\r\n"
            .to_vec(),
    });
    let (world, token) = in_front_of(&upstream, "");
    let request = Request::get("/")
        .bearer(&token)
        .field("connection", "upgrade")
        .field("upgrade", "websocket")
        .field("sec-websocket-version", "13")
        .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let mut client = world.proxy.client();
    client.send(&request.bytes());
    assert_eq!(client.read().status, 101);
    assert_eq!(upstream.connections(), [0, 0, 1]);
}
