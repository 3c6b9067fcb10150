//! TLS that has not changed: clients resume their sessions, and so does the proxy with services.

use rustls::{HandshakeKind, version::TLS13};

use crate::{
    support::{client::Request, tls_front::Showing, upstream::Reply},
    tls::{
        client::TlsClient,
        scene::{NAME, Scene},
    },
    upstream_tls::scene as services,
};

#[test]
fn clients_resume_their_sessions_after_a_reload_that_leaves_the_certificate_alone() {
    let scene = Scene::start();
    let token = scene.token();
    let config = scene.offer().versions(&[&TLS13]).config();
    let connect = || {
        let address = scene.world.proxy.address();
        let mut client = TlsClient::connect(address, config.clone(), NAME).unwrap();
        assert!(client.exchange(&Request::get("/").bearer(&token)).is_from_upstream());
        client.session().handshake_kind()
    };
    assert_eq!(connect(), Some(HandshakeKind::Full));
    scene.world.proxy.server().reload(scene.settings()).unwrap();
    assert_eq!(connect(), Some(HandshakeKind::Resumed));
    scene.install(&scene.authority.server(NAME));
    scene.world.proxy.server().reload(scene.settings()).unwrap();
    assert_eq!(connect(), Some(HandshakeKind::Full), "another certificate");
}

#[test]
fn u1_sessions_with_an_upstream_are_resumed_after_a_reload_that_leaves_its_files_alone() {
    let files = services::Files::new();
    let good = files.good();
    let versions = [&TLS13];
    let showing = Showing::new(&good).alpn(&["http/1.1"]).versions(&versions);
    let scene = services::Scene::showing(files, &showing, "");
    scene.http1.answer_by(|_| Reply::with(200, &[("connection", "close")], b"").then_close());
    let token = scene.token();
    for _ in 0..3 {
        assert_eq!(scene.world.proxy.get("/x", Some(&token)).status, 200);
        scene.reload();
    }
    let counts = ["full", "resumed"].map(|outcome| scene.handshakes(outcome).to_string());
    assert_eq!(counts, ["1", "2"]);
    scene.files.write("ca.pem", &format!("{0}{0}", scene.files.authority.pem()));
    scene.reload();
    assert_eq!(scene.world.proxy.get("/x", Some(&token)).status, 200);
    assert_eq!(scene.handshakes("full").to_string(), "2", "other files are verified by again");
}
