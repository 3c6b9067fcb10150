//! What a signature is over.

/// What is known of a payload without keeping it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadFacts {
    /// SHA-256 over its bytes as received; `None` where it is not needed.
    pub sha256: Option<[u8; 32]>,
    /// Its length in bytes.
    pub length: u64,
    /// `body`, or `path` where there is none.
    pub kind: &'static str,
}
