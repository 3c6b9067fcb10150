//! Lengths of requests: each spelling over HTTP/1.1 and HTTP/2, to an upstream of either.

use serde_json::json;

use crate::support::{
    bare,
    h2::{self, RawH2},
    h2_upstream::H2Upstream,
    world::World,
};

use Ours::{Forwarded, Refused};

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ours {
    /// It goes on, with the one `Content-Length: 10`.
    Forwarded,
    /// 400 or, where h2 finds the stream malformed, its reset; nothing goes on.
    Refused,
}

const BODY: &[u8] = b"0123456789";

/// The values of a request's `Content-Length` fields in front of [`BODY`]; the outcome over
/// HTTP/1.1 and over HTTP/2; and why.
const SPELLINGS: &[(&[&str], Ours, Ours, &str)] = &[
    (&["10"], Forwarded, Forwarded, "the canonical spelling"),
    (&["010"], Refused, Refused, "1*DIGIT (RFC 9110 §8.6), but eight where octal is read"),
    (&["0000000010"], Refused, Refused, "likewise"),
    (&["00000000000000000010"], Refused, Refused, "more digits than 64 bits need"),
    (&["10, 10"], Refused, Refused, "a list of equal lengths may be rejected (RFC 9110 §8.6)"),
    (&["10,10"], Refused, Refused, "likewise"),
    (&["10,"], Refused, Refused, "a list with nothing in it"),
    (&[",10"], Refused, Refused, "likewise"),
    (&["10, 11"], Refused, Refused, "two lengths (RFC 9112 §6.3)"),
    (&["10", "10"], Forwarded, Refused, "hyper makes one of both, as RFC 9110 §8.6 allows"),
    (&["10", "010"], Forwarded, Refused, "the first spelling stays, and is canonical"),
    (&["010", "10"], Refused, Refused, "the first spelling stays, and is not"),
    (&["10", "11"], Refused, Refused, "two lengths (RFC 9112 §6.3)"),
    (&["+10"], Refused, Refused, "no 1*DIGIT"),
    (&["-10"], Refused, Refused, "no 1*DIGIT"),
    (&["-0"], Refused, Refused, "no 1*DIGIT"),
    (&["1 0"], Refused, Refused, "no 1*DIGIT"),
    (&["0xA"], Refused, Refused, "no 1*DIGIT"),
    (&["10.0"], Refused, Refused, "no 1*DIGIT"),
    (&["1e1"], Refused, Refused, "no 1*DIGIT"),
    (&["10;x"], Refused, Refused, "no 1*DIGIT"),
    (&["\"10\""], Refused, Refused, "no 1*DIGIT"),
    (&["\u{ff11}\u{ff10}"], Refused, Refused, "digits of another script"),
    (&[""], Refused, Refused, "nothing; h2 reads 0"),
    (&["18446744073709551626"], Refused, Refused, "10 where 64 bits overflow"),
    (&["9223372036854775818"], Refused, Refused, "negative where numbers are signed"),
    (&[" 10"], Forwarded, Refused, "space before a value is no part of it, over HTTP/2 it is"),
    (&["10\t"], Forwarded, Refused, "likewise behind it (RFC 9112 §5.1, RFC 9113 §8.2.1)"),
];

/// Sends a request over HTTP/1.1. Whether the upstream's answer came back; else it was refused.
fn over_http1(world: &World, lengths: &[&str], token: &str) -> Ours {
    let mut client = world.proxy.client();
    let lengths: Vec<_> = lengths.iter().map(|l| format!("Content-Length:{l}\r\n")).collect();
    let lengths = lengths.concat();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: api.test\r\nauthorization: Bearer {token}\r\n{lengths}\r\n"
    );
    client.send(&[head.as_bytes(), BODY].concat());
    let answer = client.read();
    if answer.is_from_upstream() {
        return Forwarded;
    }
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(client.is_closed(), "what follows is not taken for a request");
    Refused
}

