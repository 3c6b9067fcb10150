//! How lines hang together.

use aws_lc_rs::digest::{SHA256, digest};

use crate::jose::base64url;

/// The hash of a line: of its bytes without the line break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineHash([u8; 32]);

/// Where the chain is: the number of the next line, and the hash of the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChainLink {
    pub(super) number: u64,
    pub(super) previous: LineHash,
}

impl LineHash {
    pub(super) fn of(line: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, line).as_ref());
        Self(hash)
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        base64url::decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    pub(super) fn to_text(self) -> String {
        base64url::encode(&self.0)
    }
}

impl ChainLink {
    /// Before the first line of all.
    pub(super) const FIRST: Self = Self { number: 1, previous: LineHash([0; 32]) };

    /// After this line.
    pub(super) fn after(self, line: &[u8]) -> Self {
        Self { number: self.number.saturating_add(1), previous: LineHash::of(line) }
    }
}
