//! WebSocket: a tunnel for callers who may, and for no other.

use std::{
    io::{Read, Write},
    time::Duration,
};

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::{
    access_log,
    support::{
        bare,
        client::{Client, Request},
        issuer::LIFETIME,
        listening::Listening,
        oracle::assert_refused,
        upstream::Reply,
        wait_until,
        wire::Head,
        world::World,
    },
};

/// The example of RFC 6455 §1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn handshake(target: &str) -> Request {
    Request::get(target)
        .field("connection", "keep-alive, Upgrade")
        .field("upgrade", "websocket")
        .field("sec-websocket-version", "13")
        .field("sec-websocket-key", KEY)
        .field("sec-websocket-protocol", "chat")
}

/// Accepts every handshake, greets, and says everything back until the client ends.
fn echo() -> Listening {
    bare::upstream(|head, mut reader| {
        assert_eq!(head.field("upgrade"), Some("websocket"));
        assert_eq!(head.field("connection"), Some("upgrade"));
        assert_eq!(head.field("sec-websocket-key"), Some(KEY));
        assert_eq!(head.field("x-auth-subject"), Some("alice"));
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-accept: {ACCEPT}\r\nsec-websocket-protocol: chat\r\n\r\nhello"
        );
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            reader.get_mut().write_all(&buffer[..count]).unwrap();
        }
        let _ = reader.get_mut().write_all(b"bye");
    })
}

fn read_exactly(client: &mut Client, text: &str) {
    let mut found = vec![0; text.len()];
    client.stream().read_exact(&mut found).unwrap();
    assert_eq!(String::from_utf8_lossy(&found), text);
}

#[test]
fn w1_w6_a_verified_client_gets_a_tunnel() {
    let upstream = echo();
    let world = bare::in_front_of(&bare::url(&upstream), "");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    client.send(&handshake("/chat").bearer(&token).bytes());
    let answer = Head::read(client.stream()).unwrap().unwrap();
    assert!(answer.start.contains(" 101 "), "{answer:?}");
    assert_eq!(answer.field("upgrade"), Some("websocket"));
    assert_eq!(answer.field("connection"), Some("upgrade"));
    assert_eq!(answer.field("sec-websocket-accept"), Some(ACCEPT));
    assert_eq!(answer.field("sec-websocket-protocol"), Some("chat"));
    read_exactly(&mut client, "hello");
    for text in ["one", "GET / HTTP/1.1\r\n\r\n", "\0\x01\x7f"] {
        client.stream().get_mut().write_all(text.as_bytes()).unwrap();
        read_exactly(&mut client, text);
    }
    // Half-closed: the other half goes on (threats W-6).
    client.finish_sending();
    read_exactly(&mut client, "bye");
    let mut rest = Vec::new();
    client.stream().read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn w1_without_a_good_token_there_is_no_tunnel() {
    let world = World::start();
    let expired = world.issuer.mint(json!({ "exp": 1 }));
    let before = world.mark();
    for (request, reason) in [
        (handshake("/chat"), Reason::CredentialMissing),
        (handshake("/chat").bearer(&expired), Reason::TokenExpired),
        (handshake(&format!("/chat?access_token={expired}")), Reason::CredentialMissing),
    ] {
        let mut client = world.proxy.client();
        // With what would be tunnelled sent along (threats F-10).
        client.send(&[request.bytes(), b"early bytes".to_vec()].concat());
        let answer = client.read();
        assert_refused("no tunnel", &answer, reason, &before);
    }
}

#[test]
fn f10_an_upstream_that_declines_answers_like_any_other() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    for status in [200, 400, 404] {
        world.upstream.answer_by(move |_| Reply::with(status, &[], b"no"));
        let before = world.mark();
        let mut client = world.proxy.client();
        let answer = client.exchange(&handshake("/").bearer(&token));
        assert_eq!((answer.status, &*answer.body.bytes), (status, &b"no"[..]));
        let upgrade = before.only_request("upgrade").connection;
        // What follows is a request of its own, on an upstream connection of its own (W-3).
        let before = world.mark();
        let answer = client.exchange(&Request::get("/after"));
        assert_refused("after", &answer, Reason::CredentialMissing, &before);
        let answer = client.exchange(&Request::get("/after").bearer(&token));
        assert!(answer.is_from_upstream());
        assert_ne!(before.only_request("after").connection, upgrade);
    }
}

#[test]
fn w3_what_is_not_quite_a_handshake_is_no_upgrade() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let plain = || Request::get("/").bearer(&token).field("upgrade", "websocket");
    for request in [
        plain(),
        plain().field("connection", "upgrade"),
        plain().field("connection", "upgrade").field("sec-websocket-version", "13"),
        plain()
            .field("connection", "upgrade")
            .field("sec-websocket-version", "8")
            .field("sec-websocket-key", KEY),
        // With a body: its bytes would be the tunnel's first.
        handshake("/").bearer(&token).body(b"body"),
    ] {
        let before = world.mark();
        assert_eq!(world.proxy.exchange(&request).status, 200);
        let received = before.only_request("no upgrade");
        assert_eq!(received.head.field("upgrade"), None);
        assert_eq!(received.head.field("connection"), None);
    }
}

#[test]
fn w3_another_protocol_than_websocket_is_502() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    for upgrade in ["upgrade: h2c\r\n", "", "upgrade: websocket, h2c\r\n"] {
        world.upstream.answer_by(move |_| {
            Reply::raw(format!(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n{upgrade}\r\n"
            ))
        });
        let answer = world.proxy.exchange(&handshake("/").bearer(&token));
        assert_eq!(answer.status, 502, "{upgrade:?}");
    }
}

