//! Answers that wait for clients, and clients that wait for answers.

use std::{
    io::{Write, stderr},
    net::{SocketAddr, TcpStream},
};

use socket2::{Domain, Socket, Type};

use crate::support::{
    client::Request,
    h2::{self, RawH2},
};

use super::scene::{Scale, Scene};

/// `SETTINGS_INITIAL_WINDOW_SIZE`.
const INITIAL_WINDOW: u16 = 4;
const LARGEST_WINDOW: u32 = 0x7fff_ffff;

/// What the process may take under a whole flood and under a part, with the limits' defaults.
const MOST_MIB: usize = 256;
const MOST_MIB_OF_PART: usize = 160;

fn most_mib() -> usize {
    Scale::get().of(MOST_MIB_OF_PART, MOST_MIB)
}

/// A client that the system keeps little for: what it does not read soon stops the proxy.
fn connect(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.into()
}

/// HTTP/2 clients that request and then read nothing.
fn http2_clients(scene: &Scene, count: u32, window: u32, path: &str) -> Vec<RawH2> {
    const STREAMS: u32 = 100;
    let clients = (0..count).map(|_| {
        let socket = connect(scene.process().address());
        let mut client = RawH2::over(socket, &[(INITIAL_WINDOW, window)]);
        if window > 0 {
            let more = (LARGEST_WINDOW - 65_535).to_be_bytes();
            client.send(h2::WINDOW_UPDATE, 0, 0, &more);
        }
        for stream in 0..STREAMS {
            client.get(2 * stream + 1, path, "");
        }
        client
    });
    clients.collect()
}

/// HTTP/1.1 clients that request and then read nothing.
fn http1_clients(scene: &Scene, count: u32, path: &str) -> Vec<TcpStream> {
    let request = Request::get(path).bytes();
    let clients = (0..count).map(|_| {
        let mut client = connect(scene.process().address());
        client.write_all(&request).unwrap();
        client
    });
    clients.collect()
}

#[test]
fn d12_http2_clients_with_large_windows_that_do_not_read() {
    let scene = Scene::start();
    let count = Scale::get().of(20, 50);
    let _flood = http2_clients(&scene, count, LARGEST_WINDOW, "/public/large");
    scene.assert_bounded("HTTP/2, large windows, not read", most_mib());
}

#[test]
fn d12_http2_clients_without_window() {
    let scene = Scene::start();
    let count = Scale::get().of(20, 50);
    let _flood = http2_clients(&scene, count, 0, "/public/large");
    scene.assert_bounded("HTTP/2, no window", most_mib());
}

#[test]
fn d12_http1_clients_that_do_not_read() {
    let scene = Scene::start();
    let count = Scale::get().of(300, 1000);
    let _flood = http1_clients(&scene, count, "/public/huge");
    scene.assert_bounded("HTTP/1.1, not read", most_mib());
}

#[test]
fn d12_slow_answers_over_http1() {
    let scene = Scene::start();
    let count = Scale::get().of(1000, 9000);
    let _flood = http1_clients(&scene, count, "/public/slow");
    scene.assert_bounded("HTTP/1.1, slow answers", most_mib());
}

/// With bounds that the floods reach: bodies fill their part of `memory`, requests beyond it are
/// refused, connections wait, and the cache is full.
#[test]
fn d12_a_loaded_process_stays_below_what_check_computes() {
    let limits = "[server.limits]\nmemory = \"16MiB\"\nconnections = 1200";
    let scene = Scene::start_with(limits, "[cache]\nbytes = \"256KiB\"");
    let computed = scene.computed_bytes();
    let _waiting = scene.wait_with_tokens(400);
    let _bodies = http1_clients(&scene, 200, "/public/huge");
    let _slow = http1_clients(&scene, 500, "/public/slow");
    let (taken, resident) = scene.anonymous_and_resident();
    let _ = writeln!(
        stderr(),
        "FLOOD as check computes: {taken} bytes of {computed}, {resident} with the program's file"
    );
    assert!(taken <= computed, "{taken} bytes, and {computed} are computed");
}

#[test]
fn d12_slow_answers_over_http2() {
    let scene = Scene::start();
    let count = Scale::get().of(10, 90);
    let _flood = http2_clients(&scene, count, LARGEST_WINDOW, "/public/slow");
    scene.assert_bounded("HTTP/2, slow answers", most_mib());
}
