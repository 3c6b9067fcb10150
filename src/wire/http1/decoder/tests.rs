use super::*;

const LIMITS: HeadLimits = HeadLimits { bytes: 64, lines: 3 };

/// What is read of a body that comes in pieces of that size: its data, its trailers, and what is
/// left behind it. It ends with the connection, or is over before.
fn read(
    length: BodyLength,
    bytes: &[u8],
    size: usize,
) -> Result<(Vec<u8>, Vec<String>, usize), MalformedBody> {
    let mut decoder = BodyDecoder::new(length, LIMITS);
    let (mut data, mut trailers) = (Vec::new(), Vec::new());
    let mut left = bytes;
    while !left.is_empty() && !decoder.has_ended() {
        let (piece, rest) = left.split_at(size.min(left.len()));
        left = rest;
        let mut received = Bytes::copy_from_slice(piece);
        while let Some(frame) = decoder.next(&mut received)? {
            match frame.into_data() {
                Ok(part) => data.extend_from_slice(&part),
                Err(frame) => {
                    let fields = frame.into_trailers().unwrap();
                    trailers.extend(fields.iter().map(|(n, v)| format!("{n}: {v:?}")));
                }
            }
        }
        if decoder.has_ended() {
            return Ok((data, trailers, received.len() + left.len()));
        }
        assert!(received.is_empty(), "more was to be received");
    }
    decoder.close()?;
    Ok((data, trailers, left.len()))
}

/// The same for every size of the pieces.
fn read_cut(
    length: BodyLength,
    bytes: &[u8],
) -> Result<(Vec<u8>, Vec<String>, usize), MalformedBody> {
    let whole = read(length, bytes, bytes.len().max(1));
    for size in 1..bytes.len() {
        assert_eq!(read(length, bytes, size), whole, "by {size}");
    }
    whole
}

fn chunked(bytes: &[u8]) -> Result<(Vec<u8>, Vec<String>, usize), MalformedBody> {
    read_cut(BodyLength::Chunked, bytes)
}

#[test]
fn f12_a_body_ends_where_its_length_says() {
    let body = |data: &[u8], left| Ok((data.to_vec(), Vec::new(), left));
    assert_eq!(read_cut(BodyLength::Nothing, b"next"), body(b"", 4));
    assert_eq!(read_cut(BodyLength::Exact(0), b"next"), body(b"", 4));
    assert_eq!(read_cut(BodyLength::Exact(4), b"body"), body(b"body", 0));
    assert_eq!(read_cut(BodyLength::Exact(4), b"bodynext"), body(b"body", 4));
    assert_eq!(read_cut(BodyLength::UntilClose, b"bodynext"), body(b"bodynext", 0));
    assert_eq!(read_cut(BodyLength::UntilClose, b""), body(b"", 0));
    for length in [BodyLength::Exact(5), BodyLength::Exact(u64::MAX), BodyLength::Chunked] {
        assert_eq!(read_cut(length, b""), Err(MalformedBody::Truncated));
    }
    assert_eq!(read_cut(BodyLength::Exact(5), b"body"), Err(MalformedBody::Truncated));
}

#[test]
fn f12_chunks_are_read_wherever_they_are_cut() {
    for (bytes, data, left) in [
        (&b"0\r\n\r\n"[..], &b""[..], 0),
        (b"4\r\nbody\r\n0\r\n\r\n", b"body", 0),
        (b"2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\nHTTP", b"body", 4),
        (b"A\r\n0123456789\r\n000\r\n\r\n", b"0123456789", 0),
        (b"9\r\n\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n0\r\n\r\n\r\n", 0),
        (b"0000000000000004\r\nbody\r\n0\r\n\r\n", b"body", 0),
        (b"4 \t\r\nbody\r\n0;x\r\n\r\n", b"body", 0),
        (b"4;a=\"b\";\xff\r\nbody\r\n0 ; x\r\n\r\n", b"body", 0),
    ] {
        let expected = Ok((data.to_vec(), Vec::new(), left));
        assert_eq!(chunked(bytes), expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn f12_what_is_no_chunk_ends_the_body() {
    for bytes in [
        &b"\r\n"[..],
        b"x\r\n",
        b"-1\r\n",
        b"0x4\r\nbody\r\n",
        b" 4\r\nbody\r\n0\r\n\r\n",
        b"4\nbody\n0\n\n",
        b"4\r\nbody\n0\r\n\r\n",
        b"4\r\nbodyX\r\n0\r\n\r\n",
        b"4\r\nbody\rX0\r\n\r\n",
        b"4\r\rbody\r\n",
        b"4 4\r\nbody\r\n0\r\n\r\n",
        b"4;x\nbody\r\n0\r\n\r\n",
        b"4;x\0\r\nbody\r\n0\r\n\r\n",
        b"0\n\n",
        b"0\r\n\n",
        b"0\r\n\r\r",
        b"00000000000000004\r\nbody\r\n0\r\n\r\n",
        b"10000000000000004\r\nbody\r\n0\r\n\r\n",
        b"0\r\nx: y\n\r\n",
        b"0\r\nx: y\rz\r\n\r\n",
        b"0\r\nx y: 1\r\n\r\n",
        b"0\r\nx : 1\r\n\r\n",
        b"0\r\n: 1\r\n\r\n",
        b"0\r\nx: a\0b\r\n\r\n",
        b"0\r\nx: 1\r\n 2\r\n\r\n",
    ] {
        let read = chunked(bytes);
        let is_cut_short = matches!(read, Err(MalformedBody::Truncated) | Ok(_));
        assert!(!is_cut_short, "{}: {read:?}", bytes.escape_ascii());
    }
    for bytes in
        [&b"4"[..], b"4\r\n", b"4\r\nbod", b"4\r\nbody", b"4\r\nbody\r\n", b"0\r\nx: y\r\n"]
    {
        assert_eq!(chunked(bytes), Err(MalformedBody::Truncated), "{}", bytes.escape_ascii());
    }
    let huge = chunked(b"ffffffffffffffff\r\nbody");
    assert_eq!(huge, Err(MalformedBody::Truncated), "as many digits as are read");
}

#[test]
fn f12_trailers_are_read_within_the_limits_of_a_head() {
    let trailers = |lines: &[&str]| {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        chunked(format!("1\r\nx\r\n0\r\n{lines}\r\nnext").as_bytes())
    };
    let expected = vec!["grpc-status: \"0\"".to_owned(), "x: \"\"".to_owned()];
    assert_eq!(trailers(&["Grpc-Status: 0", "x:"]), Ok((b"x".to_vec(), expected, 4)));
    assert!(trailers(&["a: 1", "b: 2", "c: 3"]).is_ok());
    let refused = Err(MalformedBody::TrailersTooLarge);
    assert_eq!(trailers(&["a: 1", "b: 2", "c: 3", "d: 4"]), refused);
    assert!(trailers(&[&format!("a: {}", "v".repeat(LIMITS.bytes - 8))]).is_ok());
    assert_eq!(trailers(&[&format!("a: {}", "v".repeat(LIMITS.bytes - 7))]), refused);
}

#[test]
fn extensions_of_all_chunks_are_bounded() {
    let chunk = format!("1;{}\r\nx\r\n", "e".repeat(1023));
    let body = |chunks: usize| read(BodyLength::Chunked, chunk.repeat(chunks).as_bytes(), 4096);
    assert_eq!(body(16), Err(MalformedBody::Truncated));
    assert_eq!(body(17), Err(MalformedBody::Extensions));
}
