//! A request that is answered before its body is here: whether the connection may be used again is
//! said in the answer, so that no client sends its next request to one that is being closed.

use std::io::{Read, Write};

use crate::support::{
    bare,
    client::{Answer, Request},
    world::World,
};

const BODY: &[u8] = b"{\"jsonrpc\":\"2.0\"}";

fn says_close(answer: &Answer) -> bool {
    answer.field("connection") == Some("close")
}

#[test]
fn a_refusal_without_the_body_says_that_the_connection_ends() {
    let world = World::start();
    let request = Request::new("POST", "/mcp").body(BODY).bytes();
    let mut client = world.proxy.client();
    client.send(&request[..request.len() - BODY.len()]);
    let refused = client.read();
    assert_eq!(refused.status, 401);
    assert!(says_close(&refused), "{refused:?}");
    assert!(client.is_closed());
}

/// The service answers before the body, of which the client may send the rest at any time.
#[test]
fn an_early_answer_of_the_service_says_that_the_connection_ends() {
    let service = bare::upstream(|_, mut reader| {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        reader.get_mut().write_all(answer).unwrap();
        let _ = reader.read_to_end(&mut Vec::new());
    });
    let mut world = bare::in_front_of(&bare::url(&service), "");
    world.proxy.expect_unmatched_answers();
    let request = Request::new("POST", "/public/upload").body(BODY).bytes();
    let mut client = world.proxy.client();
    client.send(&request[..request.len() - BODY.len()]);
    let answer = client.read();
    assert_eq!(answer.status, 200);
    assert!(says_close(&answer), "{answer:?}");
    assert!(client.is_closed());
}

#[test]
fn a_refusal_behind_the_whole_request_leaves_the_connection_usable() {
    let world = World::start();
    let mut client = world.proxy.client();
    for _ in 0..3 {
        let refused = client.exchange(&Request::new("POST", "/mcp").body(BODY));
        assert_eq!((refused.status, says_close(&refused)), (401, false), "{refused:?}");
    }
}

/// As HTTP libraries send: the head, and in a packet of its own the body. Where it arrives late, the
/// connection ends; in no case is a request lost on one that the answer left open.
#[test]
fn a_connection_that_is_not_said_to_end_takes_the_next_request() {
    let world = World::start();
    let request = Request::new("POST", "/mcp").body(BODY).bytes();
    let (head, body) = request.split_at(request.len() - BODY.len());
    let mut client = world.proxy.client();
    for nth in 0..500 {
        client.send(head);
        client.send(body);
        let answer = client.try_read().unwrap();
        let answer = answer.unwrap_or_else(|| panic!("request {nth} was not answered"));
        assert_eq!(answer.status, 401);
        if says_close(&answer) {
            client = world.proxy.client();
        }
    }
}

/// `431` is also what hyper answers by itself to a head with many lines, which is then read again.
fn refuses_with_431() -> World {
    let profile = "[denials]\nprofile = \"own\"\n\
                   [denials.profiles.own.credential_missing]\nstatus = 431";
    World::with_setup(|setup| setup.with(profile))
}

/// The begin of a request without a credential, and the rest of its body: a request that would
/// pass.
fn split_upload(first_line: &str, fields: &str, begin: &str) -> (Vec<u8>, Vec<u8>) {
    let rest = Request::get("/public/smuggled").bytes();
    let length = begin.len() + rest.len();
    let head =
        format!("{first_line}\r\nhost: api.test\r\n{fields}content-length: {length}\r\n\r\n");
    (format!("{head}{begin}").into_bytes(), rest)
}

#[test]
fn f14_behind_a_refusal_with_431_the_rest_of_the_body_is_no_request() {
    let world = refuses_with_431();
    for (first_line, fields, begin) in [
        ("POST /mcp HTTP/1.1", "", "first"),
        ("POST /mcp HTTP/1.1", "", ""),
        ("POST /mcp HTTP/1.1", "expect: 100-continue\r\n", ""),
        ("POST /mcp HTTP/1.0", "connection: keep-alive\r\n", "first"),
        ("HEAD /mcp HTTP/1.1", "", "first"),
    ] {
        let case = format!("{first_line} {fields:?} {begin:?}");
        let before = world.mark();
        let (begins, rest) = split_upload(first_line, fields, begin);
        let mut client = world.proxy.client();
        client.send(&begins);
        let mut received = Vec::new();
        let mut status = [0; "HTTP/1.1 431".len()];
        client.stream().read_exact(&mut status).unwrap_or_else(|error| panic!("{case}: {error}"));
        client.send(&rest);
        // The proxy closes what it does not read to its end.
        let _ = client.stream().read_to_end(&mut received);
        assert!(status.ends_with(b" 431"), "{case}: {}", status.escape_ascii());
        let received = String::from_utf8_lossy(&received);
        assert!(!received.contains("HTTP/1."), "{case}: {received}");
        before.assert_untouched(&case);
    }
}

/// The client goes away before it is refused, and the next one notices nothing.
#[test]
fn f14_a_client_that_leaves_before_a_refusal_with_431_is_no_trouble() {
    let world = refuses_with_431();
    let before = world.mark();
    for _ in 0..20 {
        let (begins, _) = split_upload("POST /mcp HTTP/1.1", "", "first");
        world.proxy.client().send(&begins);
    }
    before.assert_untouched("clients that left");
    let token = world.issuer.mint(serde_json::json!({}));
    assert_eq!(world.proxy.get("/", Some(&token)).status, 200);
}

/// A body that was here as a whole is not in the way: neither of the next request, nor of one whose
/// head has to be read again.
#[test]
fn f14_behind_a_refusal_with_431_of_a_whole_request_long_heads_are_still_read() {
    let world = refuses_with_431();
    let token = world.issuer.mint(serde_json::json!({}));
    let mut client = world.proxy.client();
    let long = (0..150).fold(Request::get("/").bearer(&token), |request, n| {
        request.field(&format!("x-filler-{n}"), "1")
    });
    for _ in 0..2 {
        let refused = client.exchange(&Request::new("POST", "/mcp").body(BODY));
        assert_eq!((refused.status, says_close(&refused)), (431, false), "{refused:?}");
    }
    assert_eq!(client.exchange(&long).status, 200);
    let refused = client.exchange(&Request::new("POST", "/mcp").body(BODY));
    assert_eq!(refused.status, 431);
    assert_eq!(client.exchange(&long).status, 200);
}
