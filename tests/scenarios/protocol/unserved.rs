//! Requests that hyper refuses by itself are counted and logged like any other.

use countersign::reason::Reason;

use serde_json::json;

use crate::support::{
    client::Request,
    h2::{self, RawH2},
    logs::{field, subject_in},
    wait_until,
    world::World,
};

/// Since when the log was looked at, and how many refusals there were.
struct Before {
    log: usize,
    denials: f64,
    requests: f64,
}

fn series(reason: Reason) -> String {
    format!("countersign_denials_total{{issuer=\"\",reason=\"{reason}\"}}")
}

/// Counters are whole numbers.
fn is_same(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.5
}

const UNROUTED: &str = "countersign_requests_total{outcome=\"denied\",route=\"(none)\"}";

impl Before {
    fn of(world: &World, reason: Reason) -> Self {
        let proxy = &world.proxy;
        let (denials, requests) = (proxy.metric(&series(reason)), proxy.metric(UNROUTED));
        Self { log: proxy.worker_logs().len(), denials, requests }
    }

    /// One more was counted and logged, with its client and this subject.
    #[track_caller]
    fn assert_one_more(&self, world: &World, case: &str, reason: Reason, subject: &str) {
        wait_until(case, || world.proxy.metric(&series(reason)) > self.denials);
        let proxy = &world.proxy;
        assert!(is_same(proxy.metric(&series(reason)), self.denials + 1.0), "{case}");
        assert!(is_same(proxy.metric(UNROUTED), self.requests + 1.0), "{case}");
        let code = format!(" denied reason=\"{reason}\"");
        let logs = proxy.worker_logs();
        let line = logs[self.log..].lines().rfind(|line| line.contains(&code));
        let line = line.unwrap_or_else(|| panic!("{case}: no line of {reason}"));
        let found = subject_in(line).unwrap_or_default();
        assert!(found.starts_with(subject), "{case}: {line}");
        assert_eq!(field(line, "client"), Some("127.0.0.1"), "{case}: {line}");
    }
}

