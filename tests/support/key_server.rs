//! The issuer's web server: key sets and metadata, in good times and in bad.

use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{BufReader, Write},
    net::TcpStream,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{DEADLINE, listening::Listening, wire::Head};

/// Serves one [`Page`] per path; a path without one is 404. Pages can be swapped at any time.
#[derive(Debug)]
pub(crate) struct KeyServer {
    listening: Listening,
    state: Arc<State>,
}

/// What is said at one path.
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

#[derive(Debug, Default)]
struct State {
    pages: Mutex<HashMap<String, Page>>,
    asked: Mutex<Vec<Head>>,
    held: Mutex<bool>,
    released: Condvar,
}

impl KeyServer {
    pub(crate) fn start() -> Self {
        let state = Arc::<State>::default();
        let of_listener = Arc::clone(&state);
        let listening = Listening::start(move |stream| serve(stream, &of_listener));
        Self { listening, state }
    }

    /// From now on, says this at `path`.
    pub(crate) fn serve(&self, path: &str, page: Page) {
        self.state.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listening.address())
    }

    /// From now on, requests are counted but wait for [`Self::release`].
    pub(crate) fn hold(&self) {
        *self.state.held.lock().unwrap() = true;
    }

    /// Answers what was held, with the pages as they are now.
    pub(crate) fn release(&self) {
        *self.state.held.lock().unwrap() = false;
        self.state.released.notify_all();
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Head> {
        self.state.asked.lock().unwrap().clone()
    }

    /// How many requests there were.
    pub(crate) fn count(&self) -> usize {
        self.state.asked.lock().unwrap().len()
    }
}

fn serve(mut stream: TcpStream, state: &State) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let Ok(Some(head)) = Head::read(&mut reader) else {
        return;
    };
    state.asked.lock().unwrap().push(head.clone());
    let held = state.held.lock().unwrap();
    drop(state.released.wait_timeout_while(held, DEADLINE, |held| *held));
    let path = head.start.split(' ').nth(1).unwrap_or_default();
    let page = state.pages.lock().unwrap().get(path).cloned();
    let page = page.unwrap_or_else(|| Page::status(404));
    // Whoever asked may give up at any byte.
    let _ = page.say(&mut stream, &head);
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

    fn say(&self, stream: &mut TcpStream, asked: &Head) -> std::io::Result<()> {
        let known = self.is_known_to(asked);
        let (status, body) = if known { (304, [].as_slice()) } else { (self.status, &*self.body) };
        let mut text = format!("HTTP/1.1 {status} Scripted\r\nconnection: close\r\n");
        for (name, value) in &self.fields {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        if self.manner == Manner::Endless {
            stream.write_all(format!("{text}\r\n").as_bytes())?;
            let until = Instant::now() + DEADLINE;
            while Instant::now() < until {
                stream.write_all(&[b' '; 4096])?;
            }
            return Ok(());
        }
        let mut bytes = format!("{text}content-length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        match self.manner {
            Manner::HangUp => Ok(()),
            Manner::Silent => {
                thread::sleep(DEADLINE);
                Ok(())
            }
            Manner::Late(delay) => {
                thread::sleep(delay);
                stream.write_all(&bytes)
            }
            Manner::Drip(pause) => bytes.iter().try_for_each(|&byte| {
                thread::sleep(pause);
                stream.write_all(&[byte])
            }),
            Manner::AtOnce | Manner::Endless => stream.write_all(&bytes),
        }
    }
}
