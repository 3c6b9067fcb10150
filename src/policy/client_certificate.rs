//! `client_certificate` of a route: whose connections it takes.

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        values::text,
        writer::{Writer, Written},
    },
    identity::ClientCertificate,
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
};

use super::settings::key as of_route;

mod key {
    pub(super) const SUBJECT: &str = "subject";
    pub(super) const SAN: &str = "san";
    pub(super) const FINGERPRINT: &str = "fingerprint";
}

/// What a route requires of the certificate of a connection. Whether that holds at all, the
/// handshake has verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateRule {
    /// One of these subjects; empty: any.
    subjects: Vec<String>,
    /// One of these alternative names; empty: any.
    names: Vec<String>,
    /// One of these SHA-256 fingerprints; empty: any.
    fingerprints: Vec<String>,
}

/// The rule that any certificate meets.
const ANY: &str = "any";

impl CertificateRule {
    /// Reads the key of a route; `None` without it.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Self> {
        const EXPECTED: &str = "\"any\", or a table with subject, san or fingerprint";
        match section.peek(of_route::CLIENT_CERTIFICATE).map(|node| &node.value) {
            None | Some(Value::Table(_)) => {
                section.section(of_route::CLIENT_CERTIFICATE, Self::read_table)
            }
            Some(_) => {
                section.optional(of_route::CLIENT_CERTIFICATE, |node| match node.as_text() {
                    Some(ANY) => Ok(Self::default()),
                    _ => Err(node.mismatch(EXPECTED)),
                })
            }
        }
    }

    fn read_table(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let subject = "a list such as [\"CN=billing,O=Example\"]";
        let subjects = section.list(key::SUBJECT, subject, printable);
        let name =
            "a list such as [\"DNS:billing.internal\", \"URI:spiffe://example.com/billing\"]";
        let names = section.list(key::SAN, name, alternative_name);
        let fingerprint = "a list of SHA-256 fingerprints in hexadecimal digits";
        let fingerprints = section.list(key::FINGERPRINT, fingerprint, fingerprint_of);
        if subjects.is_none() && names.is_none() && fingerprints.is_none() {
            let message = "requires nothing; expected subject, san or fingerprint, or \"any\" in \
                           place of the table";
            section.own_mistake(message.to_owned());
        }
        Some(Self {
            subjects: subjects.unwrap_or_default(),
            names: names.unwrap_or_default(),
            fingerprints: fingerprints.unwrap_or_default(),
        })
    }

    pub(crate) fn write(&self) -> Written {
        if *self == Self::default() {
            return ANY.into();
        }
        Writer::default()
            .list(key::SUBJECT, &self.subjects)
            .list(key::SAN, &self.names)
            .list(key::FINGERPRINT, &self.fingerprints)
            .table()
    }

    /// Whether a connection may take the route.
    ///
    /// # Errors
    /// Why not. It is 403 in either case: no challenge of HTTP asks for a certificate, and a client
    /// that got 401 would look for another token.
    pub fn check(&self, certificate: Option<&ClientCertificate>) -> Result<(), Cause> {
        let Some(certificate) = certificate else {
            let subject = Subject::new(Part::Certificate, Fault::Missing);
            let cause = Reason::ClientCertificateMissing
                .about(subject.setting(of_route::CLIENT_CERTIFICATE));
            return Err(cause);
        };
        let has_subject = || self.subjects.iter().any(|subject| subject == certificate.subject());
        let has_name = || self.names.iter().any(|name| certificate.names().contains(name));
        let has_fingerprint =
            || self.fingerprints.iter().any(|known| known == certificate.fingerprint());
        if (self.subjects.is_empty() || has_subject())
            && (self.names.is_empty() || has_name())
            && (self.fingerprints.is_empty() || has_fingerprint())
        {
            return Ok(());
        }
        // Its names may be those of a person.
        let found = Excerpt::own(format_args!("SHA-256 {}", certificate.fingerprint()));
        let subject = Subject::new(Part::Certificate, Fault::NotAllowed).found(found);
        Err(Reason::ClientCertificateNotAllowed
            .about(subject.setting(of_route::CLIENT_CERTIFICATE)))
    }
}

/// Certificates are compared as they are written, which is in printable ASCII.
fn printable(node: &Node) -> Parsed<String> {
    let text = text(node)?;
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        Ok(text)
    } else {
        Err(node.mismatch("printable ASCII, with \\XX for other bytes (RFC 4514)"))
    }
}

fn alternative_name(node: &Node) -> Parsed<String> {
    let name = printable(node)?;
    let kinds = ["DNS:", "URI:", "email:", "IP:"];
    if kinds.iter().any(|kind| name.strip_prefix(kind).is_some_and(|name| !name.is_empty())) {
        Ok(name)
    } else {
        Err(node.mismatch("a name with its kind: DNS:, URI:, email: or IP:"))
    }
}

/// As openssl prints it, too: in capitals and with colons.
fn fingerprint_of(node: &Node) -> Parsed<String> {
    const EXPECTED: &str = "a SHA-256 fingerprint of 64 hexadecimal digits";
    let digits = text(node)?.replace(':', "").to_ascii_lowercase();
    let is_sha256 = hex::decode(&digits).is_ok_and(|bytes| bytes.len() == 32);
    if is_sha256 { Ok(digits) } else { Err(node.mismatch(EXPECTED)) }
}
