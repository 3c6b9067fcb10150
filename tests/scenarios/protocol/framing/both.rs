//! `Content-Length` beside `Transfer-Encoding` on a request: framed by the coding alone, and the
//! connection closed behind the answer (RFC 9112 §6.1, §6.3).

use serde_json::json;

use crate::support::{client::Request, oracle::assert_turned_away, world::World};

/// The body, and behind it what another reader could take for a request: for one that obeys the
/// length, the body ends within the chunks.
const CHUNKS: &str = "4\r\nbody\r\n0\r\n\r\n";
const SMUGGLED: &str = "GET /public/smuggled HTTP/1.1\r\nhost: api.test\r\n\r\n";

const FRAMINGS: &[&str] = &[
    "content-length: 4\r\ntransfer-encoding: chunked\r\n",
    "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
    "Content-Length: 4\r\nTRANSFER-ENCODING: Chunked\r\n",
    "content-length: 4\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n",
    "transfer-encoding: chunked\r\ncontent-length: 010\r\n",
    "transfer-encoding: chunked\r\ncontent-length: no length\r\n",
    "transfer-encoding: chunked\r\ncontent-length: 4\r\ncontent-length: 5\r\n",
];

/// A POST, with that framing and in chunks.
fn head(framing: &str, token: &str) -> String {
    format!(
        "POST /both HTTP/1.1\r\nhost: api.test\r\nauthorization: Bearer {token}\r\n{framing}\r\n"
    )
}

/// Sends the parts one by one, and checks that of all that comes behind `first` answers, exactly
/// one request goes on, in chunks, and the connection ends with its answer.
fn closes_behind(world: &World, case: &str, first: usize, parts: &[&[u8]]) {
    let (before, seen) = (world.upstream.requests().len(), raw(world).len());
    let mut client = world.proxy.client();
    let (last, rest) = parts.split_last().unwrap();
    for part in rest {
        client.send(part);
        std::thread::yield_now();
    }
    client.send(last);
    for _ in 0..first {
        assert!(client.read().is_from_upstream(), "{case}");
    }
    let answer = client.read();
    assert!(answer.is_from_upstream(), "{case}: {answer:?}");
    assert_eq!(answer.field("connection"), Some("close"), "{case}");
    assert!(client.is_closed(), "{case}");
    let received = world.upstream.record().since(before);
    assert_eq!(received.len(), first + 1, "{case}: {received:?}");
    let both = &received[first];
    assert_eq!((both.target(), &*both.body.bytes), ("/both", &b"body"[..]), "{case}");
    let text = String::from_utf8(raw(world).split_off(seen)).unwrap();
    let (_, both) = text.split_once("POST /both").unwrap();
    assert!(both.contains("\r\ntransfer-encoding: chunked\r\n"), "{case}: {both}");
    assert!(!both.contains("content-length"), "{case}: {both}");
}

fn raw(world: &World) -> Vec<u8> {
    world.upstream.connections().concat()
}

#[test]
fn f1_a_request_with_both_lengths_is_the_last_of_its_connection() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    for framing in FRAMINGS {
        let both = [&head(framing, &token), CHUNKS, SMUGGLED].concat();
        closes_behind(&world, framing, 0, &[both.as_bytes()]);
        // Behind another request, with a body and without, where hyper alone knows where it begins.
        let plain = Request::get("/").bearer(&token).bytes();
        let with_body = Request::new("POST", "/").bearer(&token).body(b"body").bytes();
        closes_behind(&world, framing, 1, &[&plain, both.as_bytes()]);
        closes_behind(&world, framing, 2, &[&[&with_body, &*plain, both.as_bytes()].concat()]);
    }
}

#[test]
fn f1_however_its_bytes_arrive() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let both = [&head(FRAMINGS[0], &token), CHUNKS, SMUGGLED].concat();
    for at in 1..both.len() {
        let (begin, rest) = both.as_bytes().split_at(at);
        closes_behind(&world, &format!("cut at {at}"), 0, &[begin, rest]);
    }
}

#[test]
fn f1_a_refusal_closes_as_well() {
    let world = World::start();
    for framing in FRAMINGS {
        let before = world.mark();
        let mut client = world.proxy.client();
        client.send([&head(framing, "no.token"), CHUNKS, SMUGGLED].concat().as_bytes());
        assert_turned_away(framing, client.try_read().unwrap().as_ref(), &before);
        assert!(client.is_closed(), "{framing}");
        before.assert_untouched(framing);
    }
}

#[test]
fn f1_a_chunked_request_without_a_length_keeps_its_connection() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    for method in ["POST", "GET"] {
        let head = head("transfer-encoding: chunked\r\n", &token).replace("POST", method);
        client.send([&head, CHUNKS].concat().as_bytes());
        let answer = client.read();
        assert!(answer.is_from_upstream(), "{method}: {answer:?}");
        assert_eq!(answer.field("connection"), None, "{method}");
    }
}
