use super::*;

const LIMITS: HeadLimits = HeadLimits { bytes: 4096, lines: 100 };

fn reader() -> HeadReader {
    HeadReader::new(LIMITS, HeaderMap::new())
}

/// What is read of these pieces: the head, and what is left behind it.
fn read(pieces: &[&[u8]]) -> Result<Option<(AnswerHead, Vec<u8>)>, MalformedHead> {
    let mut reader = reader();
    let mut pieces = pieces.iter();
    for piece in pieces.by_ref() {
        if let Some((head, rest)) = reader.push(Bytes::copy_from_slice(piece))? {
            let others: Vec<u8> = pieces.copied().flatten().copied().collect();
            return Ok(Some((head, [rest.to_vec(), others].concat())));
        }
    }
    Ok(None)
}

/// The head and the rest in words, however the bytes are cut; the same for each way to cut them.
fn shown(bytes: &[u8]) -> Result<Option<String>, MalformedHead> {
    let show = |(head, rest): (AnswerHead, Vec<u8>)| {
        let fields: Vec<_> =
            head.parts.headers.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let AnswerHead { parts, keeps_alive } = head;
        let rest = String::from_utf8_lossy(&rest).into_owned();
        format!("{:?} {} {fields:?} {keeps_alive} {rest:?}", parts.version, parts.status.as_u16())
    };
    let whole = read(&[bytes]).map(|read| read.map(show));
    for cut in 0..bytes.len() {
        let (first, second) = bytes.split_at(cut);
        let in_two = read(&[first, second]).map(|read| read.map(show));
        assert_eq!(in_two.is_err(), whole.is_err(), "cut at {cut}: {in_two:?}");
        if whole.is_ok() {
            assert_eq!(in_two, whole, "cut at {cut}");
        }
    }
    let bytewise: Vec<_> = bytes.chunks(1).collect();
    let bytewise = read(&bytewise).map(|read| read.map(show));
    assert_eq!(bytewise.is_err(), whole.is_err(), "byte by byte: {bytewise:?}");
    if whole.is_ok() {
        assert_eq!(bytewise, whole, "byte by byte");
    }
    whole
}

#[test]
fn a_head_is_read_wherever_it_is_cut() {
    for (bytes, expected) in [
        (
            &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-A: b \r\n\r\nok"[..],
            "HTTP/1.1 200 [\"content-length=\\\"2\\\"\", \"x-a=\\\"b\\\"\"] true \"ok\"",
        ),
        (b"HTTP/1.1 204 No Content\n\n", "HTTP/1.1 204 [] true \"\""),
        (b"HTTP/1.1 200 OK\nx: y\n\r\n\n", "HTTP/1.1 200 [\"x=\\\"y\\\"\"] true \"\\n\""),
        (b"HTTP/1.1 200 OK\r\nx: y\r\n\nz", "HTTP/1.1 200 [\"x=\\\"y\\\"\"] true \"z\""),
        (b"\r\n\r\nHTTP/1.1 404\r\n\r\n", "HTTP/1.1 404 [] true \"\""),
        (b"HTTP/1.1 200 \r\nx:\r\n\r\n", "HTTP/1.1 200 [\"x=\\\"\\\"\"] true \"\""),
        (b"HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.0 200 [] false \"\""),
        (
            b"HTTP/1.0 200 OK\r\nconnection: x, Keep-Alive\r\n\r\n",
            "HTTP/1.0 200 [\"connection=\\\"x, Keep-Alive\\\"\"] true \"\"",
        ),
        (
            b"HTTP/1.1 200 OK\r\nconnection: keep-alive,Close\r\n\r\n",
            "HTTP/1.1 200 [\"connection=\\\"keep-alive,Close\\\"\"] false \"\"",
        ),
        (
            b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\na: b\r\n\r\n",
            "HTTP/1.1 200 [\"a=\\\"b\\\"\"] true \"\"",
        ),
        (b"HTTP/1.1 101 Switching\r\n\r\n\x81\x00", "HTTP/1.1 101 [] true \"\u{fffd}\\0\""),
    ] {
        assert_eq!(shown(bytes).unwrap().as_deref(), Some(expected));
    }
    let bytes = b"HTTP/1.1 200 OK\r\nx: \xe4\xff\r\n\r\n";
    let (head, _) = read(&[bytes]).unwrap().unwrap();
    assert_eq!(head.parts.headers["x"].as_bytes(), b"\xe4\xff");
}

#[test]
fn what_is_no_head_is_an_error_wherever_it_is_cut() {
    for bytes in [
        &b"SSH-2.0-OpenSSH\r\n\r\n"[..],
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.2 200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx y: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx : 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: 1\r\n 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n x: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\x7fb\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n",
        b"HTTP/1.1 200 O\x01K\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\r\n\n",
    ] {
        let read = shown(bytes);
        assert!(read.is_err(), "{}: {read:?}", bytes.escape_ascii());
    }
}

#[test]
fn a_reason_of_its_own_is_kept() {
    for (line, reason) in [("200 OK", None), ("200 Fine", Some("Fine")), ("200 ", Some(""))] {
        let bytes = format!("HTTP/1.1 {line}\r\n\r\n");
        let (head, _) = read(&[bytes.as_bytes()]).unwrap().unwrap();
        let found = head.parts.extensions.get::<ReasonPhrase>();
        assert_eq!(found.map(ReasonPhrase::as_bytes), reason.map(str::as_bytes), "{line}");
    }
}

/// A head with so many lines and bytes.
fn head(lines: usize, bytes: usize) -> Vec<u8> {
    let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
    for _ in 1..lines {
        head.extend_from_slice(b"a:\r\n");
    }
    let filler = bytes.saturating_sub(head.len() + b"a:\r\n\r\n".len());
    head.extend_from_slice(b"a:");
    head.extend(std::iter::repeat_n(b'v', filler));
    head.extend_from_slice(b"\r\n\r\n");
    head
}

#[test]
fn f14_a_head_has_so_many_bytes_and_lines_however_it_comes() {
    for (lines, bytes, is_read) in [
        (1, LIMITS.bytes, true),
        (1, LIMITS.bytes + 1, false),
        (USUAL_LINES + 1, 1024, true),
        (LIMITS.lines, 1024, true),
        (LIMITS.lines + 1, 1024, false),
    ] {
        let head = head(lines, bytes);
        for size in [head.len(), 1000, 7] {
            let pieces: Vec<_> = head.chunks(size).collect();
            match read(&pieces) {
                Ok(Some((head, _))) => {
                    assert!(is_read, "{lines} {bytes} by {size}");
                    assert_eq!(head.parts.headers.len(), lines);
                }
                outcome => assert!(!is_read, "{lines} {bytes} by {size}: {outcome:?}"),
            }
        }
    }
    let mut reader = reader();
    let refused = (0..=LIMITS.bytes)
        .map(|n| reader.push(Bytes::from_static(if n == 0 { b"HTTP/1.1 200 " } else { b"O" })))
        .find(Result::is_err);
    assert_eq!(refused.unwrap().unwrap_err(), MalformedHead::TooLarge, "a head without end");
}

#[test]
fn interim_answers_are_read_over_up_to_a_number() {
    const INTERIM: &[u8] = b"HTTP/1.1 102 Processing\r\n\r\n";
    let last = b"HTTP/1.1 200 OK\r\n\r\n";
    let most = [&INTERIM.repeat(MAX_INTERIM)[..], last].concat();
    assert!(read(&[&most]).unwrap().is_some());
    let more = [INTERIM, &most].concat();
    assert_eq!(read(&[&more]).unwrap_err(), MalformedHead::Interim);
}
