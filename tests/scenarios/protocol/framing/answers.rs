//! Answers of upstreams: framed once and by us, or 502.

use serde_json::json;

use crate::support::{
    bare,
    client::{Answer, Request},
    h2::{self, Frames, H2},
    upstream::Reply,
    wire::{Head, Unframed},
    world::World,
};

use Ours::{BadGateway, Passes};

/// What the client receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ours {
    /// The answer, with that `Content-Length` if any.
    Passes(Option<&'static str>),
    /// 502, a log line, and the connection to the upstream is closed.
    BadGateway,
}

const TEN: &str = "0123456789";
const TEN_IN_CHUNKS: &str = "a\r\n0123456789\r\n0\r\n\r\n";

/// Answers to a `GET`, with ten bytes of body unless there is none: head and body; the outcome;
/// and why.
const ANSWERS: &[(&str, &str, Ours, &str)] = &[
    ("200 OK\r\ncontent-length: 10", TEN, Passes(Some("10")), "the usual answer"),
    ("200 OK\r\ncontent-length: 010", TEN, Passes(Some("10")), "1*DIGIT (RFC 9110 §8.6)"),
    ("200 OK\r\ncontent-length: 0000000000000000000010", TEN, Passes(Some("10")), "likewise"),
    ("200 OK\r\ncontent-length: 10, 10", TEN, Passes(Some("10")), "replaced by one (§8.6)"),
    ("200 OK\r\ncontent-length: 10,010", TEN, Passes(Some("10")), "likewise"),
    ("200 OK\r\ncontent-length: 10\r\ncontent-length: 10", TEN, Passes(Some("10")), "likewise"),
    ("200 OK\r\ncontent-length: 10\r\ncontent-length: 11", TEN, BadGateway, "RFC 9112 §6.3, 5"),
    ("200 OK\r\ncontent-length: 10, 11", TEN, BadGateway, "likewise"),
    ("200 OK\r\ncontent-length: +10", TEN, BadGateway, "no 1*DIGIT"),
    ("200 OK\r\ncontent-length: 1 0", TEN, BadGateway, "no 1*DIGIT"),
    ("200 OK\r\ncontent-length: -0", TEN, BadGateway, "no 1*DIGIT"),
    ("200 OK\r\ncontent-length:", TEN, BadGateway, "no 1*DIGIT"),
    ("200 OK\r\ncontent-length: 18446744073709551626", TEN, BadGateway, "an overflow"),
    ("200 OK\r\ncontent-length: 9223372036854775808", TEN, BadGateway, "negative for some"),
    ("200 OK\r\ntransfer-encoding: chunked", TEN_IN_CHUNKS, Passes(None), "framed again"),
    ("200 OK\r\nTransfer-Encoding: Chunked", TEN_IN_CHUNKS, Passes(None), "likewise"),
    (
        "200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked",
        TEN_IN_CHUNKS,
        BadGateway,
        "framed twice: smuggling or a mistake (RFC 9112 §6.3, 3)",
    ),
    (
        "200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 10",
        TEN_IN_CHUNKS,
        BadGateway,
        "likewise, in any order and whatever the number",
    ),
    (
        "200 OK\r\ntransfer-encoding: gzip, chunked",
        TEN_IN_CHUNKS,
        BadGateway,
        "we sent no TE (RFC 9112 §7.4), and would forward the coding's bytes without its name",
    ),
    ("200 OK\r\ntransfer-encoding: gzip", TEN, BadGateway, "likewise"),
    ("200 OK\r\ntransfer-encoding: identity", TEN, BadGateway, "no coding since RFC 7230"),
    ("200 OK\r\ntransfer-encoding:", TEN, BadGateway, "no coding"),
    (
        "200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked",
        TEN_IN_CHUNKS,
        BadGateway,
        "chunked twice (RFC 9112 §6.1)",
    ),
    ("204 No Content\r\ncontent-length: 0", "", Passes(None), "left out (RFC 9110 §8.6)"),
    ("204 No Content\r\ncontent-length: 10", TEN, BadGateway, "a body where none can be"),
    ("204 No Content\r\ntransfer-encoding: chunked", "0\r\n\r\n", BadGateway, "RFC 9112 §6.1"),
    ("304 Not Modified\r\ntransfer-encoding: chunked", "", Passes(None), "frames nothing"),
    ("304 Not Modified\r\ncontent-length: 10, 11", "", BadGateway, "no length of anything"),
];

