//! TLS to upstreams: what one upstream needs of it, shared by all workers.

mod failure;
mod files;
mod renewal;
mod verifier;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustls::{
    ALL_VERSIONS, ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion,
    client::Resumption,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::ServerName,
    sign::SingleCertAndKey,
    version::TLS13,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::telemetry::MetricRegistry;

use super::{
    metrics::Metrics,
    server::{ALPN_HTTP1, ALPN_HTTP2},
    settings::{
        Http2Offer, TlsVersion, UpstreamTlsSettings, UpstreamVerification,
        upstream::{key, server_name_of},
    },
};

use failure::{HandshakeFault, HandshakeOutcome};
use files::UpstreamTlsFiles;
use verifier::UpstreamVerifier;

pub(crate) use failure::HandshakeFailure;
pub(crate) use renewal::keep_upstreams_renewed;

/// A loaded `[upstreams.NAME.tls]`. Its files may change while it is in use; connections that are
/// open stay as they are.
#[derive(Debug)]
pub struct UpstreamTls {
    /// The name in the configuration.
    upstream: String,
    settings: UpstreamTlsSettings,
    in_use: ArcSwap<UpstreamTlsState>,
    metrics: Metrics,
}

/// One content of the files, and the configuration made of it.
#[derive(Debug)]
struct UpstreamTlsState {
    files: UpstreamTlsFiles,
    config: Arc<ClientConfig>,
    /// Its sessions are no older.
    since: Instant,
}

/// A file of `[upstreams.NAME.tls]` can't be used. Shows nothing of a private key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("upstreams.{upstream}.tls.{key}: {problem}")]
pub struct UpstreamTlsError {
    upstream: String,
    key: &'static str,
    problem: String,
}

/// How many sessions may be kept to be resumed. Each is of one name; all endpoints of an upstream
/// have one each.
const MAX_SESSIONS: usize = 64;

/// A resumed session is not verified again: an upstream whose certificate has expired, or whose
/// authority was removed, would be accepted as long as it issues tickets. So sessions are
/// forgotten.
const SESSION_LIFETIME: Duration = Duration::from_hours(1);

impl UpstreamTls {
    /// Reads the files, so it may block.
    ///
    /// # Errors
    /// [`UpstreamTlsError`]: they have changed since the settings were loaded.
    pub fn new(
        upstream: &str,
        settings: &UpstreamTlsSettings,
        metrics: &MetricRegistry,
    ) -> Result<Self, UpstreamTlsError> {
        let metrics = Metrics::register(metrics);
        for outcome in HandshakeOutcome::all() {
            metrics.handshakes.with_label_values(&[upstream, outcome.name()]);
        }
        let at = |(key, problem)| UpstreamTlsError { upstream: upstream.to_owned(), key, problem };
        let files = UpstreamTlsFiles::read(settings, None).map_err(at)?;
        let in_use = UpstreamTlsState::new(upstream, settings, &metrics, files).map_err(at)?;
        Ok(Self {
            upstream: upstream.to_owned(),
            settings: settings.clone(),
            in_use: ArcSwap::from_pointee(in_use),
            metrics,
        })
    }

    /// Reads the files. Where they hold the same as those of `earlier`, and the settings are the
    /// same, that goes on, with its sessions.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn load(
        upstream: &str,
        settings: &UpstreamTlsSettings,
        earlier: Option<&Arc<Self>>,
        metrics: &MetricRegistry,
    ) -> Result<Arc<Self>, UpstreamTlsError> {
        let loaded = Self::new(upstream, settings, metrics)?;
        let is_same = |earlier: &&Arc<Self>| {
            earlier.settings == loaded.settings
                && loaded.in_use.load().files.is_same(&earlier.in_use.load().files)
        };
        Ok(earlier.filter(is_same).cloned().unwrap_or_else(|| Arc::new(loaded)))
    }

    /// Shows in metrics what is verified: its configuration is in force.
    pub(crate) fn show(&self) {
        for (verify, is_verified) in verifications(&self.settings.verification) {
            let gauge = self.metrics.verification.with_label_values(&[&self.upstream, verify]);
            gauge.set(is_verified.into());
        }
    }

    /// Which protocols are offered.
    pub(crate) fn http2(&self) -> Http2Offer {
        self.settings.http2
    }

