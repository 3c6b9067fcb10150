//! The server's certificates, one or several, and which client gets which.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use rustls::{pki_types::CertificateDer, sign::CertifiedKey};

use crate::{
    config::{
        reader::Section,
        values::keyword,
        writer::{Writer, list_of},
    },
    tls::{
        files::{chain, identity, private_key},
        names::server_names,
    },
};

use super::{key, parsed_file};

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the server's certificate first, then the chain to its authority.
    pub certificate: PathBuf,
    /// PEM: the certificate's private key (PKCS#8, SEC1 or PKCS#1), not encrypted.
    pub private_key: PathBuf,
}

/// What a client gets whose server name (SNI) is in no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownName {
    /// The first certificate.
    #[default]
    Default,
    /// No connection. Nor does a client that names no server get one.
    Refuse,
}

const UNKNOWN_NAME: &[(&str, UnknownName)] =
    &[("default", UnknownName::Default), ("refuse", UnknownName::Refuse)];

/// Each certificate takes a part of every handshake's configuration.
const MAX_CERTIFICATES: usize = 1000;

const EXPECTED_CERTIFICATE: &str = "the path of a PEM file with the server's certificate";
const EXPECTED_KEY: &str = "the path of a PEM file with the certificate's private key";

impl UnknownName {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        section.or(key::UNKNOWN_NAME, Self::Default, keyword(UNKNOWN_NAME))
    }

    pub(super) fn write(self, writer: Writer) -> Writer {
        writer.keyword(key::UNKNOWN_NAME, UNKNOWN_NAME, &self)
    }
}

/// `certificate` and `private_key`, or `certificates` with several of both.
pub(super) fn read(section: &mut Section<'_>) -> Option<Vec<CertificateFiles>> {
    if section.peek(key::CERTIFICATES).is_none() {
        return CertificateFiles::read(section).map(|(files, _)| vec![files]);
    }
    for single in [key::CERTIFICATE, key::PRIVATE_KEY] {
        if section.node(single).is_some() {
            let message = "has no effect beside certificates; expected it as one of these";
            section.mistake(single, message.to_owned());
        }
    }
    let mut named = BTreeSet::new();
    let mut is_first = true;
    let certificates = section.tables(key::CERTIFICATES, |section| {
        let (files, chain) = CertificateFiles::read(section)?;
        let names = chain.as_ref().and_then(|chain| chain.first()).map(server_names);
        let before = named.len();
        named.extend(names.unwrap_or_default());
        let has_new = named.len() > before || chain.is_none();
        if !std::mem::take(&mut is_first) && !has_new {
            let message = "has no DNS name that an earlier certificate does not have, so that no \
                           client would get it";
            section.mistake(key::CERTIFICATE, message.to_owned());
        }
        Some(files)
    });
    if certificates.is_empty() || certificates.len() > MAX_CERTIFICATES {
        let message = format!("expected 1 to {MAX_CERTIFICATES} certificates");
        section.mistake(key::CERTIFICATES, message);
    }
    certificates.into_iter().collect()
}

pub(super) fn write(certificates: &[CertificateFiles], writer: Writer) -> Writer {
    match certificates {
        [only] => only.write(writer),
        several => {
            let written = several.iter().map(|files| files.write(Writer::default()).table());
            writer.value(key::CERTIFICATES, list_of(written))
        }
    }
}

impl CertificateFiles {
    /// With the certificates, unless files are not read.
    fn read(section: &mut Section<'_>) -> Option<(Self, Option<Vec<CertificateDer<'static>>>)> {
        let certificate =
            section.required(key::CERTIFICATE, EXPECTED_CERTIFICATE, parsed_file(chain));
        let private_key =
            section.required(key::PRIVATE_KEY, EXPECTED_KEY, parsed_file(private_key));
        let ((certificate, chain), (private_key, key)) = (certificate?, private_key?);
        let of_certificate = section.key_of(key::CERTIFICATE);
        let judged = chain
            .clone()
            .zip(key)
            .map(|(chain, key)| identity(chain, key, &private_key, &of_certificate));
        if let Some(Err(problem)) = judged {
            section.mistake(key::PRIVATE_KEY, problem);
        }
        Some((Self { certificate, private_key }, chain))
    }

    fn write(&self, writer: Writer) -> Writer {
        writer.path(key::CERTIFICATE, &self.certificate).path(key::PRIVATE_KEY, &self.private_key)
    }

    /// The certificate with its chain and key, as the files are now. `section` has them. An error
    /// comes with the key of the file.
    pub(in crate::tls) fn load(
        &self,
        section: &str,
    ) -> Result<Arc<CertifiedKey>, (&'static str, String)> {
        let at = |key| move |problem| (key, problem);
        let chain = chain(&self.certificate).map_err(at(key::CERTIFICATE))?;
        let own_key = private_key(&self.private_key).map_err(at(key::PRIVATE_KEY))?;
        let of_certificate = format!("{section}.{}", key::CERTIFICATE);
        let identity = identity(chain, own_key, &self.private_key, &of_certificate)
            .map_err(at(key::PRIVATE_KEY))?;
        Ok(Arc::new(identity))
    }
}

/// The setting of a certificate among several, or of the only one.
pub(super) fn section_of(section: &str, position: usize, count: usize) -> String {
    match count {
        0 | 1 => section.to_owned(),
        _ => format!("{section}.{}[{position}]", key::CERTIFICATES),
    }
}
