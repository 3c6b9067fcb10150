use prometheus::{IntCounterVec, Opts};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split},
    time::{sleep, timeout},
};

use super::{
    super::{
        super::burst_allowance::REFILL_AFTER,
        flag::{END_HEADERS, END_STREAM, PADDED},
        flood_reports::FloodReports,
    },
    *,
};

const LIMITS: FrameLimits =
    FrameLimits { header_timeout: Duration::from_secs(10), streams: 200, header_list: 65_536 };
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A frame of that kind, as a flood would have it.
fn flooding(kind: FloodKind) -> Vec<u8> {
    match kind {
        FloodKind::Continuation => frame(kind::CONTINUATION, 0, 1, b"ab"),
        FloodKind::EmptyData => frame(kind::DATA, PADDED, 1, &[3, 0, 0, 0]),
        FloodKind::EmptyHeaders => frame(kind::HEADERS, END_HEADERS, 1, b""),
        FloodKind::Other => frame(0xba, 0, 0, b"grease"),
        FloodKind::Ping => frame(kind::PING, 0, 0, &[0; 8]),
        FloodKind::Priority => frame(kind::PRIORITY, 0, 3, &[0, 0, 0, 0, 16]),
        FloodKind::Reset => frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 8]),
        FloodKind::Settings => frame(kind::SETTINGS, 0, 0, b""),
        FloodKind::WindowUpdate => frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
    }
}

/// A client and its guarded connection.
struct Ends {
    client: DuplexStream,
    guard: FrameGuard<DuplexStream>,
    /// Floods, by the kind of frame.
    counters: IntCounterVec,
}

impl Ends {
    /// A connection with nothing said.
    fn new() -> Self {
        Self::of(LIMITS)
    }

    fn of(limits: FrameLimits) -> Self {
        let (client, socket) = duplex(1024 * 1024);
        let counters = IntCounterVec::new(Opts::new("floods", "Floods"), &["frames"]).unwrap();
        let floods = ClientFloods::new(&FloodReports::new(counters.clone()), None);
        let guard = FrameGuard::new(socket, Instant::now(), limits, floods, Rc::default());
        Self { client, guard, counters }
    }

    /// A connection whose client has sent its preface.
    async fn open() -> Self {
        let mut ends = Self::new();
        ends.send(PREFACE).await.unwrap();
        ends
    }

    /// Sends bytes through the connection.
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.client.write_all(bytes).await.unwrap();
        let mut received = vec![0; bytes.len()];
        self.guard.read_exact(&mut received).await.map(|_| ())
    }

    /// How many times these bytes are taken before the connection is cut.
    async fn taken(&mut self, bytes: &[u8]) -> u64 {
        let mut taken = 0;
        while self.send(bytes).await.is_ok() {
            taken += 1;
            assert!(taken < 100_000, "no end");
        }
        taken
    }

    fn counted(&self, kind: FloodKind) -> u64 {
        self.counters.with_label_values(&[kind.name()]).get()
    }

    /// Seconds until silence is cut; an hour at most.
    async fn seconds_until_cut(&mut self) -> u64 {
        let started = Instant::now();
        let read = timeout(Duration::from_hours(1), self.guard.read(&mut [0; 1])).await;
        assert!(read.is_err() || read.unwrap().unwrap_err().kind() == io::ErrorKind::TimedOut);
        started.elapsed().as_secs()
    }
}

#[tokio::test(start_paused = true)]
async fn d2_a_flood_of_each_kind_is_cut_and_counted() {
    let expected = [100, 100, 100, 100, 100, 200, 2000, 50, 500];
    for (kind, expected) in FloodKind::ALL.into_iter().zip(expected) {
        let mut ends = Ends::open().await;
        assert_eq!(ends.taken(&flooding(kind)).await, expected, "{kind:?}");
        assert_eq!(ends.counted(kind), 1);
        let counted: u64 = FloodKind::ALL.into_iter().map(|kind| ends.counted(kind)).sum();
        assert_eq!(counted, 1, "{kind:?} and no other");
    }
}

