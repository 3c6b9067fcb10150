//! `max_body`: what is larger is 413, and never a whole request for the upstream.

use std::io::{Read, Write};

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    bare::{self, Meter},
    client::Request,
    h2::{self, Frames, H2, RawH2},
    listening::Listening,
    oracle::assert_refused,
    raw_h2_upstream::{RawH2Upstream, Step},
    wait_until,
    world::World,
};

const MOST: usize = 10;

fn world() -> World {
    World::with_setup(|setup| {
        setup.with("[defaults]\nmax_body = \"10B\"").routes(
            "[[routes]]\npath = \"/**\"\n\
             [[routes]]\npath = \"/any\"\nmax_body = \"none\"\n\
             [[routes]]\npath = \"/nothing\"\nmax_body = 0",
        )
    })
}

/// A request in chunks of these sizes.
fn chunked(token: &str, chunks: &[usize]) -> Vec<u8> {
    let request = Request::new("POST", "/").bearer(token).field("transfer-encoding", "chunked");
    let mut bytes = request.bytes();
    for chunk in chunks {
        write!(bytes, "{chunk:x}\r\n{}\r\n", "x".repeat(*chunk)).unwrap();
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn over_http2(token: &str, length: Option<usize>, chunks: &[usize]) -> http::Request<Frames> {
    let chunks: Vec<_> = chunks.iter().map(|chunk| vec![b'x'; *chunk]).collect();
    let chunks: Vec<_> = chunks.iter().map(Vec::as_slice).collect();
    let mut request = h2::request("POST", "/").header("authorization", format!("Bearer {token}"));
    if let Some(length) = length {
        request = request.header("content-length", length);
    }
    request.body(Frames::new(&chunks, &[])).unwrap()
}

#[test]
fn d13_a_body_that_is_announced_as_too_large_is_413_before_it_is_sent_on() {
    let world = world();
    let token = world.issuer.mint(json!({}));
    let before = world.mark();
    for length in [MOST + 1, 100_000] {
        let request = Request::new("POST", "/").bearer(&token).body(&vec![b'x'; length]);
        let answer = world.proxy.exchange(&request);
        assert_refused("announced", &answer, Reason::BodyTooLarge, &before);
        let request = over_http2(&token, Some(length), &[length]);
        let answer = H2::connect(world.proxy.address()).exchange(request).unwrap();
        assert_eq!(answer.status, 413);
        before.assert_untouched("over HTTP/2");
    }
    let one = Request::new("POST", "/nothing").bearer(&token).body(b"x");
    assert_refused("one byte", &world.proxy.exchange(&one), Reason::BodyTooLarge, &before);
    // Who may not pass at all is not told of a limit.
    let request = Request::new("POST", "/").body(&[b'x'; 100]);
    assert_eq!(world.proxy.exchange(&request).status, 401);
}

#[test]
fn a_body_that_keeps_to_the_limit_passes_however_it_comes() {
    let mut world = world();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let whole = Request::new("POST", "/").bearer(&token).body(&[b'x'; MOST]);
    assert_eq!(world.proxy.exchange(&whole).status, 200);
    let mut client = world.proxy.client();
    client.send(&chunked(&token, &[1, MOST - 1]));
    assert_eq!(client.read().status, 200);
    let h2 = H2::connect(world.proxy.address());
    for (length, chunks) in [(Some(MOST), &[MOST][..]), (None, &[4, MOST - 4]), (None, &[MOST])] {
        let answer = h2.exchange(over_http2(&token, length, chunks)).unwrap();
        assert_eq!(answer.status, 200);
    }
    for received in world.upstream.requests() {
        assert_eq!(received.body.bytes, [b'x'; MOST]);
    }
    let large = Request::new("POST", "/any").bearer(&token).body(&vec![b'x'; 100_000]);
    assert_eq!(world.proxy.exchange(&large).status, 200);
    let none = Request::new("POST", "/nothing").bearer(&token).body(b"");
    assert_eq!(world.proxy.exchange(&none).status, 200);
}

/// What the upstream has received by then may be any part, but not a request with an end.
#[test]
fn d13_a_chunked_body_that_grows_too_large_is_413_and_never_whole_for_the_upstream() {
    for chunks in [&[MOST + 1][..], &[MOST, 1], &[4, 4, 4], &[1, 100_000]] {
        let world = world();
        let token = world.issuer.mint(json!({}));
        let mut client = world.proxy.client();
        client.send(&chunked(&token, chunks));
        let answer = client.read();
        assert_eq!((answer.status, answer.reason().as_deref()), (413, Some("body_too_large")));
        let request = over_http2(&token, None, chunks);
        let answer = H2::connect(world.proxy.address()).exchange(request).unwrap();
        assert_eq!(answer.status, 413, "{chunks:?} over HTTP/2");
        assert!(world.upstream.requests().is_empty(), "{chunks:?}: a whole request");
        for bytes in world.upstream.connections() {
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("\r\n0\r\n"), "{chunks:?}: an end: {text}");
            assert!(text.matches('x').count() < 100, "{chunks:?}: more than the limit: {text}");
        }
        // The client has failed, not the service.
        let failures = "countersign_requests_total{outcome=\"failed\",route=\"/**\"}";
        assert!(world.proxy.metric(failures) < f64::EPSILON);
        let denials = "countersign_denials_total{issuer=\"\",reason=\"body_too_large\"}";
        assert!((world.proxy.metric(denials) - 2.0).abs() < f64::EPSILON);
    }
}

#[test]
fn d13_an_http2_upstream_sees_the_stream_reset_and_not_ended() {
    let (resets, ends) = (Meter::default(), Meter::default());
    let (reset, ended) = (resets.clone(), ends.clone());
    let listening = Listening::start(move |stream| {
        let Some(mut raw) = RawH2::accept(stream) else { return };
        while let Some(frame) = raw.read() {
            let is_end = frame.flags & h2::END_STREAM != 0;
            reset.add(usize::from(frame.kind == h2::RST_STREAM));
            let carries = [h2::HEADERS, h2::DATA].contains(&frame.kind);
            ended.add(usize::from(carries && is_end));
        }
    });
    let world = bare::in_front_of(&bare::h2_url(&listening), "max_body = \"10B\"");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    client.send(&chunked(&token, &[6, 6]));
    assert_eq!(client.read().status, 413);
    let request = over_http2(&token, None, &[6, 6]);
    let answer = H2::connect(world.proxy.address()).exchange(request).unwrap();
    assert_eq!(answer.status, 413);
    assert_eq!(ends.total(), 0);
    wait_until("both resets", || resets.total() == 2);
}

/// A length that is not that of the body is an error of the protocol, whatever the limit is.
#[test]
fn d13_a_length_that_lies_passes_no_more_than_it_says() {
    let world = world();
    let token = world.issuer.mint(json!({}));
    let answer =
        H2::connect(world.proxy.address()).exchange(over_http2(&token, Some(5), &[100])).ok();
    assert!(answer.is_none_or(|answer| answer.status == 400));
    let mut client = world.proxy.client();
    let short = Request::new("POST", "/").bearer(&token).field("content-length", "5");
    client.send(&[short.bytes(), vec![b'x'; 5], b"GET /public HTTP/1.1\r\n\r\n".to_vec()].concat());
    assert_eq!(client.read().status, 200);
    let bodies: Vec<_> = world.upstream.requests().into_iter().map(|it| it.body.bytes).collect();
    assert_eq!(bodies, [b"xxxxx"]);
}

#[test]
fn a_grpc_call_with_too_much_is_resource_exhausted() {
    let upstream = RawH2Upstream::start(10, |_| vec![Step::Hold]);
    let world = bare::in_front_of(&upstream.url(), "max_body = \"10B\"");
    let token = world.issuer.mint(json!({}));
    let call = h2::request("POST", "/s/M")
        .header("content-type", "application/grpc")
        .header("authorization", format!("Bearer {token}"))
        .body(Frames::new(&[b"\0\0\0\0\x05hello", b"\0\0\0\0\x05hello"], &[]))
        .unwrap();
    let answer = H2::connect(world.proxy.address()).exchange(call).unwrap();
    assert_eq!((answer.status, answer.field("grpc-status")), (200, Some("8")));
}

#[test]
fn an_upstream_that_answers_before_too_much_has_come_is_heard() {
    let upstream = bare::upstream(|_, mut reader| {
        let answer = b"HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n";
        reader.get_mut().write_all(answer).unwrap();
        let _ = reader.read_to_end(&mut Vec::new());
    });
    let world = bare::in_front_of(&bare::url(&upstream), "max_body = \"10B\"");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    let request = Request::new("POST", "/").bearer(&token).field("transfer-encoding", "chunked");
    client.send(&[request.bytes(), b"1\r\nx\r\n".to_vec()].concat());
    assert_eq!(client.read().status, 409);
}
