//! What the usual scene has no word for: other upstreams, other listeners.

use std::{
    io::{BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    DEADLINE,
    h2::{self, RawH2},
    listening::Listening,
    wire::Head,
    world::World,
};

/// Routes to the upstream `other`: `/public/**` is public, a token for the rest.
pub(crate) const ROUTES: &str = r#"
[[routes]]
path = "/public/**"
access = "public"
upstream = "other"

[[routes]]
path = "/**"
upstream = "other"
"#;

/// The usual scene in front of another upstream than its own, with further lines about it.
pub(crate) fn in_front_of(url: &str, lines: &str) -> World {
    in_front_of_with(url, lines, "")
}

/// The same with further tables and lines of `[server]`.
pub(crate) fn in_front_of_with(url: &str, lines: &str, server: &str) -> World {
    World::with_setup(|setup| {
        setup
            .with(&format!("[upstreams.other]\nurl = \"{url}\"\n{lines}"))
            .routes(ROUTES)
            .server(server)
    })
}

/// The usual scene in front of an upstream with these lines, and with further tables.
pub(crate) fn in_front_of_several(lines: &str, tables: &str) -> World {
    World::with_setup(|setup| {
        setup.with(&format!("[upstreams.other]\n{lines}\n{tables}")).routes(ROUTES)
    })
}

/// An upstream of which a test writes every step: gets each connection behind its first head.
pub(crate) fn upstream(
    serve: impl Fn(Head, BufReader<TcpStream>) + Send + Sync + 'static,
) -> Listening {
    Listening::start(move |stream| {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        let mut reader = BufReader::new(stream);
        if let Ok(Some(head)) = Head::read(&mut reader) {
            serve(head, reader);
        }
    })
}

/// The same over HTTP/2: `answer` gets each stream behind the last byte of its request.
pub(crate) fn h2_upstream(answer: impl Fn(&mut RawH2, u32) + Send + Sync + 'static) -> Listening {
    Listening::start(move |stream| {
        let Some(mut raw) = RawH2::accept(stream) else { return };
        while let Some(frame) = raw.read() {
            if [h2::HEADERS, h2::DATA].contains(&frame.kind) && frame.flags & h2::END_STREAM != 0 {
                answer(&mut raw, frame.stream);
            }
        }
    })
}

pub(crate) fn h2_url(listening: &Listening) -> String {
    format!("h2c://{}", listening.address())
}

pub(crate) fn url(listening: &Listening) -> String {
    format!("http://{}", listening.address())
}

/// A URL where no server listens.
pub(crate) fn closed_port() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// The repeating content of large bodies. Its length is prime, so that no lost or doubled buffer
/// goes unnoticed.
const PERIOD: usize = 65_521;

fn pattern() -> Vec<u8> {
    (0..PERIOD).map(|n| u8::try_from((n * 31 + n / 251) % 256).unwrap()).collect()
}

/// Writes a large body, counting what was taken.
pub(crate) fn write_large(writer: &mut impl Write, length: usize, written: &Meter) {
    let pattern = pattern();
    let mut left = length;
    while left > 0 {
        let begin = (length - left) % PERIOD;
        let chunk = &pattern[begin..PERIOD.min(begin + left)];
        let Ok(taken) = writer.write(chunk) else {
            return;
        };
        left -= taken;
        written.add(taken);
    }
}

/// Reads a large body, and panics at the first byte that is not what was written.
pub(crate) fn read_large(reader: &mut impl Read, length: usize) {
    let pattern = pattern().repeat(2);
    let mut read = 0;
    let mut buffer = vec![0; 32 * 1024];
    while read < length {
        let room = buffer.len().min(length - read);
        let count = reader.read(&mut buffer[..room]).unwrap();
        assert_ne!(count, 0, "ended after {read} of {length} bytes");
        // Whole slices: byte by byte, unoptimised, it would take longer than the transfer.
        let expected = &pattern[read % PERIOD..][..count];
        let wrong = || (0..count).find(|&at| buffer[at] != expected[at]).map(|at| read + at);
        assert!(buffer[..count] == *expected, "byte {:?}", wrong());
        read += count;
    }
}

/// A count that one thread adds to and another looks at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<AtomicU64>);

impl Meter {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::SeqCst);
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until it has begun to move and then stood still for a while; says where.
    pub(crate) fn standstill(&self) -> u64 {
        const STILL: Duration = Duration::from_millis(300);
        let until = Instant::now() + DEADLINE;
        let (mut last, mut since) = (0, Instant::now());
        while last == 0 || since.elapsed() < STILL {
            assert!(Instant::now() < until, "never stood still");
            thread::sleep(Duration::from_millis(5));
            if self.total() != last {
                (last, since) = (self.total(), Instant::now());
            }
        }
        last
    }
}
