//! The names of what is shared. Nothing of a token is in them but a digest.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// What an entry is about. A part of its name, so that entries of two kinds never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SharedKind {
    /// A response of an introspection endpoint.
    Introspection,
    /// A bucket of a rate.
    Limit,
    /// What may be used once.
    Replay,
    /// What is no longer accepted.
    Revocation,
}

/// The name of one entry, the same in every replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SharedKey {
    kind: SharedKind,
    digest: [u8; 32],
}

impl SharedKey {
    /// `digest` is SHA-256 over everything that makes the entry what it is, with no doubt where
    /// one part ends and the next begins (threat I-6).
    pub fn new(kind: SharedKind, digest: [u8; 32]) -> Self {
        Self { kind, digest }
    }

    /// Its name on the server.
    pub(super) fn name(&self, prefix: &str) -> String {
        let digest = BASE64_URL_SAFE_NO_PAD.encode(self.digest);
        format!("{prefix}:{}:{digest}", self.kind.label())
    }
}

impl SharedKind {
    /// The name of the log of this kind. No digest is as short.
    pub(super) fn log_name(self, prefix: &str) -> String {
        format!("{prefix}:{}:log", self.label())
    }

    fn label(self) -> &'static str {
        match self {
            Self::Introspection => "introspection",
            Self::Limit => "limit",
            Self::Replay => "replay",
            Self::Revocation => "revocation",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i6_no_two_entries_have_the_same_name() {
        let name = |kind, byte| SharedKey::new(kind, [byte; 32]).name("cs");
        let digest = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
        assert_eq!(name(SharedKind::Replay, 1), format!("cs:replay:{digest}"));
        assert_ne!(name(SharedKind::Replay, 1), name(SharedKind::Replay, 2));
        assert_ne!(name(SharedKind::Replay, 1), name(SharedKind::Revocation, 1));
        assert_eq!(SharedKind::Revocation.log_name("cs"), "cs:revocation:log");
    }
}
