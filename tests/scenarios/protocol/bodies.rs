//! Bodies stream: nothing is held back and nothing piles up.

use std::{
    io::{BufRead, Read, Write},
    sync::{Mutex, mpsc},
    thread,
};

use http_body_util::BodyExt;
use serde_json::json;

use crate::support::{
    bare::{self, Meter},
    client::Request,
    h2::{self, H2},
    upstream::Reply,
    wire::Head,
    world::World,
};

/// Large enough that no socket buffers between the two ends hold it.
const LARGE: usize = 64 * 1024 * 1024;
/// What the sockets and buffers of both hops may hold of it.
const IN_FLIGHT: u64 = 32 * 1024 * 1024;

fn large_head(extra: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n{extra}\r\n")
}

/// An upstream that sends a large body as fast as it is taken.
fn large_download(written: &Meter) -> crate::support::listening::Listening {
    let written = written.clone();
    bare::upstream(move |_, mut reader| {
        let stream = reader.get_mut();
        stream.write_all(large_head("").as_bytes()).unwrap();
        bare::write_large(stream, LARGE, &written);
    })
}

#[test]
fn d1_a_download_waits_for_a_slow_reader_and_arrives_unchanged() {
    let written = Meter::default();
    let upstream = large_download(&written);
    let world = bare::in_front_of(&bare::url(&upstream), "");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    client.send(&Request::get("/").bearer(&token).bytes());
    let head = Head::read(client.stream()).unwrap().unwrap();
    assert!(head.start.contains(" 200 "), "{head:?}");
    let held = written.standstill();
    assert!(held < IN_FLIGHT, "{held} bytes taken from the upstream");
    bare::read_large(client.stream(), LARGE);
}

#[test]
fn d1_a_download_over_http2_waits_for_a_slow_reader() {
    let written = Meter::default();
    let upstream = large_download(&written);
    let world = bare::in_front_of(&bare::url(&upstream), "");
    let token = world.issuer.mint(json!({}));
    let mut client = H2::connect(world.proxy.address());
    let (runtime, sender) = (&client.runtime, &mut client.sender);
    let response = runtime.block_on(sender.send_request(h2::get("/", &token)));
    let mut body = response.unwrap().into_body();
    let held = written.standstill();
    assert!(held < IN_FLIGHT, "{held} bytes taken from the upstream");
    let mut total = 0;
    runtime.block_on(async {
        while let Some(frame) = body.frame().await {
            total += frame.unwrap().into_data().unwrap().len();
        }
    });
    assert_eq!(total, LARGE);
}

#[test]
fn d1_an_upload_waits_for_a_slow_upstream_and_arrives_unchanged() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = bare::upstream(move |head, mut reader| {
        assert_eq!(head.field("content-length"), Some(&*LARGE.to_string()));
        let _ = wait.lock().unwrap().recv();
        bare::read_large(&mut reader, LARGE);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone";
        reader.get_mut().write_all(answer).unwrap();
    });
    let world = bare::in_front_of(&bare::url(&upstream), "");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    let head = Request::new("PUT", "/").bearer(&token);
    client.send(&head.field("content-length", LARGE.to_string()).bytes());
    let written = Meter::default();
    let (mut sending, meter) = (client.stream().get_ref().try_clone().unwrap(), written.clone());
    let upload = thread::spawn(move || bare::write_large(&mut sending, LARGE, &meter));
    let held = written.standstill();
    assert!(held < IN_FLIGHT, "{held} bytes taken from the client");
    go.send(()).unwrap();
    upload.join().unwrap();
    let answer = client.read();
    assert_eq!((answer.status, &*answer.body.bytes), (200, &b"done"[..]));
}

