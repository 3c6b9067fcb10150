//! Peers that are no TLS, never finish, or say too much: each costs a bounded wait.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    support::{
        DEADLINE, bare,
        listening::Listening,
        tls_front::{Showing, TlsFront},
        wire::{Head, Unframed},
        world::World,
    },
    upstream_tls::scene::{Files, handshakes, in_front_of},
};

/// The beginning of a `ServerHello`: a record of 16 KiB that never comes to its end.
const HALF_HELLO: &[u8] = &[22, 3, 3, 64, 0, 2, 0, 63, 252, 3, 3];

/// The header of a certificate message of 16 MiB, in a record of 16 KiB.
const LARGE_MESSAGE: &[u8] = &[22, 3, 3, 64, 0, 11, 255, 255, 255];

fn world_of(upstream: &Listening) -> World {
    let files = Files::new();
    let lines = format!("connect_timeout = \"300ms\"\n{}", files.trusting());
    let url = format!("https://localhost:{}", upstream.address().port());
    bare::in_front_of(&url, &lines)
}

/// Reads the `ClientHello` and does this.
fn after_the_hello(act: impl Fn(TcpStream) + Send + Sync + 'static) -> Listening {
    Listening::start(move |mut stream| {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        if stream.read(&mut [0; 4096]).is_ok() {
            act(stream);
        }
    })
}

/// What a request is answered, and how long that takes.
fn get(world: &World) -> (u16, Duration) {
    let began = Instant::now();
    let status = world.proxy.get("/public/x", None).status;
    (status, began.elapsed())
}

#[test]
fn u3_a_handshake_that_does_not_end_costs_the_connect_timeout() {
    for beginning in [&[][..], &HALF_HELLO[..1], HALF_HELLO, LARGE_MESSAGE] {
        let upstream = after_the_hello(move |mut stream| {
            stream.write_all(beginning).unwrap();
            let _ = stream.read(&mut [0]);
        });
        let world = world_of(&upstream);
        let (status, taken) = get(&world);
        assert_eq!(status, 504, "{beginning:?}");
        assert!(taken >= Duration::from_millis(300) && taken < DEADLINE / 2, "{taken:?}");
        assert!((handshakes(&world, "timeout") - 1.0).abs() < f64::EPSILON);
        assert_eq!(upstream.accepted(), 1, "and is not tried again");
    }
}

#[test]
fn u3_a_handshake_that_drips_costs_no_more() {
    let upstream = after_the_hello(|mut stream| {
        for byte in HALF_HELLO.iter().chain(&[0; 4096]) {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
    let world = world_of(&upstream);
    let (status, taken) = get(&world);
    assert_eq!(status, 504);
    assert!(taken < DEADLINE / 2, "{taken:?}");
}

#[test]
fn u3_what_is_no_tls_is_502_at_once() {
    let garbage: &[(&[u8], &str)] = &[
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "protocol"),
        (b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7", "protocol"),
        (&[22, 3, 3, 0xff, 0xff, 1, 2, 3], "protocol"),
        // An alert of a peer that speaks TLS 1.1 at most: protocol_version.
        (&[21, 3, 2, 0, 2, 2, 70], "protocol"),
        (&[21, 3, 3, 0, 2, 2, 40], "alert"),
        (b"", "closed"),
    ];
    for (bytes, fault) in garbage {
        let upstream = after_the_hello(move |mut stream| {
            // A peer may be gone by now.
            let _ = stream.write_all(bytes);
        });
        let world = world_of(&upstream);
        assert_eq!(get(&world).0, 502, "{bytes:?}");
        assert!((handshakes(&world, fault) - 1.0).abs() < f64::EPSILON, "{fault}");
        assert_eq!(upstream.accepted(), 1, "{bytes:?}");
    }
}

#[test]
fn u3_an_endless_stream_of_records_is_cut() {
    let upstream = after_the_hello(|mut stream| {
        // Alerts that are only warnings, empty handshake records: each well-formed.
        let records = [&[21, 3, 3, 0, 2, 1, 90][..], &[20, 3, 3, 0, 1, 1]].concat().repeat(64);
        while stream.write_all(&records).is_ok() {}
    });
    let world = world_of(&upstream);
    let (status, taken) = get(&world);
    assert!([502, 504].contains(&status), "{status}");
    assert!(taken < DEADLINE / 2, "{taken:?}");
}

#[test]
fn f14_a_header_block_that_is_too_large_is_502_over_tls_as_well() {
    for (size, status) in [(64 * 1024, 200), (300 * 1024, 502)] {
        let files = Files::new();
        let upstream = bare::upstream(move |_, mut reader| {
            let value = "x".repeat(size);
            let head = format!("HTTP/1.1 200 OK\r\nx-long: {value}\r\ncontent-length: 0\r\n\r\n");
            // The proxy does not read to the end.
            let _ = reader.get_mut().write_all(head.as_bytes());
        });
        let showing = Showing::new(&files.good()).alpn(&["http/1.1"]).config();
        let front = TlsFront::with(showing, upstream.address(), None);
        let world = in_front_of(&front, &files.trusting());
        assert_eq!(get(&world).0, status, "{size}");
    }
}

/// An early answer, while the upload still waits in the buffer of TLS: the connection must not
/// serve another request.
#[test]
fn f12_an_upload_that_is_answered_early_leaves_nothing_on_a_connection() {
    let files = Files::new();
    let (answered, wait) = mpsc::channel::<()>();
    let answered = std::sync::Mutex::new(answered);
    let upstream = bare::upstream(move |head, mut reader| {
        if head.start.starts_with("PUT") {
            let answer = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n";
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            answered.lock().unwrap().send(()).unwrap();
            // Nothing more is read.
            thread::sleep(Duration::from_millis(100));
            return;
        }
        head.read_body(&mut reader, Unframed::Empty).unwrap();
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
    });
    let showing = Showing::new(&files.good()).alpn(&["http/1.1"]).config();
    let front = TlsFront::with(showing, upstream.address(), None);
    let world = in_front_of(&front, &files.trusting());
    let mut client = world.proxy.client();
    client.send(b"PUT /public/x HTTP/1.1\r\nhost: api.test\r\ncontent-length: 50000000\r\n\r\n");
    let stream = client.stream().get_ref().try_clone().unwrap();
    let upload = thread::spawn(move || {
        let mut stream = &stream;
        let piece = vec![b'x'; 64 * 1024];
        // Cut off by the proxy sooner or later.
        while stream.write_all(&piece).is_ok() {}
    });
    wait.recv_timeout(DEADLINE).unwrap();
    let head = Head::read(client.stream()).unwrap().unwrap();
    assert!(head.start.contains(" 413 "), "{head:?}");
    for _ in 0..3 {
        let answer = world.proxy.get("/public/y", None);
        assert_eq!((answer.status, &*answer.body.bytes), (200, &b"ok"[..]));
    }
    drop(client);
    upload.join().unwrap();
}
