use std::{future::poll_fn, task::Waker};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

const DEADLINES: Deadlines = Deadlines {
    header: Duration::from_secs(10),
    idle: Duration::from_mins(2),
    write: Duration::from_secs(30),
};

fn connection(activity: Activity) -> (GuardedIo<DuplexStream>, Arc<Activity>, DuplexStream) {
    let (ours, theirs) = duplex(16);
    let activity = Arc::new(activity);
    (GuardedIo::new(ours, Bytes::new(), Arc::clone(&activity)), activity, theirs)
}

async fn seconds_until_cut(io: &mut GuardedIo<DuplexStream>) -> u64 {
    let started = Instant::now();
    let mut buf = [0; 1];
    let error = loop {
        match io.read(&mut buf).await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    started.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn d1_a_new_connection_that_says_nothing_is_cut_after_the_header_timeout() {
    let (mut io, _, _client) = connection(Activity::accepted(Instant::now(), DEADLINES));
    assert_eq!(seconds_until_cut(&mut io).await, 10);
}

#[tokio::test(start_paused = true)]
async fn d1_a_dripping_header_is_cut_after_the_header_timeout() {
    let (mut io, _, mut client) = connection(Activity::accepted(Instant::now(), DEADLINES));
    let drip = async move {
        while client.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    };
    let (cut_after, ()) = tokio::join!(
        async {
            let seconds = seconds_until_cut(&mut io).await;
            drop(io);
            seconds
        },
        drip
    );
    assert_eq!(cut_after, 10);
}

#[tokio::test(start_paused = true)]
async fn d1_an_idle_connection_is_cut_after_the_idle_timeout() {
    let (mut io, activity, _client) = connection(Activity::accepted(Instant::now(), DEADLINES));
    activity.request_begins();
    activity.requests_end(Instant::now());
    assert_eq!(seconds_until_cut(&mut io).await, 120);
}

#[tokio::test(start_paused = true)]
async fn d1_an_idle_connection_is_cut_although_it_is_not_read_again() {
    let (mut io, activity, _client) = connection(Activity::accepted(Instant::now(), DEADLINES));
    activity.request_begins();
    let answer = async {
        tokio::time::sleep(Duration::from_secs(25)).await;
        activity.requests_end(Instant::now());
    };
    let (cut_after, ()) = tokio::join!(seconds_until_cut(&mut io), answer);
    assert_eq!(cut_after, 25 + 120);
}

#[tokio::test(start_paused = true)]
async fn d1_the_next_request_has_the_header_timeout_again() {
    let (mut io, activity, mut client) = connection(Activity::accepted(Instant::now(), DEADLINES));
    activity.request_begins();
    activity.requests_end(Instant::now());
    client.write_all(b"GET").await.unwrap();
    assert_eq!(seconds_until_cut(&mut io).await, 10);
}

/// It would count as a head that is not complete, and the connection be cut too early.
#[tokio::test(start_paused = true)]
async fn what_arrives_of_a_body_before_its_refusal_is_written_begins_no_head() {
    let (mut io, activity, mut client) = connection(Activity::accepted(Instant::now(), DEADLINES));
    activity.request_begins();
    activity.requests_end(Instant::now());
    activity.answer_follows();
    client.write_all(b"x").await.unwrap();
    io.read_u8().await.unwrap();
    activity.requests_end(Instant::now());
    assert!(!activity.has_begun_head());
    assert_eq!(seconds_until_cut(&mut io).await, 120);
}

#[tokio::test(start_paused = true)]
async fn a_request_being_served_is_not_cut_by_the_socket() {
    let (mut io, activity, _client) = connection(Activity::accepted(Instant::now(), DEADLINES));
    activity.request_begins();
    let read = tokio::time::timeout(Duration::from_hours(1), io.read_u8());
    assert!(read.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn d1_an_idle_http2_client_is_told_to_go_and_then_cut() {
    let (mut io, activity, _client) = connection(Activity::http2(Instant::now(), DEADLINES));
    let started = Instant::now();
    let (cut_after, told_after) = tokio::join!(seconds_until_cut(&mut io), async {
        activity.idle_too_long().await;
        started.elapsed().as_secs()
    });
    assert_eq!((told_after, cut_after), (120, 120 + 10));
}

#[tokio::test(start_paused = true)]
async fn pings_do_not_begin_a_header_on_http2() {
    let (mut io, _, mut client) = connection(Activity::http2(Instant::now(), DEADLINES));
    client.write_all(b"ping").await.unwrap();
    assert_eq!(seconds_until_cut(&mut io).await, 120 + 10);
}

#[tokio::test(start_paused = true)]
async fn d1_a_client_that_does_not_read_is_cut_after_the_write_timeout() {
    let (mut io, _, _client) = connection(Activity::accepted(Instant::now(), DEADLINES));
    let started = Instant::now();
    let error = io.write_all(&[0; 100]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(started.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn sniffed_bytes_are_read_first() {
    let (ours, mut theirs) = duplex(16);
    let activity = Arc::new(Activity::accepted(Instant::now(), DEADLINES));
    let mut io = GuardedIo::new(ours, Bytes::from_static(b"GET"), activity);
    theirs.write_all(b" /").await.unwrap();
    drop(theirs);
    let mut all = String::new();
    io.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "GET /");
}

#[tokio::test(start_paused = true)]
async fn below_tls_only_writes_have_a_deadline() {
    let (ours, _client) = duplex(16);
    let mut io = GuardedIo::below_tls(ours, DEADLINES);
    let read = tokio::time::timeout(Duration::from_hours(1), io.read_u8());
    assert!(read.await.is_err());
    let started = Instant::now();
    let error = io.write_all(&[0; 100]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(started.elapsed().as_secs(), 30);
}

/// A socket that takes everything and does not get rid of it, as TLS over one that is full.
struct Hoarder {
    is_full: bool,
}

impl AsyncRead for Hoarder {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Hoarder {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_full { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_connection_is_not_parked_while_tls_holds_the_end_of_an_answer() {
    let activity = Arc::new(Activity::accepted(Instant::now(), DEADLINES));
    let mut io = GuardedIo::new(Hoarder { is_full: true }, Bytes::new(), Arc::clone(&activity));
    activity.request_begins();
    poll_fn(|cx| Pin::new(&mut io).poll_write(cx, b"the end")).await.unwrap();
    let flushed = |io: &mut GuardedIo<Hoarder>| {
        Pin::new(io).poll_flush(&mut Context::from_waker(Waker::noop()))
    };
    assert!(flushed(&mut io).is_pending());
    activity.requests_end(Instant::now());
    assert_eq!(activity.park_at(), None);
    io.socket.is_full = false;
    assert!(flushed(&mut io).is_ready());
    assert!(activity.park_at().is_some());
}
