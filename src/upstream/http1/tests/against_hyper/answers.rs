//! The answers of the corpus: an ordinary one of which one thing is different, or two are, or
//! several.

mod chunks;
mod limits;
mod variants;

use std::mem::discriminant;

use http::Method;

use super::{peer::Delivery, requests::CorpusRequest};

use chunks::CHUNKS;
pub(super) use limits::limits;
use variants::VARIANTS;

/// Everything that can be different.
pub(super) fn variants() -> Vec<Variant> {
    [VARIANTS, CHUNKS].concat()
}

/// What ends an answer with its head, or might.
pub(super) fn bodiless() -> Vec<Variant> {
    let kinds = ["HEAD", "101", "204", "304", "HTTP/1.0"];
    VARIANTS.iter().filter(|variant| kinds.contains(&variant.kind)).copied().collect()
}

/// Every framing.
pub(super) fn framings() -> Vec<Variant> {
    let mut all = variants();
    all.retain(|variant| matches!(variant.part, Part::Framing(..)));
    all
}

/// One thing that is different from an ordinary answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variant {
    /// As the table of differences names it.
    pub(super) kind: &'static str,
    pub(super) part: Part,
}

/// A part of an exchange, and what it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Method(&'static str),
    /// What comes ahead of the answer.
    Before(&'static [u8]),
    /// The status line without its end.
    Start(&'static [u8]),
    /// Header lines, each with its end.
    Fields(&'static [u8]),
    /// The header lines that frame the body, and the framed body.
    Framing(&'static [u8], &'static [u8]),
    /// What comes behind the answer, together with it.
    Behind(&'static [u8]),
    /// What comes behind it while the connection is idle.
    Later(&'static [u8]),
    /// What ends the lines of the head.
    LineEnd(&'static [u8]),
    /// So many equal lines.
    Many(&'static [u8], usize),
}

/// An exchange of the corpus.
#[derive(Debug, Clone)]
pub(super) struct AnswerCase {
    pub(super) kinds: Vec<&'static str>,
    pub(super) request: CorpusRequest,
    pub(super) answer: Vec<u8>,
    later: &'static [u8],
}

impl Variant {
    /// Whether an answer can have both.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        let are_lines = matches!(self.part, Part::Fields(_));
        are_lines || discriminant(&self.part) != discriminant(&other.part)
    }
}

impl AnswerCase {
    /// An ordinary exchange with these differences.
    pub(super) fn of(variants: &[Variant]) -> Self {
        let mut draft = Draft::default();
        for variant in variants {
            draft.apply(variant.part);
        }
        Self {
            kinds: variants.iter().map(|variant| variant.kind).collect(),
            request: CorpusRequest::of(draft.method.clone()),
            answer: draft.bytes(),
            later: draft.later,
        }
    }

    /// An answer to a `GET`, as it is.
    fn raw(kind: &'static str, answer: String) -> Self {
        let request = CorpusRequest::of(Method::GET);
        Self { kinds: vec![kind], request, answer: answer.into(), later: b"" }
    }

    /// Up to there, it is the ordinary one.
    pub(super) fn first_unusual_byte(&self) -> usize {
        let ordinary = Draft::default().bytes();
        let same = self.answer.iter().zip(&ordinary).take_while(|(one, other)| one == other);
        if self.kinds.is_empty() { 0 } else { same.count() }
    }

    /// All of the answer at once.
    pub(super) fn whole(&self) -> Delivery {
        Delivery { afterwards: self.later.to_vec(), ..Delivery::whole(&self.answer) }
    }

    /// In two pieces.
    pub(super) fn cut(&self, at: usize) -> Delivery {
        Delivery { afterwards: self.later.to_vec(), ..Delivery::cut(&self.answer, at) }
    }

    pub(super) fn byte_by_byte(&self) -> Delivery {
        let pieces = self.answer.iter().map(|byte| vec![*byte]).collect();
        Delivery { pieces, afterwards: self.later.to_vec(), closes: false }
    }
}

struct Draft {
    method: Method,
    before: &'static [u8],
    start: &'static [u8],
    fields: Vec<u8>,
    framing: &'static [u8],
    body: &'static [u8],
    behind: &'static [u8],
    later: &'static [u8],
    line_end: &'static [u8],
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            method: Method::GET,
            before: b"",
            start: b"HTTP/1.1 200 OK",
            fields: b"x-a: 1\r\n".to_vec(),
            framing: b"content-length: 5\r\n",
            body: b"hello",
            behind: b"",
            later: b"",
            line_end: b"\r\n",
        }
    }
}

impl Draft {
    fn apply(&mut self, part: Part) {
        match part {
            Part::Method(name) => self.method = name.parse().unwrap(),
            Part::Before(before) => self.before = before,
            Part::Start(start) => self.start = start,
            Part::Fields(lines) => self.fields.extend_from_slice(lines),
            Part::Framing(lines, body) => (self.framing, self.body) = (lines, body),
            Part::Behind(behind) => self.behind = behind,
            Part::Later(later) => self.later = later,
            Part::LineEnd(end) => self.line_end = end,
            Part::Many(line, times) => self.fields.extend(line.repeat(times)),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let head = [self.start, b"\r\n", &self.fields, self.framing, b"\r\n"].concat();
        let head = if self.line_end == b"\r\n" { head } else { replaced(&head, self.line_end) };
        [self.before, &head, self.body, self.behind].concat()
    }
}

fn replaced(head: &[u8], end: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut rest = head;
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        lines.extend_from_slice(&rest[..at]);
        lines.extend_from_slice(end);
        rest = &rest[at + 2..];
    }
    lines
}