#[test]
fn both_directions_of_one_exchange_stream_at_the_same_time() {
    // The upstream says every byte back before it takes the next: nothing moves if either
    // direction waits for the end of the other.
    let upstream = bare::upstream(move |_, mut reader| {
        let head = large_head("");
        reader.get_mut().write_all(head.as_bytes()).unwrap();
        let mut buffer = vec![0; 16 * 1024];
        let mut left = LARGE;
        while left > 0 {
            let count = reader.read(&mut buffer).unwrap();
            reader.get_mut().write_all(&buffer[..count]).unwrap();
            left -= count;
        }
    });
    let world = bare::in_front_of(&bare::url(&upstream), "");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    let head = Request::new("POST", "/").bearer(&token);
    client.send(&head.field("content-length", LARGE.to_string()).bytes());
    let mut sending = client.stream().get_ref().try_clone().unwrap();
    let upload = thread::spawn(move || bare::write_large(&mut sending, LARGE, &Meter::default()));
    let head = Head::read(client.stream()).unwrap().unwrap();
    assert!(head.start.contains(" 200 "), "{head:?}");
    bare::read_large(client.stream(), LARGE);
    upload.join().unwrap();
}

#[test]
fn a_client_that_sends_all_of_its_upload_before_it_reads_stops_neither_side() {
    let upstream = bare::upstream(move |_, mut reader| {
        let mut sending = reader.get_ref().try_clone().unwrap();
        let answer = thread::spawn(move || {
            sending.write_all(large_head("").as_bytes()).unwrap();
            bare::write_large(&mut sending, LARGE, &Meter::default());
        });
        bare::read_large(&mut reader, LARGE);
        answer.join().unwrap();
    });
    let world = bare::in_front_of(&bare::url(&upstream), "");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    let head = Request::new("POST", "/").bearer(&token);
    client.send(&head.field("content-length", LARGE.to_string()).bytes());
    let sent = Meter::default();
    bare::write_large(client.stream().get_mut(), LARGE, &sent);
    assert_eq!(sent.total(), LARGE as u64);
    let head = Head::read(client.stream()).unwrap().unwrap();
    assert!(head.start.contains(" 200 "), "{head:?}");
    bare::read_large(client.stream(), LARGE);
}

#[test]
fn events_arrive_one_by_one_while_the_answer_is_open() {
    let (tell, told) = mpsc::channel::<&str>();
    let told = Mutex::new(told);
    let upstream = bare::upstream(move |_, mut reader| {
        let stream = reader.get_mut();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let told = told.lock().unwrap();
        while let Ok(event) = told.recv() {
            let chunk = format!("{:x}\r\n{event}\r\n", event.len());
            stream.write_all(chunk.as_bytes()).unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
    });
    let world = bare::in_front_of(&bare::url(&upstream), "");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    client.send(&Request::get("/").bearer(&token).bytes());
    let head = Head::read(client.stream()).unwrap().unwrap();
    assert_eq!(head.field("content-type"), Some("text/event-stream"));
    for event in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
        tell.send(event).unwrap();
        let mut chunk = String::new();
        while !chunk.contains(event) {
            let count = client.stream().read_line(&mut chunk).unwrap();
            assert_ne!(count, 0, "the answer ended");
        }
    }
    drop(tell);
    let mut rest = String::new();
    while !rest.contains("0\r\n\r\n") {
        assert_ne!(client.stream().read_line(&mut rest).unwrap(), 0);
    }
}

#[test]
fn trailers_of_an_answer_come_through() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    world.upstream.answer_by(|_| {
        let mut reply = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\
                          trailer: x-checksum\r\n\r\n"
            .to_vec();
        reply.extend_from_slice(b"4\r\nbody\r\n0\r\nx-checksum: abc\r\n\r\n");
        Reply::raw(reply)
    });
    let request = Request::get("/").bearer(&token).field("te", "trailers");
    let answer = world.proxy.exchange(&request);
    assert_eq!(answer.body.bytes, b"body");
    let expected = [("x-checksum".to_owned(), "abc".to_owned())];
    assert_eq!(answer.body.trailers, expected);

    let client = H2::connect(world.proxy.address());
    let answer = client.exchange(h2::get("/", &token)).unwrap();
    assert_eq!(answer.body, b"body");
    assert_eq!(answer.trailers["x-checksum"], "abc");
}
