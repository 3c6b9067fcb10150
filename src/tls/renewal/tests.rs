//! What the files of the certificate become in use.

use std::{fs, path::Path};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio::time::sleep;

use super::*;
use crate::{
    clock::UnixTime,
    tasks::{RunningTasks, Tasks},
    telemetry::MetricRegistry,
    tls::{
        TlsInUse,
        settings::{CertificateFiles, TlsSettings},
        watch_expiry,
    },
};

fn install(folder: &Path, key: &KeyPair) {
    install_until(2045, folder, key);
}

fn install_until(year: i32, folder: &Path, key: &KeyPair) {
    let mut params = CertificateParams::new(vec!["api.test".to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    let certificate = params.self_signed(key).unwrap();
    fs::write(folder.join("tls.crt"), certificate.pem()).unwrap();
    fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
}

/// A certificate in use whose files are read again every minute.
fn running(folder: &Path) -> (Arc<ServerTls>, RunningTasks) {
    install(folder, &KeyPair::generate().unwrap());
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    renewed(&TlsSettings::new("server.tls", certificate, key))
}

fn renewed(settings: &TlsSettings) -> (Arc<ServerTls>, RunningTasks) {
    let tls = Arc::new(ServerTls::new(settings).unwrap());
    let in_use = Arc::clone(&tls);
    let renewal = keep_renewed(move || vec![Arc::clone(&in_use)]);
    (tls, Tasks::from_iter([renewal]).spawn())
}

/// Lets the files be read once more.
async fn a_minute() {
    sleep(INTERVAL + Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_renewed_certificate_is_taken_and_an_unchanged_one_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, _task) = running(folder.path());
    let first = tls.in_use.load_full();
    // With the configuration its tickets would go, too.
    a_minute().await;
    assert!(Arc::ptr_eq(&first, &tls.in_use.load()));

    install(folder.path(), &KeyPair::generate().unwrap());
    a_minute().await;
    let second = tls.in_use.load_full();
    assert_ne!(first.files.identities[0].cert, second.files.identities[0].cert);
    assert!(!Arc::ptr_eq(&first.config, tls.acceptor().config()));
}

#[tokio::test(start_paused = true)]
async fn metrics_show_when_the_certificate_in_use_expires() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, _task) = running(folder.path());
    let metrics = MetricRegistry::default();
    let in_use = Arc::clone(&tls);
    watch_expiry(&metrics, move || TlsInUse {
        listeners: vec![Arc::clone(&in_use)],
        ..TlsInUse::default()
    });
    let shown = || {
        let text = metrics.render();
        let series =
            "countersign_certificate_expiry_timestamp_seconds{setting=\"server.tls.certificate\"} ";
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.parse().ok());
        UnixTime(value.unwrap()).to_rfc3339()
    };
    assert_eq!(shown(), "2045-01-01T00:00:00Z");
    install_until(2050, folder.path(), &KeyPair::generate().unwrap());
    a_minute().await;
    assert_eq!(shown(), "2050-01-01T00:00:00Z");
    assert!(!metrics.render().contains("crl_next_update"), "there is no revocation list");
}

#[tokio::test(start_paused = true)]
async fn each_of_several_certificates_is_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let second = folder.path().join("second");
    fs::create_dir(&second).unwrap();
    install(&second, &KeyPair::generate().unwrap());
    install(folder.path(), &KeyPair::generate().unwrap());
    let files = |folder: &Path| (folder.join("tls.crt"), folder.join("tls.key"));
    let (certificate, key) = files(folder.path());
    let mut settings = TlsSettings::new("server.tls", certificate, key);
    let (certificate, private_key) = files(&second);
    settings.certificates.push(CertificateFiles { certificate, private_key });
    let (tls, _task) = renewed(&settings);
    let first = tls.in_use.load_full();
    install(&second, &KeyPair::generate().unwrap());
    a_minute().await;
    let renewed = tls.in_use.load_full();
    assert_eq!(first.files.identities[0].cert, renewed.files.identities[0].cert);
    assert_ne!(first.files.identities[1].cert, renewed.files.identities[1].cert);
}

#[tokio::test(start_paused = true)]
async fn half_of_a_renewal_is_waited_out() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, _task) = running(folder.path());
    let first = tls.in_use.load_full();
    let key = KeyPair::generate().unwrap();
    let old_key = fs::read(folder.path().join("tls.key")).unwrap();
    install(folder.path(), &key);
    fs::write(folder.path().join("tls.key"), old_key).unwrap();
    a_minute().await;
    assert!(Arc::ptr_eq(&first, &tls.in_use.load()));
    fs::remove_file(folder.path().join("tls.crt")).unwrap();
    a_minute().await;
    assert!(Arc::ptr_eq(&first, &tls.in_use.load()));

    install(folder.path(), &key);
    a_minute().await;
    assert!(!Arc::ptr_eq(&first, &tls.in_use.load()));
}
