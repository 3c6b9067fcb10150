//! The private listener: who may connect, and which requests it refuses.

use std::{fs, os::unix::fs::PermissionsExt};

use super::scene::{OPEN, Scene, exchange};
use crate::support::client::Request;

fn post(host: &str) -> Request {
    Request::to(host, "POST", "/reload").field("content-length", "0")
}

#[test]
fn o8_the_socket_is_its_owners_alone_and_shows_what_there_is() {
    let scene = Scene::start();
    let mode = fs::metadata(scene.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (status, list) = exchange(&scene.socket(), &Request::to("localhost", "GET", "/"));
    assert_eq!(status, 200);
    assert!(list.contains("POST /reload"), "{list}");
    let (status, list) = exchange(&scene.socket(), &Request::to("localhost", "GET", "/metrics"));
    assert_eq!(status, 404, "{list}");
    let (status, _) = exchange(&scene.socket(), &Request::to("localhost", "GET", "/reload"));
    assert_eq!(status, 405);
    let elsewhere = scene.page("/reload");
    assert!(elsewhere.contains("/livez"), "not on the admin listener: {elsewhere}");
}

#[test]
fn o8_a_request_that_a_web_page_has_sent_reloads_nothing() {
    let scene = Scene::start();
    scene.write(&scene.text(OPEN));
    let refused = [
        post("rebound.example"),
        post("localhost").field("origin", "http://localhost:3000"),
        post("localhost").field("origin", "null"),
        post("localhost").field("host", "localhost"),
    ];
    for request in &refused {
        let (status, text) = exchange(&scene.socket(), request);
        assert_eq!(status, 403, "{text}");
    }
    assert_eq!(scene.status(), 401, "nothing was reloaded");
    assert_eq!(scene.reloads("request", "applied"), 0);
    let own = post("localhost").field("origin", "http://localhost");
    assert_eq!(exchange(&scene.socket(), &own).0, 200);
    assert_eq!(scene.status(), 200);
}

#[test]
fn o8_a_body_that_is_too_large_is_refused() {
    let scene = Scene::start();
    let request = Request::to("localhost", "POST", "/reload").body(&vec![b'x'; 64 * 1024 + 1]);
    assert_eq!(exchange(&scene.socket(), &request).0, 413);
    assert_eq!(scene.reloads("request", "applied"), 0);
}
