//! What our first SETTINGS frame says of header lists.

use super::{HEAD_BYTES, kind};

/// Announces another size of header lists than h2 does (RFC 9113 §6.5.2).
///
/// h2 announces what it reads of a head. That is more than clients may send, so that a refusal can
/// say which field was too long. What is announced has to be what they may send.
#[derive(Debug)]
pub(super) enum OwnSettings {
    Unsent {
        header_list: u32,
    },
    /// What goes out instead of the first bytes that h2 writes, and how much of it is out.
    Sending {
        bytes: Vec<u8>,
        written: usize,
    },
    Sent,
}

const SETTINGS_MAX_HEADER_LIST_SIZE: [u8; 2] = [0, 6];

/// An identifier and its value.
const SETTING_BYTES: usize = 6;

impl OwnSettings {
    /// What to write of `bytes`, which h2 wants to write next. h2 has its settings in one piece.
    pub(super) fn replace<'b>(&'b mut self, bytes: &'b [u8]) -> &'b [u8] {
        if let Self::Unsent { header_list } = *self {
            *self = Self::Sending { bytes: announcing(header_list, bytes), written: 0 };
        }
        match self {
            Self::Sending { bytes, written } => bytes.get(*written..).unwrap_or_default(),
            Self::Unsent { .. } | Self::Sent => bytes,
        }
    }

    /// So many bytes more are out.
    pub(super) fn written(&mut self, more: usize) {
        if let Self::Sending { bytes, written } = self {
            *written += more;
            if *written >= bytes.len() {
                *self = Self::Sent;
            }
        }
    }

    pub(super) fn are_sent(&self) -> bool {
        matches!(self, Self::Sent)
    }
}

/// The bytes, with that size in the SETTINGS frame that they begin with.
fn announcing(header_list: u32, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some((&mut [_, l0, l1, kind::SETTINGS, ..], payload)) =
        bytes.split_first_chunk_mut::<HEAD_BYTES>()
    {
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let settings = payload.get_mut(..length).unwrap_or_default();
        for setting in settings.chunks_exact_mut(SETTING_BYTES) {
            if let Some((&mut SETTINGS_MAX_HEADER_LIST_SIZE, value)) =
                setting.split_first_chunk_mut()
            {
                value.copy_from_slice(&header_list.to_be_bytes());
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER_LIST: u32 = 0x0001_0000;

    /// Three settings, and a `WINDOW_UPDATE` behind them.
    fn opening(header_list: u32) -> Vec<u8> {
        let [a, b, c, d] = header_list.to_be_bytes();
        let settings = [0, 3, 0, 0, 0, 200, 0, 6, a, b, c, d, 0, 4, 0, 6, 0, 6];
        let update = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 6, 0, 6];
        [&[0, 0, 18, kind::SETTINGS, 0, 0, 0, 0, 0][..], &settings, &update].concat()
    }

    #[test]
    fn f14_the_announced_size_is_ours_however_the_bytes_are_written() {
        for piece in 1..=64 {
            let mut own = OwnSettings::Unsent { header_list: HEADER_LIST };
            let (mut left, mut out) = (&*opening(2 * HEADER_LIST), Vec::new());
            while !left.is_empty() {
                let bytes = own.replace(left);
                let bytes = bytes[..piece.min(bytes.len())].to_vec();
                own.written(bytes.len());
                left = &left[bytes.len()..];
                out.extend_from_slice(&bytes);
            }
            assert_eq!(out, opening(HEADER_LIST), "{piece}");
            assert!(own.are_sent());
            assert_eq!(own.replace(&opening(7)), opening(7), "once");
        }
    }

    #[test]
    fn what_is_not_settings_stays() {
        for bytes in [&opening(7)[..12], &opening(7)[27..], b""] {
            let mut own = OwnSettings::Unsent { header_list: HEADER_LIST };
            assert_eq!(own.replace(bytes), bytes);
        }
    }
}
