//! Clients that show certificates, or do not.

use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::{
    HandshakeKind,
    version::{TLS12, TLS13},
};

use crate::{
    support::{
        authority::{Authority, Identity},
        client::Request,
    },
    tls::{
        client::{Offer, TlsClient},
        scene::{NAME, Scene},
    },
};

/// Asserts that the connection is made and serves.
#[track_caller]
fn assert_served(scene: &Scene, offer: &Offer<'_>) {
    let request = Request::get("/").bearer(&scene.token());
    for version in [&TLS12, &TLS13] {
        let offer = Offer { versions: &[version], ..*offer };
        let answer = scene.connect(&offer).exchange(&request);
        assert!(answer.is_from_upstream());
    }
}

/// Asserts that the proxy refuses the connection with that alert, and nothing comes upstream.
#[track_caller]
fn assert_refused(scene: &Scene, offer: &Offer<'_>, alert: &str) {
    let before = scene.world.mark();
    for version in [&TLS12, &TLS13] {
        let offer = Offer { versions: &[version], ..*offer };
        // With TLS 1.3 the client has done its part before the proxy looks at the certificate.
        let outcome = offer.connect(scene.world.proxy.address()).and_then(TlsClient::end);
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains(alert), "{error}");
    }
    before.assert_untouched("refused in the handshake");
}

#[test]
fn required_means_no_connection_without_a_certificate() {
    let clients = Authority::new("of clients");
    let scene = Scene::start_for_clients_of(&clients, "required");
    let good = clients.client(|_| ());
    assert_served(&scene, &scene.offer().shows(&good));

    let before = scene.world.mark();
    let request = Request::get("/").bearer(&scene.token());
    let none = scene.offer();
    let address = scene.world.proxy.address();
    for version in [&TLS12, &TLS13] {
        let offer = Offer { versions: &[version], ..none };
        // Whatever is sent along with the last flight of the handshake is not served either.
        let outcome = offer.connect(address).and_then(|mut client| client.try_exchange(&request));
        assert!(outcome.is_err(), "{outcome:?}");
    }
    before.assert_untouched("without a certificate");
    let tls12 = Offer { versions: &[&TLS12], ..scene.offer() };
    let refused = tls12.connect(address).err().unwrap().to_string();
    assert!(
        refused.contains("CertificateRequired") || refused.contains("HandshakeFailure"),
        "{refused}"
    );
    let refused = scene.client().end().unwrap_err().to_string();
    assert!(refused.contains("CertificateRequired"), "{refused}");
}

#[test]
fn optional_lets_clients_without_a_certificate_in_but_none_with_a_wrong_one() {
    let clients = Authority::new("of clients");
    let scene = Scene::start_for_clients_of(&clients, "optional");
    assert_served(&scene, &scene.offer());
    assert_served(&scene, &scene.offer().shows(&clients.client(|_| ())));
    for (wrong, alert) in wrong_certificates(&clients) {
        assert_refused(&scene, &scene.offer().shows(&wrong), alert);
    }
}

#[test]
fn required_lets_no_client_in_with_a_wrong_certificate() {
    let clients = Authority::new("of clients");
    let scene = Scene::start_for_clients_of(&clients, "required");
    for (wrong, alert) in wrong_certificates(&clients) {
        assert_refused(&scene, &scene.offer().shows(&wrong), alert);
    }
    // The proxy's own authority is no authority of clients.
    let from_there = scene.authority.client(|_| ());
    assert_refused(&scene, &scene.offer().shows(&from_there), "UnknownCA");
}

/// Certificates that are not good enough, and the alerts that say so.
fn wrong_certificates(clients: &Authority) -> Vec<(Identity, &'static str)> {
    let expired = clients.client(|params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 1);
    });
    let of_a_server = clients.client(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let namesake = Authority::new("of clients").client(|_| ());
    let stranger = Authority::new("another").client(|_| ());
    vec![
        (expired, "CertificateExpired"),
        (of_a_server, "UnsupportedCertificate"),
        (namesake, "DecryptError"),
        (stranger, "UnknownCA"),
    ]
}

/// A resumed session would not be checked again: neither the certificate's expiry nor whether its
/// authority is still one.
#[test]
fn where_clients_show_certificates_every_connection_is_checked() {
    let clients = Authority::new("of clients");
    let good = clients.client(|_| ());
    let scene = Scene::start_for_clients_of(&clients, "required");
    let request = Request::get("/").bearer(&scene.token());
    for version in [&TLS12, &TLS13] {
        let config = scene.offer().shows(&good).versions(&[version]).config();
        for _ in 0..3 {
            let address = scene.world.proxy.address();
            let mut client = TlsClient::connect(address, config.clone(), NAME).unwrap();
            assert!(client.exchange(&request).is_from_upstream());
            assert_eq!(client.session().handshake_kind(), Some(HandshakeKind::Full));
        }
    }
}

#[test]
fn the_authority_of_clients_changes_with_a_reload() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let scene = Scene::start_for_clients_of(&old, "required");
    scene.overwrite("clients.crt", &new.pem());
    scene.world.proxy.server().reload(scene.settings()).unwrap();
    assert_served(&scene, &scene.offer().shows(&new.client(|_| ())));
    assert_refused(&scene, &scene.offer().shows(&old.client(|_| ())), "UnknownCA");
}

#[test]
fn by_default_no_client_is_asked() {
    let scene = Scene::start();
    let stranger = Authority::new("another").client(|_| ());
    assert_served(&scene, &scene.offer().shows(&stranger));
}
