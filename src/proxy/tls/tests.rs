//! Writes that clients hold up, over TLS.

use std::{fs, io, sync::Arc, time::Duration};

use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, sleep, timeout},
};
use tokio_rustls::{TlsConnector, server::TlsStream};

use super::*;
use crate::tls::{ServerTls, settings::TlsSettings};

const DEADLINES: Deadlines = Deadlines {
    header: Duration::from_secs(10),
    idle: Duration::from_mins(2),
    write: Duration::from_secs(30),
};

/// Fits into the buffer that TLS has for what it can't write, and into nothing below it.
const ANSWER: usize = 18_000;

/// The proxy's side after the handshake, and the bare socket of the client.
async fn connected() -> (TlsStream<GuardedIo<DuplexStream>>, DuplexStream) {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["api.test".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let at = |name| folder.path().join(name);
    fs::write(at("tls.crt"), certificate.pem()).unwrap();
    fs::write(at("tls.key"), key.serialize_pem()).unwrap();
    let settings = TlsSettings::new("server.tls", at("tls.crt"), at("tls.key"));
    let tls = ServerTls::new(&settings).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (ours, theirs) = duplex(1024);
    let connector = TlsConnector::from(Arc::new(config));
    let (server, client) = tokio::join!(
        tls.acceptor().accept(GuardedIo::below_tls(ours, DEADLINES)),
        connector.connect(ServerName::try_from("api.test").unwrap(), theirs)
    );
    let mut server = server.unwrap();
    bound_buffer(&mut server);
    (server, client.unwrap().into_inner().0)
}

#[tokio::test(start_paused = true)]
async fn d1_a_client_that_does_not_read_is_cut_while_its_answer_is_flushed() {
    let (mut server, _client) = connected().await;
    server.write_all(&vec![0; ANSWER]).await.unwrap();
    let started = Instant::now();
    let error = server.flush().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(started.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn d12_what_waits_in_tls_for_a_client_that_does_not_read_is_bounded() {
    let (mut server, _client) = connected().await;
    let mut taken = 0;
    let piece = [0; 1000];
    while let Ok(written) = timeout(Duration::from_secs(1), server.write(&piece)).await {
        taken += written.unwrap();
    }
    assert!((ANSWER..=SEALED_BYTES + 1024).contains(&taken), "{taken}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_waited_for() {
    let (mut server, mut client) = connected().await;
    server.write_all(&vec![0; ANSWER]).await.unwrap();
    let reading = async {
        let mut buffer = [0; 512];
        loop {
            sleep(Duration::from_secs(10)).await;
            client.read_exact(&mut buffer).await.unwrap();
        }
    };
    let started = Instant::now();
    tokio::select! {
        flushed = server.flush() => flushed.unwrap(),
        () = reading => {}
    }
    assert!(started.elapsed() > DEADLINES.write * 10);
}
