//! The answer of a service over HTTP/1.1, up to the end of the connection. The input is a method,
//! and the answer on the lines after it.

#[path = "answer_http1/hyper.rs"]
mod hyper;

use bytes::Bytes;
use countersign::wire::http1::{BodyDecoder, BodyLength, HeadLimits, HeadReader};
use http::{HeaderMap, Method, StatusCode, header::CONTENT_LENGTH};

const LIMITS: HeadLimits = HeadLimits { bytes: 8 * 1024, lines: 100 };

/// A longer input is cut at every so many bytes only.
const MAX_CUTS: usize = 200;

/// An answer that was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReadAnswer {
    status: StatusCode,
    fields: HeaderMap,
    length: BodyLength,
    body: Vec<u8>,
    trailers: HeaderMap,
    is_whole: bool,
}

/// An answer is the same wherever it is cut, its body is as long as it states, and hyper's client
/// reads the same where ours reads all of it.
pub fn check(input: &[u8]) -> bool {
    let Some(at) = input.iter().position(|byte| *byte == b'\n') else { return false };
    let Ok(method) = Method::from_bytes(&input[..at]) else { return false };
    // Never sent: a request for a tunnel is refused.
    if method == Method::CONNECT {
        return false;
    }
    let input = Bytes::copy_from_slice(&input[at + 1..]);
    let whole = read(&method, std::slice::from_ref(&input));
    for at in (0..=input.len()).step_by(input.len() / MAX_CUTS + 1) {
        let mut one = input.clone();
        let other = one.split_off(at);
        let cut = read(&method, &[one, other]);
        assert!(is_same(cut.as_ref(), whole.as_ref()), "cut at {at}: {cut:?} and not {whole:?}");
    }
    let Some(whole) = whole else { return false };
    assert_length(&whole);
    let is_whole = whole.is_whole;
    if is_whole && whole.status != StatusCode::SWITCHING_PROTOCOLS {
        assert_eq!(Some(whole.without_length()), hyper::read(&method, &input));
    }
    is_whole
}

impl ReadAnswer {
    fn new(status: StatusCode, fields: HeaderMap, length: BodyLength) -> Self {
        let (body, trailers) = (Vec::new(), HeaderMap::new());
        Self { status, fields, length, body, trailers, is_whole: false }
    }

    /// As hyper is to see it, which leaves the spelling of a length as it came.
    fn without_length(mut self) -> Self {
        self.fields.remove(CONTENT_LENGTH);
        self.length = BodyLength::Nothing;
        self
    }
}

/// The answer in these pieces, behind which the connection ends. `None`: there is no head.
fn read(method: &Method, pieces: &[Bytes]) -> Option<ReadAnswer> {
    let mut pieces = pieces.iter().filter(|piece| !piece.is_empty()).cloned();
    let mut reader = HeadReader::new(LIMITS, HeaderMap::new());
    let (head, rest) = pieces.find_map(|piece| reader.push(piece).transpose())?.ok()?;
    let mut parts = head.parts;
    let length = BodyLength::of_answer(method, &mut parts).ok()?;
    let mut answer = ReadAnswer::new(parts.status, parts.headers, length);
    let mut decoder = BodyDecoder::new(length, LIMITS);
    for mut piece in [rest].into_iter().chain(pieces) {
        loop {
            match decoder.next(&mut piece) {
                Err(_) => return Some(answer),
                Ok(None) => break,
                Ok(Some(frame)) => match frame.into_data() {
                    Ok(data) => answer.body.extend_from_slice(&data),
                    Err(frame) => answer.trailers = frame.into_trailers().unwrap(),
                },
            }
        }
        assert!(piece.is_empty() || decoder.has_ended(), "not all was taken");
    }
    answer.is_whole = decoder.close().is_ok();
    Some(answer)
}

/// How much there is of a body that is malformed depends on how it came.
fn is_same(one: Option<&ReadAnswer>, other: Option<&ReadAnswer>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return one == other };
    let (short, long) = if one.body.len() < other.body.len() { (one, other) } else { (other, one) };
    let both_broken = !one.is_whole && !other.is_whole;
    let same_bodies = one.body == other.body || both_broken && long.body.starts_with(&short.body);
    let heads = [one, other].map(|answer| (answer.status, &answer.fields, answer.length));
    same_bodies
        && heads[0] == heads[1]
        && (one.is_whole, &one.trailers) == (other.is_whole, &other.trailers)
}

fn assert_length(answer: &ReadAnswer) {
    let found = answer.body.len() as u64;
    match answer.length {
        BodyLength::Nothing => assert_eq!(found, 0),
        BodyLength::Exact(stated) if answer.is_whole => assert_eq!(found, stated),
        BodyLength::Exact(stated) => assert!(found < stated),
        BodyLength::Chunked => {}
        BodyLength::UntilClose => assert!(answer.is_whole),
    }
}
