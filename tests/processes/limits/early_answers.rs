//! Answers before the end of an upload reach clients that send all of it first (D-1, D-2).

use std::{
    fs, io,
    io::{Read, Write},
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use countersign::{
    jose::{Algorithm, Dialect},
    json::Object,
};
use serde_json::json;

use super::{Apart, SHORT, endless, world_of};
use crate::support::{
    bare::{self, Meter},
    client::Request,
    curl::Upload,
    h2::{self, RawH2},
    issuer::{key, public},
    listening::Listening,
    optional, wait_until,
    world::World,
};

const LENGTH: usize = 4 * 1024 * 1024;

const VERSIONS: [(&str, &str); 2] = [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")];

/// The answer arrives each time, over both versions.
#[track_caller]
fn assert_arrives(times: usize, address: SocketAddr, status: u16, headers: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let file = &folder.path().join("upload");
    fs::write(file, vec![b'x'; LENGTH]).unwrap();
    for (version, number) in VERSIONS {
        let upload = Upload { file, headers, version };
        let Some(outcomes) = upload.send(times, address, "/upload") else { return };
        assert_eq!(outcomes, vec![(Some(0), format!("{status} {number}")); times]);
    }
}

fn bearer(world: &World) -> String {
    format!("authorization: Bearer {}", world.issuer.mint(json!({})))
}

/// An upstream that refuses every upload when it has seen its head, and then takes so much more of
/// it before it closes.
fn full(lingers_for: usize) -> Listening {
    bare::upstream(move |_, mut reader| {
        let stream = reader.get_mut();
        let answer =
            b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\nconnection: close\r\n\r\nfull";
        stream.write_all(answer).unwrap();
        let _ = io::copy(&mut reader.take(lingers_for as u64), &mut io::sink());
    })
}

#[test]
fn d2_an_early_413_to_an_upload_arrives_in_100_of_100() {
    // One that closes with bytes unread resets its connection: writing to it fails before its
    // answer was read.
    for (times, lingers_for) in [(100, 0), (10, LENGTH)] {
        let upstream = full(lingers_for);
        let apart = Apart::start(|setup| {
            setup
                .with(&format!("[upstreams.full]\nurl = \"{}\"", bare::url(&upstream)))
                .routes("[[routes]]\npath = \"/**\"\nupstream = \"full\"")
        });
        let token = format!("authorization: Bearer {}", apart.token);
        assert_arrives(times, apart.process.address(), 413, &[token]);
    }
}

#[test]
fn d2_a_refusal_of_an_upload_arrives() {
    let apart = Apart::start(|setup| setup);
    assert_arrives(20, apart.process.address(), 401, &[]);
    assert!(apart.upstream.requests().is_empty());
}

#[test]
fn d2_d13_an_upload_that_is_larger_than_its_route_takes_is_413() {
    let apart = Apart::start(|setup| {
        setup.routes(
            "[[routes]]\npath = \"/**\"\nmax_body = \"1MiB\"\n\
             [[routes]]\npath = \"/buffered/**\"\nmax_body = \"1MiB\"\nbody = \"buffer\"",
        )
    });
    let token = format!("authorization: Bearer {}", apart.token);
    assert_arrives(10, apart.process.address(), 413, std::slice::from_ref(&token));
    // Without a length, the limit is found while it is sent on.
    let chunked = "transfer-encoding: chunked".to_owned();
    assert_arrives(10, apart.process.address(), 413, &[token, chunked]);
    assert!(apart.upstream.requests().is_empty(), "a whole request");
}

/// A world whose uploads must be signed, and of which little is held; and the header lines of one
/// that is signed, though not over what is sent.
fn of_signed(limits: &str) -> (World, Vec<String>, tempfile::TempDir) {
    let signer = key(Algorithm::Es256, "k");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signers.json");
    fs::write(&file, json!({ "keys": [public(&signer)] }).to_string()).unwrap();
    let signature = format!(
        "[signatures.partner]\nsigner = {{ fixed = \"acme\" }}\ncaller = \"unrelated\"\n\
         [signatures.partner.keys]\njwks_file = \"{}\"\n",
        file.display()
    );
    let mut world = World::with_setup(|setup| {
        setup
            .with(&signature)
            .routes("[[routes]]\npath = \"/**\"\nsignature = \"partner\"")
            .server(&format!("[server.limits]\n{limits}"))
    });
    world.proxy.expect_unmatched_answers();
    let signature = signer.sign_detached(Dialect::Rfc7797, &Object::default(), b"x").unwrap();
    let headers = vec![bearer(&world), format!("x-jws-signature: {signature}")];
    (world, headers, folder)
}

#[test]
fn d2_an_upload_that_is_too_large_to_be_held_is_413() {
    let (world, headers, _keys) = of_signed("body_bytes = \"1MiB\"");
    assert_arrives(10, world.proxy.address(), 413, &headers);
}

#[test]
fn d2_an_upload_without_room_to_be_held_is_503() {
    let (world, headers, _keys) = of_signed("body_bytes = \"4MiB\"\nbuffer_bytes = \"4MiB\"");
    let lines = headers.iter().filter_map(|line| line.split_once(": "));
    let slow = lines
        .fold(Request::new("POST", "/upload"), |request, (name, value)| request.field(name, value));
    let mut slow_client = world.proxy.client();
    slow_client.send(&slow.field("content-length", "100000").bytes());
    slow_client.send(&vec![b'x'; 50_000]);
    wait_until("it is held", || world.proxy.metric("countersign_held_body_bytes") > 0.0);
    assert_arrives(10, world.proxy.address(), 503, &headers);
}

#[test]
fn d2_another_client_gets_the_refusal_of_an_upload_as_well() {
    let apart = Apart::start(|setup| setup);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("upload");
    fs::write(&file, vec![b'x'; LENGTH]).unwrap();
    let url = format!("http://{}/upload", apart.process.address());
    for _ in 0..20 {
        let done = Command::new("nghttp")
            .args(["--verbose", "--null-out", "--timeout=8", "--data"])
            .args([file.as_os_str(), url.as_ref()])
            .output();
        let done = match done {
            Ok(done) => done,
            Err(error) => return optional::skip("nghttp", &error.to_string()),
        };
        let frames = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success(), "{frames}");
        assert_eq!(frames.matches(":status: 401").count(), 1, "{frames}");
    }
}

/// The fields of an upload without a token.
const UPLOAD: [(&str, &[u8]); 4] =
    [(":method", b"POST"), (":scheme", b"http"), (":path", b"/"), (":authority", b"api.test")];

/// `SETTINGS_INITIAL_WINDOW_SIZE` (RFC 9113 §6.5.2).
const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];