#[test]
fn w6_a_silent_tunnel_is_closed() {
    let upstream = echo();
    let world = bare::in_front_of(&bare::url(&upstream), "stream_timeout = \"300ms\"");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    client.send(&handshake("/").bearer(&token).bytes());
    Head::read(client.stream()).unwrap().unwrap();
    let mut rest = Vec::new();
    let _ = client.stream().read_to_end(&mut rest);
    assert_eq!(rest, b"hello");
    wait_until("the connection is given back", || {
        world.proxy.metric("countersign_connections") == 0.0
    });
}

#[test]
fn a_tunnel_has_one_line_at_its_end_with_the_bytes_of_both_directions() {
    const LOG: &str = "[log]\nlevel = \"debug\"\nformat = \"json\"\naccess = \"all\"";
    let upstream = echo();
    let world = bare::in_front_of_several(&format!("url = \"{}\"", bare::url(&upstream)), LOG);
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    client.send(&handshake("/chat").bearer(&token).bytes());
    Head::read(client.stream()).unwrap().unwrap();
    read_exactly(&mut client, "hello");
    client.stream().get_mut().write_all(b"twelve bytes").unwrap();
    read_exactly(&mut client, "twelve bytes");
    assert_eq!(access_log::lines(&world), [""; 0], "not before its end");
    let open_for = Duration::from_millis(200);
    std::thread::sleep(open_for);
    client.finish_sending();
    read_exactly(&mut client, "bye");
    wait_until("the line", || access_log::lines(&world).len() == 1);
    let line: Value = serde_json::from_str(&access_log::lines(&world)[0]).unwrap();
    assert_eq!((&line["status"], &line["upstream"]), (&json!(101), &json!("other")), "{line}");
    assert_eq!(line["received_bytes"], "twelve bytes".len(), "{line}");
    assert_eq!(line["sent_bytes"], "hellotwelve bytesbye".len(), "{line}");
    let seconds = line["duration_seconds"].as_f64().unwrap();
    assert!(seconds >= open_for.as_secs_f64(), "{line}");
    assert!(line["upstream_seconds"].as_f64().unwrap() <= seconds, "{line}");
}

#[test]
fn d12_a_tunnel_takes_less_room_than_a_request() {
    // Room for 112 requests on connections that are new, and for 179 tunnels.
    const MEMORY: &str = "[server.limits]\nmemory = \"4MiB\"";
    let upstream = echo();
    let world = bare::in_front_of_with(&bare::url(&upstream), "", MEMORY);
    let token = world.issuer.mint(json!({}));
    let tunnels: Vec<_> = (0..150)
        .map(|_| {
            let mut client = world.proxy.client();
            client.send(&handshake("/").bearer(&token).bytes());
            let answer = Head::read(client.stream()).unwrap().unwrap();
            assert!(answer.start.contains(" 101 "), "{answer:?}");
            read_exactly(&mut client, "hello");
            client
        })
        .collect();
    drop(tunnels);
}

#[test]
fn f10_bytes_sent_before_the_answer_are_a_request_of_their_own() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let early = Request::get("/early").bytes();
    let before = world.mark();
    let mut client = world.proxy.client();
    client.send(&[handshake("/").bearer(&token).bytes(), early].concat());
    assert!(client.read().is_from_upstream(), "200: no tunnel");
    let upgrade = before.only_request("upgrade");
    assert_eq!(upgrade.head.field("upgrade"), Some("websocket"));
    if let Ok(Some(answer)) = client.try_read() {
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    let received = world.upstream.connections().concat();
    assert!(!String::from_utf8_lossy(&received).contains("/early"));
}

/// The tunnel itself outlives its token: see "Tunnels" in `docs/security.md`.
#[test]
fn w2_an_expired_token_opens_no_further_tunnel() {
    let upstream = echo();
    let world = bare::in_front_of(&bare::url(&upstream), "");
    let token = world.issuer.mint(json!({}));
    let mut open = world.proxy.client();
    open.send(&handshake("/chat").bearer(&token).bytes());
    assert!(Head::read(open.stream()).unwrap().unwrap().start.contains(" 101 "));
    read_exactly(&mut open, "hello");
    world.proxy.advance(LIFETIME + 61);
    let mut second = world.proxy.client();
    let answer = second.exchange(&handshake("/chat").bearer(&token));
    assert_eq!(answer.reason().as_deref(), Some("token_expired"));
    assert_eq!(upstream.accepted(), 1, "nothing reached the upstream");
}

#[test]
fn w5_a_page_of_another_origin_gets_no_tunnel_by_a_token_that_is_bound_to_its_own() {
    let world = World::with_rules("origin_claim = \"ord\"");
    let token = world.issuer.mint(json!({ "ord": ["https://app.test"] }));
    let from = |origin: &str| handshake("/chat").bearer(&token).field("origin", origin);
    for origin in ["https://evil.test", "null", "https://app.test.evil.test"] {
        world.refuses_request(origin, &from(origin), Reason::OriginMismatch);
    }
    world.refuses_request("none", &handshake("/chat").bearer(&token), Reason::OriginMismatch);
    // Where no claim binds it, the service decides: the header arrives as it was sent.
    let unbound = world.issuer.mint(json!({}));
    let before = world.mark();
    let request = handshake("/chat").bearer(&unbound).field("origin", "https://evil.test");
    assert!(world.proxy.exchange(&request).is_from_upstream());
    let received = before.only_request("unbound");
    assert_eq!(received.head.field("origin"), Some("https://evil.test"));
}
