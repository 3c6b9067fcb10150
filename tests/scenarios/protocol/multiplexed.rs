//! Several connections to an upstream that speaks HTTP/2, and what it declines to process.

use std::thread;

use serde_json::json;

use crate::support::{
    bare,
    client::{Client, Request},
    raw_h2_upstream::{Call, INTERNAL_ERROR, REFUSED_STREAM, RawH2Upstream, Step},
    wait_until,
    world::World,
};

const RETRIES: &str = "countersign_upstream_retries_total{upstream=\"other\"}";

fn in_front_of(upstream: &RawH2Upstream, lines: &str) -> (World, String) {
    let world = bare::in_front_of(&upstream.url(), lines);
    let token = world.issuer.mint(json!({}));
    (world, token)
}

/// Where the calls went: the connection and the stream.
fn places(upstream: &RawH2Upstream) -> Vec<(usize, u32)> {
    upstream.calls().iter().map(|call| (call.connection, call.stream)).collect()
}

/// Opens a call that the upstream holds, and waits until it is there.
fn hold(world: &World, token: &str, upstream: &RawH2Upstream) -> Client {
    let before = upstream.calls().len();
    let mut client = world.proxy.client();
    client.send(&Request::get("/held").bearer(token).bytes());
    wait_until("the call", || upstream.calls().len() == before + 1);
    client
}

#[test]
fn d9_at_the_peers_limit_of_streams_a_further_connection_is_opened() {
    let upstream = RawH2Upstream::start(2, |call| match call.number {
        0..4 => vec![Step::Hold],
        _ => vec![Step::Answer],
    });
    let (world, token) = in_front_of(&upstream, "");
    let held: Vec<_> = (0..4).map(|_| hold(&world, &token, &upstream)).collect();
    assert_eq!(places(&upstream), [(0, 1), (0, 3), (1, 1), (1, 3)]);
    assert_eq!(world.proxy.get("/", Some(&token)).status, 200);
    assert_eq!(places(&upstream)[4], (2, 1));
    drop(held);
}

#[test]
fn d9_a_limit_that_the_peer_announces_is_kept_from_the_first_stream_on() {
    let upstream = RawH2Upstream::start(1, |_| vec![Step::Hold]);
    let limits = "response_timeout = \"5s\"";
    let (world, token) = in_front_of(&upstream, limits);
    let mut clients: Vec<_> = (0..8).map(|_| world.proxy.client()).collect();
    for client in &mut clients {
        client.send(&Request::get("/").bearer(&token).bytes());
    }
    wait_until("all calls", || upstream.calls().len() == 8);
    let mut connections: Vec<_> = upstream.calls().iter().map(|call| call.connection).collect();
    connections.sort_unstable();
    assert_eq!(connections, (0..8).collect::<Vec<_>>());
}

#[test]
fn d9_connections_are_bounded_and_a_call_beyond_waits_for_a_stream() {
    const MOST: usize = 32;
    let upstream = RawH2Upstream::start(1, |call| match call.number {
        0..MOST => vec![Step::Hold],
        _ => vec![Step::Answer],
    });
    let (world, token) = in_front_of(&upstream, "response_timeout = \"1s\"");
    let mut held: Vec<_> = (0..MOST).map(|_| world.proxy.client()).collect();
    for client in &mut held {
        client.send(&Request::get("/held").bearer(&token).bytes());
    }
    wait_until("the held calls", || upstream.calls().len() == MOST);
    assert_eq!(world.proxy.get("/", Some(&token)).status, 504, "no stream became free");
    assert_eq!((upstream.connections(), upstream.calls().len()), (MOST, MOST));
    drop(held);
    assert_eq!(world.proxy.get("/", Some(&token)).status, 200);
    assert_eq!(upstream.connections(), MOST);
}

#[test]
fn d9_streams_go_to_the_connection_with_the_fewest_and_idle_ones_are_closed() {
    let upstream = RawH2Upstream::start(2, |call| match call.number {
        0..3 => vec![Step::Hold],
        _ => vec![Step::Answer],
    });
    let (world, token) = in_front_of(&upstream, "idle_timeout = \"100ms\"");
    let held: Vec<_> = (0..3).map(|_| hold(&world, &token, &upstream)).collect();
    assert_eq!(places(&upstream), [(0, 1), (0, 3), (1, 1)]);
    assert_eq!(world.proxy.get("/", Some(&token)).status, 200);
    assert_eq!(places(&upstream)[3], (1, 3), "the one with fewer");
    // Their streams are reset. Of two without any, the older one is used.
    drop(held);
    wait_until("the second connection to be closed", || {
        assert_eq!(world.proxy.get("/", Some(&token)).status, 200);
        upstream.closed() == 1
    });
    assert_eq!(upstream.connections(), 2);
}

