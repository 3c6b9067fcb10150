//! What a message is written with (Protocol Buffers, "Encoding").
//!
//! Spans are written straight from their parts. By way of prost's types, a sampled request costs
//! a third more: each name and value is copied into a `String` of its own, and a message of five
//! levels counts the bytes of each attribute five times.

/// A message that is being written. A field of the value 0 and an empty one are its caller's to
/// leave out: what has a choice of fields has them.
#[derive(Debug, Default)]
pub(super) struct MessageWriter(Vec<u8>);

/// How long a field is: what stands beside its number.
#[derive(Clone, Copy)]
enum WireType {
    Varint = 0,
    EightBytes = 1,
    LengthDelimited = 2,
    FourBytes = 5,
}

/// Of a varint, the bits in each byte, and the mark that more bytes follow.
const VARINT_BITS: u32 = 7;
const VARINT_MORE: u8 = 0x80;

impl MessageWriter {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// An `int64`, `uint64`, or an enum.
    pub(super) fn number(&mut self, field: u32, number: u64) {
        self.key(field, WireType::Varint);
        self.varint(number);
    }

    /// A `fixed32`.
    pub(super) fn four_bytes(&mut self, field: u32, number: u32) {
        self.key(field, WireType::FourBytes);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// A `fixed64`.
    pub(super) fn eight_bytes(&mut self, field: u32, number: u64) {
        self.key(field, WireType::EightBytes);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// A `string`, `bytes`, or a message that is written already.
    pub(super) fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.key(field, WireType::LengthDelimited);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A message in this one. Its length is not known before it is written.
    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        self.key(field, WireType::LengthDelimited);
        let start = self.0.len();
        write(self);
        let end = self.0.len();
        self.varint((end - start) as u64);
        let length_bytes = self.0.len() - end;
        if let Some(written) = self.0.get_mut(start..) {
            written.rotate_right(length_bytes);
        }
    }

    fn key(&mut self, field: u32, wire_type: WireType) {
        self.varint(u64::from(field << 3 | wire_type as u32));
    }

    fn varint(&mut self, mut number: u64) {
        loop {
            #[expect(clippy::cast_possible_truncation, reason = "its lowest bits are meant")]
            let bits = number as u8 & !VARINT_MORE;
            number >>= VARINT_BITS;
            if number == 0 {
                return self.0.push(bits);
            }
            self.0.push(bits | VARINT_MORE);
        }
    }
}
