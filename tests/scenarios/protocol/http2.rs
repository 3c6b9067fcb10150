//! HTTP/2 with prior knowledge, towards clients and upstreams.

use std::io::Read;

use serde_json::json;

use crate::support::{
    bare,
    h2::{self, Frames, H2},
    h2_upstream::H2Upstream,
    upstream::Reply,
    world::World,
};

/// RFC 9110 §9.3.2: with the length that the answer to GET has. hyper removes the body over
/// HTTP/1.1 only.
#[test]
fn a_refusal_of_head_has_no_body() {
    let world = World::with_setup(|setup| setup.with("[denials]\nprofile = \"problem\""));
    let client = H2::connect(world.proxy.address());
    let refused = |method| {
        let request = h2::request(method, "/").body(Frames::default()).unwrap();
        client.exchange(request).unwrap()
    };
    let (get, head) = (refused("GET"), refused("HEAD"));
    assert!(!get.body.is_empty());
    assert_eq!((head.status, head.body.as_slice()), (401, &b""[..]));
    assert_eq!(head.field("content-length"), get.field("content-length"));
    assert_eq!(head.field("content-type"), get.field("content-type"));
}

#[test]
fn fifty_streams_are_served_at_the_same_time_each_with_its_own_identity() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    world.upstream.answer_by(|received| {
        let subject = received.head.field("x-auth-subject").unwrap_or("none");
        Reply::with(200, &[("x-seen", subject)], received.target().as_bytes())
    });
    let client = H2::connect(world.proxy.address());
    let requests = (0..50).map(|n| {
        let token = world.issuer.mint(json!({ "sub": format!("user-{n}") }));
        match n % 5 {
            0 => h2::request("GET", "/").body(Frames::default()).unwrap(),
            _ => h2::get(&format!("/{n}"), &token),
        }
    });
    let answers = client.all(requests.collect::<Vec<_>>());
    for (n, answer) in answers.into_iter().enumerate() {
        let answer = answer.unwrap();
        if n % 5 == 0 {
            assert_eq!(answer.status, 401, "{n}");
            assert_eq!(answer.field("www-authenticate"), Some("Bearer"));
            continue;
        }
        assert_eq!(answer.status, 200, "{n}");
        assert_eq!(answer.field("x-seen"), Some(&*format!("user-{n}")));
        assert_eq!(answer.body, format!("/{n}").as_bytes());
    }
}

#[test]
fn an_http2_upstream_gets_many_requests_on_one_connection() {
    let upstream = H2Upstream::start();
    let mut world = bare::in_front_of(&upstream.url(), "");
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    assert_eq!(world.proxy.get("/first?q=1", Some(&token)).status, 200);
    let client = H2::connect(world.proxy.address());
    let answers = client.all((0..50).map(|_| h2::get("/", &token)));
    assert!(answers.into_iter().all(|a| a.unwrap().status == 200));
    assert_eq!(upstream.connections(), 1);
    let heads = upstream.heads();
    assert_eq!(heads.len(), 51);
    assert_eq!(heads[0].uri, "http://api.test/first?q=1");
    for head in heads {
        assert_eq!(head.headers["x-auth-subject"], "alice");
        assert_eq!(head.headers.get("authorization"), None);
        assert_eq!(head.headers.get("host"), None);
    }
    assert!(world.upstream.requests().is_empty());
}

#[test]
fn an_http1_client_streams_through_an_http2_upstream() {
    let upstream = H2Upstream::start();
    let mut world = bare::in_front_of(&upstream.url(), "");
    let token = world.issuer.mint(json!({}));
    world.proxy.expect_unmatched_answers();
    let request =
        crate::support::client::Request::new("POST", "/").bearer(&token).body(&vec![7; 100_000]);
    let answer = world.proxy.exchange(&request);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body.bytes, vec![7; 100_000]);
}