#[test]
fn f5_a_head_that_is_not_http_is_counted_and_logged_over_http1() {
    use Reason::{HeadMalformed, HeadTooLong, ProtocolViolated};
    let world = World::start();
    let many = "x-a: b\r\n".repeat(500);
    let long = format!("x-a: {}\r\n", "b".repeat(70_000));
    let target = "a".repeat(70_000);
    let malformed = "the head is malformed; found: ";
    let too_long = "the head is too long; expected: at most 65536 bytes and ";
    for (case, head, status, reason, subject) in [
        ("a method", "G\u{7f}T / HTTP/1.1\r\n\r\n", 400, HeadMalformed, malformed),
        ("a target", "GET /\u{7f} HTTP/1.1\r\nhost: a\r\n\r\n", 400, HeadMalformed, malformed),
        ("a name", "GET / HTTP/1.1\r\nho st: a\r\n\r\n", 400, HeadMalformed, malformed),
        ("a value", "GET / HTTP/1.1\r\nhost: a\r\nx: \u{1}\r\n\r\n", 400, HeadMalformed, malformed),
        ("a version", "GET / HTTP/9.9\r\nhost: a\r\n\r\n", 400, HeadMalformed, malformed),
        ("lines", &format!("GET / HTTP/1.1\r\n{many}\r\n"), 431, HeadTooLong, too_long),
        ("bytes", &format!("GET / HTTP/1.1\r\n{long}\r\n"), 431, HeadTooLong, too_long),
        ("a long target", &format!("GET /{target} HTTP/1.1\r\n\r\n"), 431, HeadTooLong, too_long),
        ("a preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 0, ProtocolViolated, "the connection is"),
        (
            "TLS",
            "\x16\x03\x01\x02\n\n",
            0,
            ProtocolViolated,
            "the connection is malformed; expected: ",
        ),
    ] {
        let before = Before::of(&world, reason);
        let mut client = world.proxy.client();
        client.send(head.as_bytes());
        if status == 0 {
            assert!(client.is_closed(), "{case}");
        } else {
            assert_eq!(client.read().status, status, "{case}");
        }
        before.assert_one_more(&world, case, reason, subject);
    }
}

#[test]
fn d1_a_head_that_does_not_end_is_counted_and_logged_and_a_silent_client_is_not() {
    let limits = |idle: &str| {
        let lines =
            format!("[server.limits]\nheader_timeout = \"300ms\"\nidle_timeout = \"{idle}\"");
        World::with_setup(|setup| setup.server(&lines))
    };
    let world = limits("1m");
    let before = Before::of(&world, Reason::HeadTimeout);
    let mut client = world.proxy.client();
    client.send(b"GET / HTTP/1.1\r\nhost: ");
    assert!(client.is_closed());
    let subject = "the head is missing; expected: all of it within 0.3 s; setting: \
                   server.limits.header_timeout";
    before.assert_one_more(&world, "http/1.1", Reason::HeadTimeout, subject);

    let before = Before::of(&world, Reason::HeadTimeout);
    let mut raw = RawH2::connect(world.proxy.address(), &[]);
    // Half of the head of a HEADERS frame.
    raw.write(&[0, 0, 9, 1]);
    raw.read_to_end();
    before.assert_one_more(&world, "http/2", Reason::HeadTimeout, subject);

    let world = limits("300ms");
    let before = Before::of(&world, Reason::HeadTimeout);
    let mut silent = world.proxy.client();
    assert!(silent.is_closed());
    let mut between = world.proxy.client();
    let token = world.issuer.mint(serde_json::json!({}));
    assert_eq!(between.exchange(&Request::get("/").bearer(&token)).status, 200);
    assert!(between.is_closed());
    assert!(is_same(world.proxy.metric(&series(Reason::HeadTimeout)), before.denials));
}

#[test]
fn f5_what_violates_http2_is_counted_and_logged() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let connect = || RawH2::connect(world.proxy.address(), &[]);
    let before = Before::of(&world, Reason::ProtocolViolated);
    let mut raw = connect();
    // A DATA frame of a stream that was never opened.
    raw.send(0, 0, 7, b"x");
    raw.read_to_end();
    let subject = "the connection is malformed; found: 'PROTOCOL_ERROR'";
    before.assert_one_more(&world, "frames", Reason::ProtocolViolated, subject);

    let before = Before::of(&world, Reason::ProtocolViolated);
    let mut raw = connect();
    // A header block that HPACK can't decode.
    raw.send(1, 5, 1, &[0xff, 0xff, 0xff, 0xff, 0xff]);
    raw.read_to_end();
    let subject = "the connection is malformed; found: '";
    before.assert_one_more(&world, "HPACK", Reason::ProtocolViolated, subject);

    let before = Before::of(&world, Reason::HeadMalformed);
    let mut raw = connect();
    let without_path: [(&str, &[u8]); 3] =
        [(":method", b"GET"), (":scheme", b"http"), (":authority", b"api.test")];
    raw.headers(1, &without_path, true);
    raw.read_until(3, 1).unwrap();
    let subject = "the head is malformed; found: a header block that is malformed";
    before.assert_one_more(&world, "a stream", Reason::HeadMalformed, subject);
    // The connection goes on, and what passes is not counted; nor is a body of another length.
    let before = Before::of(&world, Reason::HeadMalformed);
    raw.get(3, "/", "no.such.token");
    raw.read_status(3).unwrap();
    let fields: [(&str, &[u8]); 5] = [
        (":method", b"POST"),
        (":scheme", b"http"),
        (":path", b"/public/x"),
        (":authority", b"api.test"),
        ("content-length", b"5"),
    ];
    raw.headers(5, &fields, false);
    raw.send(0, 1, 5, b"x");
    while raw.read().unwrap().stream != 5 {}
    assert!(is_same(world.proxy.metric(&series(Reason::HeadMalformed)), before.denials));
}

