use proptest::{collection::vec, prelude::*};

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame as it is sent.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The heads found in bytes that arrive in these chunks.
fn heads<'c>(
    follower: &mut FrameFollower,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> Vec<FrameHead> {
    let mut found = Vec::new();
    for mut chunk in chunks {
        found.extend(std::iter::from_fn(|| follower.next(&mut chunk)));
        assert!(chunk.is_empty(), "not all taken");
    }
    found
}

/// The heads in `bytes`, found by looking at all of them at once.
fn decoded(mut bytes: &[u8]) -> Vec<FrameHead> {
    let mut found = Vec::new();
    while let [l0, l1, l2, kind, flags, s0, s1, s2, s3, rest @ ..] = bytes {
        let length = u32::from_be_bytes([0, *l0, *l1, *l2]);
        let (payload, after) = rest.split_at(length as usize);
        let may_be_padded = [kind::DATA, kind::HEADERS, kind::PUSH_PROMISE].contains(kind);
        let padding = match payload.first() {
            Some(padding) if may_be_padded && flags & 8 != 0 => u32::from(*padding) + 1,
            _ => 0,
        };
        let priority = if *kind == kind::HEADERS && flags & 32 != 0 { 5 } else { 0 };
        found.push(FrameHead {
            kind: *kind,
            flags: *flags,
            stream: u32::from_be_bytes([s0 & 0x7f, *s1, *s2, *s3]),
            length,
            filler: padding + priority,
        });
        bytes = after;
    }
    assert!(bytes.is_empty());
    found
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let payload =
        prop_oneof![Just(Vec::new()), vec(any::<u8>(), 1..40), vec(any::<u8>(), 300..301)];
    (0..20_u8, any::<u8>(), any::<u32>(), payload)
        .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, &payload))
}

proptest! {
    #[test]
    fn d2_frames_are_found_however_the_bytes_are_cut(
        frames in vec(any_frame(), 0..20),
        cuts in vec(1..30_usize, 1..20),
    ) {
        let bytes = [PREFACE, &frames.concat()].concat();
        let (mut left, mut chunks) = (&*bytes, Vec::new());
        for cut in cuts.into_iter().cycle() {
            if left.is_empty() {
                break;
            }
            let (chunk, rest) = left.split_at(cut.min(left.len()));
            chunks.push(chunk);
            left = rest;
        }
        let found = heads(&mut FrameFollower::of_client(), chunks);
        prop_assert_eq!(&found, &decoded(&frames.concat()));
        prop_assert_eq!(&found, &heads(&mut FrameFollower::of_client(), [&*bytes]));
        prop_assert_eq!(&found, &heads(&mut FrameFollower::of_client(), bytes.chunks(1)));
        prop_assert_eq!(&found, &heads(&mut FrameFollower::of_server(), [&*frames.concat()]));
    }
}

#[test]
fn what_fills_a_frame_is_not_its_content() {
    let content = |kind, flags, payload: &[u8]| {
        let frame = frame(kind, flags, 1, payload);
        heads(&mut FrameFollower::of_server(), [&*frame])[0].content()
    };
    assert_eq!(content(kind::DATA, 0, b""), 0);
    assert_eq!(content(kind::DATA, 0, b"\x03abc"), 4);
    assert_eq!(content(kind::DATA, flag::PADDED, b"\x02abc"), 1);
    assert_eq!(content(kind::DATA, flag::PADDED, b"\x03abc"), 0);
    assert_eq!(content(kind::DATA, flag::PADDED, b"\xffabc"), 0, "a violation, and no content");
    assert_eq!(content(kind::HEADERS, flag::PRIORITY, b"12345"), 0);
    assert_eq!(content(kind::HEADERS, flag::PRIORITY | flag::PADDED, b"\x0112345ab"), 1);
    assert_eq!(content(kind::PING, flag::PADDED, b"12345678"), 8, "a PING has no padding");
}

/// The bytes after which something is unfinished, of frames that follow the first SETTINGS.
fn unfinished(bytes: &[u8]) -> Vec<Option<u64>> {
    let mut follower = FrameFollower::of_client();
    heads(&mut follower, [PREFACE, &frame(kind::SETTINGS, 0, 0, b"")]);
    let after = |byte| {
        heads(&mut follower, [std::slice::from_ref(byte)]);
        follower.unfinished()
    };
    bytes.iter().map(after).collect()
}

#[test]
fn d1_a_client_may_be_silent_between_frames_only() {
    let ping = frame(kind::PING, 0, 0, &[0; 8]);
    let begun = [Some(1); 16];
    assert_eq!(unfinished(&ping), [&begun[..], &[None]].concat());
    let twice = unfinished(&ping.repeat(2));
    assert_eq!(twice[17..], [&[Some(2); 16][..], &[None]].concat(), "each has its own deadline");
}

#[test]
fn d1_a_header_block_is_one_thing_to_wait_for() {
    let headers = frame(kind::HEADERS, 0, 1, b"ab");
    let more = frame(kind::CONTINUATION, 0, 1, b"");
    let last = frame(kind::CONTINUATION, flag::END_HEADERS, 1, b"c");
    let block = [headers, more, last].concat();
    let seen = unfinished(&block);
    assert_eq!(seen, [&vec![Some(1); block.len() - 1][..], &[None]].concat());
}

#[test]
fn the_payload_of_a_body_has_another_deadline() {
    let seen = unfinished(&frame(kind::DATA, 0, 1, b"abc"));
    assert_eq!(seen, [&[Some(1); 8][..], &[None; 4]].concat());
}

#[test]
fn d1_settings_belong_to_the_preface() {
    let mut follower = FrameFollower::of_client();
    let settings = frame(kind::SETTINGS, 0, 0, &[0; 6]);
    for byte in [PREFACE, &settings].concat() {
        assert_eq!(follower.unfinished(), Some(0));
        heads(&mut follower, [&[byte][..]]);
    }
    assert_eq!(follower.unfinished(), None);
}
