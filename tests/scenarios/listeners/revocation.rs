//! Certificates of clients that their authority has revoked.

use std::fs;

use rcgen::SerialNumber;

use super::{names::Certified, scene::request};
use crate::support::authority::{Authority, Identity};

const CLIENTS: &str = "client_ca = \"DIR/ca.crt\"\nclient_auth = \"required\"\n\
                       crl_file = \"DIR/revoked.crl\"\n";

/// A listener with a revocation list of the authority.
fn scene(revoked: &[u64], until: i32) -> Certified {
    let list = |authority: &Authority, folder: &std::path::Path| {
        let list = authority.revocation_list(revoked, until);
        fs::write(folder.join("revoked.crl"), list).unwrap();
        String::new()
    };
    Certified::of(Authority::new("of all"), &["api.test"], CLIENTS, list, None)
}

fn client(authority: &Authority, serial: u64) -> Identity {
    authority.client(|params| params.serial_number = Some(SerialNumber::from(serial)))
}

/// Whether a client with that certificate is served.
fn is_served(scene: &Certified, identity: &Identity) -> Result<(), String> {
    let offer = scene.offer().shows(identity);
    let client = scene.connect(&offer, "api.test");
    let answer = client.and_then(|mut client| client.try_exchange(&request(&scene.world)));
    answer.map(|answer| assert!(answer.is_from_upstream())).map_err(|error| error.to_string())
}

#[test]
fn n5_a_revoked_certificate_opens_no_connection_and_another_does() {
    let scene = scene(&[7], 2090);
    is_served(&scene, &client(&scene.authority, 8)).unwrap();
    let before = scene.world.mark();
    let error = is_served(&scene, &client(&scene.authority, 7)).unwrap_err();
    assert!(error.contains("CertificateRevoked"), "{error}");
    before.assert_untouched("revoked");
}

#[test]
fn n5_without_a_list_that_holds_no_certificate_is_taken() {
    let expired = scene(&[], 2021);
    let error = is_served(&expired, &client(&expired.authority, 8)).unwrap_err();
    assert!(error.contains("received fatal alert"), "{error}");
    let of_another = scene(&[], 2090);
    let list = Authority::new("another").revocation_list(&[], 2090);
    fs::write(of_another.files.path().join("revoked.crl"), list).unwrap();
    reload(&of_another);
    let error = is_served(&of_another, &client(&of_another.authority, 8)).unwrap_err();
    assert!(error.contains("received fatal alert"), "{error}");
}

fn reload(scene: &Certified) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    fs::write(&file, scene.world.proxy.page("/config")).unwrap();
    let sources = countersign::settings::Sources { file: Some(file), ..Default::default() };
    scene.world.proxy.server().reload(countersign::settings::load(&sources).unwrap()).unwrap();
}

#[test]
fn n5_a_list_that_changes_is_taken_over() {
    let scene = scene(&[], 2090);
    let seven = client(&scene.authority, 7);
    is_served(&scene, &seven).unwrap();
    let list = scene.authority.revocation_list(&[7], 2090);
    fs::write(scene.files.path().join("revoked.crl"), list).unwrap();
    reload(&scene);
    assert!(is_served(&scene, &seven).unwrap_err().contains("CertificateRevoked"));
}

#[test]
fn metrics_show_when_the_files_of_a_listener_end() {
    let scene = scene(&[], 2090);
    let metrics = scene.world.proxy.metrics();
    let series = |family: &str| -> Vec<(String, i64)> {
        let lines = metrics.lines().filter_map(|line| line.strip_prefix(family));
        let values = lines.filter_map(|line| line.strip_prefix("{setting=\"")?.split_once("\"} "));
        values.map(|(setting, value)| (setting.to_owned(), value.parse().unwrap())).collect()
    };
    let lists = series("countersign_crl_next_update_timestamp_seconds");
    let [(setting, next_update)] = &lists[..] else { panic!("{lists:?}") };
    assert!(setting.starts_with("listeners") && setting.ends_with(".tls.crl_file"), "{setting}");
    // The beginning of 2090.
    assert_eq!(*next_update, 3_786_912_000);
    let certificates = series("countersign_certificate_expiry_timestamp_seconds");
    let keys = certificates.iter().map(|(setting, _)| setting.rsplit('.').next().unwrap());
    assert_eq!(keys.collect::<Vec<_>>(), ["certificate", "client_ca"]);
}

#[test]
fn an_expired_list_is_warned_of() {
    let scene = scene(&[], 2021);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    fs::write(&file, scene.world.proxy.page("/config")).unwrap();
    let sources = countersign::settings::Sources { file: Some(file), ..Default::default() };
    let warnings = countersign::settings::load(&sources).unwrap().warnings();
    let expected = "listeners[0].tls.crl_file: a revocation list has expired at \
                    2021-01-01T00:00:00Z; the certificates of its authority's clients are refused";
    assert!(warnings.iter().any(|warning| warning == expected), "{warnings:?}");
}