#[test]
fn d2_a_flood_of_frames_is_a_warning_with_the_clients_address() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let floods = "countersign_http2_floods_total{frames=\"ping\"}";
    let mut raw = RawH2::connect(world.proxy.address(), &[]);
    raw.write(&h2::frame(h2::PING, 0, 0, &[0; 8]).repeat(200));
    raw.read_to_end();
    wait_until("the flood is counted", || is_same(world.proxy.metric(floods), 1.0));
    let logs = world.proxy.worker_logs();
    let line = logs.lines().find(|line| line.contains("too many frames of a kind")).unwrap();
    assert!(line.contains(" WARN "), "{line}");
    assert!(line.contains(" frames=\"ping\" client=127.0.0.1 left_out=0 "), "{line}");
}

/// A POST to a public route with this field, in frames of the size that every peer takes.
fn send_long_head(raw: &mut RawH2, stream: u32, (name, bytes): (&str, usize), end_stream: bool) {
    const FRAME: usize = 16_384;
    let value = vec![b'a'; bytes];
    let block = h2::block(&[
        (":method", b"POST"),
        (":scheme", b"http"),
        (":path", b"/public/x"),
        (":authority", b"api.test"),
        (name, &value),
    ]);
    let mut frames = block.chunks(FRAME).peekable();
    let mut kind = h2::HEADERS;
    while let Some(frame) = frames.next() {
        let last = if frames.peek().is_none() { h2::END_HEADERS } else { 0 };
        let end = if end_stream && kind == h2::HEADERS { h2::END_STREAM } else { 0 };
        raw.send(kind, last | end, stream, frame);
        kind = h2::CONTINUATION;
    }
}

fn world_of_small_heads() -> World {
    let limits = "[server.limits]\nheader_bytes = \"8KiB\"";
    let mut world =
        World::with_setup(|setup| setup.server(limits).with("[credential]\nmax_bytes = \"4KiB\""));
    world.proxy.expect_unmatched_answers();
    world
}

#[test]
fn f14_a_long_head_over_http2_is_refused_with_the_header_and_the_setting() {
    let world = world_of_small_heads();
    let mut raw = RawH2::connect(world.proxy.address(), &[]);
    let settings = raw.read_until(h2::SETTINGS, 0).unwrap().payload;
    let announced = settings.chunks(6).find(|setting| setting[..2] == [0, 6]).unwrap();
    assert_eq!(announced[2..], 8_192_u32.to_be_bytes(), "what clients may send");

    // `:method` and the others count 182 bytes, each field 32 more than it has.
    let most = 8_192 - 182 - "x-a".len() - 32;
    send_long_head(&mut raw, 1, ("x-a", most), true);
    assert_eq!(raw.read_status(1), Some(200), "what was announced is read");
    let subject = |name: &str, bytes: usize, all: usize| {
        format!(
            "header '{name}' is too long; found: {bytes} bytes, and {all} of all fields; expected: \
             at most 8192 bytes of all fields; setting: server.limits.header_bytes"
        )
    };
    for (stream, name, bytes, ends) in [
        (3, "x-a", most + 1, true),
        (5, "cookie", 9_000, true),
        (7, "authorization", 15_000, false),
    ] {
        let before = Before::of(&world, Reason::HeadTooLong);
        let untouched = world.mark();
        send_long_head(&mut raw, stream, (name, bytes), ends);
        let head = raw.read_until(h2::HEADERS, stream).unwrap();
        assert_eq!(head.flags & h2::END_STREAM, 0, "{name}: an answer with a body");
        let body = raw.read_until(h2::DATA, stream).unwrap().payload;
        assert!(String::from_utf8_lossy(&body).contains("head_too_long"), "{name}");
        let subject = subject(name, bytes, 182 + name.len() + bytes + 32);
        before.assert_one_more(&world, name, Reason::HeadTooLong, &subject);
        untouched.assert_untouched(name);
    }
}

