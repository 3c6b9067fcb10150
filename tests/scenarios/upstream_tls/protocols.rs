//! HTTP over TLS to the upstream: by ALPN, and everything that HTTP has.

use std::{
    io::{Read, Write},
    thread,
    time::Duration,
};

use http::Version;
use rustls::version::{TLS12, TLS13};

use crate::{
    support::{
        bare::{self, Meter},
        client::Request,
        h2::{self, Frames, H2},
        listening::Listening,
        tls_front::{Showing, TlsFront},
        upstream::Reply,
        wait_until,
        wire::{Head, Unframed},
    },
    upstream_tls::scene::{Files, Scene, in_front_of},
};

const HTTP1: &[&str] = &["http/1.1"];

/// A length-prefixed message.
const MESSAGE: &[u8] = b"\0\0\0\0\x05hello";

/// Shows an upstream of which a test writes every byte, for HTTP/1.1.
fn front_of(files: &Files, upstream: &Listening) -> TlsFront {
    TlsFront::start(&Showing::new(&files.good()).alpn(HTTP1), upstream.address(), None)
}

#[test]
fn http2_is_spoken_where_the_upstream_chooses_it() {
    let scene = Scene::start("");
    let token = scene.token();
    for number in 0..3 {
        let request = Request::new("POST", &format!("/x?n={number}")).bearer(&token).body(b"body");
        let answer = scene.world.proxy.exchange(&request);
        assert_eq!((answer.status, &*answer.body.bytes), (200, &b"body"[..]));
    }
    assert_eq!((scene.http2.connections(), scene.http1.requests().len()), (1, 0));
    let head = &scene.http2.heads()[0];
    assert_eq!(head.version, Version::HTTP_2);
    assert_eq!(head.uri, "https://api.test/x?n=0");
    assert_eq!(head.headers["x-auth-subject"], "alice");
    assert!(!head.headers.contains_key("host"));
    assert!((scene.handshakes("full") - 1.0).abs() < f64::EPSILON);
}

#[test]
fn http1_is_spoken_where_the_upstream_chooses_it_or_nothing_or_the_setting_says_so() {
    for (alpn, lines) in [(HTTP1, ""), (&[][..], ""), (&["h2", "http/1.1"], "http2 = \"never\"")] {
        let files = Files::new();
        let good = files.good();
        let scene = Scene::showing(files, &Showing::new(&good).alpn(alpn), lines);
        let token = scene.token();
        for number in 0..3 {
            let target = format!("/x?n={number}");
            let request = Request::new("POST", &target)
                .bearer(&token)
                .field("te", "trailers")
                .field("cookie", "a=1")
                .body(b"body");
            let answer = scene.world.proxy.exchange(&request);
            assert_eq!(answer.status, 200, "{alpn:?}: {answer:?}");
            let received = scene.http1.requests().remove(number);
            assert_eq!(received.head.start, format!("POST {target} HTTP/1.1"));
            assert_eq!(received.head.field("host"), Some("api.test"));
            assert_eq!(received.head.field("x-auth-subject"), Some("alice"));
            assert_eq!(received.head.field("cookie"), Some("a=1"));
            assert_eq!(received.head.field("te"), None);
            assert_eq!(received.body.bytes, b"body");
            assert_eq!(received.connection, 0, "one connection serves all");
        }
        assert_eq!((scene.http2.connections(), scene.front.served()), (0, 1));
    }
}

#[test]
fn cookies_of_an_http2_client_are_one_line_for_an_upstream_that_chose_http1() {
    let files = Files::new();
    let good = files.good();
    let scene = Scene::showing(files, &Showing::new(&good).alpn(HTTP1), "");
    let token = scene.token();
    let client = H2::connect(scene.world.proxy.address());
    for _ in 0..2 {
        let request = h2::request("GET", "/x")
            .header("authorization", format!("Bearer {token}"))
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .body(Frames::default())
            .unwrap();
        assert_eq!(client.exchange(request).unwrap().status, 200);
    }
    // The first was written before it was known what is spoken, the second after.
    let lines: Vec<_> = scene
        .http1
        .requests()
        .iter()
        .map(|received| received.head.field("cookie").unwrap().to_owned())
        .collect();
    assert_eq!(lines, ["a=1; b=2", "a=1; b=2"]);
}

