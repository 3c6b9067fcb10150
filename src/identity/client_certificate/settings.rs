//! `[identity.client_certificate]`: the headers that tell the upstream of a client's certificate.

use http::HeaderName;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::header_name,
        writer::{Writer, Written},
    },
    identity::{HeaderUse, are_one_header, check_header_name},
};

pub(crate) mod key {
    pub(crate) const SUBJECT: &str = "subject";
    pub(crate) const SAN: &str = "san";
    pub(crate) const FINGERPRINT: &str = "fingerprint";
}

/// `[identity.client_certificate]`: a header each, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateHeaderSettings {
    /// For the subject.
    pub subject: Option<HeaderName>,
    /// For the subject's alternative names.
    pub san: Option<HeaderName>,
    /// For the SHA-256 of the certificate.
    pub fingerprint: Option<HeaderName>,
}

impl CertificateHeaderSettings {
    /// `None` without the section.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let has_none = [key::SUBJECT, key::SAN, key::FINGERPRINT]
            .iter()
            .all(|name| section.peek(name).is_none());
        if has_none {
            let message = "names no header; expected subject, san or fingerprint";
            section.own_mistake(message.to_owned());
        }
        let settings = Self {
            subject: section.optional(key::SUBJECT, certificate_header),
            san: section.optional(key::SAN, certificate_header),
            fingerprint: section.optional(key::FINGERPRINT, certificate_header),
        };
        let headers: Vec<_> = settings.headers().collect();
        let twice = headers.iter().enumerate().find(|(position, (_, header))| {
            headers.iter().take(*position).any(|(_, first)| are_one_header(first, header))
        });
        if let Some((_, (name, header))) = twice {
            let message =
                format!("found {:?}, which tells something else as well", header.as_str());
            section.mistake(name, message);
        }
        Some(settings)
    }

    pub(crate) fn write(&self) -> Written {
        Writer::default()
            .optional(key::SUBJECT, self.subject.as_ref())
            .optional(key::SAN, self.san.as_ref())
            .optional(key::FINGERPRINT, self.fingerprint.as_ref())
            .table()
    }

    /// The headers that are used, each with its key.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, &HeaderName)> {
        let headers = [
            (key::SUBJECT, &self.subject),
            (key::SAN, &self.san),
            (key::FINGERPRINT, &self.fingerprint),
        ];
        headers.into_iter().filter_map(|(key, header)| header.as_ref().map(|header| (key, header)))
    }
}

fn certificate_header(node: &Node) -> Parsed<HeaderName> {
    let header = header_name(node)?;
    check_header_name(&header, HeaderUse::Request)
        .map_err(|reason| format!("found {:?}, which can't carry it: {reason}", header.as_str()))?;
    Ok(header)
}