/// Of a head that is twice as long as allowed h2 reads no more fields.
#[test]
fn f14_a_head_that_h2_itself_refuses_is_counted_and_logged() {
    let world = world_of_small_heads();
    let subject = "the head is too long; expected: at most 8192 bytes of all fields; setting: \
                   server.limits.header_bytes";
    let mut raw = RawH2::connect(world.proxy.address(), &[]);
    for (stream, ends) in [(1, true), (3, false), (5, true), (7, false)] {
        let before = Before::of(&world, Reason::HeadTooLong);
        let malformed = Before::of(&world, Reason::HeadMalformed);
        send_long_head(&mut raw, stream, ("x-a", 20_000), ends);
        let head = raw.read_until(h2::HEADERS, stream).unwrap();
        assert_ne!(head.flags & h2::END_STREAM, 0, "h2's own answer");
        if !ends {
            raw.read_until(h2::RST_STREAM, stream).unwrap();
        }
        before.assert_one_more(&world, "431 of h2", Reason::HeadTooLong, subject);
        let resets = world.proxy.metric(&series(Reason::HeadMalformed));
        assert!(is_same(resets, malformed.denials), "its reset is none of a malformed head");
    }
    // The connection goes on; answers with trailers or without a body are not taken for h2's.
    let before = Before::of(&world, Reason::HeadTooLong);
    let token = world.issuer.mint(json!({}));
    raw.get(9, "/", &token);
    assert_eq!(raw.read_status(9), Some(200));
    assert!(is_same(world.proxy.metric(&series(Reason::HeadTooLong)), before.denials));
}

#[test]
fn f14_a_head_without_measure_ends_its_connection_and_is_counted() {
    let world = world_of_small_heads();
    let subject = "the head is too long; expected: at most 8192 bytes of all fields; setting: ";
    let before = Before::of(&world, Reason::HeadTooLong);
    let mut raw = RawH2::connect(world.proxy.address(), &[]);
    // A header of 4 KiB that each further byte repeats.
    let large = h2::block(&[(":method", b"GET"), (":scheme", b"http"), (":path", b"/")]);
    let indexed = [&[0x40, 1, b'a', 0x7f, 0xa1, 0x1e][..], &[b'v'; 4_000]].concat();
    raw.send(h2::HEADERS, h2::END_HEADERS, 1, &[large, indexed, vec![0xbe; 1_000]].concat());
    let closing = raw.read_to_end();
    assert!(closing.iter().any(|frame| frame.kind == h2::GOAWAY), "{closing:?}");
    before.assert_one_more(&world, "HPACK", Reason::HeadTooLong, subject);

    let before = Before::of(&world, Reason::HeadTooLong);
    let mut raw = RawH2::connect(world.proxy.address(), &[]);
    raw.send(h2::HEADERS, 0, 1, &h2::block(&[(":method", b"GET"), (":scheme", b"http")]));
    for name in 0..20_u32 {
        let field = h2::block(&[(&format!("x-{name}"), &[b'a'; 10])]);
        raw.send(h2::CONTINUATION, 0, 1, &field);
    }
    let closing = raw.read_to_end();
    assert!(closing.iter().any(|frame| frame.kind == h2::GOAWAY), "{closing:?}");
    before.assert_one_more(&world, "CONTINUATION", Reason::HeadTooLong, subject);
}

#[test]
fn a_client_that_goes_away_is_no_refusal() {
    let world = World::start();
    let before = world.proxy.metric(UNROUTED);
    let mut client = world.proxy.client();
    client.send(b"GET / HTTP/1.1\r\nhost: ");
    drop(client);
    drop(RawH2::connect(world.proxy.address(), &[]));
    let token = world.issuer.mint(serde_json::json!({}));
    assert_eq!(world.proxy.exchange(&Request::get("/").bearer(&token)).status, 200);
    assert!(is_same(world.proxy.metric(UNROUTED), before));
}
