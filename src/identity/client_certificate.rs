//! A client's certificate, which the TLS handshake has verified: how it is written in headers and
//! in rules of routes.

mod distinguished_name;
pub mod settings;

use std::{fmt::Write as _, net::IpAddr};

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

use self::settings::CertificateHeaderSettings;

/// What a certificate says of the client. All of it is printable ASCII, whatever is in the
/// certificate: an authority may have signed names that a client chose (threats N-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    subject: String,
    names: Vec<String>,
    fingerprint: String,
    /// Of these, what headers can carry, ready to be set.
    values: HeaderValues,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct HeaderValues {
    subject: HeaderValue,
    names: Option<HeaderValue>,
    fingerprint: HeaderValue,
}

/// A certificate that can't be described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is not DER, or its alternative names are not.
    #[error("the certificate is malformed")]
    Malformed,
    /// Its names need more bytes than a header line may have.
    #[error("the names in the certificate are longer than {MAX_TEXT_BYTES} bytes")]
    TooLong,
}

/// What services accept as a header line.
const MAX_TEXT_BYTES: usize = 8 * 1024;

/// In a name, what could end it, or begin another one in the list.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%').add(b',').add(b';').add(b'\\');

impl ClientCertificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
        let subject = distinguished_name::in_words(certificate.subject());
        let alternative = certificate.subject_alternative_name();
        let alternative = alternative.map_err(|_| CertificateError::Malformed)?;
        let names = alternative.iter().flat_map(|names| &names.value.general_names);
        let names: Vec<_> = names.filter_map(alternative_name).collect();
        let list = names.join(",");
        if subject.len().max(list.len()) > MAX_TEXT_BYTES {
            return Err(CertificateError::TooLong);
        }
        let fingerprint = hex::encode(digest(&SHA256, der));
        let values = HeaderValues {
            subject: header_value(&subject)?,
            names: if list.is_empty() { None } else { Some(header_value(&list)?) },
            fingerprint: header_value(&fingerprint)?,
        };
        Ok(Self { subject, names, fingerprint, values })
    }

    /// Its subject as RFC 4514 writes it, the most specific part first, in ASCII.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Its alternative names: `DNS:`, `URI:`, `email:` or `IP:` and the name, percent-encoded where
    /// a list could not hold it.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The SHA-256 of the certificate, in lower-case hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl CertificateHeaderSettings {
    /// Sets the headers. What clients send in them has been removed before.
    pub fn apply(&self, headers: &mut HeaderMap, certificate: &ClientCertificate) {
        let values = &certificate.values;
        let mut set = |name: &Option<HeaderName>, value: Option<&HeaderValue>| {
            if let (Some(name), Some(value)) = (name, value) {
                headers.insert(name, value.clone());
            }
        };
        set(&self.subject, Some(&values.subject));
        set(&self.san, values.names.as_ref());
        set(&self.fingerprint, Some(&values.fingerprint));
    }
}

/// Names of other kinds are left out: nothing decides by them.
fn alternative_name(name: &GeneralName<'_>) -> Option<String> {
    let (kind, name) = match name {
        GeneralName::DNSName(name) => ("DNS", *name),
        GeneralName::URI(name) => ("URI", *name),
        GeneralName::RFC822Name(name) => ("email", *name),
        GeneralName::IPAddress(octets) => return Some(format!("IP:{}", address(octets)?)),
        _ => return None,
    };
    let mut text = format!("{kind}:");
    // Writing to a String can't fail.
    let _ = write!(text, "{}", utf8_percent_encode(name, ESCAPED));
    Some(text)
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let of_version_4 = || <[u8; 4]>::try_from(octets).ok().map(IpAddr::from);
    <[u8; 16]>::try_from(octets).ok().map(IpAddr::from).or_else(of_version_4)
}

/// Every text here is of printable ASCII.
fn header_value(text: &str) -> Result<HeaderValue, CertificateError> {
    HeaderValue::from_str(text).map_err(|_| CertificateError::Malformed)
}

#[cfg(test)]
mod tests;
