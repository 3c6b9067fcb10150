//! Answers that wait for clients, and clients that wait for answers.

use crate::support::{
    client::{Client, Request},
    h2::{self, RawH2},
};

use super::scene::{Scale, Scene};

/// `SETTINGS_INITIAL_WINDOW_SIZE`.
const INITIAL_WINDOW: u16 = 4;
const LARGEST_WINDOW: u32 = 0x7fff_ffff;

/// HTTP/2 clients that request and then read nothing.
fn http2_clients(scene: &Scene, count: usize, streams: u32, window: u32, path: &str) -> Vec<RawH2> {
    let clients = (0..count).map(|_| {
        let mut client = RawH2::connect(scene.process().address(), &[(INITIAL_WINDOW, window)]);
        if window > 0 {
            let more = (LARGEST_WINDOW - 65_535).to_be_bytes();
            client.send(h2::WINDOW_UPDATE, 0, 0, &more);
        }
        for stream in 0..streams {
            client.get(2 * stream + 1, path, "");
        }
        client
    });
    clients.collect()
}

/// HTTP/1.1 clients that request and then read nothing.
fn http1_clients(scene: &Scene, count: usize, path: &str) -> Vec<Client> {
    let request = Request::get(path).bytes();
    let clients = (0..count).map(|_| {
        let mut client = scene.process().client();
        client.send(&request);
        client
    });
    clients.collect()
}

#[test]
fn d11_http2_clients_with_large_windows_that_do_not_read() {
    let scene = Scene::start("");
    let count = Scale::get().of(20, 50);
    let _flood = http2_clients(&scene, count, 100, LARGEST_WINDOW, "/public/large");
    scene.assert_bounded("HTTP/2, large windows, not read", 256);
}

#[test]
fn d11_http2_clients_without_window() {
    let scene = Scene::start("");
    let count = Scale::get().of(20, 50);
    let _flood = http2_clients(&scene, count, 100, 0, "/public/large");
    scene.assert_bounded("HTTP/2, no window", 256);
}

#[test]
fn d11_http1_clients_that_do_not_read() {
    let scene = Scene::start("");
    let count = Scale::get().of(300, 1000);
    let _flood = http1_clients(&scene, count, "/public/huge");
    scene.wait_for_connections(count);
    scene.assert_bounded("HTTP/1.1, not read", 256);
}

#[test]
fn d11_slow_answers_over_http1() {
    let scene = Scene::start("");
    let count = Scale::get().of(1000, 9000);
    let _flood = http1_clients(&scene, count, "/public/slow");
    scene.wait_for_connections(count);
    scene.assert_bounded("HTTP/1.1, slow answers", 256);
}

#[test]
fn d11_slow_answers_over_http2() {
    let scene = Scene::start("");
    let count = Scale::get().of(10, 90);
    let _flood = http2_clients(&scene, count, 100, LARGEST_WINDOW, "/public/slow");
    scene.assert_bounded("HTTP/2, slow answers", 256);
}