/// As a deploy does that switches HTTP/2 off, and one that switches it on again.
#[test]
fn what_an_upstream_chooses_may_change_from_one_connection_to_the_next() {
    let scene = Scene::start("");
    let token = scene.token();
    let good = scene.files.good();
    let deploy = |alpn: &[&str]| {
        scene.front.show(&Showing::new(&good).alpn(alpn));
        scene.front.close_all();
    };
    let get = || assert_eq!(scene.world.proxy.get("/x", Some(&token)).status, 200);
    let counts = || (scene.http1.requests().len(), scene.http2.heads().len());
    get();
    assert_eq!(counts(), (0, 1));
    deploy(HTTP1);
    (0..3).for_each(|_| get());
    assert_eq!(counts(), (3, 1));
    deploy(&["h2", "http/1.1"]);
    wait_until("HTTP/2 again", || {
        get();
        counts().1 > 1
    });
    deploy(&[]);
    let before = counts();
    get();
    assert_eq!(counts(), (before.0 + 1, before.1));
}

#[test]
fn a_grpc_call_goes_through_with_its_trailers() {
    let scene = Scene::start("");
    let token = scene.token();
    let client = H2::connect(scene.world.proxy.address());
    for _ in 0..2 {
        let call = h2::request("POST", "/pkg.Service/Method")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {token}"))
            .body(Frames::new(&[MESSAGE, MESSAGE], &[]))
            .unwrap();
        let answer = client.exchange(call).unwrap();
        assert_eq!((answer.status, answer.body), (200, [MESSAGE, MESSAGE].concat()));
        assert_eq!(answer.trailers["grpc-status"], "0");
    }
    assert_eq!(scene.http2.heads()[0].headers["te"], "trailers");
    assert_eq!(scene.http2.connections(), 1);
}

#[test]
fn answers_have_trailers_interim_heads_and_no_bodies_as_without_tls() {
    let files = Files::new();
    let good = files.good();
    let scene = Scene::showing(files, &Showing::new(&good).alpn(HTTP1), "");
    let token = scene.token();
    scene.http1.answer_by(|received| match received.target() {
        "/trailers" => Reply::raw(
            "HTTP/1.1 200 OK\r\nx-answered-by: upstream\r\ntransfer-encoding: chunked\r\n\
             trailer: x-checksum\r\n\r\n6\r\nonetwo\r\n0\r\nx-checksum: abc\r\n\r\n",
        ),
        "/early" => {
            let mut bytes = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n".to_vec();
            bytes.extend(
                b"HTTP/1.1 200 OK\r\nx-answered-by: upstream\r\ncontent-length: 2\r\n\r\nok",
            );
            Reply::raw(bytes)
        }
        _ => Reply::raw("HTTP/1.1 204 No Content\r\nx-answered-by: upstream\r\n\r\n"),
    });
    for _ in 0..2 {
        let request = Request::get("/trailers").bearer(&token).field("te", "trailers");
        let answer = scene.world.proxy.exchange(&request);
        assert_eq!((answer.status, &*answer.body.bytes), (200, &b"onetwo"[..]));
        assert_eq!(answer.body.trailers, [("x-checksum".to_owned(), "abc".to_owned())]);
        let answer = scene.world.proxy.get("/early", Some(&token));
        assert_eq!((answer.status, &*answer.body.bytes), (200, &b"ok"[..]));
        assert_eq!(scene.world.proxy.get("/none", Some(&token)).status, 204);
    }
    assert_eq!(scene.front.served(), 1, "one connection serves all");
}

/// A server-sent event arrives when it was sent, not when the next one is.
#[test]
fn events_arrive_one_by_one() {
    let files = Files::new();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let upstream = bare::upstream(move |_, mut reader| {
        let stream = reader.get_mut();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n").unwrap();
        for number in 0..3 {
            // In one piece.
            stream.write_all(format!("data: {number}\n\n").as_bytes()).unwrap();
            wait.lock().unwrap().recv().unwrap();
        }
    });
    let front = front_of(&files, &upstream);
    let world = in_front_of(&front, &files.trusting());
    let mut client = world.proxy.client();
    client.send(&Request::get("/public/events").bytes());
    let head = Head::read(client.stream()).unwrap().unwrap();
    assert!(head.start.contains(" 200 "), "{head:?}");
    for number in 0..3 {
        let expected = format!("9\r\ndata: {number}\n\n\r\n");
        let mut found = vec![0; expected.len()];
        client.stream().read_exact(&mut found).unwrap();
        assert_eq!(String::from_utf8(found).unwrap(), expected);
        go_on.send(()).unwrap();
    }
    let mut rest = Vec::new();
    client.stream().take(5).read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"0\r\n\r\n");
}

