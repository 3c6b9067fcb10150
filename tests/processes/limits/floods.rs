//! Floods: of HTTP/2 frames that cost their sender nothing (D-2), and of connections (D-10).

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    DEADLINE,
    client::Request,
    h2::{self, RawH2, frame},
    issuer::Issuer,
    key_server::{KeyServer, Page},
    process::Process,
    setup::Setup,
    upstream::Upstream,
    wait_until,
    world::{JWKS, World},
};

/// So many frames of any kind are no honest use of a connection.
const FLOOD: u32 = 20_000;

/// How many are sent before the client looks whether the connection is still there.
const BATCH: u32 = 100;

/// The head of a request without a token, which is refused in the proxy.
fn head() -> Vec<u8> {
    h2::block(&[
        (":method", b"POST".as_slice()),
        (":scheme", b"http"),
        (":path", b"/"),
        (":authority", b"api.test"),
    ])
}

/// Sends batches of frames until the connection ends; how many repetitions it took.
fn flood(world: &World, begin: &[u8], repeat: impl Fn(u32) -> Vec<u8>) -> u32 {
    let mut client = RawH2::connect(world.proxy.address(), &[]);
    client.write(begin);
    for n in (0..FLOOD).step_by(BATCH as usize) {
        let batch: Vec<Vec<u8>> = (n..n + BATCH).map(&repeat).collect();
        client.write(&batch.concat());
        client.send(h2::PING, 0, 0, &[0; 8]);
        if client.read_until(h2::PING, 0).is_none() {
            return n + BATCH;
        }
    }
    FLOOD
}

#[test]
fn d2_a_flood_of_frames_ends_its_own_connection_only() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let mut honest = world.proxy.client();
    let stream = |n: u32| 2 * n + 1;
    let headers = |n: u32| frame(h2::HEADERS, h2::END_HEADERS, stream(n), &head());
    let reset = |n: u32| frame(h2::RST_STREAM, 0, stream(n), &8_u32.to_be_bytes());
    let no_window = |n: u32| frame(h2::WINDOW_UPDATE, 0, stream(n), &[0; 4]);
    let unfinished = frame(h2::HEADERS, 0, 1, &head());
    let continuation = frame(h2::CONTINUATION, 0, 1, &h2::block(&[("x", b"y".as_slice())]));
    let empty = frame(h2::DATA, 0, 1, b"");
    for (case, sent) in [
        ("rapid reset", flood(&world, &[], |n| [headers(n), reset(n)].concat())),
        ("made resets", flood(&world, &[], |n| [headers(n), no_window(n)].concat())),
        ("continuation", flood(&world, &unfinished, |_| continuation.clone())),
        ("empty data", flood(&world, &headers(0), |_| empty.clone())),
    ] {
        assert!(sent < FLOOD / 2, "{case}: {sent} and still connected");
        let request = Request::get("/").bearer(&token);
        assert!(honest.exchange(&request).is_from_upstream(), "{case}");
    }
}

#[test]
fn d10_without_descriptors_it_waits_and_serves_on_when_there_are_some() {
    const DESCRIPTORS: usize = 64;
    let (upstream, key_server, issuer) = (Upstream::start(), KeyServer::start(), Issuer::usual());
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    let setup = Setup::new()
        .issuer("corp", &issuer, &key_server, "", "")
        .with("[log]\nlevel = \"info\"\nformat = \"json\"");
    let process = Process::start_with_descriptors(DESCRIPTORS, &setup, &upstream);
    let token = issuer.mint(json!({ "iat": 0, "exp": 9_000_000_000_u64 }));
    let request = Request::get("/").bearer(&token);
    let mut served = process.client();
    assert!(served.exchange(&request).is_from_upstream());
    let hoard: Vec<_> = (0..2 * DESCRIPTORS).map(|_| process.client()).collect();
    wait_until("no descriptor to be left", || process.descriptors() >= DESCRIPTORS);
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(500) {
        assert!(served.exchange(&request).is_from_upstream(), "who is connected is served");
    }
    drop(hoard);
    assert!(process.client().exchange(&request).is_from_upstream(), "and others again");
    // Twenty attempts a second; the log says so once.
    let failures = process.log().matches("cannot accept connections").count();
    assert_eq!(failures, 1, "{}", process.log());
}

#[test]
fn d2_a_client_that_floods_and_reads_nothing_is_cut() {
    let (upstream, key_server, issuer) = (Upstream::start(), KeyServer::start(), Issuer::usual());
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    let setup = Setup::new()
        .issuer("corp", &issuer, &key_server, "", "")
        .server("[server.limits]\nbody_timeout = \"300ms\"")
        .with("[log]\nlevel = \"info\"");
    let process = Process::start(&setup, &upstream);
    let ping = frame(h2::PING, 0, 0, &[0; 8]);
    let settings = frame(h2::SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]);
    for (case, flood) in [("PING", ping), ("SETTINGS", settings)] {
        let mut client = RawH2::connect_with_little_room(process.address());
        let (batch, since) = (flood.repeat(1000), Instant::now());
        let end = loop {
            if let Err(end) = client.try_write(&batch) {
                break end;
            }
            assert!(since.elapsed() < DEADLINE, "{case}: taken without end");
        };
        assert_ne!(end.kind(), ErrorKind::WouldBlock, "{case}: stuck, but not cut");
    }
}
