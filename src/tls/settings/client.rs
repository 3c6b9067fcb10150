//! The settings of connections that the proxy makes over TLS. They belong to the sections of those
//! who connect.

use std::path::PathBuf;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
    },
    tls::files::{authorities, chain, identity, private_key},
};

use super::parsed_file;

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
    pub(crate) fn build(section: &mut Section<'_>) -> Option<Self> {
        let certificate = section.optional("client_certificate", parsed_file(chain));
        let private_key = section.optional("client_key", parsed_file(private_key));
        let (given, key_given) =
            (section.peek("client_certificate").is_some(), section.peek("client_key").is_some());
        if given != key_given {
            let missing = if given { "client_key" } else { "client_certificate" };
            let message = "missing; a client certificate and its key go together";
            section.mistake(missing, message.to_owned());
        }
        let ((certificate, chain), (private_key, key)) = (certificate?, private_key?);
        if let Err(problem) = identity(chain, key, &private_key, "client_certificate") {
            section.mistake("client_key", problem);
        }
        Some(Self { certificate, private_key })
    }
}

/// A PEM file with at least one certificate of an authority, all of them well-formed.
pub(crate) fn authorities_file(node: &Node) -> Parsed<PathBuf> {
    parsed_file(authorities)(node).map(|(path, _)| path)
}
