//! Connections that get no further: stalled, foreign, too many.

use std::{
    io::{Read, Write},
    time::Duration,
};

use crate::{
    support::{
        client::Request,
        h2::{HEADERS, PREFACE, SETTINGS, frame},
        upstream::Reply,
        wait_until,
    },
    tls::{
        client::{read_to_end, tcp},
        scene::Scene,
    },
};

/// The beginning of a `ClientHello`: a record of 16 KiB that never comes to its end.
const HALF_HELLO: &[u8] = &[22, 3, 1, 64, 0, 1, 0, 63, 252, 3, 3];

fn impatient() -> Scene {
    Scene::with("", |setup| setup.server("[server.limits]\nheader_timeout = \"300ms\""))
}

#[test]
fn d1_a_handshake_that_does_not_begin_or_end_is_cut() {
    let scene = impatient();
    for beginning in [&[], &HALF_HELLO[..1], HALF_HELLO] {
        let mut stream = tcp(scene.world.proxy.address());
        stream.write_all(beginning).unwrap();
        assert!(read_to_end(&mut stream).is_empty(), "{beginning:?}");
    }
}

#[test]
fn d1_a_handshake_that_drips_is_cut() {
    let scene = impatient();
    let mut stream = tcp(scene.world.proxy.address());
    stream.write_all(HALF_HELLO).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    // Every byte comes long before the deadline, all of them never would.
    wait_until("the end of a dripping handshake", || {
        let written = stream.write_all(&[0]);
        let read = stream.read(&mut [0; 64]);
        written.is_err() || matches!(read, Ok(0)) || is_reset(&read)
    });
}

fn is_reset(outcome: &std::io::Result<usize>) -> bool {
    outcome.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
}

#[test]
fn d1_silence_after_the_handshake_is_cut_by_the_same_deadline() {
    let scene = impatient();
    for alpn in [&["h2"][..], &["http/1.1"], &[]] {
        let client = scene.connect(&scene.offer().alpn(alpn));
        assert!(client.end().unwrap().is_empty(), "{alpn:?}");
        let mut client = scene.connect(&scene.offer().alpn(alpn));
        client.send(b"P").unwrap();
        let end = client.end().unwrap();
        assert!(!end.starts_with(b"HTTP/1.1 200"), "{alpn:?}: {end:?}");
    }
}

#[test]
fn d1_an_http2_header_block_that_does_not_end_is_cut() {
    let scene = impatient();
    let settings = frame(SETTINGS, 0, 0, b"");
    let headers = frame(HEADERS, 0, 1, b"\x82");
    for beginning in [
        PREFACE.to_vec(),
        [PREFACE, &settings[..5]].concat(),
        [PREFACE, &settings, &headers[..3]].concat(),
        [PREFACE, &settings, &headers].concat(),
    ] {
        let mut client = scene.connect(&scene.offer().alpn(&["h2"]));
        client.send(&beginning).unwrap();
        // Else it would be held for the idle timeout, longer than the client waits.
        client.end().unwrap();
    }
}

#[test]
fn d1_connections_in_their_handshake_count() {
    let scene = Scene::with("", |setup| setup.server("[server.limits]\nconnections = 1"));
    let address = scene.world.proxy.address();
    let accepted = || scene.world.proxy.metric("countersign_connections");
    let mut first = tcp(address);
    first.write_all(HALF_HELLO).unwrap();
    wait_until("the first connection", || accepted() > 0.0);
    let mut second = tcp(address);
    assert!(read_to_end(&mut second).is_empty(), "over the budget");
    let refused = scene.world.proxy.metric("countersign_connections_refused_total");
    assert!((refused - 1.0).abs() < f64::EPSILON, "{refused}");
    drop(first);
    wait_until("room again", || accepted() == 0.0);
    let answer = scene.client().exchange(&Request::get("/public/x"));
    assert!(answer.is_from_upstream());
}

#[test]
fn d1_a_client_that_does_not_read_is_cut() {
    let scene = Scene::with("", |setup| setup.server("[server.limits]\nbody_timeout = \"300ms\""));
    // More than all the buffers between the proxy and the client hold.
    scene.world.upstream.answer_by(|_| Reply::with(200, &[], &vec![0; 32 << 20]));
    let open = || scene.world.proxy.metric("countersign_connections");
    let mut client = scene.client();
    client.send(&Request::get("/public/x").bytes()).unwrap();
    wait_until("the end of a connection that is not read", || open() == 0.0);
    drop(client);
}

#[test]
fn plain_http_is_no_tls() {
    let scene = Scene::start();
    let before = scene.world.mark();
    let request = Request::get("/public/x").bearer(&scene.token()).bytes();
    for bytes in [&request, &PREFACE.to_vec(), &b"\r\n".repeat(40)] {
        let mut stream = tcp(scene.world.proxy.address());
        stream.write_all(bytes).unwrap();
        let answer = read_to_end(&mut stream);
        // At most an alert: 21, fatal, in seven bytes.
        assert!(answer.is_empty() || (answer[0] == 21 && answer.len() == 7), "{answer:?}");
    }
    before.assert_untouched("plain HTTP");
    let answer = scene.client().exchange(&Request::get("/public/x"));
    assert!(answer.is_from_upstream(), "and disturbs no other");
}

#[test]
fn tls_1_1_is_refused() {
    let scene = Scene::start();
    let mut stream = tcp(scene.world.proxy.address());
    stream.write_all(&hello([3, 2])).unwrap();
    let answer = read_to_end(&mut stream);
    // An alert (21), fatal (2): protocol_version (70).
    assert_eq!(answer.len(), 7, "{answer:?}");
    assert_eq!((answer[0], &answer[5..]), (21, [2, 70].as_slice()));
}

/// A `ClientHello` of that highest version (RFC 4346 §7.4.1.2), with what every client of its time
/// sent along.
fn hello(version: [u8; 2]) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend([7; 32]); // random
    body.push(0); // no session
    body.extend([0, 4, 0xc0, 0x13, 0x00, 0x2f]); // ECDHE_RSA and RSA with AES_128_CBC_SHA
    body.extend([1, 0]); // no compression
    let groups = [0, 10, 0, 4, 0, 2, 0, 23];
    let formats = [0, 11, 0, 2, 1, 0];
    let signatures = [0, 13, 0, 4, 0, 2, 4, 3];
    let extensions = [&groups[..], &formats, &signatures].concat();
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let message = [&[1, 0][..], &length, &body].concat();
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    [&[22, 3, 1][..], &length, &message].concat()
}