#[test]
fn f13_a_request_that_the_peer_did_not_process_is_sent_again_elsewhere() {
    let refused = |call: Call| match call.number {
        1 => vec![Step::Reset(REFUSED_STREAM)],
        _ => vec![Step::Answer],
    };
    let gone = |call: Call| match call.number {
        1 => vec![Step::GoAway(1)],
        _ => vec![Step::Answer],
    };
    let scripts: [fn(Call) -> Vec<Step>; 2] = [refused, gone];
    for script in scripts {
        for method in ["GET", "POST"] {
            let upstream = RawH2Upstream::start(100, script);
            // Nothing of it happened twice, whatever the setting is.
            let (world, token) = in_front_of(&upstream, "retry = \"none\"");
            assert_eq!(world.proxy.get("/", Some(&token)).status, 200);
            let request = Request::new(method, "/").bearer(&token);
            assert_eq!(world.proxy.exchange(&request).status, 200, "{method}");
            assert_eq!(places(&upstream), [(0, 1), (0, 3), (1, 1)], "{method}");
            assert!((world.proxy.metric(RETRIES) - 1.0).abs() < f64::EPSILON);
        }
    }
}

#[test]
fn f13_an_upload_that_the_peer_did_not_process_is_sent_again_if_nothing_of_it_was_read() {
    for (begun, status) in [(false, 200), (true, 502)] {
        let upstream = RawH2Upstream::start(100, |call| match call.number {
            1 => vec![Step::Reset(REFUSED_STREAM)],
            _ => vec![Step::Answer],
        });
        let (world, token) = in_front_of(&upstream, "");
        assert_eq!(world.proxy.get("/", Some(&token)).status, 200);
        let mut client = world.proxy.client();
        let upload = Request::new("POST", "/").bearer(&token).field("content-length", "4");
        let mut bytes = upload.bytes();
        if begun {
            bytes.extend_from_slice(b"body");
        }
        client.send(&bytes);
        if !begun {
            wait_until("the second attempt", || upstream.calls().len() == 3);
            client.send(b"body");
        }
        assert_eq!(client.read().status, status, "begun: {begun}");
    }
}

#[test]
fn f13_a_peer_that_refuses_twice_is_502() {
    let upstream = RawH2Upstream::start(100, |_| vec![Step::Reset(REFUSED_STREAM)]);
    let (world, token) = in_front_of(&upstream, "");
    assert_eq!(world.proxy.get("/", Some(&token)).status, 502);
    assert_eq!(upstream.calls().len(), 2);
}

#[test]
fn f13_a_connection_with_many_streams_that_breaks_repeats_what_is_idempotent() {
    for (method, status, calls) in [("GET", 200, 3), ("POST", 502, 2)] {
        let upstream = RawH2Upstream::start(100, |call| match call.number {
            1 => vec![Step::Close],
            _ => vec![Step::Answer],
        });
        let (world, token) = in_front_of(&upstream, "");
        assert_eq!(world.proxy.get("/", Some(&token)).status, 200);
        let request = Request::new(method, "/").bearer(&token);
        assert_eq!(world.proxy.exchange(&request).status, status, "{method}");
        assert_eq!(upstream.calls().len(), calls, "{method}");
    }
}

#[test]
fn f13_a_stream_that_failed_otherwise_is_not_repeated() {
    // The last stream that is processed is this one: what it did is unknown.
    for steps in [vec![Step::Reset(INTERNAL_ERROR)], vec![Step::GoAway(3), Step::Close]] {
        let script = steps.clone();
        let upstream = RawH2Upstream::start(100, move |call| match call.number {
            1 => script.clone(),
            _ => vec![Step::Answer],
        });
        let (world, token) = in_front_of(&upstream, "");
        assert_eq!(world.proxy.get("/", Some(&token)).status, 200);
        let request = Request::new("POST", "/").bearer(&token);
        assert_eq!(world.proxy.exchange(&request).status, 502, "{steps:?}");
        assert_eq!(upstream.calls().len(), 2, "{steps:?}");
    }
}

#[test]
fn f13_streams_before_the_end_of_a_connection_are_answered_and_later_ones_go_elsewhere() {
    // The second call is processed, though the peer closes behind it.
    let upstream = RawH2Upstream::start(100, |call| match call.number {
        1 => vec![Step::GoAway(3), Step::Answer],
        _ => vec![Step::Answer],
    });
    let (world, token) = in_front_of(&upstream, "");
    for _ in 0..4 {
        assert_eq!(world.proxy.get("/", Some(&token)).status, 200);
    }
    assert_eq!(places(&upstream), [(0, 1), (0, 3), (1, 1), (1, 3)]);
    assert!(world.proxy.metric(RETRIES) < f64::EPSILON);
}

#[test]
fn d9_a_burst_on_a_cold_upstream_opens_no_more_connections_than_it_needs() {
    let upstream = RawH2Upstream::start(100, |_| vec![Step::Answer]);
    let (world, token) = in_front_of(&upstream, "");
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(world.proxy.get("/", Some(&token)).status, 200));
        }
    });
    assert_eq!(upstream.connections(), 1);
}
