//! Handshakes with upstreams that are right, and with others.

use std::fs;

use base64::Engine as _;
use rcgen::{CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer, version::TLS12};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsAcceptor;

use super::{
    testing::{HOST, ShownCertificate, TestAuthority, loaded},
    *,
};
use crate::tls::settings::ClientIdentity;

/// One connection on which a byte was read, which brings the tickets along.
pub(super) async fn meet(
    tls: &UpstreamTls,
    host: &str,
    server: &TlsAcceptor,
) -> Result<TlsStream<DuplexStream>, String> {
    let (ours, theirs) = duplex(64 * 1024);
    let server = server.clone();
    let serving = tokio::spawn(async move {
        if let Ok(mut stream) = server.accept(theirs).await {
            // The client may have refused by now.
            let _ = stream.write_all(b"x").await;
            let _ = stream.read(&mut [0]).await;
        }
    });
    let outcome = tls.connect(host, tls.http2(), ours).await;
    let outcome = match outcome {
        Ok(mut stream) => {
            stream.read_u8().await.unwrap();
            Ok(stream)
        }
        Err(failure) => Err(failure.to_string()),
    };
    drop(serving);
    outcome
}

#[track_caller]
fn assert_refused<S>(outcome: Result<S, String>, fault: &str) {
    let refused = outcome.err().unwrap();
    assert!(refused.starts_with(&format!("TLS handshake failed ({fault}): ")), "{refused}");
}

#[tokio::test]
async fn u1_only_the_upstream_that_is_meant_is_accepted() {
    let (trusted, other) = (TestAuthority::new(), TestAuthority::new());
    let (tls, metrics) = loaded(&trusted.trusting());
    let good = trusted.shown().usual();
    let stream = meet(&tls, HOST, &good).await.unwrap();
    assert!(is_http2(&stream));

    assert_refused(meet(&tls, HOST, &other.shown().usual()).await, "unknown_authority");
    assert_refused(meet(&tls, "other.test", &good).await, "name_mismatch");
    assert_refused(meet(&tls, "127.0.0.1", &good).await, "name_mismatch");
    let past = trusted.shown_with(|params| params.not_after = date_time_ymd(2020, 1, 1));
    assert_refused(meet(&tls, HOST, &past.usual()).await, "expired");
    let future = trusted.shown_with(|params| params.not_before = date_time_ymd(2090, 1, 1));
    assert_refused(meet(&tls, HOST, &future.usual()).await, "not_yet_valid");
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    params.is_ca = IsCa::NoCa;
    let chain = vec![params.self_signed(&key).unwrap().der().clone()];
    assert_refused(
        meet(&tls, HOST, &ShownCertificate { chain, key }.usual()).await,
        "unknown_authority",
    );

    let text = metrics.render();
    for (outcome, count) in
        [("full", 1), ("unknown_authority", 2), ("name_mismatch", 2), ("expired", 1)]
    {
        let series = format!(
            "countersign_upstream_tls_handshakes_total{{outcome=\"{outcome}\",upstream=\"app\"}} \
             {count}\n"
        );
        assert!(text.contains(&series), "{outcome}: {text}");
    }
}

#[tokio::test]
async fn u1_a_pinned_key_needs_no_chain_and_no_other_key_passes() {
    let (one, other) = (TestAuthority::new().shown(), TestAuthority::new().shown());
    let old =
        TestAuthority::new().shown_with(|params| params.not_after = date_time_ymd(2020, 1, 1));
    let pins = vec![one.hash(), old.hash()];
    let settings = UpstreamTlsSettings {
        verification: UpstreamVerification::Pinned(pins),
        ..UpstreamTlsSettings::default()
    };
    let (tls, metrics) = loaded(&settings);
    for version in [&TLS12, &TLS13] {
        meet(&tls, "any.test", &one.server(&[version], &[])).await.unwrap();
        meet(&tls, "any.test", &old.server(&[version], &[])).await.unwrap();
        let (fresh, _) = loaded(&settings);
        let refused = meet(&fresh, HOST, &other.server(&[version], &[])).await;
        assert!(refused.as_ref().err().unwrap().contains(&other.hash().to_string()));
        assert_refused(refused, "unknown_key");
    }
    let text = metrics.render();
    let shown = |verify: &str, value: u8| {
        text.contains(&format!(
            "countersign_upstream_tls_verification{{upstream=\"app\",verify=\"{verify}\"}} {value}\n"
        ))
    };
    assert!(shown("spki", 1) && shown("full", 0), "{text}");
}

/// A peer that has only seen the certificate can't sign with its key.
#[tokio::test]
async fn u1_a_pinned_certificate_without_its_key_does_not_pass() {
    let mut thief = TestAuthority::new().shown();
    let real = TestAuthority::new().shown();
    thief.chain.clone_from(&real.chain);
    let settings = UpstreamTlsSettings {
        verification: UpstreamVerification::Pinned(vec![real.hash()]),
        ..UpstreamTlsSettings::default()
    };
    for version in [&TLS12, &TLS13] {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let key = PrivatePkcs8KeyDer::from(thief.key.serialize_der()).into();
        let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
        let stolen = rustls::sign::CertifiedKey::new(thief.chain.clone(), key);
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::new(stolen))));
        let (tls, _) = loaded(&settings);
        assert_refused(meet(&tls, HOST, &Arc::new(config).into()).await, "unknown_authority");
    }
}

