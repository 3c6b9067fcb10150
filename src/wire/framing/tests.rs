use http::{HeaderName, Response, StatusCode};

use super::*;

type Fields = [(&'static str, &'static str)];

/// Fields as hyper and h2 give them, with any name that h2 takes.
fn fields(fields: &Fields) -> HeaderMap {
    let named = |(name, value): &(&str, &str)| {
        let name = HeaderName::from_lowercase(name.as_bytes()).unwrap();
        (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    fields.iter().map(named).collect()
}

fn verdict_over(version: Version, found: &Fields, max_lines: usize) -> Result<(), Reason> {
    let mut request = Request::builder().version(version).body(()).unwrap();
    *request.headers_mut() = fields(found);
    check(&request, HeadLimits { bytes: 65_536, lines: max_lines })
}

fn verdict(found: &Fields) -> Result<(), Reason> {
    verdict_over(Version::HTTP_11, found, 100)
}

/// What is left of an answer's `Content-Length`.
fn answered(version: Version, status: u16, found: &Fields) -> Result<Vec<String>, MisframedAnswer> {
    let (mut head, ()) = Response::new(()).into_parts();
    head.version = version;
    head.status = StatusCode::from_u16(status).unwrap();
    head.headers = fields(found);
    check_answer(&mut head)?;
    let lengths = head.headers.get_all(CONTENT_LENGTH).iter();
    Ok(lengths.map(|length| length.to_str().unwrap().to_owned()).collect())
}

#[test]
fn f2_a_transfer_coding_is_chunked_or_nothing() {
    for fields in
        [&[][..], &[("transfer-encoding", "chunked")], &[("transfer-encoding", "Chunked")]]
    {
        assert_eq!(verdict(fields), Ok(()), "{fields:?}");
    }
    for fields in [
        &[("transfer-encoding", "gzip, chunked")][..],
        &[("transfer-encoding", "identity")],
        &[("transfer-encoding", "")],
        &[("transfer-encoding", "chunked, chunked")],
        &[("transfer-encoding", "identity"), ("transfer-encoding", "chunked")],
        &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
    ] {
        assert_eq!(verdict(fields), Err(Reason::FramingNotAllowed), "{fields:?}");
    }
}

#[test]
fn an_expectation_is_100_continue_or_refused() {
    assert_eq!(verdict(&[("expect", "100-Continue")]), Ok(()));
    let other = verdict(&[("expect", "100-continue"), ("expect", "tea")]);
    assert_eq!(other, Err(Reason::ExpectationNotSupported));
}

#[test]
fn f3_a_length_has_one_spelling() {
    for length in ["0", "1", "10", "1000000000000000000", "9223372036854775807"] {
        assert_eq!(verdict(&[("content-length", length)]), Ok(()), "{length:?}");
    }
    for length in [
        "",
        "00",
        "01",
        "010",
        "+1",
        "-1",
        "-0",
        "1, 1",
        "1,",
        ",1",
        "1 1",
        "1 ",
        "0x1",
        "1.0",
        "1e1",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551617",
        "00000000000000000001",
        "１",
    ] {
        let refused = Err(Reason::FramingNotAllowed);
        assert_eq!(verdict(&[("content-length", length)]), refused, "{length:?}");
    }
    let twice = [("content-length", "1"), ("content-length", "1")];
    assert_eq!(verdict(&twice), Err(Reason::FramingNotAllowed));
}

#[test]
fn f3_a_length_is_what_its_number_is_written_as() {
    let bytes = || (0..=u8::MAX).filter(|byte| HeaderValue::from_bytes(&[*byte]).is_ok());
    let pairs = bytes().flat_map(|first| bytes().map(move |second| vec![first, second]));
    for text in bytes().map(|byte| vec![byte]).chain(pairs) {
        let value = HeaderValue::from_bytes(&text).unwrap();
        let is_written = |number: u64| number.to_string().into_bytes() == text;
        let found = length::canonical(&value);
        assert_eq!(found.is_some(), (0..100).any(is_written), "{text:?}");
        assert!(found.is_none_or(is_written), "{text:?}: {found:?}");
    }
}

#[test]
fn f11_a_name_is_a_token_whatever_the_parser_lets_through() {
    for byte in 0..=u8::MAX {
        let name = [b'x', byte];
        let Ok(name) = HeaderName::from_lowercase(&name) else { continue };
        let is_token = HeaderName::from_bytes(name.as_str().as_bytes()).is_ok();
        let mut request = Request::builder().version(Version::HTTP_2).body(()).unwrap();
        request.headers_mut().insert(name.clone(), HeaderValue::from_static("1"));
        assert_eq!(
            check(&request, HeadLimits { bytes: 65_536, lines: 100 }).is_ok(),
            is_token,
            "{name:?}"
        );
    }
    let quoted = verdict_over(Version::HTTP_2, &[("\"x\"", "1")], 100);
    assert_eq!(quoted, Err(Reason::HeaderNotAllowed));
}

#[test]
fn f14_header_lines_are_counted_and_cookies_of_http2_are_one() {
    let lines = [("a", "1"), ("a", "2"), ("b", "3"), ("c", "4")];
    assert_eq!(verdict_over(Version::HTTP_2, &lines, 4), Ok(()));
    assert_eq!(verdict_over(Version::HTTP_2, &lines, 3), Err(Reason::HeaderLinesExceeded));
    let crumbs = [("a", "1"), ("cookie", "b=2"), ("cookie", "c=3"), ("cookie", "d=4")];
    assert_eq!(verdict_over(Version::HTTP_2, &crumbs, 2), Ok(()));
    assert_eq!(verdict_over(Version::HTTP_2, &crumbs, 1), Err(Reason::HeaderLinesExceeded));
}

#[test]
fn f12_an_answer_has_one_length_in_one_spelling() {
    let length = |value| answered(Version::HTTP_11, 200, &[("content-length", value)]);
    for (value, written) in [
        ("10", "10"),
        ("0", "0"),
        ("010", "10"),
        ("00", "0"),
        ("10, 10", "10"),
        ("10 ,010", "10"),
        ("00000000000000000000010", "10"),
    ] {
        assert_eq!(length(value), Ok(vec![written.to_owned()]), "{value:?}");
    }
    for value in ["", "+1", "-0", "1,", "1, 2", "1;x", "0x1", "9223372036854775808"] {
        assert_eq!(length(value), Err(MisframedAnswer::Length), "{value:?}");
    }
    let both = |other| [("content-length", "1"), ("content-length", other)];
    assert_eq!(answered(Version::HTTP_2, 200, &both("01")), Ok(vec!["1".to_owned()]));
    assert_eq!(answered(Version::HTTP_2, 200, &both("2")), Err(MisframedAnswer::Length));
}

#[test]
fn f12_an_answer_is_framed_once() {
    let coded = |value| answered(Version::HTTP_11, 200, &[("transfer-encoding", value)]);
    assert_eq!(coded("CHUNKED"), Ok(vec![]));
    for value in ["", "identity", "gzip, chunked", "chunked, chunked", "chunked;x"] {
        assert_eq!(coded(value), Err(MisframedAnswer::Coding), "{value:?}");
    }
    let chunked = ("transfer-encoding", "chunked");
    let twice = answered(Version::HTTP_11, 200, &[chunked, chunked]);
    assert_eq!(twice, Err(MisframedAnswer::Coding));
    let both = answered(Version::HTTP_11, 200, &[("content-length", "1"), chunked]);
    assert_eq!(both, Err(MisframedAnswer::LengthAndCoding));
    let old = answered(Version::HTTP_10, 304, &[chunked]);
    assert_eq!(old, Err(MisframedAnswer::CodingInHttp10));
}

#[test]
fn f12_what_has_no_body_announces_none() {
    let chunked = [("transfer-encoding", "chunked")];
    for status in [101, 204] {
        let length = |value| answered(Version::HTTP_11, status, &[("content-length", value)]);
        let announced = MisframedAnswer::BodyAnnounced(StatusCode::from_u16(status).unwrap());
        assert_eq!(length("0"), Ok(vec![]), "{status}");
        assert_eq!(length("5"), Err(announced), "{status}");
        assert_eq!(answered(Version::HTTP_11, status, &chunked), Err(announced), "{status}");
    }
    // What a GET would have had.
    let kept = answered(Version::HTTP_11, 304, &[("content-length", "05")]);
    assert_eq!(kept, Ok(vec!["5".to_owned()]));
    assert_eq!(answered(Version::HTTP_11, 304, &chunked), Ok(vec![]));
}

#[test]
fn f11_names_of_an_http2_answer_are_tokens() {
    let quoted = ("\"x\"", "1");
    assert_eq!(answered(Version::HTTP_2, 200, &[quoted]), Err(MisframedAnswer::FieldName));
    let trailers = |found: &Fields| check_frame(&http_body::Frame::trailers(fields(found)));
    assert_eq!(trailers(&[("x", "1"), quoted]), Err(MisframedAnswer::FieldName));
    assert_eq!(trailers(&[("grpc-status", "0")]), Ok(()));
}
