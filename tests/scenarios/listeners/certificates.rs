//! What the upstream and the routes learn of a client's certificate.

use countersign::reason::Reason;
use rcgen::{DnType, SanType};

use super::names::Certified;
use crate::support::{
    authority::{Authority, Identity},
    client::{Answer, Request},
};

const CLIENTS: &str = "client_ca = \"DIR/ca.crt\"\nclient_auth = \"optional\"\n";

const HEADERS: &str = r#"
[identity.client_certificate]
subject = "x-client-cert-subject"
san = "x-client-cert-san"
fingerprint = "x-client-cert-sha256"
"#;

const ROUTES: &str = r#"
[[routes]]
path = "/**"
access = "public"

[[routes]]
path = "/any/**"
access = "public"
client_certificate = "any"

[[routes]]
path = "/billing/**"
access = "public"
client_certificate = { subject = ["CN=billing,O=Example"], san = ["URI:spiffe://example.com/billing"] }
"#;

fn scene() -> Certified {
    Certified::of(
        Authority::new("of all"),
        &["api.test"],
        CLIENTS,
        |_, _| HEADERS.to_owned(),
        Some(ROUTES),
    )
}

fn client(authority: &Authority, name: &str, uri: &str) -> Identity {
    authority.client(|params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Example");
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    })
}

fn exchange(scene: &Certified, shows: Option<&Identity>, request: &Request) -> Answer {
    let offer = scene.offer();
    let offer = match shows {
        Some(identity) => offer.shows(identity),
        None => offer,
    };
    scene.connect(&offer, "api.test").unwrap().exchange(request)
}

/// A header of the latest request that came upstream.
fn received(scene: &Certified, name: &str) -> Vec<String> {
    let requests = scene.world.upstream.requests();
    requests.last().unwrap().head.all(name).map(str::to_owned).collect()
}

#[test]
fn the_upstream_is_told_of_a_verified_certificate() {
    let scene = scene();
    let billing = client(&scene.authority, "billing", "spiffe://example.com/billing");
    assert!(exchange(&scene, Some(&billing), &Request::get("/")).is_from_upstream());
    assert_eq!(received(&scene, "x-client-cert-subject"), ["CN=billing,O=Example"]);
    assert_eq!(received(&scene, "x-client-cert-san"), ["URI:spiffe://example.com/billing"]);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &billing.certificate);
    let fingerprint = hex::encode(digest);
    assert_eq!(received(&scene, "x-client-cert-sha256"), [fingerprint]);
}

#[test]
fn n2_what_clients_send_in_these_headers_never_arrives() {
    let scene = scene();
    let forged = Request::get("/")
        .field("x-client-cert-subject", "CN=admin")
        .field("X_Client_Cert_Subject", "CN=admin")
        .field("x-client-cert-san", "DNS:admin")
        .field("x-client-cert-sha256", "00")
        .field("client-cert", ":AA==:");
    assert!(exchange(&scene, None, &forged).is_from_upstream());
    for name in
        ["x-client-cert-subject", "x-client-cert-san", "x-client-cert-sha256", "client-cert"]
    {
        assert!(received(&scene, name).is_empty(), "{name}");
    }
    // The usual listener without TLS removes them as well.
    assert!(scene.world.proxy.exchange(&forged).is_from_upstream());
    assert!(received(&scene, "x-client-cert-subject").is_empty());

    let billing = client(&scene.authority, "billing", "spiffe://example.com/billing");
    assert!(exchange(&scene, Some(&billing), &forged).is_from_upstream());
    assert_eq!(received(&scene, "x-client-cert-subject"), ["CN=billing,O=Example"]);
    assert!(received(&scene, "x_client_cert_subject").is_empty());
}

#[test]
fn n2_a_hostile_subject_injects_nothing() {
    let scene = scene();
    let hostile = client(&scene.authority, "x\r\nx-admin: 1\r\n\r\n,O=Bank", "urn:a,DNS:admin");
    assert!(exchange(&scene, Some(&hostile), &Request::get("/")).is_from_upstream());
    assert_eq!(
        received(&scene, "x-client-cert-subject"),
        [r"CN=x\0D\0Ax-admin: 1\0D\0A\0D\0A\,O\=Bank,O=Example"]
    );
    assert_eq!(received(&scene, "x-client-cert-san"), ["URI:urn:a%2CDNS:admin"]);
    assert!(received(&scene, "x-admin").is_empty());
}

#[test]
fn a_route_takes_the_certificates_that_it_lists() {
    let scene = scene();
    let billing = client(&scene.authority, "billing", "spiffe://example.com/billing");
    let namesake = client(&scene.authority, "billing", "spiffe://example.com/other");
    let other = client(&scene.authority, "billing,O=Example", "spiffe://example.com/billing");
    let request = Request::get("/billing/1");
    assert!(exchange(&scene, Some(&billing), &request).is_from_upstream());
    let before = scene.world.mark();
    for wrong in [&namesake, &other] {
        let answer = exchange(&scene, Some(wrong), &request);
        assert_eq!(answer.status, 403);
        assert_eq!(answer.reason().as_deref(), Some(Reason::ClientCertificateNotAllowed.code()));
    }
    let none = exchange(&scene, None, &request);
    assert_eq!((none.status, none.field("www-authenticate")), (403, None));
    assert_eq!(none.reason().as_deref(), Some(Reason::ClientCertificateMissing.code()));
    let plain = scene.world.proxy.exchange(&request);
    assert_eq!(
        plain.reason().as_deref(),
        Some(Reason::ClientCertificateMissing.code()),
        "without TLS"
    );
    before.assert_untouched("not the route's certificate");

    let any = Request::get("/any/1");
    assert!(exchange(&scene, Some(&namesake), &any).is_from_upstream());
    assert_eq!(exchange(&scene, None, &any).status, 403);
}
