//! Who is taken for the upstream, and what any other server gets: nothing.

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, date_time_ymd};
use rustls::version::{TLS12, TLS13};

use crate::{
    support::{
        authority::{Authority, Identity},
        client::Request,
        tls_front::Showing,
    },
    upstream_tls::scene::{Files, NAME, Scene},
};

/// Asserts that a request, and one with a body, are 502 for that reason, each after one handshake,
/// and that nothing of them is sent.
#[track_caller]
fn assert_refused(scene: &Scene, fault: &str) {
    let (before, accepted) = (scene.handshakes(fault), scene.front.accepted());
    let received = scene.http1.record().bytes();
    let token = scene.token();
    let post = Request::new("POST", "/x").bearer(&token).body(b"secret");
    for request in [Request::get("/x").bearer(&token), post] {
        let answer = scene.world.proxy.exchange(&request);
        assert_eq!(answer.status, 502, "{fault}: {answer:?}");
        assert!(!answer.is_from_upstream());
    }
    assert_eq!(scene.front.accepted() - accepted, 2, "{fault}: a fault is not retried");
    assert_eq!(scene.http1.record().bytes(), received, "{fault}");
    assert_eq!(scene.http2.connections(), 0, "{fault}");
    assert!((scene.handshakes(fault) - before - 2.0).abs() < f64::EPSILON, "{fault}");
    let logs = scene.world.proxy.worker_logs();
    assert!(logs.contains(&format!("TLS handshake failed ({fault}): ")), "{fault}: {logs}");
}

#[track_caller]
fn assert_served(scene: &Scene) {
    let answer = scene.world.proxy.get("/x", Some(&scene.token()));
    assert_eq!(answer.status, 200, "{answer:?} {}", scene.world.proxy.worker_logs());
    assert!(answer.is_from_upstream());
}

fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Identity {
    Identity::self_signed(NAME, change)
}

#[test]
fn u1_nothing_is_sent_to_an_upstream_that_is_not_the_one_that_is_meant() {
    let scene = Scene::start("");
    let authority = &scene.files.authority;
    let expired = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 1);
    };
    let future = |params: &mut CertificateParams| params.not_before = date_time_ymd(2090, 1, 1);
    let as_authority = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    };
    let of_a_client = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    for (shown, fault) in [
        (Authority::new("of upstreams").server(NAME), "unknown_authority"),
        (authority.server("other.test"), "name_mismatch"),
        (authority.server_with(NAME, expired), "expired"),
        (authority.server_with(NAME, future), "not_yet_valid"),
        (self_signed(|_| ()), "unknown_authority"),
        (self_signed(as_authority), "certificate"),
        (authority.server_with(NAME, of_a_client), "certificate"),
    ] {
        for version in [&TLS12, &TLS13] {
            scene.front.show(&Showing::new(&shown).versions(&[version]));
            assert_refused(&scene, fault);
        }
    }
    scene.front.show(&Showing::new(&scene.files.good()));
    assert_served(&scene);
}

#[test]
fn u1_a_pinned_key_is_trusted_and_no_other() {
    let files = Files::new();
    let (own, other) = (self_signed(|_| ()), self_signed(|_| ()));
    let pin = own.spki_pin();
    let verify = format!("[upstreams.other.tls]\nverify = {{ spki = [\"{pin}\"] }}");
    let scene = Scene::of(files, &Showing::new(&own), &verify);
    assert_served(&scene);
    let answer = scene
        .world
        .proxy
        .metric("countersign_upstream_tls_verification{upstream=\"other\",verify=\"spki\"}");
    assert!((answer - 1.0).abs() < f64::EPSILON);

    let scene = Scene::of(Files::new(), &Showing::new(&other), &verify);
    assert_refused(&scene, "unknown_key");
    let logs = scene.world.proxy.worker_logs();
    assert!(logs.contains(&other.spki_pin()), "what would have to be pinned: {logs}");
}

#[test]
fn u2_an_older_version_or_another_protocol_than_wanted_is_502() {
    let scene = Scene::start("min_version = \"1.3\"");
    let good = scene.files.good();
    scene.front.show(&Showing::new(&good).versions(&[&TLS12]));
    assert_refused(&scene, "protocol");
    scene.front.show(&Showing::new(&good).versions(&[&TLS13]));
    assert_served(&scene);

    let scene = Scene::start("http2 = \"only\"");
    let good = scene.files.good();
    for alpn in [&["http/1.1"][..], &["spdy/3"], &[]] {
        scene.front.show(&Showing::new(&good).alpn(alpn));
        assert_refused(&scene, "protocol");
    }
    let scene = Scene::start("http2 = \"never\"");
    scene.front.show(&Showing::new(&scene.files.good()).alpn(&["h2"]));
    assert_refused(&scene, "protocol");
}

#[test]
fn u1_an_upstream_may_request_our_certificate() {
    let clients = Authority::new("of proxies");
    let ours = clients.client(|_| ());
    // With TLS 1.3 the upstream refuses after our side of the handshake has ended, and closes: what
    // we send meanwhile may break the connection before its alert is read.
    let causes_12 = ["HandshakeFailure", "CertificateRequired"].as_slice();
    let causes_13 = ["HandshakeFailure", "CertificateRequired", "Broken pipe", "reset"].as_slice();
    for (versions, causes) in [(&[&TLS12], causes_12), (&[&TLS13], causes_13)] {
        let files = Files::new();
        let certificate = files.write("client.crt", &ours.certificate_pem);
        let key = files.write("client.key", &ours.key_pem());
        let lines = format!("client_certificate = \"{certificate}\"\nclient_key = \"{key}\"");
        let good = files.good();
        let showing = Showing::new(&good).clients(&clients).versions(versions);
        assert_served(&Scene::showing(files, &showing, &lines));

        let files = Files::new();
        let good = files.good();
        let showing = Showing::new(&good).clients(&clients).versions(versions);
        let scene = Scene::showing(files, &showing, "");
        let answer = scene.world.proxy.get("/x", Some(&scene.token()));
        assert_eq!(answer.status, 502, "{answer:?}");
        assert_eq!(scene.http1.record().bytes() + scene.http2.connections(), 0);
        let logs = scene.world.proxy.worker_logs();
        let failure = logs.lines().find(|line| line.contains("no response from the upstream"));
        assert!(
            causes.iter().any(|cause| failure.is_some_and(|line| line.contains(cause))),
            "{failure:?}"
        );
    }
}

#[test]
fn the_name_that_is_asked_for_is_the_hosts_or_that_of_the_settings() {
    let scene = Scene::start("");
    assert_served(&scene);
    assert_eq!(scene.front.names(), [Some(NAME.to_owned())]);

    let files = Files::new();
    let shown = files.authority.server("app.internal");
    let scene = Scene::showing(files, &Showing::new(&shown), "server_name = \"app.internal\"");
    assert_served(&scene);
    assert_eq!(scene.front.names(), [Some("app.internal".to_owned())]);
    // The client's host goes on, whatever the name of the certificate.
    assert_eq!(scene.http2.heads()[0].uri.authority().unwrap(), "api.test");
}
