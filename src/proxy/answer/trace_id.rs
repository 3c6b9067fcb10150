//! The name of one answer.

use std::fmt;

use aws_lc_rs::rand;

/// A random UUID (RFC 9562 §5.4). Always a fresh one: what a client calls its request is the
/// client's word, and says nothing about ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) struct TraceId(u128);

impl TraceId {
    pub(super) fn fresh() -> Self {
        let mut bytes = [0; 16];
        // An id that is not unique is still no reason to leave a request without an answer.
        let _ = rand::fill(&mut bytes);
        Self::from_bytes(bytes)
    }

    fn from_bytes(bytes: [u8; 16]) -> Self {
        const VERSION: u128 = 0xf << 76;
        const VERSION_4: u128 = 4 << 76;
        const VARIANT: u128 = 0b11 << 62;
        const VARIANT_RFC: u128 = 0b10 << 62;
        let random = u128::from_be_bytes(bytes) & !VERSION & !VARIANT;
        Self(random | VERSION_4 | VARIANT_RFC)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0;
        let group = |shift: u32, bits: u32| (id >> shift) & ((1 << bits) - 1);
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            group(96, 32),
            group(80, 16),
            group(64, 16),
            group(48, 16),
            group(0, 48)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_a_random_uuid() {
        let text = |bytes| TraceId::from_bytes(bytes).to_string();
        assert_eq!(text([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(text([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        let counting = std::array::from_fn(|n| u8::try_from(n).unwrap());
        assert_eq!(text(counting), "00010203-0405-4607-8809-0a0b0c0d0e0f");
    }

    #[test]
    fn each_is_another() {
        assert_ne!(TraceId::fresh(), TraceId::fresh());
    }
}
