//! The settings of connections that the proxy makes over TLS. They belong to the sections of those
//! who connect.

use std::path::PathBuf;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        writer::Writer,
    },
    tls::files::{authorities, chain, identity, private_key},
};

use super::parsed_file;

pub(crate) mod key {
    pub(crate) const CLIENT_CERTIFICATE: &str = "client_certificate";
    pub(crate) const CLIENT_KEY: &str = "client_key";
}

/// A client certificate (RFC 8705), as PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate and its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub private_key: PathBuf,
}

impl ClientIdentity {
    /// `client_certificate` and `client_key` of a section; `None` without them.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Self> {
        let certificate = section.optional(key::CLIENT_CERTIFICATE, parsed_file(chain));
        let private_key = section.optional(key::CLIENT_KEY, parsed_file(private_key));
        let (given, key_given) = (
            section.peek(key::CLIENT_CERTIFICATE).is_some(),
            section.peek(key::CLIENT_KEY).is_some(),
        );
        if given != key_given {
            let missing = if given { key::CLIENT_KEY } else { key::CLIENT_CERTIFICATE };
            let message = "missing; a client certificate and its key go together";
            section.mistake(missing, message.to_owned());
        }
        let ((certificate, chain), (private_key, own_key)) = (certificate?, private_key?);
        let pair = chain.zip(own_key);
        let judged = pair.map(|(chain, own_key)| {
            identity(chain, own_key, &private_key, key::CLIENT_CERTIFICATE)
        });
        if let Some(Err(problem)) = judged {
            section.mistake(key::CLIENT_KEY, problem);
        }
        Some(Self { certificate, private_key })
    }

    pub(crate) fn write(&self, writer: Writer) -> Writer {
        writer
            .path(key::CLIENT_CERTIFICATE, &self.certificate)
            .path(key::CLIENT_KEY, &self.private_key)
    }
}

/// A PEM file with at least one certificate of an authority, all of them well-formed.
pub(crate) fn authorities_file(node: &Node) -> Parsed<PathBuf> {
    parsed_file(authorities)(node).map(|(path, _)| path)
}
