//! A client that sends exactly the bytes that it is given, and reads one answer at a time.

use std::{
    io::{self, BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use serde_json::Value;

use super::{
    DEADLINE,
    journal::Journal,
    upstream::UPSTREAM_MARK,
    wire::{Body, Head, Unframed},
};

/// One connection to the proxy. What it sends and receives is written into the journal.
#[derive(Debug)]
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
    journal: Arc<Journal>,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: Head,
    pub(crate) body: Body,
}

/// A request in the making.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    text: Vec<u8>,
    body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr, journal: &Arc<Journal>) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { reader: BufReader::new(stream), journal: Arc::clone(journal) }
    }

    /// Sends bytes, whatever they are. Where the proxy has closed, they are lost without a word:
    /// what it said before can still be read.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.journal.note_sent(bytes);
        let _ = self.reader.get_mut().write_all(bytes);
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish_sending(&self) {
        self.reader.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// Reads one answer. Panics if there is none within the deadline.
    pub(crate) fn read(&mut self) -> Answer {
        self.try_read().unwrap().expect("the proxy closed without an answer")
    }

    /// Reads one answer; `None` if the proxy closes first.
    pub(crate) fn try_read(&mut self) -> io::Result<Option<Answer>> {
        let head = match Head::read(&mut self.reader) {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => return Err(error),
        };
        let status = head.start.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.ok_or(io::ErrorKind::InvalidData)?;
        let body = match status {
            100..200 | 204 | 304 => Body::default(),
            _ => head.read_body(&mut self.reader, Unframed::UntilClose)?,
        };
        let answer = Answer { status, head, body };
        self.journal.note_received(&answer);
        Ok(Some(answer))
    }

    /// Sends a request and reads its answer.
    pub(crate) fn exchange(&mut self, request: &Request) -> Answer {
        self.send(&request.bytes());
        self.read()
    }

    /// Whether the proxy has closed the connection, or does so within the deadline.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.try_read(), Ok(None))
    }

    /// The socket itself, for protocols other than HTTP/1.1.
    pub(crate) fn stream(&mut self) -> &mut BufReader<TcpStream> {
        &mut self.reader
    }
}

impl Answer {
    /// The value of a header that occurs at most once.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }

    /// The reason code of a refusal.
    pub(crate) fn reason(&self) -> Option<String> {
        if self.field("content-type") != Some("application/problem+json") {
            return None;
        }
        let problem: Value = serde_json::from_slice(&self.body.bytes).unwrap();
        problem["reason"].as_str().map(str::to_owned)
    }

    /// Whether the upstream answered, not the proxy itself.
    pub(crate) fn is_from_upstream(&self) -> bool {
        self.head.all(UPSTREAM_MARK).next().is_some()
    }
}

impl Request {
    /// A request to `api.test` without a body.
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self::to("api.test", method, target)
    }

    /// The same to another host.
    pub(crate) fn to(host: &str, method: &str, target: &str) -> Self {
        let text = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n").into_bytes();
        Self { text, body: Vec::new() }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// With one more header, as it is.
    pub(crate) fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b": ");
        self.text.extend_from_slice(value.as_ref());
        self.text.extend_from_slice(b"\r\n");
        self
    }

    /// With `Authorization: Bearer`.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.field("authorization", format!("Bearer {token}"))
    }

    /// With a body of known length.
    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.field("content-length", body.len().to_string())
    }

    /// The bytes to send.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [&self.text, b"\r\n".as_slice(), &self.body].concat()
    }
}