/// The window of each stream, once that of the connection is as large as it gets.
fn window(client: &mut RawH2) -> usize {
    let settings = client.read_until(h2::SETTINGS, 0).unwrap().payload;
    client.read_until(h2::WINDOW_UPDATE, 0).unwrap();
    let size = settings.chunks(6).find(|entry| entry.starts_with(&INITIAL_WINDOW_SIZE)).unwrap();
    u32::from_be_bytes([size[2], size[3], size[4], size[5]]).try_into().unwrap()
}

/// Sends so much of a body that the proxy enlarges the window when it has taken it.
fn send_parts(client: &mut RawH2, window: usize) {
    for part in vec![b'x'; window * 3 / 4].chunks(16 * 1024) {
        client.send(h2::DATA, 0, 1, part);
    }
}

#[test]
fn d1_an_upload_that_is_not_finished_after_its_answer_is_reset_without_an_error() {
    let mut world = world_of("header_timeout = \"300ms\"");
    world.proxy.expect_unmatched_answers();
    let mut client = RawH2::connect(world.proxy.address(), &[]);
    let window = window(&mut client);
    client.headers(1, &UPLOAD, false);
    client.read_until(h2::HEADERS, 1).unwrap();
    let since = Instant::now();
    send_parts(&mut client, window);
    // What is taken may be followed by as much again.
    client.read_until(h2::WINDOW_UPDATE, 1).unwrap();
    let reset = client.read_until(h2::RST_STREAM, 1).unwrap();
    assert_eq!(reset.payload, [0; 4], "NO_ERROR");
    assert!((SHORT / 2..5 * SHORT).contains(&since.elapsed()), "{:?}", since.elapsed());
    // The connection goes on.
    client.get(3, "/", &world.issuer.mint(json!({})));
    assert_eq!(client.read_status(3), Some(200));
}

