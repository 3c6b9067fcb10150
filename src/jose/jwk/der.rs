//! A reader for the little DER that keys are wrapped in (X.690): borrowed, strict, no recursion.

/// A position in DER-encoded bytes.
#[derive(Debug, Clone, Copy)]
pub(in crate::jose) struct Der<'d>(&'d [u8]);

/// Tags of the types that occur around keys.
pub(in crate::jose) const INTEGER: u8 = 0x02;
pub(in crate::jose) const BIT_STRING: u8 = 0x03;
pub(in crate::jose) const OCTET_STRING: u8 = 0x04;
pub(in crate::jose) const OBJECT_ID: u8 = 0x06;
pub(in crate::jose) const SEQUENCE: u8 = 0x30;

impl<'d> Der<'d> {
    pub(in crate::jose) fn new(bytes: &'d [u8]) -> Self {
        Self(bytes)
    }

    /// The contents of the next value, which must have this tag.
    pub(in crate::jose) fn next(&mut self, tag: u8) -> Option<&'d [u8]> {
        let (found, contents, rest) = split(self.0)?;
        if found != tag {
            return None;
        }
        self.0 = rest;
        Some(contents)
    }

    /// The contents of the next value to read on in.
    pub(in crate::jose) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.next(tag).map(Self)
    }

    /// The magnitude of the next INTEGER, which must not be negative, without leading zeros.
    pub(in crate::jose) fn unsigned(&mut self) -> Option<&'d [u8]> {
        match self.next(INTEGER)? {
            [0, magnitude @ ..] if !magnitude.is_empty() => Some(magnitude),
            [top, ..] if *top >= 0x80 => None,
            [] => None,
            magnitude => Some(magnitude),
        }
    }

    /// The bytes of the next BIT STRING, which must have no unused bits.
    pub(in crate::jose) fn bits(&mut self) -> Option<&'d [u8]> {
        match self.next(BIT_STRING)? {
            [0, bytes @ ..] => Some(bytes),
            _ => None,
        }
    }

    /// Skips the next value if it has this tag.
    pub(in crate::jose) fn skip_if(&mut self, tag: u8) {
        let _ = self.next(tag);
    }

    /// Whether nothing is left.
    pub(in crate::jose) fn is_done(self) -> bool {
        self.0.is_empty()
    }
}

/// Tag, contents and rest. Only low tag numbers and the shortest definite length are DER.
fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let length = if *first < 0x80 {
        usize::from(*first)
    } else {
        let octets;
        (octets, rest) = rest.split_at_checked(usize::from(*first & 0x7f))?;
        let length = match octets {
            [a] => usize::from(*a),
            [a, b] => usize::from(u16::from_be_bytes([*a, *b])),
            // 64 KiB and more, or the indefinite form.
            _ => return None,
        };
        let shortest = length >= 0x80 && (octets.len() == 1 || length > 0xff);
        shortest.then_some(length)?
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((*tag, contents, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_one_after_the_other() {
        let mut der = Der::new(&[SEQUENCE, 3, INTEGER, 1, 5, BIT_STRING, 2, 0, 9]);
        let mut sequence = der.enter(SEQUENCE).unwrap();
        assert_eq!(sequence.unsigned(), Some(&[5][..]));
        assert!(sequence.is_done() && !der.is_done());
        assert_eq!(der.next(SEQUENCE), None);
        assert_eq!(der.bits(), Some(&[9][..]));
        assert!(der.is_done());
    }

    #[test]
    fn an_integer_is_not_negative_and_loses_its_sign_byte() {
        for (der, expected) in [
            (&[2, 1, 0][..], Some(&[0][..])),
            (&[2, 1, 0x7f], Some(&[0x7f])),
            (&[2, 2, 0, 0x80], Some(&[0x80])),
            (&[2, 1, 0x80], None),
            (&[2, 0], None),
            (&[4, 1, 5], None),
        ] {
            assert_eq!(Der::new(der).unsigned(), expected, "{der:x?}");
        }
    }

    #[test]
    fn only_the_shortest_definite_length_is_der() {
        let value = |length: &[u8], contents: usize| {
            let der = [&[OCTET_STRING], length, &vec![7; contents]].concat();
            Der::new(&der).next(OCTET_STRING).map(<[u8]>::len)
        };
        for (length, contents) in [
            (&[0][..], 0),
            (&[0x7f], 0x7f),
            (&[0x81, 0x80], 0x80),
            (&[0x81, 0xff], 0xff),
            (&[0x82, 1, 0], 0x100),
            (&[0x82, 0xff, 0xff], 0xffff),
        ] {
            assert_eq!(value(length, contents), Some(contents), "{length:x?}");
        }
        for (length, contents) in [
            (&[][..], 0),
            (&[1], 0),
            (&[0x80], 2),
            (&[0x81], 0),
            (&[0x81, 5], 5),
            (&[0x81, 0x80], 0x7f),
            (&[0x82, 0, 0xff], 0xff),
            (&[0x83, 0, 1, 0], 0x100),
            (&[0x84, 0xff, 0xff, 0xff, 0xff], 10),
            (&[0xff], 10),
        ] {
            assert_eq!(value(length, contents), None, "{length:x?}");
        }
    }

    #[test]
    fn a_bit_string_has_whole_bytes() {
        for der in [&[3, 2, 1, 8][..], &[3, 0], &[3, 1, 8]] {
            assert_eq!(Der::new(der).bits(), None, "{der:x?}");
        }
        assert_eq!(Der::new(&[3, 1, 0]).bits(), Some(&[][..]));
    }
}
