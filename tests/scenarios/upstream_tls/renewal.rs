//! Certificates and authorities that change while the proxy runs.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use countersign::lifecycle::Server;
use serde_json::json;

use crate::{
    support::{
        authority::Authority, client::Request, tls_front::Showing, upstream::Reply, wait_until,
    },
    upstream_tls::scene::{Files, NAME, Scene},
};

const HTTP1: &[&str] = &["http/1.1"];

/// Old and new authority are trusted meanwhile. Each request takes a connection of its own.
#[test]
fn an_upstream_that_is_renewed_by_another_authority_loses_no_request() {
    let files = Files::new();
    let (old, new) = (files.good(), Authority::new("of new upstreams"));
    let renewed = new.server(NAME);
    files.write("ca.pem", &(files.authority.pem() + &new.pem()));
    let scene = Scene::showing(files, &Showing::new(&old).alpn(HTTP1), "");
    scene.http1.answer_by(|_| Reply::with(200, &[("connection", "close")], b"").then_close());
    let token = scene.token();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for index in 0..4 {
            let (scene, token, is_over) = (&scene, &token, &is_over);
            scope.spawn(move || {
                let mut client = scene.world.proxy.client();
                while !is_over.load(Ordering::SeqCst) {
                    let post = Request::new("POST", &format!("/{index}")).bearer(token);
                    assert_eq!(client.exchange(&post.body(b"x")).status, 200);
                }
            });
        }
        for identity in [&renewed, &old, &renewed] {
            scene.front.show(&Showing::new(identity).alpn(HTTP1));
            let before = scene.front.served();
            wait_until("further connections", || scene.front.served() > before + 20);
        }
        is_over.store(true, Ordering::SeqCst);
    });
    assert_eq!(scene.front.served(), scene.front.accepted());
}

#[test]
fn u1_an_authority_that_is_removed_is_not_trusted_after_a_reload_whatever_was_resumed() {
    let scene = Scene::start("");
    let get = || scene.world.proxy.get("/x", Some(&scene.token())).status;
    assert_eq!(get(), 200);
    scene.files.write("ca.pem", &Authority::new("another").pem());
    scene.reload();
    assert_eq!(get(), 502);
    scene.files.write("ca.pem", &scene.files.authority.pem());
    scene.reload();
    assert_eq!(get(), 200);
}

#[test]
fn x2_a_proxy_does_not_start_with_authorities_that_have_broken_since() {
    let scene = Scene::start("");
    let settings = scene.settings();
    let again = scene.settings();
    scene.files.write("ca.pem", "broken");
    let error = Server::start(settings).unwrap_err().to_string();
    assert!(error.starts_with("upstreams.other.tls.ca_file: the file "), "{error}");
    let refused = scene.world.proxy.server().reload(again).unwrap_err();
    assert!(refused.starts_with("upstreams.other.tls.ca_file: the file "), "{refused}");
    assert_eq!(scene.world.proxy.get("/x", Some(&scene.world.issuer.mint(json!({})))).status, 200);
}