#[test]
fn large_bodies_arrive_unchanged_in_both_directions() {
    const LENGTH: usize = 8 << 20;
    for is_slow in [false, true] {
        let files = Files::new();
        let upstream = bare::upstream(move |_, mut reader| {
            if is_slow {
                thread::sleep(Duration::from_millis(300));
            }
            bare::read_large(&mut reader, LENGTH);
            write!(reader.get_mut(), "HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n")
                .unwrap();
            bare::write_large(reader.get_mut(), LENGTH, &Meter::default());
        });
        let front = front_of(&files, &upstream);
        let world = in_front_of(&front, &files.trusting());
        let mut client = world.proxy.client();
        client.send(
            format!("PUT /public/x HTTP/1.1\r\nhost: api.test\r\ncontent-length: {LENGTH}\r\n\r\n")
                .as_bytes(),
        );
        let stream = client.stream().get_ref().try_clone().unwrap();
        let upload = thread::spawn(move || {
            bare::write_large(&mut &stream, LENGTH, &Meter::default());
        });
        let head = Head::read(client.stream()).unwrap().unwrap();
        assert!(head.start.contains(" 200 "), "{head:?}");
        bare::read_large(client.stream(), LENGTH);
        upload.join().unwrap();
    }
}

#[test]
fn an_answer_up_to_the_end_of_the_connection_needs_a_clean_end() {
    let files = Files::new();
    let upstream = bare::upstream(|_, mut reader| {
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\n\r\nall of it").unwrap();
    });
    let front = front_of(&files, &upstream);
    let world = in_front_of(&front, &files.trusting());
    let answer = world.proxy.get("/public/x", None);
    assert_eq!((answer.status, &*answer.body.bytes), (200, &b"all of it"[..]));

    front.cut_off();
    let mut client = world.proxy.client();
    client.send(&Request::get("/public/x").bytes());
    let head = Head::read(client.stream()).unwrap().unwrap();
    let body = head.read_body(client.stream(), Unframed::UntilClose);
    assert!(body.is_err(), "an attacker on the way may have cut it off: {body:?}");
}

/// With TLS 1.3 the first thing that comes on an unused connection are tickets.
#[test]
fn u4_an_unused_connection_serves_on_after_tickets_and_one_that_was_closed_is_replaced() {
    for versions in [&[&TLS12], &[&TLS13]] {
        let files = Files::new();
        let good = files.good();
        let scene = Scene::showing(files, &Showing::new(&good).alpn(HTTP1).versions(versions), "");
        let token = scene.token();
        let post = || {
            let request = Request::new("POST", "/x").bearer(&token).body(b"x");
            assert_eq!(scene.world.proxy.exchange(&request).status, 200);
            // After that long an unused connection is looked at before it is used.
            thread::sleep(Duration::from_millis(6));
        };
        (0..3).for_each(|_| post());
        assert_eq!(scene.front.served(), 1);
        for connections in 2..5 {
            scene.front.close_all();
            post();
            assert_eq!(scene.front.served(), connections);
        }
        assert_eq!(scene.http1.requests().len(), 6, "each is sent once");
    }
}

#[test]
fn sessions_are_resumed_by_the_next_connections() {
    for versions in [&[&TLS12], &[&TLS13]] {
        let files = Files::new();
        let good = files.good();
        let showing = Showing::new(&good).alpn(HTTP1).versions(versions);
        let scene = Scene::showing(files, &showing, "");
        scene.http1.answer_by(|_| Reply::with(200, &[("connection", "close")], b"").then_close());
        let token = scene.token();
        for _ in 0..4 {
            assert_eq!(scene.world.proxy.get("/x", Some(&token)).status, 200);
        }
        let counts = ["full", "resumed"].map(|outcome| scene.handshakes(outcome).to_string());
        assert_eq!(counts, ["1", "3"]);
        let expiry =
            "countersign_upstream_certificate_expiry_timestamp_seconds{upstream=\"other\"}";
        assert!(scene.world.proxy.metric(expiry) > 2e9);
    }
}
