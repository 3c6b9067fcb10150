//! The client settings that introspection and registries share.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    config::{
        reader::Section,
        values::{count, duration, size, switch},
        writer::Writer,
    },
    fetch::{FetchRules, settings::EgressProxySettings},
    oauth_client::settings::{ClientProof, key},
    tls::settings::{ClientIdentity, authorities_file, client::key as of_identity},
};

/// How the proxy calls an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// The client authentication.
    pub proof: ClientProof,
    /// Our certificate for the endpoint (mutual TLS).
    pub identity: Option<ClientIdentity>,
    /// A whole lookup with its retry.
    pub timeout: Duration,
    /// The most requests in flight.
    pub concurrency: usize,
    /// The largest accepted answer, in bytes.
    pub max_bytes: usize,
    /// `true`: the endpoint may be plain http on a host that is not this machine.
    pub allow_http: bool,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The proxy that the endpoint is reached through, and the token endpoint of `bearer`.
    pub proxy: Option<EgressProxySettings>,
}

/// What differs from one kind of endpoint to the other.
#[derive(Debug)]
pub(crate) struct ClientDefaults {
    /// Whether an absent `auth` means no authentication.
    pub(crate) is_unauthenticated: bool,
    /// The keys of the endpoint's own URL, and of that of its tokens.
    pub(crate) urls: &'static [&'static str],
    pub(crate) timeout: Duration,
    pub(crate) max_timeout: Duration,
    pub(crate) max_bytes: usize,
    pub(crate) max_max_bytes: usize,
}

const MIN_TIMEOUT: Duration = Duration::from_millis(10);
/// At 100 ms a request, 640 new tokens or signers a second, more than most endpoints bear.
const DEFAULT_CONCURRENCY: usize = 64;
const MAX_CONCURRENCY: usize = 4096;
/// Less holds no answer.
const MIN_MAX_BYTES: usize = 256;

impl ClientSettings {
    /// Whether the endpoint may be plain http: what its own URL depends on.
    pub(crate) fn read_allow_http(section: &mut Section<'_>) -> bool {
        section.or(key::ALLOW_HTTP, false, switch)
    }

    /// `None` after a mistake in the client authentication. `allow_http` has been read before.
    pub(crate) fn read(
        section: &mut Section<'_>,
        allow_http: bool,
        defaults: &ClientDefaults,
    ) -> Option<Self> {
        let proof = ClientProof::read(section, defaults.is_unauthenticated, allow_http);
        let identity = ClientIdentity::read(section);
        let has_certificate = [of_identity::CLIENT_CERTIFICATE, of_identity::CLIENT_KEY]
            .iter()
            .any(|name| section.peek(name).is_some());
        if ClientProof::is_by_certificate(section) && !has_certificate {
            let message = "is tls_client_auth, which needs client_certificate and client_key";
            section.mistake(key::AUTH, message.to_owned());
        }
        let timeouts = duration(MIN_TIMEOUT..=defaults.max_timeout);
        let sizes = size(MIN_MAX_BYTES..=defaults.max_max_bytes);
        let concurrency = count(1..=MAX_CONCURRENCY);
        Some(Self {
            identity,
            timeout: section.or(key::TIMEOUT, defaults.timeout, timeouts),
            concurrency: section.or(key::CONCURRENCY, DEFAULT_CONCURRENCY, concurrency),
            max_bytes: section.or(key::MAX_BYTES, defaults.max_bytes, sizes),
            allow_http,
            ca_file: section.optional(key::CA_FILE, authorities_file),
            proxy: EgressProxySettings::read(section, defaults.urls, key::ALLOW_HTTP),
            // Last, so that a missing part does not hide the mistakes above.
            proof: proof?,
        })
    }

    /// Writes the bounds of a request.
    pub(crate) fn write_bounds(&self, writer: Writer) -> Writer {
        let writer = writer
            .duration(key::TIMEOUT, self.timeout)
            .count(key::CONCURRENCY, self.concurrency)
            .size(key::MAX_BYTES, self.max_bytes)
            .optional_path(key::CA_FILE, self.ca_file.as_deref());
        let writer = match &self.proxy {
            Some(proxy) => proxy.write(writer),
            None => writer.switch(key::ALLOW_HTTP, self.allow_http),
        };
        match &self.identity {
            Some(identity) => identity.write(writer),
            None => writer,
        }
    }

    /// Writes the client authentication.
    pub(crate) fn write_proof(&self, writer: Writer) -> Writer {
        match (&self.proof, &self.identity) {
            (ClientProof::Unauthenticated, None) => writer.text(key::AUTH, "none"),
            (proof, _) => proof.write(writer),
        }
    }

    /// The files that hold secrets, each with the name of its setting.
    pub(crate) fn secret_files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let own_key = self.identity.as_ref().map(|identity| &*identity.private_key);
        self.proof
            .secret_file()
            .into_iter()
            .chain(own_key.map(|file| (of_identity::CLIENT_KEY, file)))
            .chain(self.proxy.as_ref().and_then(EgressProxySettings::secret_file))
    }

    /// The files with certificates, each with the name of its setting.
    pub(crate) fn certificate_files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let own = self.identity.as_ref().map(|identity| &*identity.certificate);
        let own = own.map(|file| (of_identity::CLIENT_CERTIFICATE, file));
        self.ca_file.as_deref().map(|file| (key::CA_FILE, file)).into_iter().chain(own)
    }

    /// The files that say which server is trusted as the endpoint, and how it is reached.
    pub(crate) fn trust_files(&self) -> impl Iterator<Item = &Path> {
        let proxy = self.proxy.as_ref().and_then(EgressProxySettings::secret_file);
        self.ca_file.as_deref().into_iter().chain(proxy.map(|(_, file)| file))
    }

    /// All files that it reads: who is trusted as the endpoint, and as whom the proxy calls it.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.certificate_files().chain(self.secret_files()).map(|(_, file)| file)
    }

    /// The bounds of each exchange.
    pub fn fetch_rules(&self) -> FetchRules {
        FetchRules {
            #[cfg(feature = "otel")]
            http2: false,
            deadline: self.timeout,
            max_bytes: self.max_bytes,
            ca_file: self.ca_file.clone(),
            identity: self.identity.clone(),
            proxy: self.proxy.clone(),
            idle_connections: self.concurrency,
        }
    }
}
