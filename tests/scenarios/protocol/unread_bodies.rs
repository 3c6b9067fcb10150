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
