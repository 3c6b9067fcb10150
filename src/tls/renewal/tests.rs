//! What the files of the certificate become in use.

use std::{fs, path::Path};

use rcgen::{CertificateParams, KeyPair};

use super::*;

fn install(folder: &Path, key: &KeyPair) {
    let params = CertificateParams::new(vec!["api.test".to_owned()]).unwrap();
    let certificate = params.self_signed(key).unwrap();
    fs::write(folder.join("tls.crt"), certificate.pem()).unwrap();
    fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
}

fn tls(folder: &Path) -> ServerTls {
    install(folder, &KeyPair::generate().unwrap());
    ServerTls::new(&TlsSettings {
        certificate: folder.join("tls.crt"),
        private_key: folder.join("tls.key"),
        client_auth: None,
    })
    .unwrap()
}

#[test]
fn a_renewed_certificate_is_taken_and_an_unchanged_one_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let tls = tls(folder.path());
    let first = tls.in_use.load_full();
    // With the configuration its tickets would go, too.
    tls.renew();
    assert!(Arc::ptr_eq(&first, &tls.in_use.load()));

    install(folder.path(), &KeyPair::generate().unwrap());
    tls.renew();
    let second = tls.in_use.load_full();
    assert_ne!(first.files.identity.cert, second.files.identity.cert);
    assert!(!Arc::ptr_eq(&first.config, tls.acceptor().config()));
}

#[test]
fn half_of_a_renewal_is_waited_out() {
    let folder = tempfile::tempdir().unwrap();
    let tls = tls(folder.path());
    let first = tls.in_use.load_full();
    let key = KeyPair::generate().unwrap();
    let old_key = fs::read(folder.path().join("tls.key")).unwrap();
    install(folder.path(), &key);
    fs::write(folder.path().join("tls.key"), old_key).unwrap();
    tls.renew();
    assert!(Arc::ptr_eq(&first, &tls.in_use.load()));
    fs::remove_file(folder.path().join("tls.crt")).unwrap();
    tls.renew();
    assert!(Arc::ptr_eq(&first, &tls.in_use.load()));

    install(folder.path(), &key);
    tls.renew();
    assert!(!Arc::ptr_eq(&first, &tls.in_use.load()));
}
