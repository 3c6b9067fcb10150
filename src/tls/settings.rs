//! `[server.tls]`, and `tls` of a listener: the certificates for inbound connections, and which
//! clients may connect.

pub(crate) mod certificates;
pub(crate) mod client;
mod client_auth;
pub(crate) mod upstream;

use std::path::{Path, PathBuf};

use crate::config::{
    files::readable_file,
    node::Node,
    reader::{Parsed, Section},
    values::{first_duplicate, keyword},
    writer::{Writer, Written},
};

pub use certificates::{CertificateFiles, UnknownName};
pub use client::ClientIdentity;
pub(crate) use client::authorities_file;
pub use client_auth::ClientAuth;
pub use upstream::{Http2Offer, SpkiHash, TlsVersion, UpstreamTlsSettings, UpstreamVerification};

pub(crate) mod key {
    pub(crate) const CERTIFICATE: &str = "certificate";
    pub(crate) const PRIVATE_KEY: &str = "private_key";
    pub(crate) const CERTIFICATES: &str = "certificates";
    pub(crate) const UNKNOWN_NAME: &str = "unknown_name";
    pub(crate) const ALPN: &str = "alpn";
    pub(crate) const CLIENT_CA: &str = "client_ca";
    pub(crate) const CLIENT_AUTH: &str = "client_auth";
    pub(crate) const CRL_FILE: &str = "crl_file";
}

/// TLS of one listener: paths only. The files are read when it is loaded, so that a renewed
/// certificate needs no other settings; see [`TlsSettings::read_files`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Where the section is, for errors.
    pub section: String,
    /// Each with its key. Never empty; the first is for clients that name no server.
    pub certificates: Vec<CertificateFiles>,
    /// What a client gets that names another server than the certificates do.
    pub unknown_name: UnknownName,
    /// The protocols that are offered (RFC 7301), the preferred one first. Never empty.
    pub alpn: Vec<AlpnProtocol>,
    /// Whether clients show a certificate. `None`: none is requested.
    pub client_auth: Option<ClientAuth>,
}

/// A protocol that both sides can agree on in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlpnProtocol {
    /// `h2`
    Http2,
    /// `http/1.1`
    Http1,
}

const ALPN: &[(&str, AlpnProtocol)] =
    &[("h2", AlpnProtocol::Http2), ("http/1.1", AlpnProtocol::Http1)];

impl AlpnProtocol {
    /// Its name in the handshake, which is its name in the configuration.
    pub fn name(self) -> &'static str {
        ALPN.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| *name)
    }
}

impl TlsSettings {
    /// One certificate for all names, no certificates of clients. `section` is where the settings
    /// would be.
    pub fn new(section: &str, certificate: PathBuf, private_key: PathBuf) -> Self {
        Self {
            section: section.to_owned(),
            certificates: vec![CertificateFiles { certificate, private_key }],
            unknown_name: UnknownName::default(),
            alpn: vec![AlpnProtocol::Http2, AlpnProtocol::Http1],
            client_auth: None,
        }
    }

    /// `None` without the section: plain HTTP.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let certificates = certificates::read(section);
        let unknown_name = UnknownName::read(section);
        let alpn = section.list(key::ALPN, "a list of \"h2\" and \"http/1.1\"", keyword(ALPN));
        let alpn = alpn.unwrap_or_else(|| vec![AlpnProtocol::Http2, AlpnProtocol::Http1]);
        if first_duplicate(&alpn).is_some() {
            section.mistake(key::ALPN, "lists a protocol twice".to_owned());
        }
        let client_auth = ClientAuth::read(section);
        let section = section.own_key().to_owned();
        Some(Self { section, certificates: certificates?, unknown_name, alpn, client_auth })
    }

    /// Each certificate with the setting that names it.
    pub(crate) fn certificate_sections(&self) -> impl Iterator<Item = (String, &CertificateFiles)> {
        let count = self.certificates.len();
        let certificates = self.certificates.iter().enumerate();
        certificates
            .map(move |(at, files)| (certificates::section_of(&self.section, at, count), files))
    }

    pub(crate) fn write(&self) -> Written {
        let writer = certificates::write(&self.certificates, Writer::default());
        let writer = self.unknown_name.write(writer);
        let writer = writer.list(key::ALPN, self.alpn.iter().map(|protocol| protocol.name()));
        ClientAuth::write(self.client_auth.as_ref(), writer).table()
    }
}

/// The path of a file together with what is in it.
fn parsed_file<T>(
    parse: impl Fn(&Path) -> Result<T, String>,
) -> impl Fn(&Node) -> Parsed<(PathBuf, Option<T>)> {
    move |node| {
        let path = readable_file(node)?;
        // A lint goes without what files hold.
        let content = node.reads_files().then(|| parse(&path)).transpose()?;
        Ok((path, content))
    }
}
