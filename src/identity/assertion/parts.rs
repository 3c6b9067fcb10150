//! How the three parts of an assertion are written.

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::jose::base64url;

/// The alphabet of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PartEncoding {
    /// base64url without padding, as RFC 7515 has it.
    #[default]
    Base64Url,
    /// Plain base64 with padding, as WSO2's API Manager writes it by default. What is signed are
    /// the parts as they are written, as there.
    Base64,
}

impl PartEncoding {
    pub(super) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Base64Url => base64url::encode(bytes),
            Self::Base64 => BASE64_STANDARD.encode(bytes),
        }
    }

    /// How long so many bytes are, written.
    pub(super) fn length(self, bytes: usize) -> usize {
        match self {
            Self::Base64Url => (bytes * 4).div_ceil(3),
            Self::Base64 => bytes.div_ceil(3) * 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_known_before() {
        for bytes in 0..20 {
            let content = vec![0xfb; bytes];
            for encoding in [PartEncoding::Base64Url, PartEncoding::Base64] {
                assert_eq!(encoding.encode(&content).len(), encoding.length(bytes), "{bytes}");
            }
        }
        assert_eq!(PartEncoding::Base64.encode(&[0xfb, 0xff]), "+/8=");
        assert_eq!(PartEncoding::Base64Url.encode(&[0xfb, 0xff]), "-_8");
    }
}
