//! Certificates that change while the proxy runs.

use countersign::{lifecycle::Server, settings::Settings};

use crate::{
    support::client::Request,
    tls::{
        client::tcp,
        scene::{NAME, Scene},
    },
};

#[test]
fn after_a_reload_new_connections_see_the_new_certificate() {
    let scene = Scene::start();
    let request = Request::get("/").bearer(&scene.token());
    let mut old = scene.client();
    assert!(old.exchange(&request).is_from_upstream());

    let renewed = scene.authority.server(NAME);
    scene.install(&renewed);
    scene.world.proxy.server().reload(scene.settings()).unwrap();
    let mut new = scene.client();
    assert!(new.certificate() == renewed.certificate);
    assert!(new.exchange(&request).is_from_upstream());
    assert!(old.certificate() != renewed.certificate);
    assert!(old.exchange(&request).is_from_upstream(), "goes on");
}

#[test]
fn x2_x3_a_certificate_that_can_not_be_used_leaves_the_old_one_in_place() {
    let scene = Scene::start();
    let before = scene.client().certificate();
    // The file breaks after the settings were read.
    let settings = scene.settings();
    scene.overwrite("tls.key", &scene.authority.server(NAME).key_pem());
    let refused = scene.world.proxy.server().reload(settings).unwrap_err();
    assert!(refused.starts_with("server.tls.private_key: the key in "), "{refused}");
    let mut client = scene.client();
    assert!(client.certificate() == before);
    let answer = client.exchange(&Request::get("/").bearer(&scene.token()));
    assert!(answer.is_from_upstream());
}

#[test]
fn tls_can_be_switched_off_by_a_reload() {
    let scene = Scene::start();
    let mut settings = scene.settings();
    settings.listeners.iter_mut().for_each(|listener| listener.tls = None);
    scene.world.proxy.server().reload(settings).unwrap();
    let answer = scene.world.proxy.get("/public/x", None);
    assert!(answer.is_from_upstream());
    let received = scene.world.upstream.requests().remove(0);
    assert_eq!(received.head.field("x-forwarded-proto"), Some("http"));
    drop(tcp(scene.world.proxy.address()));
}

#[test]
fn x2_a_proxy_does_not_start_without_its_certificate() {
    let scene = Scene::start();
    let settings: Settings = scene.settings();
    scene.overwrite("tls.crt", "");
    let error = Server::start(settings).unwrap_err().to_string();
    assert!(error.starts_with("server.tls.certificate: the file "), "{error}");
    assert!(error.contains("holds no certificate"), "{error}");
}
