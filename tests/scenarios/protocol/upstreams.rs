//! Upstreams that fail in every way they can, and how they are reached.

use std::{
    fs,
    io::{BufReader, Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    DEADLINE,
    bare::{self, Meter},
    client::Request,
    h2::{self, H2},
    upstream::Reply,
    wait_until,
    wire::{Head, Unframed},
    world::World,
};

#[test]
fn d9_an_upstream_that_refuses_is_502() {
    let world = bare::in_front_of(&bare::closed_port(), "");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    for _ in 0..2 {
        let answer = client.exchange(&Request::get("/").bearer(&token));
        assert_eq!(answer.status, 502);
        assert_eq!(answer.field("cache-control"), Some("no-store"));
    }
    let missing = bare::in_front_of("unix:/nonexistent/countersign-test.sock", "");
    assert_eq!(missing.proxy.get("/", Some(&token_of(&missing))).status, 502);
}

fn token_of(world: &World) -> String {
    world.issuer.mint(json!({}))
}

#[test]
fn d9_an_upstream_that_hangs_is_504_and_is_let_go() {
    let let_go = Meter::default();
    let seen = let_go.clone();
    let hanging = bare::upstream(move |_, mut reader| {
        let _ = reader.read_to_end(&mut Vec::new());
        seen.add(1);
    });
    let options = "response_timeout = \"200ms\"\nconnect_timeout = \"200ms\"";
    let world = bare::in_front_of(&bare::url(&hanging), options);
    let started = Instant::now();
    let answer = world.proxy.get("/", Some(&token_of(&world)));
    assert_eq!(answer.status, 504);
    let request = Request::new("POST", "/").bearer(&token_of(&world)).body(b"body");
    assert_eq!(world.proxy.exchange(&request).status, 504);
    assert!(started.elapsed() < DEADLINE / 2, "{:?}", started.elapsed());
    wait_until("the end of both connections", || let_go.total() == 2);
}

#[test]
fn d9_what_is_no_http_is_502() {
    for nonsense in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nx y: 1\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "",
    ] {
        let world = World::start();
        world.upstream.answer_by(move |_| Reply::raw(nonsense).then_close());
        let mut world = world;
        world.proxy.expect_unmatched_answers();
        let answer = world.proxy.get("/", Some(&token_of(&world)));
        assert_eq!(answer.status, 502, "{nonsense:?}");
    }
}

#[test]
fn f12_an_answer_that_breaks_off_is_not_ended_cleanly() {
    for broken in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly this\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nonly this",
    ] {
        let mut world = World::start();
        world.proxy.expect_unmatched_answers();
        world.upstream.answer_by(move |_| Reply::raw(broken).then_close());
        let mut client = world.proxy.client();
        client.send(&Request::get("/").bearer(&token_of(&world)).bytes());
        let head = Head::read(client.stream()).unwrap().unwrap();
        let body = head.read_body(client.stream(), Unframed::UntilClose);
        assert!(body.is_err(), "{broken:?}: {body:?}");

        let client = H2::connect(world.proxy.address());
        let answer = client.exchange(h2::get("/", &token_of(&world)));
        assert!(answer.is_err(), "{broken:?}: {answer:?}");
    }
}

#[test]
fn f12_bytes_behind_an_answer_are_no_other_clients_answer() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    world.upstream.answer_by(|_| {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        let poison = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
        Reply::raw(format!("{answer}{poison}"))
    });
    for _ in 0..10 {
        let answer = world.proxy.get("/", Some(&token_of(&world)));
        assert_eq!(answer.body.bytes, b"ok", "{answer:?}");
    }
}

