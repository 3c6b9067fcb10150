//! Names of HTTP/2 that HTTP/1.1 can't carry.

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    bare,
    h2::{self, H2, RawH2},
    oracle::Mark,
    world::World,
};

/// Every byte that may be in no name, in one.
fn names() -> impl Iterator<Item = String> {
    let delimiters = "\"(),/:;<=>?@[\\]{} \t\u{7f}\u{e9}";
    delimiters.chars().map(|byte| format!("x{byte}")).chain(["\"x\"".to_owned(), String::new()])
}

fn refused(world: &World, before: &Mark, name: &str) {
    let bearer = format!("Bearer {}", world.issuer.mint(json!({})));
    let mut client = RawH2::connect(world.proxy.address(), &[]);
    let fields = [
        (":method", b"GET".as_slice()),
        (":scheme", b"http"),
        (":path", b"/"),
        (":authority", b"api.test"),
        ("authorization", bearer.as_bytes()),
        (name, b"1"),
    ];
    client.headers(1, &fields, true);
    let end = std::iter::from_fn(|| client.read())
        .find(|frame| [h2::HEADERS, h2::RST_STREAM, h2::GOAWAY].contains(&frame.kind));
    let status = end.filter(|frame| frame.kind == h2::HEADERS).map(|frame| frame.status());
    assert!(matches!(status, None | Some(400)), "{name:?}: {status:?}");
    before.assert_untouched(name);
}

#[test]
fn f11_a_name_that_is_no_token_reaches_no_upstream() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let before = world.mark();
    names().for_each(|name| refused(&world, &before, &name));
    let code = Reason::HeaderNotAllowed.code();
    let refusals = world.proxy.metrics();
    let refusals = refusals.lines().find(|line| line.contains(code)).unwrap();
    assert!(refusals.ends_with(" 2"), "both with a quote, which h2 lets through: {refusals}");
}

#[test]
fn f11_names_of_an_http2_upstream_are_tokens_in_headers_and_trailers() {
    let upstream = bare::h2_upstream(|client, stream| {
        let quoted = ("\"x\"", b"1".as_slice());
        // A stream each: 1, 3, 5.
        match stream {
            1 => client.headers(stream, &[(":status", b"200"), quoted], true),
            3 => {
                client.headers(stream, &[(":status", b"200")], false);
                client.send(h2::DATA, 0, stream, b"body");
                client.headers(stream, &[quoted], true);
            }
            _ => client.headers(stream, &[(":status", b"200"), ("x", b"1")], true),
        }
    });
    let mut world = bare::in_front_of(&bare::h2_url(&upstream), "");
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let client = H2::connect(world.proxy.address());
    let answer = client.exchange(h2::get("/", &token)).unwrap();
    assert_eq!(answer.status, 502);
    assert!(world.proxy.worker_logs().contains("a header's or trailer's name is no token"));
    let answer = client.exchange(h2::get("/", &token));
    assert!(answer.is_err(), "{answer:?}");
    let answer = client.exchange(h2::get("/", &token)).unwrap();
    assert_eq!((answer.status, answer.field("x")), (200, Some("1")));
}
