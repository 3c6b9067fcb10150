//! The head of an answer.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version, header::CONNECTION,
    response::Parts,
};
use httparse::{EMPTY_HEADER, Header, ParserConfig, Status};
use hyper::ext::ReasonPhrase;

use super::HeadLimits;

/// Interim answers before the one that counts. A server that shows that it is alive sends one every
/// few seconds.
const MAX_INTERIM: usize = 100;

/// Header lines for which there is room on the stack. More are parsed a second time.
const USUAL_LINES: usize = 64;

/// Why what came is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedHead {
    /// Not the grammar of RFC 9112.
    #[error("no answer of HTTP/1.1: {0}")]
    Syntax(#[from] httparse::Error),
    /// A status, name or value that is none.
    #[error("no answer of HTTP/1.1: a status, header name or value that is none")]
    Field,
    /// More bytes or lines than allowed.
    #[error("the answer's head is too large")]
    TooLarge,
    /// One interim answer after the other.
    #[error("more than {MAX_INTERIM} interim answers")]
    Interim,
}

/// The head of an answer that is not interim.
#[derive(Debug)]
pub struct AnswerHead {
    /// The answer without its body.
    pub parts: Parts,
    /// Whether the connection may serve another request, as far as the head says.
    pub keeps_alive: bool,
}

/// Reads the head of an answer, in as many pieces as it comes.
#[derive(Debug)]
pub struct HeadReader {
    limits: HeadLimits,
    /// An empty map to be filled.
    headers: HeaderMap,
    interim: usize,
    partial: Option<Box<PartialHead>>,
}

/// The beginning of a head. It is parsed again only once its end is here: one that trickles would
/// else cost the square of its length.
#[derive(Debug, Default)]
struct PartialHead {
    bytes: BytesMut,
    /// How much of it was searched for the end.
    searched: usize,
}

/// What a piece of what was received makes.
enum ParsedHead {
    Whole { head: AnswerHead, length: usize },
    Partial,
}

impl HeadReader {
    /// `headers` is emptied and used for the answer's: a map that is not needed any more has the
    /// room already.
    pub fn new(limits: HeadLimits, mut headers: HeaderMap) -> Self {
        headers.clear();
        Self { limits, headers, interim: 0, partial: None }
    }

    /// Takes the next piece of what was received. Interim answers (1xx but 101) are read over.
    /// Returns the head and what follows it, once it is whole.
    ///
    /// # Errors
    /// It is no answer.
    pub fn push(&mut self, piece: Bytes) -> Result<Option<(AnswerHead, Bytes)>, MalformedHead> {
        let Some(mut received) = self.candidate(piece)? else {
            return Ok(None);
        };
        loop {
            received = without_empty_lines(received);
            if received.is_empty() {
                return Ok(None);
            }
            let ParsedHead::Whole { head, length } = self.parse(&received)? else {
                self.keep(&received)?;
                return Ok(None);
            };
            let rest = received.slice(length..);
            if !is_interim(head.parts.status) {
                return Ok(Some((head, rest)));
            }
            self.interim += 1;
            if self.interim > MAX_INTERIM {
                return Err(MalformedHead::Interim);
            }
            self.headers = head.parts.headers;
            self.headers.clear();
            received = rest;
        }
    }

    /// Everything received so far, if that may be a whole head.
    fn candidate(&mut self, piece: Bytes) -> Result<Option<Bytes>, MalformedHead> {
        let Some(partial) = &mut self.partial else {
            return Ok(Some(piece));
        };
        partial.bytes.extend_from_slice(&piece);
        if partial.has_end() {
            let whole = partial.bytes.split().freeze();
            self.partial = None;
            return Ok(Some(whole));
        }
        if partial.bytes.len() >= self.limits.bytes {
            return Err(MalformedHead::TooLarge);
        }
        Ok(None)
    }

    /// Keeps the beginning of a head. What was searched of it before stays within its limit.
    fn keep(&mut self, beginning: &[u8]) -> Result<(), MalformedHead> {
        if beginning.len() >= self.limits.bytes {
            return Err(MalformedHead::TooLarge);
        }
        let mut partial = Box::<PartialHead>::default();
        partial.bytes.extend_from_slice(beginning);
        partial.searched = beginning.len();
        self.partial = Some(partial);
        Ok(())
    }

    fn parse(&mut self, received: &Bytes) -> Result<ParsedHead, MalformedHead> {
        let mut lines = [const { MaybeUninit::uninit() }; USUAL_LINES];
        match self.parse_with(received, &mut lines) {
            Err(MalformedHead::Syntax(httparse::Error::TooManyHeaders)) => {}
            parsed => return parsed,
        }
        let mut lines = vec![MaybeUninit::uninit(); self.limits.lines];
        match self.parse_with(received, &mut lines) {
            Err(MalformedHead::Syntax(httparse::Error::TooManyHeaders)) => {
                Err(MalformedHead::TooLarge)
            }
            parsed => parsed,
        }
    }

