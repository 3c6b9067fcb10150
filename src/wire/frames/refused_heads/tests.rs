use super::*;

/// `:status` of 431, in full.
const STATUS_431: &[u8] = &[0x48, 0x82, 0x68, 0xbf];
/// `:status` and `date`, both out of the table.
const STATUS_AND_DATE: &[u8] = &[0xbf, 0xbe];
const RESET: &[u8] = &PROTOCOL_ERROR.to_be_bytes();

/// The frames that were sent, and how many heads were malformed and too long.
struct Sent {
    finder: RefusedHeadFinder,
    heads: Rc<RefusedHeads>,
}

impl Sent {
    fn new(streams: u32) -> Self {
        let heads = Rc::<RefusedHeads>::default();
        Self { finder: RefusedHeadFinder::new(streams, Rc::clone(&heads)), heads }
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap();
        let head = FrameHead { kind, flags, stream, length, filler: 0 };
        // What is sent next begins behind it.
        self.finder.sent(&head, &[payload, b"\0\0\0"].concat(), 0);
    }

    fn headers(&mut self, flags: u8, stream: u32, block: &[u8]) {
        self.frame(kind::HEADERS, flags | END_HEADERS, stream, block);
    }

    fn found(&self) -> (u32, u32) {
        (self.heads.malformed.get(), self.heads.too_long.get())
    }
}

#[test]
fn f14_a_431_of_h2_is_found_in_every_encoding() {
    let smaller_table = &[0x20][..];
    let size = &[0x3f, 0xe1, 0x1f][..];
    for block in [
        STATUS_431,
        &[0xbe],
        &[0xff, 0x05],
        &[smaller_table, STATUS_431].concat(),
        &[smaller_table, size, STATUS_431].concat(),
        &[0x08, 0x03, b'4', b'3', b'1'],
    ] {
        let mut sent = Sent::new(10);
        sent.headers(END_STREAM, 1, block);
        assert_eq!(sent.found(), (0, 1), "{block:x?}");
    }
}

#[test]
fn f14_an_answer_and_its_trailers_are_no_431_of_h2() {
    let trailer = &[0xc3][..];
    let mut sent = Sent::new(10);
    sent.headers(END_STREAM, 1, STATUS_AND_DATE);
    sent.headers(0, 3, STATUS_AND_DATE);
    sent.headers(END_STREAM, 3, trailer);
    // Interim answers, the answer, its trailers.
    sent.headers(0, 5, &[0xbe]);
    sent.headers(0, 5, STATUS_AND_DATE);
    sent.frame(kind::DATA, 0, 5, b"x");
    sent.headers(END_STREAM, 5, trailer);
    // Cut off, or no header block.
    sent.headers(END_STREAM, 7, &STATUS_431[..3]);
    sent.headers(END_STREAM, 9, &[0x48, 0x82, 0x68]);
    sent.headers(END_STREAM, 11, &[0xff, 0xff, 0xff, 0xff, 0xff]);
    sent.headers(END_STREAM, 13, b"");
    assert_eq!(sent.found(), (0, 0));
    // Its answer has ended: the stream is not known any more.
    sent.headers(END_STREAM, 5, trailer);
    assert_eq!(sent.found(), (0, 1));
}

#[test]
fn f5_a_reset_is_a_malformed_head_unless_the_stream_was_answered() {
    let mut sent = Sent::new(10);
    sent.frame(kind::RST_STREAM, 0, 1, RESET);
    assert_eq!(sent.found(), (1, 0));
    sent.headers(0, 3, STATUS_AND_DATE);
    sent.frame(kind::RST_STREAM, 0, 3, RESET);
    sent.frame(kind::RST_STREAM, 0, 5, &8_u32.to_be_bytes());
    assert_eq!(sent.found(), (1, 0), "an answer that ends early, and another code");
    for stream in [7, 9, 11] {
        sent.headers(END_STREAM, stream, STATUS_431);
    }
    for stream in [9, 7, 11] {
        sent.frame(kind::RST_STREAM, 0, stream, RESET);
    }
    assert_eq!(sent.found(), (1, 3), "h2 resets uploads with a head that was too long");
}

#[test]
fn d2_what_is_known_of_streams_is_bounded() {
    let mut sent = Sent::new(10);
    for stream in (1..2_001).step_by(2) {
        sent.headers(0, stream, STATUS_AND_DATE);
        sent.headers(END_STREAM, stream + 10_000, STATUS_431);
    }
    assert_eq!((sent.finder.answered.len(), sent.finder.too_long.len()), (10, 10));
    sent.finder.reset_by_client(1_999);
    assert_eq!(sent.finder.answered.len(), 9);
}

#[test]
fn f14_a_goaway_for_a_long_head_is_found() {
    let last_and_code = [0, 0, 0, 0, 0, 0, 0, 0xb];
    for (text, found) in [(LONG_HEADS[0], 1), (LONG_HEADS[1], 1), (b"too_many_resets", 0), (b"", 0)]
    {
        let mut sent = Sent::new(10);
        sent.frame(kind::GOAWAY, 0, 0, &[&last_and_code[..], text].concat());
        assert_eq!(sent.found(), (0, found));
        assert_eq!(sent.heads.last_was_too_long.get(), found == 1);
    }
}
