//! What of a service's answers reaches clients: one head, no body where there can be none,
//! trailers.

use serde_json::json;

use crate::support::{
    client::Request,
    h2::{self, Frames, H2},
    upstream::{Received, Reply},
    wire::{Head, Unframed},
    world::World,
};

/// A service that answers by the path.
fn world() -> (World, String) {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    world.upstream.answer_by(|received: &Received| match received.target() {
        "/hints" => {
            let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
            Reply::raw([&hints[..], b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody"].concat())
        }
        "/204" => Reply::raw("HTTP/1.1 204 No Content\r\netag: \"a\"\r\n\r\n"),
        "/304" => {
            Reply::raw("HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\ncontent-length: 4\r\n\r\n")
        }
        "/head" => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"),
        "/trailers" => Reply::chunked(&[b"bo", b"dy"], &[("x-sum", "7")]),
        "/417" => Reply::with(417, &[("x-why", "no")], b"not so"),
        _ => Reply::ok(),
    });
    let token = world.issuer.mint(json!({}));
    (world, token)
}

#[test]
fn early_hints_are_left_out_and_the_answer_comes() {
    let (world, token) = world();
    let mut client = world.proxy.client();
    client.send(&Request::get("/hints").bearer(&token).bytes());
    let head = Head::read(client.stream()).unwrap().unwrap();
    assert!(head.start.starts_with("HTTP/1.1 200 ") && head.field("link").is_none(), "{head:?}");
    assert_eq!(head.read_body(client.stream(), Unframed::UntilClose).unwrap().bytes, b"body");
    let answer = H2::connect(world.proxy.address()).exchange(h2::get("/hints", &token)).unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"body"[..]));
    assert_eq!(answer.field("link"), None);
}

#[test]
fn answers_without_a_body_have_none_and_the_next_answer_is_the_next() {
    let (world, token) = world();
    let mut client = world.proxy.client();
    for (method, path, status) in
        [("GET", "/204", 204), ("GET", "/304", 304), ("HEAD", "/head", 200)]
    {
        client.send(&Request::new(method, path).bearer(&token).bytes());
        let head = Head::read(client.stream()).unwrap().unwrap();
        assert!(head.start.starts_with(&format!("HTTP/1.1 {status} ")), "{head:?}");
        let request = h2::request(method, path).header("authorization", format!("Bearer {token}"));
        let request = request.body(Frames::default()).unwrap();
        let over_http2 = H2::connect(world.proxy.address()).exchange(request).unwrap();
        assert_eq!((over_http2.status, over_http2.body.len()), (status, 0), "{path}");
    }
    assert_eq!(client.exchange(&Request::get("/").bearer(&token)).body.bytes, b"ok");
}

#[test]
fn trailers_of_answers_arrive_and_those_of_requests_do_not() {
    let (world, token) = world();
    let request = Request::get("/trailers").bearer(&token).field("te", "trailers");
    assert_eq!(world.proxy.exchange(&request).body.bytes, b"body");
    let answer = H2::connect(world.proxy.address()).exchange(h2::get("/trailers", &token)).unwrap();
    assert_eq!(
        (&answer.body[..], &answer.trailers["x-sum"]),
        (&b"body"[..], &"7".parse().unwrap())
    );

    let mut client = world.proxy.client();
    let head = Request::new("POST", "/").bearer(&token).field("transfer-encoding", "chunked");
    client.send(&[head.bytes(), b"1\r\nx\r\n0\r\nx-sum: 7\r\n\r\n".to_vec()].concat());
    assert_eq!(client.read().status, 200);
    let received = world.upstream.requests().pop().unwrap();
    assert_eq!((received.body.bytes, received.body.trailers), (b"x".to_vec(), Vec::new()));
}

/// We answer `Expect` ourselves: what the service says of it is an answer like any other.
#[test]
fn a_service_that_answers_417_is_heard() {
    let (world, token) = world();
    let mut client = world.proxy.client();
    let head = Request::new("POST", "/417").bearer(&token);
    let head = head.field("expect", "100-continue").field("content-length", "4");
    client.send(&head.bytes());
    assert_eq!(client.read().status, 100);
    client.send(b"body");
    let answer = client.read();
    assert_eq!((answer.status, answer.field("x-why")), (417, Some("no")));
    assert_eq!(answer.body.bytes, b"not so");
    assert_eq!(world.upstream.requests()[0].head.field("expect"), None);
    let request = h2::request("POST", "/417")
        .header("authorization", format!("Bearer {token}"))
        .header("expect", "100-continue")
        .body(Frames::new(&[b"body"], &[]))
        .unwrap();
    let answer = H2::connect(world.proxy.address()).exchange(request).unwrap();
    assert_eq!((answer.status, &answer.body[..]), (417, &b"not so"[..]));
}
