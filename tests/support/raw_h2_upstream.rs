//! An upstream that speaks HTTP/2 and of which a test writes every frame.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    DEADLINE,
    h2::{
        ACK, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM,
        SETTINGS, frame, read_frame,
    },
    listening::Listening,
};

/// The running upstream. It does what `script` says once the head of a request is here, and answers
/// once its body is.
#[derive(Debug)]
pub(crate) struct RawH2Upstream {
    listening: Listening,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    closed: AtomicUsize,
    requests: Mutex<Vec<Call>>,
}

/// A request: the header block came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    /// Which of the upstream's connections it came on, from 0.
    pub(crate) connection: usize,
    pub(crate) stream: u32,
    /// Which of all requests it is, from 0.
    pub(crate) number: usize,
}

/// What the upstream does about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It answers 200 without a body.
    Answer,
    /// It does nothing.
    Hold,
    /// It resets the stream with this code.
    Reset(u32),
    /// It announces its end: this is the last stream that it processes.
    GoAway(u32),
    /// It closes the connection.
    Close,
}

pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const INTERNAL_ERROR: u32 = 2;

const MAX_CONCURRENT_STREAMS: u16 = 3;

impl RawH2Upstream {
    /// Allows that many streams on each connection, and takes the steps of `script`.
    pub(crate) fn start(
        streams: u32,
        script: impl Fn(Call) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::<Seen>::default();
        let seen_there = Arc::clone(&seen);
        let listening = Listening::start(move |stream| {
            let connection = seen_there.connections.fetch_add(1, Ordering::SeqCst);
            serve(stream, connection, streams, &seen_there, &script);
            seen_there.closed.fetch_add(1, Ordering::SeqCst);
        });
        Self { listening, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("h2c://{}", self.listening.address())
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// How many connections have ended.
    pub(crate) fn closed(&self) -> usize {
        self.seen.closed.load(Ordering::SeqCst)
    }

    /// Every request so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.seen.requests.lock().unwrap().clone()
    }
}

fn serve(
    mut socket: TcpStream,
    connection: usize,
    streams: u32,
    seen: &Seen,
    script: &impl Fn(Call) -> Vec<Step>,
) {
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut preface = [0; PREFACE.len()];
    if socket.read_exact(&mut preface).is_err() {
        return;
    }
    let limit = [&MAX_CONCURRENT_STREAMS.to_be_bytes()[..], &streams.to_be_bytes()].concat();
    let mut out = frame(SETTINGS, 0, 0, &limit);
    let mut unanswered = Vec::new();
    while socket.write_all(&out).is_ok() {
        let Some(received) = read_frame(&mut socket) else {
            return;
        };
        out = match received.kind {
            SETTINGS if received.flags & ACK == 0 => frame(SETTINGS, ACK, 0, &[]),
            PING if received.flags & ACK == 0 => frame(PING, ACK, 0, &received.payload),
            HEADERS => {
                let steps = script(seen.record(connection, received.stream));
                let _ = socket.write_all(&written(&steps, received.stream));
                if steps.contains(&Step::Close) {
                    return;
                }
                if steps.contains(&Step::Answer) {
                    unanswered.push(received.stream);
                }
                answered(&received, &mut unanswered)
            }
            DATA => answered(&received, &mut unanswered),
            _ => Vec::new(),
        };
    }
}

impl Seen {
    fn record(&self, connection: usize, stream: u32) -> Call {
        let mut requests = self.requests.lock().unwrap();
        let call = Call { connection, stream, number: requests.len() };
        requests.push(call);
        call
    }
}

/// The answer, if this was the end of a request that is to be answered.
fn answered(received: &Frame, unanswered: &mut Vec<u32>) -> Vec<u8> {
    let Some(at) = unanswered.iter().position(|stream| *stream == received.stream) else {
        return Vec::new();
    };
    if received.flags & END_STREAM == 0 {
        return Vec::new();
    }
    unanswered.remove(at);
    // 0x88: `:status: 200` (RFC 7541 appendix A).
    frame(HEADERS, END_HEADERS | END_STREAM, received.stream, &[0x88])
}

fn written(steps: &[Step], stream: u32) -> Vec<u8> {
    let bytes = steps.iter().map(|step| match step {
        Step::Reset(code) => frame(RST_STREAM, 0, stream, &code.to_be_bytes()),
        Step::GoAway(last) => frame(GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat()),
        Step::Answer | Step::Hold | Step::Close => Vec::new(),
    });
    bytes.flatten().collect()
}
