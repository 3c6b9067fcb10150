//! Changes of protocol over TLS to the upstream.

use std::io::{Read, Write};

use serde_json::json;

use crate::{
    support::{
        bare,
        client::{Client, Request},
        h2_upstream::H2Upstream,
        listening::Listening,
        tls_front::{Showing, TlsFront},
        wait_until,
        wire::Head,
    },
    upstream_tls::scene::{Files, in_front_of},
};

fn handshake() -> Request {
    Request::get("/chat")
        .field("connection", "Upgrade")
        .field("upgrade", "websocket")
        .field("sec-websocket-version", "13")
        .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

/// Accepts every handshake, greets, and says everything back until the client ends.
fn echo() -> Listening {
    bare::upstream(|head, mut reader| {
        assert_eq!(head.field("upgrade"), Some("websocket"));
        assert_eq!(head.field("x-auth-subject"), Some("alice"));
        assert_eq!(head.field("host"), Some("api.test"));
        let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
                      connection: Upgrade\r\n\r\nhello";
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            reader.get_mut().write_all(&buffer[..count]).unwrap();
        }
        let _ = reader.get_mut().write_all(b"bye");
    })
}

fn read_exactly(client: &mut Client, text: &[u8]) {
    let mut found = vec![0; text.len()];
    client.stream().read_exact(&mut found).unwrap();
    assert!(found == text, "{}", String::from_utf8_lossy(&found));
}

/// Also where every other request goes over HTTP/2, which has no upgrade (RFC 9113 §8.6).
#[test]
fn w6_a_websocket_is_a_tunnel_through_tls() {
    let (upstream, http2) = (echo(), H2Upstream::start());
    for alpn in [&["http/1.1"][..], &["h2", "http/1.1"]] {
        for is_known in [false, true] {
            let files = Files::new();
            let showing = Showing::new(&files.good()).alpn(alpn).config();
            let front = TlsFront::with(showing, upstream.address(), Some(http2.address()));
            let world = in_front_of(&front, &files.trusting());
            let token = world.issuer.mint(json!({}));
            if is_known && alpn.contains(&"h2") {
                assert_eq!(world.proxy.get("/x", Some(&token)).status, 200);
            }
            let mut client = world.proxy.client();
            client.send(&handshake().bearer(&token).bytes());
            let answer = Head::read(client.stream()).unwrap().unwrap();
            assert!(answer.start.contains(" 101 "), "{answer:?} {}", world.proxy.worker_logs());
            read_exactly(&mut client, b"hello");
            let large = vec![0xa5; 100_000];
            for text in [&b"one"[..], b"GET / HTTP/1.1\r\n\r\n", &large] {
                client.stream().get_mut().write_all(text).unwrap();
                read_exactly(&mut client, text);
            }
            // Half-closed, which is `close_notify` there: the other half goes on.
            client.finish_sending();
            read_exactly(&mut client, b"bye");
            assert!(client.is_closed());
        }
    }
}

/// The tunnel has a connection of HTTP/1.1, the other requests have one of HTTP/2.
#[test]
fn d14_a_tunnel_counts_among_the_requests_that_go_over_http2() {
    for (lines, reason) in [
        ("concurrency = 1\n", "route_busy"),
        ("max_requests = 1\nqueue = { length = 0 }\n", "upstream_busy"),
    ] {
        let (upstream, http2) = (echo(), H2Upstream::start());
        let files = Files::new();
        let showing = Showing::new(&files.good()).alpn(&["h2", "http/1.1"]).config();
        let front = TlsFront::with(showing, upstream.address(), Some(http2.address()));
        let mut world = in_front_of(&front, &format!("{lines}{}", files.trusting()));
        world.proxy.expect_unmatched_answers();
        let token = world.issuer.mint(json!({}));
        assert_eq!(world.proxy.get("/x", Some(&token)).status, 200);
        let mut client = world.proxy.client();
        client.send(&handshake().bearer(&token).bytes());
        let answer = Head::read(client.stream()).unwrap().unwrap();
        assert!(answer.start.contains(" 101 "), "{answer:?}");
        read_exactly(&mut client, b"hello");
        for _ in 0..5 {
            let answer = world.proxy.get("/x", Some(&token));
            assert_eq!((answer.status, answer.reason().as_deref()), (503, Some(reason)));
        }
        client.finish_sending();
        read_exactly(&mut client, b"bye");
        wait_until(lines, || world.proxy.get("/x", Some(&token)).status == 200);
    }
}