fn answering(world: &World, head: &'static str, body: &'static str) {
    world.upstream.answer_by(move |_| {
        Reply::raw(format!("HTTP/1.1 {head}\r\nx-answered-by: upstream\r\n\r\n{body}"))
    });
}

/// What an HTTP/1.1 client makes of an answer, the body without its framing.
fn of_http1(answer: &Answer) -> (u16, Option<String>, Vec<u8>) {
    let length = answer.field("content-length").map(str::to_owned);
    (answer.status, length, answer.body.bytes.clone())
}

/// The same of an HTTP/2 client.
fn of_http2(client: &H2, request: http::Request<Frames>) -> (u16, Option<String>, Vec<u8>) {
    let answer = client.exchange(request).unwrap();
    let length = answer.field("content-length").map(str::to_owned);
    (answer.status, length, answer.body)
}

#[test]
fn f12_every_framing_of_an_answer_is_one_framing_of_ours_or_502() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let mut world = world;
    world.proxy.expect_unmatched_answers();
    let h2_client = H2::connect(world.proxy.address());
    for &(head, body, ours, why) in ANSWERS {
        answering(&world, head, body);
        let answer = world.proxy.get("/", Some(&token));
        let chunked = answer.head.all("transfer-encoding").eq(["chunked"]);
        let seen = [of_http1(&answer), of_http2(&h2_client, h2::get("/", &token))];
        let Passes(length) = ours else {
            for (status, _, received) in seen {
                let ours = String::from_utf8(received).unwrap();
                assert!(
                    status == 502 && ours.contains("upstream_response_invalid"),
                    "{head:?}: {why}"
                );
            }
            assert_unused(&world, &token);
            continue;
        };
        let status: u16 = head[..3].parse().unwrap();
        let has_body = status == 200;
        assert_eq!(chunked, has_body && length.is_none(), "{head:?}: {why}");
        for (found, found_length, received) in seen {
            assert_eq!((found, found_length.as_deref()), (status, length), "{head:?}: {why}");
            assert_eq!(received, if has_body { TEN.as_bytes() } else { b"" }, "{head:?}: {why}");
        }
    }
    let refused = ANSWERS.iter().filter(|(_, _, ours, _)| *ours == BadGateway).count();
    let series = |reason: &str| {
        let series =
            format!("countersign_upstream_failures_total{{reason=\"{reason}\",upstream=\"app\"}}");
        world.proxy.metric(&series)
    };
    let failures = series("upstream_response_invalid") + series("upstream_broken");
    assert!(
        failures >= 2.0 * f64::from(u32::try_from(refused).unwrap()),
        "each is counted: {failures}"
    );
    let lines = world.proxy.worker_logs();
    let lines = lines.lines().filter(|line| line.contains("no response from the upstream"));
    assert!((1..refused).contains(&lines.count()), "and each kind of failure is said once");
}

/// No connection that an answer of the last case came on is used again.
fn assert_unused(world: &World, token: &str) {
    let connections = world.upstream.connections().len();
    answering(world, "200 OK\r\ncontent-length: 10", TEN);
    assert!(world.proxy.get("/", Some(token)).is_from_upstream());
    assert_eq!(world.upstream.connections().len(), connections + 1);
}

#[test]
fn f12_a_transfer_coding_of_http10_is_502() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    for status in ["200 OK", "304 Not Modified"] {
        world.upstream.answer_by(move |_| {
            let head = format!("HTTP/1.0 {status}\r\ntransfer-encoding: chunked\r\n\r\n");
            Reply::raw(head + TEN_IN_CHUNKS).then_close()
        });
        assert_eq!(world.proxy.get("/", Some(&token)).status, 502, "{status}");
    }
}