#[test]
fn f11_what_http1_could_not_carry_is_refused_on_http2() {
    let world = World::start();
    let bearer = format!("Bearer {}", world.issuer.mint(json!({})));
    let before = world.mark();
    let bad: &[(&str, &[u8])] = &[
        ("x-a", b"b\r\nx-auth-subject: evil"),
        ("x-a", b"b\nc"),
        ("x-a", b"b\0c"),
        ("x-a\r\nx-b", b"c"),
        ("x a", b"b"),
        ("x-a:", b"b"),
        ("X-A", b"b"),
        ("connection", b"close"),
        ("transfer-encoding", b"chunked"),
        ("upgrade", b"websocket"),
        ("te", b"gzip"),
        (":path", b"/second"),
        (":unknown", b"x"),
    ];
    for field in bad {
        let mut client = h2::RawH2::connect(world.proxy.address(), &[]);
        let fields = [
            (":method", b"GET".as_slice()),
            (":scheme", b"http"),
            (":path", b"/"),
            (":authority", b"api.test"),
            ("authorization", bearer.as_bytes()),
            *field,
        ];
        client.headers(1, &fields, true);
        let end = std::iter::from_fn(|| client.read())
            .find(|frame| [h2::HEADERS, h2::RST_STREAM, h2::GOAWAY].contains(&frame.kind));
        let refused = end.is_none_or(|frame| frame.kind != h2::HEADERS || frame.payload[0] == 0x8c);
        assert!(refused, "{field:?}");
        before.assert_untouched(&format!("{field:?}"));
    }
}

#[test]
fn f3_an_http2_body_of_another_length_than_announced_is_no_whole_request() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let bearer = format!("Bearer {}", world.issuer.mint(json!({})));
    let mut client = h2::RawH2::connect(world.proxy.address(), &[]);
    let fields = [
        (":method", b"POST".as_slice()),
        (":scheme", b"http"),
        (":path", b"/"),
        (":authority", b"api.test"),
        ("content-length", b"10"),
        ("authorization", bearer.as_bytes()),
    ];
    client.headers(1, &fields, false);
    client.send(h2::DATA, h2::END_STREAM, 1, b"short");
    let end = std::iter::from_fn(|| client.read())
        .find(|frame| [h2::HEADERS, h2::RST_STREAM, h2::GOAWAY].contains(&frame.kind));
    assert_ne!(end.map(|frame| frame.kind), Some(h2::HEADERS));
    assert!(world.upstream.requests().is_empty(), "half a request");
}

#[test]
fn w4_an_extended_connect_opens_no_tunnel() {
    /// `SETTINGS_ENABLE_CONNECT_PROTOCOL` (RFC 8441 §3).
    const ENABLE_CONNECT_PROTOCOL: [u8; 2] = [0, 8];
    let world = World::start();
    let bearer = format!("Bearer {}", world.issuer.mint(json!({})));
    let before = world.mark();
    for protocol in ["websocket", "connect-udp"] {
        let mut client = h2::RawH2::connect(world.proxy.address(), &[]);
        let settings = client.read_until(h2::SETTINGS, 0).unwrap();
        let offered =
            settings.payload.chunks(6).any(|entry| entry.starts_with(&ENABLE_CONNECT_PROTOCOL));
        assert!(!offered, "the extension is not offered");
        let fields = [
            (":method", b"CONNECT".as_slice()),
            (":protocol", protocol.as_bytes()),
            (":scheme", b"http"),
            (":path", b"/chat"),
            (":authority", b"api.test"),
            ("sec-websocket-version", b"13"),
            ("authorization", bearer.as_bytes()),
        ];
        client.headers(1, &fields, false);
        client.send(h2::DATA, 0, 1, b"through the tunnel");
        let end = std::iter::from_fn(|| client.read())
            .find(|frame| [h2::HEADERS, h2::RST_STREAM, h2::GOAWAY].contains(&frame.kind));
        let opened = end.is_some_and(|frame| frame.kind == h2::HEADERS && frame.payload[0] == 0x88);
        assert!(!opened, "{protocol}");
        before.assert_untouched(protocol);
    }
}

#[test]
fn f5_what_is_neither_version_of_http_has_no_answer() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let before = world.mark();
    for bytes in [
        "INVALID CONNECTION PREFACE\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        "PRI * HTTP/1.1\r\nhost: api.test\r\n\r\n",
        "GET /public/a\r\n",
    ] {
        let mut client = world.proxy.client();
        client.send(bytes.as_bytes());
        let mut end = Vec::new();
        let _ = client.stream().read_to_end(&mut end);
        assert!(end.is_empty(), "{bytes:?}: {}", String::from_utf8_lossy(&end));
    }
    before.assert_untouched("no HTTP");
    // What looks like HTTP/1.1 is told what is wrong.
    let mut client = world.proxy.client();
    client.send(b"GET /public/a b HTTP/1.1\r\nhost: api.test\r\n\r\n");
    assert_eq!(client.read().status, 400);
}
