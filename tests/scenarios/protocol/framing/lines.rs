//! How many header lines there may be, in both directions.

use std::fmt::Write as _;

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::Request,
    h2::{self, Frames, H2},
    upstream::{Received, Reply},
    world::World,
};

/// A request with that many lines, over HTTP/1.1.
fn lines(count: usize, token: &str) -> Request {
    let fillers = (2..count).map(|n| format!("x-filler-{n}"));
    fillers.fold(Request::get("/").bearer(token), |request, name| request.field(&name, "1"))
}

/// The same over HTTP/2, where `Host` is no line.
fn lines_of_http2(count: usize, token: &str) -> http::Request<Frames> {
    let mut request = h2::get("/", token);
    for n in 1..count {
        let name = http::HeaderName::try_from(format!("x-filler-{n}")).unwrap();
        request.headers_mut().insert(name, http::HeaderValue::from_static("1"));
    }
    request
}

fn fillers(received: &Received) -> usize {
    let names = received.head.fields.iter().map(|(name, _)| name);
    names.filter(|name| name.starts_with("x-filler-")).count()
}

#[test]
fn f14_as_many_header_lines_as_the_setting_says_over_http1_and_http2() {
    for (setting, most) in [("", 200), ("[server.limits]\nheader_lines = 50", 50)] {
        let world = World::with_setup(|setup| setup.server(setting));
        let token = world.issuer.mint(json!({}));
        let before = world.mark();
        assert_eq!(world.proxy.exchange(&lines(most + 1, &token)).status, 431, "{most}");
        let client = H2::connect(world.proxy.address());
        let answer = client.exchange(lines_of_http2(most + 1, &token)).unwrap();
        let body = String::from_utf8(answer.body).unwrap();
        assert_eq!(answer.status, 431, "{most}");
        assert!(body.contains(Reason::HeaderLinesExceeded.code()), "{body}");
        before.assert_untouched("one line more");

        assert_eq!(world.proxy.exchange(&lines(most, &token)).status, 200, "{most}");
        assert_eq!(fillers(&before.only_request("http1")), most - 2, "each of them");
        let before = world.mark();
        let mut world = world;
        world.proxy.expect_unmatched_answers();
        assert_eq!(client.exchange(lines_of_http2(most, &token)).unwrap().status, 200, "{most}");
        assert_eq!(fillers(&before.only_request("http2")), most - 1, "each of them");
    }
}

/// A 431 of the upstream's, and heads of many lines with and without a body.
fn conversation(token: &str) -> Vec<(u16, Vec<u8>)> {
    let long = |target, method| {
        let request = Request::new(method, target).bearer(token);
        (0..150).fold(request, |request, n| request.field(&format!("x-filler-{n}"), "1"))
    };
    let short = |target| Request::get(target).bearer(token).bytes();
    vec![
        (200, short("/1")),
        (431, short("/431")),
        (200, long("/2", "GET").bytes()),
        (431, long("/431", "POST").body(b"body").bytes()),
        (200, long("/3", "POST").body(b"body").bytes()),
        (200, short("/4")),
    ]
}

#[test]
fn f14_a_long_head_is_read_wherever_it_begins() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    world.upstream.answer_by(|received| match received.target() {
        "/431" => Reply::with(431, &[], b"of the upstream"),
        _ => Reply::with(200, &[], format!("{} fillers", fillers(received)).as_bytes()),
    });
    let requests = conversation(&token);
    for first in 0..requests.len() {
        let requests = &requests[first..];
        let bytes: Vec<_> = requests.iter().map(|(_, bytes)| bytes.as_slice()).collect();
        let bytes = bytes.concat();
        // One by one, all at once, and in pieces that end anywhere.
        for size in [0, bytes.len(), 97, 1_999, 4_096] {
            let mut client = world.proxy.client();
            if size > 0 {
                bytes.chunks(size).for_each(|piece| client.send(piece));
            }
            for (status, request) in requests {
                if size == 0 {
                    client.send(request);
                }
                let answer = client.read();
                let case = format!("{first}, by {size}: {answer:?}");
                assert!(answer.is_from_upstream() && answer.status == *status, "{case}");
            }
        }
    }
}

#[test]
fn f14_a_connection_that_has_shown_a_long_head_is_parked_as_any_other() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    for count in [150, 10, 150] {
        assert!(client.exchange(&lines(count, &token)).is_from_upstream(), "{count}");
        crate::support::wait_until("the connection to be parked", || {
            world.proxy.metric("countersign_connections_parked") > 0.5
        });
    }
    assert_eq!(client.exchange(&lines(201, &token)).status, 431);
    assert!(client.is_closed());
}

#[test]
fn f14_cookies_of_http2_are_one_line() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let mut request = h2::get("/", &token);
    for n in 0..300 {
        let crumb = format!("c{n}=1").parse().unwrap();
        request.headers_mut().append("cookie", crumb);
    }
    let before = world.mark();
    let client = H2::connect(world.proxy.address());
    assert_eq!(client.exchange(request).unwrap().status, 200);
    let received = before.only_request("crumbs");
    assert_eq!(received.head.field("cookie").unwrap().split("; ").count(), 300);
}

#[test]
fn f14_the_bytes_of_an_answers_header_block_decide_not_its_lines() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    world.upstream.answer_by(|received| {
        let (count, length) = match received.target() {
            "/many" => (900, 1),
            _ => (50, 8_000),
        };
        let mut fields = String::new();
        for n in 0..count {
            write!(fields, "x-filler-{n}: {}\r\n", "v".repeat(length)).unwrap();
        }
        Reply::raw(format!(
            "HTTP/1.1 200 OK\r\nx-answered-by: upstream\r\n{fields}content-length: 2\r\n\r\nok"
        ))
    });
    let many = world.proxy.get("/many", Some(&token));
    let lines = many.head.fields.iter().filter(|(name, _)| name.starts_with("x-filler-")).count();
    assert_eq!((many.status, lines), (200, 900));
    let client = H2::connect(world.proxy.address());
    let mut world = world;
    world.proxy.expect_unmatched_answers();
    // Only HTTP/1.1 here: a client of HTTP/2 has a limit of its own.
    assert_eq!(world.proxy.get("/large", Some(&token)).status, 502);
    assert_eq!(client.exchange(h2::get("/large", &token)).unwrap().status, 502);
}