#[tokio::test]
async fn versions_and_protocols_are_as_configured() {
    let trusted = TestAuthority::new();
    let shown = trusted.shown();
    let with =
        |min_version, http2| UpstreamTlsSettings { min_version, http2, ..trusted.trusting() };
    let (strict, _) = loaded(&with(TlsVersion::Tls13, Http2Offer::Auto));
    let old = shown.server(&[&TLS12], &[]);
    assert_refused(meet(&strict, HOST, &old).await, "protocol");

    let (usual, _) = loaded(&with(TlsVersion::Tls12, Http2Offer::Auto));
    assert!(!is_http2(&meet(&usual, HOST, &old).await.unwrap()));
    let (never, _) = loaded(&with(TlsVersion::Tls12, Http2Offer::Never));
    assert!(!is_http2(&meet(&never, HOST, &shown.usual()).await.unwrap()));
    let (only, _) = loaded(&with(TlsVersion::Tls12, Http2Offer::Only));
    assert!(is_http2(&meet(&only, HOST, &shown.usual()).await.unwrap()));
    assert_refused(meet(&only, HOST, &old).await, "protocol");
    assert_refused(meet(&only, HOST, &shown.server(&[&TLS13], &["http/1.1"])).await, "protocol");
}

#[tokio::test]
async fn the_server_name_of_the_settings_is_instead_of_the_hosts() {
    let trusted = TestAuthority::new();
    let name = Some(ServerName::try_from(HOST).unwrap());
    let (tls, _) = loaded(&UpstreamTlsSettings { server_name: name, ..trusted.trusting() });
    meet(&tls, "127.0.0.1", &trusted.shown().usual()).await.unwrap();
    let (tls, _) = loaded(&trusted.trusting());
    let of_address = trusted.shown_with(|params| {
        let address = rcgen::SanType::IpAddress("::1".parse().unwrap());
        params.subject_alt_names.push(address);
    });
    meet(&tls, "[::1]", &of_address.usual()).await.unwrap();
}

#[tokio::test]
async fn what_is_no_tls_is_an_error_and_no_panic() {
    let (tls, _) = loaded(&TestAuthority::new().trusting());
    for (bytes, fault) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "protocol"),
        (&[22, 3, 3, 0xff, 0xff], "protocol"),
        (&[21, 3, 3, 0, 2, 2, 40], "alert"),
        (&[], "closed"),
    ] {
        let (ours, mut theirs) = duplex(64 * 1024);
        theirs.write_all(bytes).await.unwrap();
        theirs.shutdown().await.unwrap();
        let outcome = tls.connect(HOST, Http2Offer::Auto, ours).await;
        assert_refused(outcome.map_err(|error| error.to_string()), fault);
    }
}

#[tokio::test]
async fn sessions_are_resumed_and_a_handshake_that_is_given_up_is_counted() {
    let trusted = TestAuthority::new();
    let server = trusted.shown().usual();
    let (tls, metrics) = loaded(&trusted.trusting());
    for _ in 0..3 {
        meet(&tls, HOST, &server).await.unwrap();
    }
    let (ours, _theirs) = duplex(64 * 1024);
    let never = tls.connect(HOST, Http2Offer::Auto, ours);
    assert!(tokio::time::timeout(Duration::from_millis(10), never).await.is_err());
    let text = metrics.render();
    for (outcome, count) in [("full", 1), ("resumed", 2), ("timeout", 1)] {
        let series = format!("outcome=\"{outcome}\",upstream=\"app\"}} {count}\n");
        assert!(text.contains(&series), "{outcome}: {text}");
    }
    // Seconds of 4096-01-01, which rcgen's certificates are good until.
    let expiry = "countersign_upstream_certificate_expiry_timestamp_seconds{upstream=\"app\"} 67";
    assert!(text.contains(expiry), "{text}");
}

#[test]
fn a_file_that_has_broken_is_named_by_its_key() {
    let trusted = TestAuthority::new();
    fs::write(trusted.ca_file(), "broken").unwrap();
    let refused = UpstreamTls::new("app", &trusted.trusting(), &MetricRegistry::default());
    let refused = refused.unwrap_err().to_string();
    assert!(refused.starts_with("upstreams.app.tls.ca_file: the file "), "{refused}");
}

#[test]
fn the_endings_of_the_files_are_named_by_their_settings() {
    let trusted = TestAuthority::new();
    let own = trusted.shown_with(|params| params.not_after = date_time_ymd(2041, 1, 1));
    let (certificate, private_key) =
        (trusted.folder.path().join("own.crt"), trusted.folder.path().join("own.key"));
    fs::write(&certificate, pem("CERTIFICATE", &own.chain[0])).unwrap();
    fs::write(&private_key, own.key.serialize_pem()).unwrap();
    let identity = Some(ClientIdentity { certificate, private_key });
    let (tls, _) = loaded(&UpstreamTlsSettings { identity, ..trusted.trusting() });
    let endings = tls.certificate_endings();
    let settings: Vec<_> = endings.iter().map(|(setting, _)| &**setting).collect();
    assert_eq!(settings, ["upstreams.app.tls.ca_file", "upstreams.app.tls.client_certificate"]);
    assert_eq!(endings[1].1.to_rfc3339(), "2041-01-01T00:00:00Z");
    // Which authorities of the system an upstream needs is unknown.
    let (tls, _) = loaded(&UpstreamTlsSettings::default());
    assert_eq!(tls.certificate_endings(), []);
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}
