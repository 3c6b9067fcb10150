//! Why a handshake with an upstream fails.

use std::{error::Error, io};

use rustls::{AlertDescription, CertificateError};

use crate::telemetry::cut;

use super::verifier::UnknownKey;

/// A handshake that failed. Nothing of a request was sent.
#[derive(Debug, Clone, thiserror::Error)]
#[error("TLS handshake failed ({}): {detail}", fault.name())]
pub(crate) struct HandshakeFailure {
    fault: HandshakeFault,
    detail: String,
}

/// How a handshake ends: a closed set, which is a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandshakeOutcome {
    /// With certificates.
    Full,
    /// By a ticket of an earlier one.
    Resumed,
    Failed(HandshakeFault),
    /// Given up at the deadline.
    Timeout,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandshakeFault {
    /// The certificate is of an authority that is not trusted.
    UnknownAuthority,
    /// The certificate is of another name.
    NameMismatch,
    Expired,
    NotYetValid,
    /// The certificate's key is not a pinned one.
    UnknownKey,
    /// The certificate is invalid for another reason.
    Certificate,
    /// The upstream refused, such as our certificate.
    Alert,
    /// What came is no TLS, of an old version, or names no protocol that was offered.
    Protocol,
    /// The connection ended or broke.
    Closed,
}

/// The longest detail in a log line, in bytes: a certificate may have hundreds of names.
const MAX_DETAIL: usize = 300;

impl HandshakeFailure {
    /// That of a handshake which did not end with a connection.
    pub(super) fn of(error: &io::Error) -> Self {
        let inner = error.get_ref().map(|error| error as &(dyn Error + 'static));
        let tls = inner.and_then(|error| error.downcast_ref::<rustls::Error>());
        let fault = tls.map_or(HandshakeFault::Closed, HandshakeFault::of);
        match tls {
            // The library shows it as a structure.
            Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) => {
                Self::new(fault, &other.0.to_string())
            }
            _ => Self::new(fault, &error.to_string()),
        }
    }

    pub(super) fn new(fault: HandshakeFault, detail: &str) -> Self {
        Self { fault, detail: cut(detail, MAX_DETAIL).to_owned() }
    }

    pub(super) fn fault(&self) -> HandshakeFault {
        self.fault
    }
}

impl HandshakeFault {
    const ALL: [Self; 9] = [
        Self::UnknownAuthority,
        Self::NameMismatch,
        Self::Expired,
        Self::NotYetValid,
        Self::UnknownKey,
        Self::Certificate,
        Self::Alert,
        Self::Protocol,
        Self::Closed,
    ];

    fn of(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            rustls::Error::NoCertificatesPresented => Self::Certificate,
            // The upstream knows none of the protocols that were offered.
            rustls::Error::AlertReceived(
                AlertDescription::NoApplicationProtocol | AlertDescription::ProtocolVersion,
            ) => Self::Protocol,
            rustls::Error::AlertReceived(_) => Self::Alert,
            _ => Self::Protocol,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Self::UnknownAuthority
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::NameMismatch
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::Other(other) if other.0.is::<UnknownKey>() => Self::UnknownKey,
            _ => Self::Certificate,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::UnknownAuthority => "unknown_authority",
            Self::NameMismatch => "name_mismatch",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::UnknownKey => "unknown_key",
            Self::Certificate => "certificate",
            Self::Alert => "alert",
            Self::Protocol => "protocol",
            Self::Closed => "closed",
        }
    }
}

impl HandshakeOutcome {
    /// All of them.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let failed = HandshakeFault::ALL.map(Self::Failed);
        [Self::Full, Self::Resumed, Self::Timeout].into_iter().chain(failed)
    }

    /// The label.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
            Self::Timeout => "timeout",
            Self::Failed(fault) => fault.name(),
        }
    }
}
