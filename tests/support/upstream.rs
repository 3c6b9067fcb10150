//! The service behind the proxy, which remembers every byte that reaches it.

use std::{
    fmt::{self, Write as _},
    io::{BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use super::{
    listening::Listening,
    wire::{Body, Head, Tap, Unframed},
};

/// The header by which tests tell the upstream's answers from the proxy's own.
pub(crate) const UPSTREAM_MARK: &str = "x-answered-by";

/// A recording upstream. Answers 200 unless a script says otherwise.
#[derive(Debug)]
pub(crate) struct Upstream {
    listening: Listening,
    record: Arc<Record>,
}

/// A request as the upstream received it.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Which of its connections it came on, from 0.
    pub(crate) connection: usize,
    pub(crate) head: Head,
    pub(crate) body: Body,
}

/// What the upstream answers.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    delay: Duration,
    bytes: Vec<u8>,
    close: bool,
}

/// The bytes of one TCP connection, still growing while it is open.
type RawConnection = Arc<Mutex<Vec<u8>>>;

type Script = Box<dyn Fn(&Received) -> Reply + Send>;

pub(crate) struct Record {
    connections: Mutex<Vec<RawConnection>>,
    requests: Mutex<Vec<Received>>,
    answered: AtomicUsize,
    script: Mutex<Script>,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let record = Arc::new(Record {
            connections: Mutex::default(),
            requests: Mutex::default(),
            answered: AtomicUsize::new(0),
            script: Mutex::new(Box::new(|_| Reply::ok())),
        });
        let of_listener = Arc::clone(&record);
        let listening = Listening::start(move |stream| serve(stream, &of_listener));
        Self { listening, record }
    }

    /// From now on, answers by this script.
    pub(crate) fn answer_by(&self, script: impl Fn(&Received) -> Reply + Send + 'static) {
        *self.record.script.lock().unwrap() = Box::new(script);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listening.address())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    pub(crate) fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.record.requests.lock().unwrap().clone()
    }

    /// The raw bytes of every connection so far.
    pub(crate) fn connections(&self) -> Vec<Vec<u8>> {
        let connections = self.record.connections.lock().unwrap();
        connections.iter().map(|bytes| bytes.lock().unwrap().clone()).collect()
    }
}

impl Record {
    /// How many requests have been received.
    pub(crate) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// How many requests have been answered in full.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    /// How many bytes have been received, of whatever.
    pub(crate) fn bytes(&self) -> usize {
        self.connections.lock().unwrap().iter().map(|bytes| bytes.lock().unwrap().len()).sum()
    }

    /// The requests from that one on.
    pub(crate) fn since(&self, count: usize) -> Vec<Received> {
        self.requests.lock().unwrap().get(count..).unwrap_or_default().to_vec()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("requests", &self.count()).finish_non_exhaustive()
    }
}

fn serve(mut stream: TcpStream, record: &Record) {
    let copy = RawConnection::default();
    let connection = {
        let mut connections = record.connections.lock().unwrap();
        connections.push(Arc::clone(&copy));
        connections.len() - 1
    };
    let inner = stream.try_clone().unwrap();
    let mut reader = BufReader::new(Tap { inner, copy });
    while let Ok(Some(head)) = Head::read(&mut reader) {
        let Ok(body) = head.read_body(&mut reader, Unframed::Empty) else {
            return;
        };
        let received = Received { connection, head, body };
        record.requests.lock().unwrap().push(received.clone());
        let reply = (record.script.lock().unwrap())(&received);
        thread::sleep(reply.delay);
        if !reply.bytes.is_empty() {
            // Before the last byte is out: a client that has read the answer sees it counted.
            record.answered.fetch_add(1, Ordering::SeqCst);
        }
        if stream.write_all(&reply.bytes).is_err() || reply.close {
            return;
        }
    }
}

impl Received {
    pub(crate) fn method(&self) -> &str {
        self.head.start.split(' ').next().unwrap_or_default()
    }

    /// The request target.
    pub(crate) fn target(&self) -> &str {
        self.head.start.split(' ').nth(1).unwrap_or_default()
    }
}

impl Reply {
    /// 200 with a short body.
    pub(crate) fn ok() -> Self {
        Self::with(200, &[], b"ok")
    }

    /// 200 with the received head as JSON: `{"start": …, "fields": [[name, value], …]}`.
    pub(crate) fn echo(received: &Received) -> Self {
        let echo = serde_json::json!({
            "start": received.head.start,
            "fields": received.head.fields,
        });
        Self::with(200, &[("content-type", "application/json")], echo.to_string().as_bytes())
    }

    /// An answer of known length.
    pub(crate) fn with(status: u16, fields: &[(&str, &str)], body: &[u8]) -> Self {
        let mut bytes = head(status, fields);
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(body);
        Self::raw(bytes)
    }

    /// An answer in chunks, with trailers.
    pub(crate) fn chunked(chunks: &[&[u8]], trailers: &[(&str, &str)]) -> Self {
        let mut bytes = head(200, &[("transfer-encoding", "chunked")]);
        bytes.extend_from_slice(b"\r\n");
        for chunk in chunks {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n");
        for (name, value) in trailers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        Self::raw(bytes)
    }

    /// Exactly these bytes.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { delay: Duration::ZERO, bytes: bytes.into(), close: false }
    }

    /// No answer at all: the connection is closed.
    pub(crate) fn hang_up() -> Self {
        Self::raw([]).then_close()
    }

    /// The same, later.
    pub(crate) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// The same, and the connection is closed behind it.
    pub(crate) fn then_close(self) -> Self {
        Self { close: true, ..self }
    }
}

fn head(status: u16, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\n{UPSTREAM_MARK}: upstream\r\n");
    for (name, value) in fields {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    head.into_bytes()
}
