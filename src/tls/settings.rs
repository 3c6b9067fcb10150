//! `[server.tls]`: the certificate for inbound connections, and which clients may connect.

pub(crate) mod client;
pub(crate) mod upstream;

use std::path::{Path, PathBuf};

use crate::config::{
    files::readable_file,
    node::Node,
    reader::{Parsed, Section},
    values::keyword,
    writer::{Writer, Written},
};

use super::files::{authorities, chain, identity, private_key};

pub use client::ClientIdentity;
pub(crate) use client::authorities_file;
pub use upstream::{Http2Offer, SpkiHash, TlsVersion, UpstreamTlsSettings, UpstreamVerification};

pub(crate) mod key {
    pub(crate) const CERTIFICATE: &str = "certificate";
    pub(crate) const PRIVATE_KEY: &str = "private_key";
    pub(crate) const CLIENT_CA: &str = "client_ca";
    pub(crate) const CLIENT_AUTH: &str = "client_auth";
}

/// `[server.tls]`: paths only. The files are read when it is loaded, so that a renewed certificate
/// needs no other settings; see [`TlsSettings::read_files`].
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// PEM: the server's certificate first, then the chain to its authority.
    pub certificate: PathBuf,
    /// PEM: the certificate's private key (PKCS#8, SEC1 or PKCS#1), not encrypted.
    pub private_key: PathBuf,
    /// Whether clients show a certificate. `None`: none is requested.
    pub client_auth: Option<ClientAuth>,
}

/// Certificates of clients, checked while the connection is made. Which one a client showed does
/// not matter to anything later.
#[derive(Debug, Clone)]
pub struct ClientAuth {
    /// PEM: the authorities whose certificates are accepted.
    pub authorities: PathBuf,
    /// Whether a client without a certificate is refused. A certificate of another authority is
    /// refused in any case.
    pub required: bool,
}

/// The keywords of `client_auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientAuthMode {
    None,
    Optional,
    Required,
}

const CLIENT_AUTH: &[(&str, ClientAuthMode)] = &[
    ("none", ClientAuthMode::None),
    ("optional", ClientAuthMode::Optional),
    ("required", ClientAuthMode::Required),
];

/// Where the section is.
pub(super) const SECTION: &str = "server.tls";
const EXPECTED_CERTIFICATE: &str = "the path of a PEM file with the server's certificate";
const EXPECTED_KEY: &str = "the path of a PEM file with the certificate's private key";

impl TlsSettings {
    /// `None` without the section: plain HTTP.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let chain = parsed_file(chain);
        let certificate = section.required(key::CERTIFICATE, EXPECTED_CERTIFICATE, chain);
        let private_key =
            section.required(key::PRIVATE_KEY, EXPECTED_KEY, parsed_file(private_key));
        let client_auth = ClientAuth::read(section);
        let ((certificate, chain), (private_key, key)) = (certificate?, private_key?);
        let of_certificate = section.key_of(key::CERTIFICATE);
        if let Err(problem) = identity(chain, key, &private_key, &of_certificate) {
            section.mistake(key::PRIVATE_KEY, problem);
        }
        Some(Self { certificate, private_key, client_auth })
    }

    pub(crate) fn write(&self) -> Written {
        let authorities = self.client_auth.as_ref().map(|auth| &*auth.authorities);
        let mode = match &self.client_auth {
            None => ClientAuthMode::None,
            Some(auth) if auth.required => ClientAuthMode::Required,
            Some(_) => ClientAuthMode::Optional,
        };
        Writer::default()
            .path(key::CERTIFICATE, &self.certificate)
            .path(key::PRIVATE_KEY, &self.private_key)
            .optional_path(key::CLIENT_CA, authorities)
            .keyword(key::CLIENT_AUTH, CLIENT_AUTH, &mode)
            .table()
    }
}

impl ClientAuth {
    /// `client_ca` alone could mean either; taken for "none" it would admit every client against
    /// the operator's intent (threats X-2).
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let has_authorities = section.peek(key::CLIENT_CA).is_some();
        let authorities = section.optional(key::CLIENT_CA, parsed_file(authorities));
        let has_mode = section.peek(key::CLIENT_AUTH).is_some();
        let mode = section.or(key::CLIENT_AUTH, ClientAuthMode::None, keyword(CLIENT_AUTH));
        if has_authorities && !has_mode {
            let message = "missing; expected \"optional\" or \"required\" beside client_ca";
            section.mistake(key::CLIENT_AUTH, message.to_owned());
        }
        if !has_authorities && mode != ClientAuthMode::None {
            let message = "missing; client_auth needs a PEM file with the authorities of clients";
            section.mistake(key::CLIENT_CA, message.to_owned());
        }
        let (authorities, _) = authorities.filter(|_| mode != ClientAuthMode::None)?;
        Some(Self { authorities, required: mode == ClientAuthMode::Required })
    }
}

/// The path of a file together with what is in it.
fn parsed_file<T>(
    parse: impl Fn(&Path) -> Result<T, String>,
) -> impl Fn(&Node) -> Parsed<(PathBuf, T)> {
    move |node| {
        let path = readable_file(node)?;
        let content = parse(&path)?;
        Ok((path, content))
    }
}
