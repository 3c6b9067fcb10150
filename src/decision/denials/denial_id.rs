//! The name of one refusal, in its answer and in the log.

use std::fmt;

use aws_lc_rs::rand;
use uuid::{Builder, Uuid};

/// A random UUID (RFC 9562 §5.4). Always a fresh one: a client's own request id is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decision) struct DenialId(Uuid);

impl DenialId {
    pub(super) fn fresh() -> Self {
        let mut bytes = [0; 16];
        // An id that is not unique is still no reason to leave a request without an answer.
        let _ = rand::fill(&mut bytes);
        Self::from_bytes(bytes)
    }

    fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Builder::from_random_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for DenialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_a_random_uuid() {
        let text = |bytes| DenialId::from_bytes(bytes).to_string();
        assert_eq!(text([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(text([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        let counting = std::array::from_fn(|n| u8::try_from(n).unwrap());
        assert_eq!(text(counting), "00010203-0405-4607-8809-0a0b0c0d0e0f");
    }

    #[test]
    fn each_is_another() {
        assert_ne!(DenialId::fresh(), DenialId::fresh());
    }
}