#[tokio::test(start_paused = true)]
async fn d2_resets_are_bounded_by_the_streams_that_may_be_open() {
    for (streams, expected) in [(1, 1000), (100, 1000), (10_000, 100_000)] {
        let mut ends = Ends::of(FrameLimits { streams, ..LIMITS });
        ends.send(PREFACE).await.unwrap();
        assert_eq!(ends.taken(&flooding(FloodKind::Reset).repeat(100)).await, expected / 100);
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_again_are_allowed_after_a_while() {
    let mut ends = Ends::open().await;
    let ping = flooding(FloodKind::Ping);
    for _ in 0..100 {
        sleep(REFILL_AFTER).await;
        ends.send(&ping.repeat(100)).await.unwrap();
    }
    assert_eq!(ends.taken(&ping).await, 0);
}

#[tokio::test(start_paused = true)]
async fn requests_and_parts_of_bodies_are_no_flood() {
    let mut ends = Ends::open().await;
    for stream in (1..4000).step_by(2) {
        let headers = frame(kind::HEADERS, 0, stream, b"a");
        let large = frame(kind::CONTINUATION, 0, stream, &[0; 1024]);
        let last = frame(kind::CONTINUATION, END_HEADERS, stream, b"");
        let data = frame(kind::DATA, 0, stream, b"a");
        let end = frame(kind::DATA, END_STREAM, stream, b"");
        ends.send(&[headers, large, last, data, end].concat()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_gives_reason_for_what_browsers_send_with_it() {
    let mut ends = Ends::open().await;
    for stream in (1..4000).step_by(2) {
        let request = frame(kind::HEADERS, END_HEADERS | END_STREAM, stream, b"a");
        let beside = [FloodKind::WindowUpdate, FloodKind::Priority, FloodKind::Priority]
            .into_iter()
            .chain([FloodKind::Ping, FloodKind::Other])
            .map(flooding);
        ends.send(&[request, beside.flatten().collect()].concat()).await.unwrap();
    }
    // Trailers, or frames on a stream that is open, are no further request.
    let trailers = frame(kind::HEADERS, END_HEADERS | END_STREAM, 3999, b"a");
    let pinged = [trailers, flooding(FloodKind::Ping)].concat();
    assert!(ends.taken(&pinged).await < 5000);
}

#[tokio::test(start_paused = true)]
async fn an_answer_gives_reason_for_window_updates_and_a_cancellation() {
    let (update, ping) = (flooding(FloodKind::WindowUpdate), flooding(FloodKind::Ping));
    let data = frame(kind::DATA, 0, 1, &[0; 1024]);
    let answered = frame(kind::DATA, END_STREAM, 1, b"");
    let mut ends = Ends::open().await;
    for _ in 0..3000 {
        // In two writes, one of them of several pieces.
        let (begin, rest) = data.split_at(5);
        let pieces = [io::IoSlice::new(rest), io::IoSlice::new(&answered)];
        ends.guard.write_all(begin).await.unwrap();
        let written = ends.guard.write_vectored(&pieces).await.unwrap();
        assert_eq!(written, rest.len() + answered.len());
        ends.send(&update.repeat(10)).await.unwrap();
        ends.send(&ping).await.unwrap();
        ends.send(&flooding(FloodKind::Reset)).await.unwrap();
        let mut answer = vec![0; data.len() + answered.len()];
        ends.client.read_exact(&mut answer).await.unwrap();
    }
    assert_eq!(ends.taken(&update).await, 500, "no more than there is reason for");
}

#[tokio::test(start_paused = true)]
async fn d2_what_was_earned_is_not_kept_without_bound() {
    let mut ends = Ends::open().await;
    for stream in (1..40_000).step_by(2) {
        let request = frame(kind::HEADERS, END_HEADERS | END_STREAM, stream, b"a");
        ends.send(&request).await.unwrap();
    }
    assert_eq!(ends.taken(&flooding(FloodKind::WindowUpdate)).await, 32 * 1024);
}

/// What a flooder receives, after `sent` of our own.
async fn goodbye(sent: &[u8]) -> Vec<u8> {
    let mut ends = Ends::open().await;
    ends.guard.write_all(sent).await.unwrap();
    ends.send(&frame(kind::HEADERS, END_HEADERS, 7, b"a")).await.unwrap();
    ends.taken(&flooding(FloodKind::Settings)).await;
    drop(ends.guard);
    let mut received = Vec::new();
    ends.client.read_to_end(&mut received).await.unwrap();
    received.split_off(sent.len())
}

#[tokio::test(start_paused = true)]
async fn d2_the_client_receives_goaway_unless_it_would_be_inside_of_a_frame() {
    let goaway = frame(kind::GOAWAY, 0, 0, &[0, 0, 0, 7, 0, 0, 0, 11]);
    let ours = frame(kind::SETTINGS, 0, 0, &[0; 6]);
    assert_eq!(goodbye(b"").await, goaway);
    assert_eq!(goodbye(&ours).await, goaway);
    assert_eq!(goodbye(&ours[..12]).await, b"");
}

#[tokio::test(start_paused = true)]
async fn d2_nothing_of_a_flood_gets_through() {
    let mut ends = Ends::open().await;
    ends.client.write_all(&flooding(FloodKind::Settings).repeat(51)).await.unwrap();
    let mut received = Vec::with_capacity(1024);
    let error = ends.guard.read_buf(&mut received).await.unwrap_err();
    assert_eq!(error.to_string(), "a flood of HTTP/2 frames: settings");
    assert!(received.is_empty(), "of what was read with it");
}

#[tokio::test(start_paused = true)]
async fn d1_what_is_unfinished_is_cut_after_the_header_timeout() {
    let settings = frame(kind::SETTINGS, 0, 0, b"");
    let headers = frame(kind::HEADERS, 0, 1, b"a");
    let more = frame(kind::CONTINUATION, 0, 1, b"a");
    let ping = flooding(FloodKind::Ping);
    for (case, bytes) in [
        ("nothing", vec![]),
        ("half a preface", PREFACE[..20].to_vec()),
        ("a preface", PREFACE.to_vec()),
        ("half of the settings", [PREFACE, &settings[..5]].concat()),
        ("half a head", [PREFACE, &settings, &ping[..5]].concat()),
        ("half a payload", [PREFACE, &settings, &ping[..12]].concat()),
        ("headers", [PREFACE, &settings, &headers].concat()),
        ("continuation", [PREFACE, &settings, &headers, &more].concat()),
    ] {
        let mut ends = Ends::new();
        ends.send(&bytes).await.unwrap();
        assert_eq!(ends.seconds_until_cut().await, 10, "{case}");
    }
    let mut ends = Ends::new();
    ends.send(&[PREFACE, &settings, &ping].concat()).await.unwrap();
    assert_eq!(ends.seconds_until_cut().await, 3600, "silent between two frames");
}

#[tokio::test(start_paused = true)]
async fn d1_a_block_that_drips_is_cut_and_frames_that_are_finished_are_not() {
    async fn seconds_dripping(bytes: &[u8]) -> u64 {
        let mut ends = Ends::open().await;
        ends.send(&frame(kind::SETTINGS, 0, 0, b"")).await.unwrap();
        let started = Instant::now();
        let (mut reading, _writing) = split(ends.guard);
        let drip = async {
            for byte in bytes {
                ends.client.write_all(&[*byte]).await.unwrap();
                sleep(Duration::from_secs(1)).await;
            }
        };
        let read = async { while reading.read(&mut [0; 16]).await.is_ok() {} };
        tokio::select! { () = drip => {}, () = read => {} }
        started.elapsed().as_secs()
    }
    let begun = frame(kind::HEADERS, 0, 1, b"");
    let block = [begun, frame(kind::CONTINUATION, 0, 1, b"a").repeat(10)].concat();
    assert_eq!(seconds_dripping(&block).await, 10);
    // Always in the middle of a frame when looked at, and none takes ten seconds.
    let resets = frame(kind::DATA, 0, 1, b"").repeat(10);
    assert_eq!(seconds_dripping(&resets).await, resets.len() as u64);
}