#[test]
fn f13_an_idle_connection_that_the_upstream_closed_is_replaced_unnoticed() {
    let closed = Meter::default();
    let meter = closed.clone();
    let upstream = bare::upstream(move |head, mut reader| {
        head.read_body(&mut reader, Unframed::Empty).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        reader.get_mut().write_all(answer).unwrap();
        // Without a word about it; the proxy has noticed when it closes its own side.
        reader.get_ref().shutdown(Shutdown::Write).unwrap();
        reader.read_to_end(&mut Vec::new()).unwrap();
        meter.add(1);
    });
    let world = bare::in_front_of(&bare::url(&upstream), "");
    let token = token_of(&world);
    for n in 0..20 {
        let request = match n % 2 {
            0 => Request::get("/").bearer(&token),
            _ => Request::new("POST", "/").bearer(&token).body(b"body"),
        };
        assert_eq!(world.proxy.exchange(&request).status, 200, "{n}");
        wait_until("the proxy to notice", || closed.total() == n + 1);
    }
}

#[test]
fn f13_a_request_that_was_sent_is_not_sent_again() {
    for method in ["GET", "POST"] {
        let world = World::start();
        let token = token_of(&world);
        let count = Arc::new(AtomicUsize::new(0));
        world.upstream.answer_by(move |_| match count.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::ok(),
            _ => Reply::hang_up(),
        });
        let request = Request::new(method, "/").bearer(&token).body(b"body");
        assert_eq!(world.proxy.exchange(&request).status, 200);
        let before = world.mark();
        let answer = world.proxy.exchange(&request);
        assert_eq!(answer.status, 502, "{method}");
        before.only_request(method);
        assert_eq!(world.upstream.connections().len(), 1, "{method}");
    }
}

#[test]
fn d9_unused_connections_are_closed_after_their_time() {
    let (opened, closed) = (Meter::default(), Meter::default());
    let (opening, closing) = (opened.clone(), closed.clone());
    let upstream = bare::upstream(move |first, mut reader| {
        opening.add(1);
        let mut next = Some(first);
        while let Some(head) = next {
            if head.start.contains("/slow") {
                thread::sleep(Duration::from_millis(200));
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            reader.get_mut().write_all(answer).unwrap();
            next = Head::read(&mut reader).unwrap_or(None);
        }
        closing.add(1);
    });
    let world = bare::in_front_of(&bare::url(&upstream), "idle_timeout = \"300ms\"");
    let token = token_of(&world);
    // A burst leaves several connections behind, of which steady use keeps only one.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(world.proxy.get("/slow", Some(&token)).status, 200));
        }
    });
    assert!(opened.total() >= 2, "{} connections", opened.total());
    let mut client = world.proxy.client();
    wait_until("the surplus to be closed", || {
        let answer = client.exchange(&Request::get("/").bearer(&token));
        assert_eq!(answer.status, 200);
        closed.total() == opened.total() - 1
    });
}

#[test]
fn f10_a_change_of_protocol_that_was_not_requested_is_502() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    world.upstream.answer_by(|_| {
        Reply::raw(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        )
    });
    for _ in 0..3 {
        let answer = world.proxy.get("/", Some(&token_of(&world)));
        assert_eq!(answer.status, 502);
    }
    // Nothing else travels on such a connection.
    assert_eq!(world.upstream.connections().len(), 3);
}

#[test]
fn a_unix_socket_upstream_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let connections = Meter::default();
    let meter = connections.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            meter.add(1);
            thread::spawn(move || echo(stream.unwrap()));
        }
    });
    let world = bare::in_front_of(&format!("unix:{}", path.display()), "");
    let token = token_of(&world);
    for _ in 0..5 {
        let request = Request::new("POST", "/x?y").bearer(&token).body(b"body");
        let answer = world.proxy.exchange(&request);
        assert_eq!(answer.status, 200);
        let text = String::from_utf8(answer.body.bytes).unwrap();
        assert_eq!(text, "POST /x?y HTTP/1.1 api.test alice body");
    }
    assert_eq!(connections.total(), 1);
    fs::remove_file(&path).unwrap();
}

fn echo(stream: UnixStream) {
    let mut reader = BufReader::new(stream);
    while let Ok(Some(head)) = Head::read(&mut reader) {
        let body = head.read_body(&mut reader, Unframed::Empty).unwrap();
        let text = format!(
            "{} {} {} {}",
            head.start,
            head.field("host").unwrap(),
            head.field("x-auth-subject").unwrap(),
            String::from_utf8(body.bytes).unwrap(),
        );
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
    }
}
