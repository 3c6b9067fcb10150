//! Idle HTTP/1.1 connections are parked: held with next to no memory until they speak again.

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    bare,
    client::{Client, Request},
    oracle::{assert_admitted, assert_refused},
    wait_until,
    wire::Head,
    world::{World, identity},
};

fn is_parked(world: &World) -> bool {
    world.proxy.metric("countersign_connections_parked") > 0.0
}

fn wait_until_parked(world: &World) {
    wait_until("the connection to be parked", || is_parked(world));
}

/// A connection that had one request and is parked, and the request.
fn parked_client(world: &World) -> (Client, Request) {
    let request = Request::get("/").bearer(&world.issuer.mint(json!({})));
    let mut client = world.proxy.client();
    assert_eq!(client.exchange(&request).status, 200);
    wait_until_parked(world);
    (client, request)
}

#[test]
fn a_parked_connection_serves_its_next_requests_and_is_parked_again() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let (mut client, request) = parked_client(&world);
    let subject = identity(&token);
    let subject: Vec<_> = subject.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    for round in ["first", "second"] {
        let before = world.mark();
        let answer = client.exchange(&request);
        assert_admitted(round, &answer, &before, &subject);
        assert!(!is_parked(&world), "{round}");
        let before = world.mark();
        let answer = client.exchange(&Request::get("/"));
        assert_refused(round, &answer, Reason::CredentialMissing, &before);
        wait_until_parked(&world);
    }
}

#[test]
fn what_wakes_a_connection_may_be_a_byte_or_several_requests() {
    let world = World::start();
    let (mut client, request) = parked_client(&world);
    let bytes = request.bytes();
    for byte in &bytes[..20] {
        client.stream().get_mut().write_all(&[*byte]).unwrap();
    }
    client.send(&bytes[20..]);
    assert_eq!(client.read().status, 200);

    wait_until_parked(&world);
    client.send(&[&*bytes, &*bytes, &*bytes].concat());
    for _ in 0..3 {
        assert_eq!(client.read().status, 200);
    }
}

#[test]
fn f8_a_body_that_was_not_read_is_never_taken_for_the_next_request() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let mut client = world.proxy.client();
    let inner = Request::get("/smuggled").bearer(&world.issuer.mint(json!({}))).bytes();
    let head =
        format!("POST / HTTP/1.1\r\nhost: api.test\r\ncontent-length: {}\r\n\r\n", inner.len() * 2);
    client.stream().get_mut().write_all(head.as_bytes()).unwrap();
    assert_eq!(client.read().status, 401);
    let before = world.mark();
    // The attacker waits until an idle connection would have been parked.
    std::thread::sleep(Duration::from_millis(500));
    let _ = client.stream().get_mut().write_all(&inner);
    let mut rest = Vec::new();
    let _ = client.stream().read_to_end(&mut rest);
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    before.assert_untouched("the rest of a refused body");
}

#[test]
fn f8_a_body_that_the_upstream_did_not_wait_for_is_never_taken_for_the_next_request() {
    let (saw, seen) = std::sync::mpsc::channel();
    let upstream = bare::upstream(move |_, mut reader| {
        let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
        reader.get_mut().write_all(answer).unwrap();
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest);
        saw.send(String::from_utf8_lossy(&rest).into_owned()).unwrap();
    });
    let limits = "[server.limits]\nheader_timeout = \"600ms\"";
    let mut world = bare::in_front_of_with(&bare::url(&upstream), "", limits);
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    let inner = Request::get("/smuggled").bearer(&token).bytes();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: api.test\r\nauthorization: Bearer {token}\r\n\
         content-length: {}\r\n\r\n",
        inner.len() * 2
    );
    client.stream().get_mut().write_all(head.as_bytes()).unwrap();
    assert_eq!(client.read().status, 404);
    // The attacker waits until an idle connection would have been parked.
    std::thread::sleep(Duration::from_millis(500));
    assert!(!is_parked(&world));
    let _ = client.stream().get_mut().write_all(&inner);
    let mut rest = Vec::new();
    let _ = client.stream().read_to_end(&mut rest);
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    // As a body it may go on; every request has this field.
    let rest = seen.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(!rest.contains("x-forwarded-for"), "{rest}");
    assert!(seen.try_recv().is_err(), "a request on another connection");
}

#[test]
fn d1_a_head_that_began_with_the_request_before_has_the_header_deadline() {
    let mut world =
        World::with_setup(|setup| setup.server("[server.limits]\nheader_timeout = \"600ms\""));
    world.proxy.expect_unmatched_answers();
    let request = Request::get("/").bearer(&world.issuer.mint(json!({})));
    let mut client = world.proxy.client();
    client.send(&[&*request.bytes(), b"GET /"].concat());
    assert_eq!(client.read().status, 200);
    let since = Instant::now();
    let mut rest = Vec::new();
    let _ = client.stream().read_to_end(&mut rest);
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[test]
fn d1_a_parked_connection_is_cut_at_its_idle_deadline() {
    let mut world = World::with_setup(|setup| {
        setup.server("[server.limits]\nheader_timeout = \"300ms\"\nidle_timeout = \"1500ms\"")
    });
    world.proxy.expect_unmatched_answers();
    let request = Request::get("/").bearer(&world.issuer.mint(json!({})));
    let mut client = world.proxy.client();
    client.exchange(&request);
    let since = Instant::now();
    let mut rest = Vec::new();
    let _ = client.stream().read_to_end(&mut rest);
    assert!(since.elapsed() >= Duration::from_millis(1450), "{:?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[test]
fn d1_a_woken_connection_has_the_header_deadline() {
    let mut world =
        World::with_setup(|setup| setup.server("[server.limits]\nheader_timeout = \"300ms\""));
    world.proxy.expect_unmatched_answers();
    let (mut client, _) = parked_client(&world);
    client.stream().get_mut().write_all(b"GET / HT").unwrap();
    let since = Instant::now();
    let mut rest = Vec::new();
    let _ = client.stream().read_to_end(&mut rest);
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[test]
fn d10_parked_connections_do_not_hold_up_the_stop() {
    let World { proxy, upstream: _upstream, key_server: _key_server, issuer } =
        World::with_setup(|setup| setup.server("drain_timeout = \"1h\""));
    let mut client = proxy.client();
    client.exchange(&Request::get("/").bearer(&issuer.mint(json!({}))));
    wait_until("the connection to be parked", || {
        proxy.metric("countersign_connections_parked") > 0.0
    });
    let since = Instant::now();
    drop(proxy);
    assert!(client.is_closed());
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[test]
fn w1_a_parked_connection_can_become_a_tunnel() {
    let upstream = bare::upstream(|head, mut reader| {
        let answer = if head.field("upgrade").is_some() {
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\nhello"
        } else {
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        };
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
    });
    let world = bare::in_front_of(&bare::url(&upstream), "");
    let (mut client, request) = parked_client(&world);
    let upgrade = request
        .field("connection", "Upgrade")
        .field("upgrade", "websocket")
        .field("sec-websocket-version", "13")
        .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    client.send(&upgrade.bytes());
    let head = Head::read(client.stream()).unwrap().unwrap();
    assert!(head.start.contains(" 101 "), "{head:?}");
    let mut hello = [0; 5];
    client.stream().read_exact(&mut hello).unwrap();
    assert_eq!(&hello, b"hello");
}
