//! Seals values: what is read back is what was stored, under its own name and not after its expiry.
//!
//! `form (1) | end (8, Unix seconds) | value | tag (32)`. The tag is HMAC-SHA-256 over the form,
//! the name with its length, the end and the value; without a key there is none, which the form
//! shows. A value of one form is never accepted as the other.

use aws_lc_rs::hmac;
use bytes::Bytes;

use crate::clock::UnixTime;

/// The key under which values are sealed, or the decision to do without.
pub(super) struct Seal(Option<hmac::Key>);

/// Why a value is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SealError {
    /// Not ours, or not as we wrote it.
    Forged,
    /// Past its end.
    Ended,
}

/// What surrounds a value.
pub(super) const OVERHEAD: usize = 1 + END_BYTES + TAG_BYTES;

const END_BYTES: usize = 8;
const TAG_BYTES: usize = 32;

const PLAIN: u8 = 0;
const SEALED: u8 = 1;

impl Seal {
    pub(super) fn new(key: Option<&[u8]>) -> Self {
        Self(key.map(|key| hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    pub(super) fn close(&self, name: &str, value: &[u8], end: UnixTime) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(value.len() + OVERHEAD);
        sealed.push(self.form());
        sealed.extend_from_slice(&end.0.to_be_bytes());
        sealed.extend_from_slice(value);
        if let Some(key) = &self.0 {
            let tag = hmac::sign(key, &authenticated(name, &sealed));
            sealed.extend_from_slice(tag.as_ref());
        }
        sealed
    }

    pub(super) fn open(
        &self,
        name: &str,
        sealed: &Bytes,
        now: UnixTime,
    ) -> Result<Bytes, SealError> {
        let body = self.authentic(name, sealed).ok_or(SealError::Forged)?;
        let (form, rest) = body.split_first().ok_or(SealError::Forged)?;
        let (end, value) = rest.split_first_chunk::<END_BYTES>().ok_or(SealError::Forged)?;
        if *form != self.form() {
            return Err(SealError::Forged);
        }
        if now >= UnixTime(i64::from_be_bytes(*end)) {
            return Err(SealError::Ended);
        }
        Ok(sealed.slice_ref(value))
    }

    /// All but the tag, if the tag is right.
    fn authentic<'s>(&self, name: &str, sealed: &'s [u8]) -> Option<&'s [u8]> {
        let Some(key) = &self.0 else {
            return Some(sealed);
        };
        let (body, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
        hmac::verify(key, &authenticated(name, body), tag).ok()?;
        Some(body)
    }

    fn form(&self) -> u8 {
        if self.0.is_some() { SEALED } else { PLAIN }
    }
}

/// The name goes in with its length: no name and body read like another name and body.
fn authenticated(name: &str, body: &[u8]) -> Vec<u8> {
    let length = u64::try_from(name.len()).unwrap_or(u64::MAX);
    [length.to_be_bytes().as_slice(), name.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const END: UnixTime = UnixTime(1_000);
    const BEFORE: UnixTime = UnixTime(999);

    fn sealing() -> Seal {
        Seal::new(Some(&[7; 32]))
    }

    proptest! {
        #[test]
        fn what_was_closed_is_opened(value in prop::collection::vec(any::<u8>(), 0..100)) {
            for seal in [sealing(), Seal::new(None)] {
                let sealed = Bytes::from(seal.close("name", &value, END));
                prop_assert!(sealed.len() <= value.len() + OVERHEAD);
                prop_assert_eq!(seal.open("name", &sealed, BEFORE).unwrap(), value.clone());
            }
        }

        #[test]
        fn nothing_else_opens(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let opened = sealing().open("name", &Bytes::from(bytes), BEFORE);
            prop_assert_eq!(opened, Err(SealError::Forged));
        }
    }

    #[test]
    fn no_bit_can_be_changed_and_no_byte_taken_away() {
        let sealed = sealing().close("name", b"value", END);
        for position in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[position / 8] ^= 1 << (position % 8);
            let opened = sealing().open("name", &Bytes::from(changed), BEFORE);
            assert_eq!(opened, Err(SealError::Forged), "bit {position}");
        }
        for length in 0..sealed.len() {
            let cut = Bytes::copy_from_slice(&sealed[..length]);
            assert_eq!(sealing().open("name", &cut, BEFORE), Err(SealError::Forged), "{length}");
        }
    }

    #[test]
    fn i6_a_value_counts_under_its_own_name_and_key_only() {
        let sealed = Bytes::from(sealing().close("name", b"value", END));
        for name in ["", "nam", "name\0", "mane"] {
            assert_eq!(sealing().open(name, &sealed, BEFORE), Err(SealError::Forged), "{name:?}");
        }
        let other = Seal::new(Some(&[8; 32]));
        assert_eq!(other.open("name", &sealed, BEFORE), Err(SealError::Forged));
    }

    #[test]
    fn i7_a_value_ends_when_it_says() {
        let sealed = Bytes::from(sealing().close("name", b"value", END));
        assert!(sealing().open("name", &sealed, BEFORE).is_ok());
        assert_eq!(sealing().open("name", &sealed, END), Err(SealError::Ended));
    }

    #[test]
    fn an_unsealed_value_never_passes_where_seals_are_wanted_nor_the_other_way_round() {
        let plain = Bytes::from(Seal::new(None).close("name", &[0; 64], END));
        assert_eq!(sealing().open("name", &plain, BEFORE), Err(SealError::Forged));
        let sealed = Bytes::from(sealing().close("name", &[0; 64], END));
        assert_eq!(Seal::new(None).open("name", &sealed, BEFORE), Err(SealError::Forged));
    }
}
