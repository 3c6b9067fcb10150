//! An upstream whose first connection breaks while it is used a second time.

use std::{
    io::{BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use socket2::SockRef;

use super::{
    DEADLINE,
    listening::Listening,
    wire::{Head, Unframed},
};

/// The running upstream. What is not broken off is answered with 200.
#[derive(Debug)]
pub(crate) struct Flaky {
    listening: Listening,
    received: Arc<Mutex<Vec<FlakyRequest>>>,
}

/// A request that reached the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlakyRequest {
    /// Which of the upstream's connections it came on, from 0.
    pub(crate) connection: usize,
    pub(crate) head: Head,
    /// Its body, once that is here.
    pub(crate) body: Vec<u8>,
}

/// How the connection breaks, once the head of its second request is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// It is closed in order.
    Close,
    /// It is reset.
    Reset,
    /// It is closed before the request was read, which resets it.
    CloseUnread,
    /// The upstream ends its own side and goes on reading.
    HalfClose,
    /// It is closed in order, much later.
    CloseAfter(Duration),
    /// It is closed within the head of an answer.
    PartOfAnswer,
    /// It is closed behind an interim answer.
    InterimAnswer,
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

impl Flaky {
    pub(crate) fn start(ending: Break) -> Self {
        Self::with(ending, |_| ANSWER.to_vec())
    }

    /// Answers what it does not break off with what `answer` makes of its connection's number.
    pub(crate) fn with(
        ending: Break,
        answer: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let received = Arc::<Mutex<Vec<FlakyRequest>>>::default();
        let (log, connections) = (Arc::clone(&received), AtomicUsize::new(0));
        let listening = Listening::start(move |stream| {
            let connection = connections.fetch_add(1, Ordering::SeqCst);
            let answer = answer(connection);
            serve(&stream, connection, ending, &log, &answer);
        });
        Self { listening, received }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listening.address())
    }

    /// Every request so far.
    pub(crate) fn received(&self) -> Vec<FlakyRequest> {
        self.received.lock().unwrap().clone()
    }

    /// On which connections the requests came.
    pub(crate) fn connections(&self) -> Vec<usize> {
        self.received().iter().map(|request| request.connection).collect()
    }
}

fn serve(
    stream: &TcpStream,
    connection: usize,
    ending: Break,
    log: &Mutex<Vec<FlakyRequest>>,
    answer: &[u8],
) {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut reader = BufReader::new(stream);
    for served in 0.. {
        let breaks = connection == 0 && served == 1;
        if breaks && ending == Break::CloseUnread {
            let _ = stream.peek(&mut [0]);
            let head = Head::default();
            log.lock().unwrap().push(FlakyRequest { connection, head, body: Vec::new() });
            return;
        }
        let Ok(Some(head)) = Head::read(&mut reader) else {
            return;
        };
        let place = {
            let mut log = log.lock().unwrap();
            log.push(FlakyRequest { connection, head: head.clone(), body: Vec::new() });
            log.len() - 1
        };
        if breaks {
            break_off(&mut reader, ending);
            return;
        }
        let Ok(body) = head.read_body(&mut reader, Unframed::Empty) else {
            return;
        };
        log.lock().unwrap()[place].body = body.bytes;
        if reader.get_mut().write_all(answer).is_err() {
            return;
        }
    }
}

fn break_off(reader: &mut BufReader<&TcpStream>, ending: Break) {
    let stream = *reader.get_ref();
    let mut writer = stream;
    match ending {
        Break::Close | Break::CloseUnread => {}
        Break::Reset => SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap(),
        Break::HalfClose => {
            stream.shutdown(Shutdown::Write).unwrap();
            let _ = reader.read_to_end(&mut Vec::new());
        }
        Break::CloseAfter(time) => thread::sleep(time),
        Break::PartOfAnswer => writer.write_all(b"HTTP/1.1 2").unwrap(),
        Break::InterimAnswer => writer.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").unwrap(),
    }
}
