//! What a scripted server says, and in which manner.

use std::{
    fmt::Write as _,
    io::{self, Write},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{DEADLINE, wire::Head};

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    manner: Manner,
}

/// How it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    AtOnce,
    /// After this time.
    Late(Duration),
    /// Head and body byte by byte, with this time between any two.
    Drip(Duration),
    /// Not at all, while the connection stays open.
    Silent,
    /// Not at all: the connection is closed.
    HangUp,
    /// The body without end.
    Endless,
}

/// The state of the connection behind an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    Keep,
    Close,
}

impl Page {
    /// 200 with this JSON.
    pub(crate) fn json(value: &Value) -> Self {
        Self::text(&value.to_string()).field("content-type", "application/json")
    }

    /// 200 with this text.
    pub(crate) fn text(body: &str) -> Self {
        Self { body: body.as_bytes().to_vec(), ..Self::status(200) }
    }

    /// An empty answer.
    pub(crate) fn status(status: u16) -> Self {
        Self { status, fields: Vec::new(), body: Vec::new(), manner: Manner::AtOnce }
    }

    /// The same under another status.
    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// No answer: the connection is closed.
    pub(crate) fn hang_up() -> Self {
        Self::status(200).manner(Manner::HangUp)
    }

    /// No answer, and the connection stays open.
    pub(crate) fn silence() -> Self {
        Self::status(200).manner(Manner::Silent)
    }

    /// A body that never ends.
    pub(crate) fn endless() -> Self {
        Self::status(200).manner(Manner::Endless)
    }

    /// With one more header field. Of an `etag`, the page says 304 to who has it.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Said after this time.
    pub(crate) fn late(self, delay: Duration) -> Self {
        self.manner(Manner::Late(delay))
    }

    /// Said byte by byte, with this time between any two.
    pub(crate) fn dripping(self, pause: Duration) -> Self {
        self.manner(Manner::Drip(pause))
    }

    fn manner(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }

    fn is_known_to(&self, asked: &Head) -> bool {
        let etag = self.fields.iter().find(|(name, _)| name == "etag");
        etag.is_some_and(|(_, etag)| asked.field("if-none-match") == Some(etag))
    }

    /// Sends it as the answer. An error where the connection is of no use afterwards.
    pub(crate) fn say(
        &self,
        stream: &mut impl Write,
        asked: &Head,
        afterwards: Afterwards,
    ) -> io::Result<()> {
        let known = self.is_known_to(asked);
        let (status, body) = if known { (304, [].as_slice()) } else { (self.status, &*self.body) };
        let mut text = format!("HTTP/1.1 {status} Scripted\r\n");
        if afterwards == Afterwards::Close {
            text.push_str("connection: close\r\n");
        }
        for (name, value) in &self.fields {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        if self.manner == Manner::Endless {
            stream.write_all(format!("{text}\r\n").as_bytes())?;
            let until = Instant::now() + DEADLINE;
            while Instant::now() < until {
                stream.write_all(&[b' '; 4096])?;
            }
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut bytes = format!("{text}content-length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        match self.manner {
            Manner::HangUp => Err(io::ErrorKind::ConnectionAborted.into()),
            Manner::Silent => {
                thread::sleep(DEADLINE);
                Err(io::ErrorKind::TimedOut.into())
            }
            Manner::Late(delay) => {
                thread::sleep(delay);
                stream.write_all(&bytes)
            }
            Manner::Drip(pause) => bytes.iter().try_for_each(|&byte| {
                thread::sleep(pause);
                stream.write_all(&[byte])?;
                stream.flush()
            }),
            Manner::AtOnce | Manner::Endless => stream.write_all(&bytes),
        }
    }
}