    fn parse_with<'b>(
        &mut self,
        received: &'b Bytes,
        lines: &mut [MaybeUninit<Header<'b>>],
    ) -> Result<ParsedHead, MalformedHead> {
        let mut response = httparse::Response::new(&mut []);
        let parsed = ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            received,
            lines,
        )?;
        let Status::Complete(length) = parsed else {
            return Ok(ParsedHead::Partial);
        };
        if length > self.limits.bytes {
            return Err(MalformedHead::TooLarge);
        }
        let head = self.head(&response, received)?;
        Ok(ParsedHead::Whole { head, length })
    }

    fn head(
        &mut self,
        response: &httparse::Response<'_, '_>,
        received: &Bytes,
    ) -> Result<AnswerHead, MalformedHead> {
        let (mut parts, ()) = Response::new(()).into_parts();
        let code = response.code.ok_or(MalformedHead::Field)?;
        parts.status = StatusCode::from_u16(code).map_err(|_| MalformedHead::Field)?;
        parts.version =
            if response.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
        if response.reason != parts.status.canonical_reason() {
            let reason = response.reason.unwrap_or_default().as_bytes();
            let reason = ReasonPhrase::try_from(reason).map_err(|_| MalformedHead::Field)?;
            parts.extensions.insert(reason);
        }
        parts.headers = std::mem::take(&mut self.headers);
        parts.headers.reserve(response.headers.len());
        let mut persistence = Persistence::default();
        for line in response.headers.iter() {
            let (name, value) = field(line, received)?;
            if name == CONNECTION {
                persistence.see(&value);
            }
            parts.headers.append(name, value);
        }
        let keeps_alive = persistence.keeps_alive(parts.version);
        Ok(AnswerHead { parts, keeps_alive })
    }
}

impl PartialHead {
    /// Whether there is an empty line, with the line ends that a parser may take for one (RFC 9112
    /// §2.2).
    fn has_end(&mut self) -> bool {
        // An end that is cut in the middle begins within the three bytes before.
        let from = self.searched.saturating_sub(3);
        self.searched = self.bytes.len();
        let unsearched = self.bytes.get(from..).unwrap_or_default();
        let ends_line = |rest: &[u8]| rest.starts_with(b"\n") || rest.starts_with(b"\r\n");
        let mut line_feeds = unsearched.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        line_feeds.any(|(at, _)| unsearched.get(at + 1..).is_some_and(ends_line))
    }
}

/// What the `Connection` fields of an answer say (RFC 9112 §9.3).
#[derive(Debug, Default)]
struct Persistence {
    close: bool,
    keep_alive: bool,
}

impl Persistence {
    fn see(&mut self, value: &HeaderValue) {
        for option in value.as_bytes().split(|byte| *byte == b',') {
            let option = option.trim_ascii();
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn keeps_alive(&self, version: Version) -> bool {
        !self.close && (version == Version::HTTP_11 || self.keep_alive)
    }
}

/// Without the empty lines before a status line, which are read over as by every parser.
fn without_empty_lines(mut received: Bytes) -> Bytes {
    loop {
        let empty = match *received {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => return received,
        };
        bytes::Buf::advance(&mut received, empty);
    }
}

fn field(line: &Header<'_>, received: &Bytes) -> Result<(HeaderName, HeaderValue), MalformedHead> {
    let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| MalformedHead::Field)?;
    // An empty value need not point into what was received.
    let value = if line.value.is_empty() { Bytes::new() } else { received.slice_ref(line.value) };
    let value = HeaderValue::from_maybe_shared(value).map_err(|_| MalformedHead::Field)?;
    Ok((name, value))
}

/// The trailers of a body: lines as in a head, up to the empty one.
pub(super) fn trailers(bytes: &[u8], max_lines: usize) -> Result<HeaderMap, MalformedHead> {
    let mut lines = vec![EMPTY_HEADER; max_lines];
    let Status::Complete((_, lines)) = httparse::parse_headers(bytes, &mut lines)? else {
        return Err(MalformedHead::Field);
    };
    let mut trailers = HeaderMap::with_capacity(lines.len());
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes());
        let value = HeaderValue::from_bytes(line.value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(MalformedHead::Field);
        };
        trailers.append(name, value);
    }
    Ok(trailers)
}

/// 101 is none: another protocol follows it.
fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

#[cfg(test)]
mod tests;
