//! HTTP/1.1 messages as both ends of a test read them: by hand, so that the tests do not see the
//! wire through the eyes of the library that the proxy is made of.

use std::{
    fmt,
    io::{self, BufRead, Read},
    sync::{Arc, Mutex},
};

/// A start line and header fields. Bytes are kept as Latin-1, one `char` each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Request line or status line.
    pub(crate) start: String,
    /// Names as they were sent, values without the space around them.
    pub(crate) fields: Vec<(String, String)>,
    /// Apart, as it is another for each request.
    pub(crate) request_id: RequestId,
}

/// The `x-request-id` of a message. It counts in no comparison.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestId(pub(crate) Option<String>);

impl PartialEq for RequestId {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for RequestId {}

/// A body with the trailer fields behind it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
}

/// What a message without any framing has behind its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unframed {
    /// Requests.
    Empty,
    /// Responses.
    UntilClose,
}

impl Head {
    /// Reads one; `None` if the connection ended before its first byte.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(start) = read_line(reader)? else {
            return Ok(None);
        };
        let mut fields = read_fields(reader)?;
        let ids = fields.extract_if(.., |(name, _)| name.eq_ignore_ascii_case("x-request-id"));
        let mut ids: Vec<_> = ids.map(|(_, id)| id).collect();
        assert!(ids.len() <= 1, "several ids: {ids:?}");
        Ok(Some(Self { start, fields, request_id: RequestId(ids.pop()) }))
    }

    /// The value of a field that occurs once; its name is compared without case.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        let value = values.next();
        assert!(values.next().is_none(), "several {name} fields: {self:?}");
        value
    }

    /// Every value of a field.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = move |(field, _): &&(String, String)| field.eq_ignore_ascii_case(name);
        self.fields.iter().filter(named).map(|(_, value)| value.as_str())
    }

    /// The body that the head announces.
    pub(crate) fn read_body(
        &self,
        reader: &mut impl BufRead,
        unframed: Unframed,
    ) -> io::Result<Body> {
        let chunked = self.all("transfer-encoding").any(|coding| coding.contains("chunked"));
        if chunked {
            return read_chunks(reader);
        }
        let mut bytes = Vec::new();
        match (self.field("content-length"), unframed) {
            (Some(length), _) => {
                bytes.resize(length.parse().map_err(io::Error::other)?, 0);
                reader.read_exact(&mut bytes)?;
            }
            (None, Unframed::Empty) => {}
            (None, Unframed::UntilClose) => {
                reader.read_to_end(&mut bytes)?;
            }
        }
        Ok(Body { bytes, trailers: Vec::new() })
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.bytes);
        f.debug_struct("Body").field("text", &text).field("trailers", &self.trailers).finish()
    }
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Body> {
    let mut bytes = Vec::new();
    loop {
        let line = read_line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        if size == 0 {
            return Ok(Body { bytes, trailers: read_fields(reader)? });
        }
        let begin = bytes.len();
        bytes.resize(begin + size, 0);
        reader.read_exact(&mut bytes[begin..])?;
        let end = read_line(reader)?;
        assert_eq!(end.as_deref(), Some(""), "a chunk without its end");
    }
}

fn read_fields(reader: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut fields = Vec::new();
    loop {
        let line = read_line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if line.is_empty() {
            return Ok(fields);
        }
        let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
        fields.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let line = line.strip_suffix(b"\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(Some(latin1(line)))
}

/// Bytes as text, one `char` each.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// A reader that keeps a copy of every byte that came through it.
#[derive(Debug)]
pub(crate) struct Tap<R> {
    pub(crate) inner: R,
    pub(crate) copy: Arc<Mutex<Vec<u8>>>,
}

impl<R: Read> Read for Tap<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.copy.lock().unwrap().extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}