#[test]
fn f12_an_answer_to_head_keeps_its_length_in_one_spelling() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let h2_client = H2::connect(world.proxy.address());
    for (fields, ours) in [
        ("content-length: 1234", Passes(Some("1234"))),
        ("content-length: 01234", Passes(Some("1234"))),
        ("content-length: 1234\r\ncontent-length: 1234", Passes(Some("1234"))),
        ("transfer-encoding: chunked", Passes(None)),
        ("content-length: 1234, 5", BadGateway),
        ("content-length: +5", BadGateway),
        ("content-length: 5\r\ntransfer-encoding: chunked", BadGateway),
        ("transfer-encoding: gzip, chunked", BadGateway),
    ] {
        world
            .upstream
            .answer_by(move |_| Reply::raw(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n")));
        let mut client = world.proxy.client();
        client.send(&Request::new("HEAD", "/").bearer(&token).bytes());
        let head = Head::read(client.stream()).unwrap().unwrap();
        let bearer = format!("Bearer {token}");
        let request = h2::request("HEAD", "/").header("authorization", bearer);
        let (status, length, _) = of_http2(&h2_client, request.body(Frames::default()).unwrap());
        let Passes(expected) = ours else {
            assert!(head.start.contains(" 502 ") && status == 502, "{fields}: {head:?}");
            continue;
        };
        assert!(head.start.contains(" 200 ") && status == 200, "{fields}: {head:?}");
        assert_eq!(head.field("content-length"), expected, "{fields}");
        assert_eq!(head.field("transfer-encoding"), None, "{fields}");
        assert_eq!(length.as_deref(), expected, "{fields}");
    }
}

#[test]
fn f12_a_switch_of_protocols_announces_no_body() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    for (fields, status) in [
        ("content-length: 0\r\n", 101),
        ("content-length: 5\r\n", 502),
        ("transfer-encoding: chunked\r\n", 502),
    ] {
        world.upstream.answer_by(move |_| {
            Reply::raw(format!(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
                 upgrade: websocket\r\n{fields}\r\n"
            ))
        });
        let request = Request::get("/")
            .bearer(&token)
            .field("connection", "upgrade")
            .field("upgrade", "websocket")
            .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .field("sec-websocket-version", "13");
        let answer = world.proxy.exchange(&request);
        assert_eq!(answer.status, status, "{fields}");
        if status == 101 {
            assert_eq!(answer.field("content-length"), None);
        }
    }
}

/// The fields of an answer over HTTP/2, its data, and the outcome.
type H2Case = (&'static [(&'static str, &'static [u8])], &'static [u8], Option<Ours>);

/// `None`: the answer breaks off, since where it ends is known too late for a 502.
const H2_ANSWERS: &[H2Case] = &[
    (&[("content-length", b"10")], TEN.as_bytes(), Some(Passes(Some("10")))),
    (&[("content-length", b"010")], TEN.as_bytes(), Some(Passes(Some("10")))),
    (
        &[("content-length", b"10"), ("content-length", b"010")],
        TEN.as_bytes(),
        Some(Passes(Some("10"))),
    ),
    (&[("content-length", b"10"), ("content-length", b"11")], TEN.as_bytes(), Some(BadGateway)),
    (&[("content-length", b"10, 10")], TEN.as_bytes(), Some(BadGateway)),
    (&[("content-length", b"+10")], TEN.as_bytes(), Some(BadGateway)),
    (&[("content-length", b"")], b"", Some(BadGateway)),
    (&[("content-length", b"10")], b"", Some(BadGateway)),
    (&[("content-length", b"10")], b"012345678", None),
    (&[("content-length", b"10")], b"0123456789X", None),
    (&[("transfer-encoding", b"chunked")], TEN.as_bytes(), Some(BadGateway)),
];

#[test]
fn f12_lengths_of_an_http2_answer_are_those_of_its_data() {
    for &(fields, data, ours) in H2_ANSWERS {
        let upstream = bare::h2_upstream(move |client, stream| {
            let fields = [&[(":status", b"200".as_slice())], fields].concat();
            client.headers(stream, &fields, data.is_empty());
            if !data.is_empty() {
                client.send(h2::DATA, h2::END_STREAM, stream, data);
            }
        });
        let mut world = bare::in_front_of(&bare::h2_url(&upstream), "");
        world.proxy.expect_unmatched_answers();
        let token = world.issuer.mint(json!({}));
        let mut client = world.proxy.client();
        client.send(&Request::get("/").bearer(&token).bytes());
        let head = Head::read(client.stream()).unwrap().unwrap_or_default();
        let body = head.read_body(client.stream(), Unframed::UntilClose);
        let over_http2 = H2::connect(world.proxy.address()).exchange(h2::get("/", &token));
        match ours {
            Some(BadGateway) => {
                assert!(head.start.contains(" 502 "), "{fields:?}: {head:?}");
                assert_eq!(over_http2.unwrap().status, 502, "{fields:?}");
            }
            Some(Passes(length)) => {
                assert_eq!(head.field("content-length"), length, "{fields:?}");
                assert_eq!(body.unwrap().bytes, data, "{fields:?}");
                let answer = over_http2.unwrap();
                assert_eq!((answer.field("content-length"), &*answer.body), (length, data));
            }
            // Closed before the head was written, behind it, or within the body.
            None => {
                assert!(head.start.is_empty() || body.is_err(), "{fields:?}: {head:?} {body:?}");
                assert!(over_http2.is_err(), "{fields:?}: {over_http2:?}");
            }
        }
    }
}