    /// Shakes hands with the upstream at `host`, the host of its URL. The caller bounds the time.
    pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        offer: Http2Offer,
        socket: S,
    ) -> Result<TlsStream<S>, HandshakeFailure> {
        let counted = CountedHandshake { tls: self, outcome: HandshakeOutcome::Timeout };
        let outcome = self.shake_hands(host, offer, socket).await;
        counted.ends(&outcome);
        outcome
    }

    async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        offer: Http2Offer,
        socket: S,
    ) -> Result<TlsStream<S>, HandshakeFailure> {
        let name = self.server_name(host)?;
        let connector = TlsConnector::from(Arc::clone(&self.in_use.load().config));
        let connecting = connector.with_alpn(protocols(offer)).connect(name, socket);
        let stream = connecting.await.map_err(|error| HandshakeFailure::of(&error))?;
        if offer == Http2Offer::Only && !is_http2(&stream) {
            let detail = "the upstream does not speak HTTP/2";
            return Err(HandshakeFailure::new(HandshakeFault::Protocol, detail));
        }
        Ok(stream)
    }

    fn server_name(&self, host: &str) -> Result<ServerName<'static>, HandshakeFailure> {
        if let Some(name) = &self.settings.server_name {
            return Ok(name.clone());
        }
        server_name_of(host).ok_or_else(|| {
            let detail = "the host is no name that a certificate can have";
            HandshakeFailure::new(HandshakeFault::NameMismatch, detail)
        })
    }

    fn count(&self, outcome: HandshakeOutcome) {
        self.metrics.handshakes.with_label_values(&[&self.upstream, outcome.name()]).inc();
    }
}

/// Whether that protocol was agreed on.
pub(crate) fn is_http2<S>(stream: &TlsStream<S>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(ALPN_HTTP2)
}

/// Counts the handshake at its end, or when it is given up.
struct CountedHandshake<'t> {
    tls: &'t UpstreamTls,
    outcome: HandshakeOutcome,
}

impl CountedHandshake<'_> {
    fn ends<S>(mut self, outcome: &Result<TlsStream<S>, HandshakeFailure>) {
        self.outcome = match outcome {
            Ok(stream) => match stream.get_ref().1.handshake_kind() {
                Some(HandshakeKind::Resumed) => HandshakeOutcome::Resumed,
                _ => HandshakeOutcome::Full,
            },
            Err(failure) => HandshakeOutcome::Failed(failure.fault()),
        };
    }
}

impl Drop for CountedHandshake<'_> {
    fn drop(&mut self) {
        self.tls.count(self.outcome);
    }
}

impl UpstreamTlsState {
    fn new(
        upstream: &str,
        settings: &UpstreamTlsSettings,
        metrics: &Metrics,
        files: UpstreamTlsFiles,
    ) -> Result<Self, files::FileProblem> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let expiry = metrics.expiry.with_label_values(&[upstream]);
        let verifier = match &settings.verification {
            UpstreamVerification::Full => {
                // The verifier refuses to be made without any.
                let roots = files.authorities.as_ref().map(|it| Arc::clone(&it.roots));
                let roots = roots.unwrap_or_else(|| Arc::new(RootCertStore::empty()));
                UpstreamVerifier::of_authorities(roots, &provider, expiry)
                    .map_err(|error| (key::CA_FILE, error.to_string()))?
            }
            UpstreamVerification::Pinned(keys) => {
                UpstreamVerifier::of_keys(keys, &provider, expiry)
            }
        };
        let config = client_config(settings.min_version, provider, verifier, &files)
            .map_err(|error| (key::MIN_VERSION, error.to_string()))?;
        Ok(Self { files, config: Arc::new(config), since: Instant::now() })
    }
}

fn client_config(
    min_version: TlsVersion,
    provider: Arc<CryptoProvider>,
    verifier: UpstreamVerifier,
    files: &UpstreamTlsFiles,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(min_version))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &files.identity {
        Some(identity) => {
            let identity = SingleCertAndKey::from(Arc::clone(identity));
            builder.with_client_cert_resolver(Arc::new(identity))
        }
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::in_memory_sessions(MAX_SESSIONS);
    Ok(config)
}

const TLS13_ALONE: &[&SupportedProtocolVersion] = &[&TLS13];

fn versions(min: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match min {
        TlsVersion::Tls12 => ALL_VERSIONS,
        TlsVersion::Tls13 => TLS13_ALONE,
    }
}

fn protocols(offer: Http2Offer) -> Vec<Vec<u8>> {
    match offer {
        Http2Offer::Auto => vec![ALPN_HTTP2.to_vec(), ALPN_HTTP1.to_vec()],
        Http2Offer::Never => vec![ALPN_HTTP1.to_vec()],
        Http2Offer::Only => vec![ALPN_HTTP2.to_vec()],
    }
}

/// Each label, and whether it applies.
fn verifications(verification: &UpstreamVerification) -> [(&'static str, bool); 2] {
    let is_full = *verification == UpstreamVerification::Full;
    [("full", is_full), ("spki", !is_full)]
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
