//! Requests that hyper refuses by itself are counted and logged like any other.

use countersign::reason::Reason;

use crate::support::{
    client::Request,
    h2::RawH2,
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

    /// One more was counted and logged, with its peer and this subject.
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
