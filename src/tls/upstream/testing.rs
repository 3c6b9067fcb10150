//! Authorities and upstreams over TLS for unit tests.

use std::{fs, path::PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    version::TLS12,
};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::tls::settings::SpkiHash;

/// An authority, and the folder that has its certificate.
pub(crate) struct TestAuthority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    pub(crate) folder: TempDir,
}

/// What an upstream shows.
pub(crate) struct ShownCertificate {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: KeyPair,
}

pub(crate) const HOST: &str = "app.test";

impl TestAuthority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuing =
            Self { issuer: Issuer::new(params, key), pem, folder: TempDir::new().unwrap() };
        issuing.publish(&[&issuing]);
        issuing
    }

    /// Makes these the authorities in the file.
    pub(crate) fn publish(&self, trusted: &[&Self]) {
        let pem: String = trusted.iter().map(|issuing| issuing.pem.as_str()).collect();
        fs::write(self.ca_file(), pem).unwrap();
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(crate) fn shown(&self) -> ShownCertificate {
        self.shown_with(|_| ())
    }

    pub(crate) fn shown_with(
        &self,
        change: impl FnOnce(&mut CertificateParams),
    ) -> ShownCertificate {
        let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        ShownCertificate { chain: vec![certificate.der().clone()], key }
    }

    pub(crate) fn trusting(&self) -> UpstreamTlsSettings {
        UpstreamTlsSettings { ca_file: Some(self.ca_file()), ..UpstreamTlsSettings::default() }
    }
}

impl ShownCertificate {
    pub(crate) fn server(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&str],
    ) -> TlsAcceptor {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key.into())
            .unwrap();
        config.ticketer = aws_lc_rs::Ticketer::new().unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config).into()
    }

    pub(crate) fn usual(&self) -> TlsAcceptor {
        self.server(&[&TLS13, &TLS12], &["h2", "http/1.1"])
    }

    pub(crate) fn hash(&self) -> SpkiHash {
        let certificate = rustls::server::ParsedCertificate::try_from(&self.chain[0]).unwrap();
        SpkiHash::of(&certificate.subject_public_key_info())
    }
}

pub(crate) fn loaded(settings: &UpstreamTlsSettings) -> (Arc<UpstreamTls>, MetricRegistry) {
    let metrics = MetricRegistry::default();
    let tls = UpstreamTls::new("app", settings, &metrics).unwrap();
    tls.show();
    (Arc::new(tls), metrics)
}