/// The same over HTTP/2.
fn over_http2(world: &World, lengths: &[&str], token: &str) -> Ours {
    let mut client = RawH2::connect(world.proxy.address(), &[]);
    let bearer = format!("Bearer {token}");
    let mut fields = vec![
        (":method", b"POST".as_slice()),
        (":scheme", b"http"),
        (":path", b"/"),
        (":authority", b"api.test"),
        ("authorization", bearer.as_bytes()),
    ];
    fields.extend(lengths.iter().map(|length| ("content-length", length.as_bytes())));
    client.headers(1, &fields, false);
    client.send(h2::DATA, h2::END_STREAM, 1, BODY);
    let end = std::iter::from_fn(|| client.read())
        .find(|frame| [h2::HEADERS, h2::RST_STREAM, h2::GOAWAY].contains(&frame.kind));
    match end {
        Some(frame) if frame.status() == 200 => Forwarded,
        Some(frame) if frame.kind == h2::HEADERS => {
            assert_eq!(frame.status(), 400);
            Refused
        }
        _ => Refused,
    }
}

#[test]
fn f3_every_spelling_of_a_length_is_one_number_upstream_or_refused() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    for (lengths, http1, http2, why) in SPELLINGS {
        for (ours, send) in [(http1, over_http1 as fn(&_, &_, &_) -> _), (http2, over_http2)] {
            let seen = world.upstream.connections().concat().len();
            let before = world.mark();
            assert_eq!(send(&world, lengths, &token), *ours, "{lengths:?}: {why}");
            if *ours == Refused {
                before.assert_untouched(why);
                continue;
            }
            let received = before.only_request(why);
            assert_eq!(received.body.bytes, BODY, "{lengths:?}");
            let bytes = world.upstream.connections().concat().split_off(seen);
            let text = String::from_utf8(bytes).unwrap();
            assert_eq!(text.matches("content-length").count(), 1, "{text}");
            assert!(text.contains("\r\ncontent-length: 10\r\n"), "{text}");
            assert!(!text.contains("transfer-encoding"), "{text}");
        }
    }
}

#[test]
fn f3_the_same_lengths_reach_an_http2_upstream() {
    let upstream = H2Upstream::start();
    let mut world = bare::in_front_of(&upstream.url(), "");
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    for (lengths, http1, http2, why) in SPELLINGS {
        for (ours, send) in [(http1, over_http1 as fn(&_, &_, &_) -> _), (http2, over_http2)] {
            let before = upstream.heads().len();
            assert_eq!(send(&world, lengths, &token), *ours, "{lengths:?}: {why}");
            let heads = upstream.heads().split_off(before);
            let received = heads.iter().map(|head| {
                head.headers.get_all("content-length").iter().cloned().collect::<Vec<_>>()
            });
            let expected: &[&[&str]] = if *ours == Forwarded { &[&["10"]] } else { &[] };
            assert_eq!(received.collect::<Vec<_>>(), expected, "{lengths:?}: {why}");
        }
    }
}

#[test]
fn f3_http2_data_of_another_length_than_announced_is_no_request() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let bearer = format!("Bearer {}", world.issuer.mint(json!({})));
    // How the stream ends: data, and what ends it.
    let ends: [(&[u8], u8); 5] = [
        (b"", h2::HEADERS),
        (b"012345678", h2::DATA),
        (b"0123456789X", h2::DATA),
        (b"012345678", h2::HEADERS),
        (b"0123456789X", h2::HEADERS),
    ];
    for (data, ended_by) in ends {
        let mut client = RawH2::connect(world.proxy.address(), &[]);
        let fields = [
            (":method", b"POST".as_slice()),
            (":scheme", b"http"),
            (":path", b"/"),
            (":authority", b"api.test"),
            ("content-length", b"10"),
            ("authorization", bearer.as_bytes()),
        ];
        client.headers(1, &fields, data.is_empty());
        if !data.is_empty() {
            let flags = if ended_by == h2::DATA { h2::END_STREAM } else { 0 };
            client.send(h2::DATA, flags, 1, data);
        }
        if ended_by == h2::HEADERS && !data.is_empty() {
            client.headers(1, &[("x-trailer", b"1")], true);
        }
        let end = std::iter::from_fn(|| client.read())
            .find(|frame| [h2::HEADERS, h2::RST_STREAM, h2::GOAWAY].contains(&frame.kind));
        let end = end.map(|frame| frame.kind);
        assert_ne!(end, Some(h2::HEADERS), "{data:?}, ended by {ended_by}");
        assert!(world.upstream.requests().is_empty(), "{data:?}, ended by {ended_by}");
    }
}