#[test]
fn d2_an_upload_does_not_keep_a_stream_whose_client_takes_nothing() {
    let ended = Meter::default();
    let upstream = endless(&ended);
    let limits = "[server.limits]\nbody_timeout = \"300ms\"";
    let world = bare::in_front_of_with(&bare::url(&upstream), "", limits);
    // Without a window, as an answer that is not taken.
    let mut client = RawH2::connect(world.proxy.address(), &[(4, 0)]);
    let since = Instant::now();
    let fields = UPLOAD.map(|(name, value)| match name {
        ":path" => (name, b"/public/upload".as_slice()),
        _ => (name, value),
    });
    client.headers(1, &fields, false);
    client.send(h2::DATA, 0, 1, b"half");
    client.read_until(h2::RST_STREAM, 1).unwrap();
    assert!((SHORT..Duration::from_secs(2)).contains(&since.elapsed()), "{:?}", since.elapsed());
    wait_until("the upstream to be let go", || ended.total() == 1);
}

#[test]
fn an_upload_that_waits_to_be_asked_for_is_reset_at_once() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let mut client = RawH2::connect(world.proxy.address(), &[]);
    let since = Instant::now();
    client.headers(1, &[&UPLOAD[..], &[("expect", b"100-continue")]].concat(), false);
    client.read_until(h2::HEADERS, 1).unwrap();
    let reset = client.read_until(h2::RST_STREAM, 1).unwrap();
    assert_eq!(reset.payload, [0; 4], "NO_ERROR");
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
}

#[test]
fn an_upload_that_ends_after_its_answer_is_not_reset() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let mut client = RawH2::connect(world.proxy.address(), &[]);
    let window = window(&mut client);
    client.headers(1, &UPLOAD, false);
    client.read_until(h2::HEADERS, 1).unwrap();
    send_parts(&mut client, window);
    client.send(h2::DATA, h2::END_STREAM, 1, b"end");
    client.get(3, "/", &world.issuer.mint(json!({})));
    let frames: Vec<_> = std::iter::from_fn(|| client.read())
        .take_while(|frame| frame.kind != h2::HEADERS)
        .map(|frame| frame.kind)
        .collect();
    assert!(!frames.contains(&h2::RST_STREAM), "{frames:?}");
}

#[test]
fn d1_an_upload_that_stalls_is_answered_and_then_reset_without_an_error() {
    let mut world = world_of("header_timeout = \"300ms\"\nbody_timeout = \"300ms\"");
    world.proxy.expect_unmatched_answers();
    let bearer = format!("Bearer {}", world.issuer.mint(json!({})));
    let mut client = RawH2::connect(world.proxy.address(), &[]);
    let fields = [&UPLOAD[..], &[("authorization", bearer.as_bytes())]].concat();
    client.headers(1, &fields, false);
    client.send(h2::DATA, 0, 1, b"half");
    client.read_until(h2::HEADERS, 1).unwrap();
    let reset = client.read_until(h2::RST_STREAM, 1).unwrap();
    assert_eq!(reset.payload, [0; 4], "NO_ERROR");
}
