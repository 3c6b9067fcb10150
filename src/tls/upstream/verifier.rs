//! What an upstream's certificate has to be.

use std::{sync::Arc, time::Duration};

use prometheus::Gauge;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{ParsedCertificate, VerifierBuilderError},
};

use crate::tls::settings::SpkiHash;

/// Verifies certificates, and shows when the latest expires.
#[derive(Debug)]
pub(super) struct UpstreamVerifier {
    trusted: Trusted,
    provider: Arc<CryptoProvider>,
    expiry: Gauge,
}

/// Which certificates are accepted.
#[derive(Debug)]
enum Trusted {
    /// Those of authorities, for the name and now.
    Authorities(Arc<WebPkiServerVerifier>),
    /// Those of keys.
    Keys(Vec<SpkiHash>),
}

/// The certificate's key is not one of those that are pinned.
#[derive(Debug, thiserror::Error)]
#[error("its public key is {found}, which is not pinned")]
pub(super) struct UnknownKey {
    found: SpkiHash,
}

/// The first second that no certificate can name (RFC 5280 §4.1.2.5.2).
const AFTER_ALL: u64 = 253_402_300_800;

impl UpstreamVerifier {
    pub(super) fn of_authorities(
        roots: Arc<RootCertStore>,
        provider: &Arc<CryptoProvider>,
        expiry: Gauge,
    ) -> Result<Self, VerifierBuilderError> {
        let provider = Arc::clone(provider);
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build()?;
        Ok(Self { trusted: Trusted::Authorities(verifier), provider, expiry })
    }

    pub(super) fn of_keys(
        keys: &[SpkiHash],
        provider: &Arc<CryptoProvider>,
        expiry: Gauge,
    ) -> Self {
        Self { trusted: Trusted::Keys(keys.to_vec()), provider: Arc::clone(provider), expiry }
    }

    fn show_expiry(&self, certificate: &ParsedCertificate<'_>) {
        if let Some(expiry) = self.expiry(certificate) {
            #[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³ seconds")]
            self.expiry.set(expiry.as_secs() as f64);
        }
    }

    /// When the certificate expires. Validity is checked first of all, and no authority is trusted:
    /// nothing else of it is looked at.
    fn expiry(&self, certificate: &ParsedCertificate<'_>) -> Option<UnixTime> {
        let refused = verify_server_cert_signed_by_trust_anchor(
            certificate,
            &RootCertStore::empty(),
            &[],
            UnixTime::since_unix_epoch(Duration::from_secs(AFTER_ALL)),
            self.provider.signature_verification_algorithms.all,
        );
        match refused {
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext {
                not_after, ..
            })) => Some(not_after),
            _ => None,
        }
    }
}

impl ServerCertVerifier for UpstreamVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        match &self.trusted {
            Trusted::Authorities(verifier) => {
                verifier.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                )?;
            }
            Trusted::Keys(keys) => {
                let found = SpkiHash::of(&certificate.subject_public_key_info());
                if !keys.contains(&found) {
                    let error = OtherError(Arc::new(UnknownKey { found }));
                    return Err(CertificateError::Other(error).into());
                }
            }
        }
        self.show_expiry(&certificate);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
