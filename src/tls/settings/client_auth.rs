//! Which clients may connect.

use std::path::PathBuf;

use crate::{
    config::{reader::Section, values::keyword, writer::Writer},
    tls::files::{authorities, revocation_lists},
};

use super::{key, parsed_file};

/// Certificates of clients, checked while the connection is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAuth {
    /// PEM: the authorities whose certificates are accepted.
    pub authorities: PathBuf,
    /// Whether a client without a certificate is refused. A certificate of another authority is
    /// refused in any case.
    pub required: bool,
    /// PEM: the revocation lists of every authority that certificates are from (RFC 5280 §5).
    /// `None`: none is revoked.
    pub crl_file: Option<PathBuf>,
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

impl ClientAuth {
    /// `client_ca` alone could mean either; taken for "none" it would admit every client against
    /// the operator's intent (threats X-2).
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let has_authorities = section.peek(key::CLIENT_CA).is_some();
        let authorities = section.optional(key::CLIENT_CA, parsed_file(authorities));
        let has_mode = section.peek(key::CLIENT_AUTH).is_some();
        let mode = section.or(key::CLIENT_AUTH, ClientAuthMode::None, keyword(CLIENT_AUTH));
        let has_lists = section.peek(key::CRL_FILE).is_some();
        let crl_file = section.optional(key::CRL_FILE, parsed_file(revocation_lists));
        if has_authorities && !has_mode {
            let message = "missing; expected \"optional\" or \"required\" beside client_ca";
            section.mistake(key::CLIENT_AUTH, message.to_owned());
        }
        if !has_authorities && mode != ClientAuthMode::None {
            let message = "missing; client_auth needs a PEM file with the authorities of clients";
            section.mistake(key::CLIENT_CA, message.to_owned());
        }
        if has_lists && mode == ClientAuthMode::None && (has_mode || !has_authorities) {
            let message = "has no effect where no client certificate is requested; expected \
                           client_auth = \"optional\" or \"required\" beside it";
            section.mistake(key::CRL_FILE, message.to_owned());
        }
        let (authorities, _) = authorities.filter(|_| mode != ClientAuthMode::None)?;
        let crl_file = crl_file.map(|(path, _)| path);
        Some(Self { authorities, required: mode == ClientAuthMode::Required, crl_file })
    }

    pub(super) fn write(auth: Option<&Self>, writer: Writer) -> Writer {
        let mode = match auth {
            None => ClientAuthMode::None,
            Some(auth) if auth.required => ClientAuthMode::Required,
            Some(_) => ClientAuthMode::Optional,
        };
        writer
            .optional_path(key::CLIENT_CA, auth.map(|auth| &*auth.authorities))
            .keyword(key::CLIENT_AUTH, CLIENT_AUTH, &mode)
            .optional_path(key::CRL_FILE, auth.and_then(|auth| auth.crl_file.as_deref()))
    }
}
