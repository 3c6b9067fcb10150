//! The body of a request as its client sends it. Over HTTP/2 the rest of one that is answered
//! early is taken for a while and thrown away.
//!
//! RFC 9113 §8.1 allows a server to answer first and to reset the stream with `NO_ERROR` then.
//! Widespread clients lose the answer if the reset comes while they still send. HTTP/1.1 has the
//! same trouble with a connection that is closed; see [`GuardedIo`](super::guarded_io::GuardedIo).

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, header::EXPECT};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use crate::{decision::RequestRecord, wire::burst_allowance::BurstAllowance};

use super::stream_guard::ClientsTurn;

/// How much a connection may have discarded in
/// [`REFILL_AFTER`](crate::wire::burst_allowance::REFILL_AFTER): the largest upload whose refusal
/// reaches every client. A byte costs little more than any other byte that a client may send.
const MOST_DISCARDED: u64 = 64 * 1024 * 1024;

/// After a pause of this length a client has stopped sending and has the answer: longer than a
/// round trip on any path.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A request's body.
#[derive(Debug)]
pub(super) struct ClientBody {
    /// Only gone when it is dropped.
    incoming: Option<Incoming>,
    /// Over HTTP/2: to the task of its stream.
    unread: Option<oneshot::Sender<Incoming>>,
    /// Its client sends nothing before it is asked to, and was not asked.
    is_held_back: bool,
    /// Where its bytes are counted.
    record: Rc<RequestRecord>,
}

/// Discards the rest of uploads: all those of a connection share what it may take.
#[derive(Debug, Clone)]
pub(super) struct Discarder {
    allowance: Rc<RefCell<BurstAllowance>>,
    /// How long it may take for one.
    within: Duration,
}

impl ClientBody {
    /// To be called in the task of the request's stream.
    pub(super) fn new(incoming: Incoming, headers: &HeaderMap, record: &Rc<RequestRecord>) -> Self {
        let stream = if incoming.is_end_stream() { None } else { ClientsTurn::of_stream() };
        let is_held_back = stream.is_some() && headers.contains_key(EXPECT);
        let unread = stream.map(|stream| stream.expect_unread_body());
        Self { incoming: Some(incoming), unread, is_held_back, record: Rc::clone(record) }
    }
}

impl Drop for ClientBody {
    fn drop(&mut self) {
        let unread = self.incoming.take();
        let unread = unread.filter(|unread| !(self.is_held_back || unread.is_end_stream()));
        if let (Some(sender), Some(incoming)) = (self.unread.take(), unread) {
            // If the task has ended, so has the stream.
            let _: Result<(), Incoming> = sender.send(incoming);
        }
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_held_back = false;
        let Some(incoming) = &mut self.incoming else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(incoming).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            self.record.received(frame.data_ref().map_or(0, Bytes::len));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Discarder {
    /// That of a new connection.
    pub(super) fn new(within: Duration) -> Self {
        let allowance = BurstAllowance::full(MOST_DISCARDED, Instant::now());
        Self { allowance: Rc::new(RefCell::new(allowance)), within }
    }

    /// Takes a body to its end, or for as long and as far as it may be. When it is dropped then,
    /// its stream is reset.
    pub(super) async fn discard(&self, mut body: impl Body<Data = Bytes> + Unpin) {
        let discarding = async {
            while let Ok(Some(Ok(frame))) = timeout(LONGEST_PAUSE, body.frame()).await {
                if !self.allows(frame.data_ref().map_or(0, Bytes::len)) {
                    return;
                }
            }
        };
        // Whether it came to its end makes no difference: the answer is out.
        let _ = timeout(self.within, discarding).await;
    }

    fn allows(&self, bytes: usize) -> bool {
        self.allowance.borrow_mut().take(bytes as u64, MOST_DISCARDED)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, convert::Infallible};

    use tokio::time::{Sleep, advance, sleep};

    use super::*;
    use crate::wire::burst_allowance::REFILL_AFTER;

    const WITHIN: Duration = Duration::from_secs(10);
    const PART: usize = 1024 * 1024;

    /// A client that pauses and sends a MiB, again and again.
    struct Endless<'t> {
        pause: Duration,
        sleep: Option<Pin<Box<Sleep>>>,
        taken: &'t Cell<u64>,
    }

    impl Body for Endless<'_> {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let pause = self.pause;
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(pause)));
            ready!(sleep.as_mut().poll(cx));
            self.sleep = None;
            self.taken.set(self.taken.get() + PART as u64);
            Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![0; PART])))))
        }
    }

    /// How much is taken of an upload without end, and how long that takes.
    async fn taken(discarder: &Discarder, pause: Duration) -> (u64, Duration) {
        let (taken, started) = (Cell::new(0), Instant::now());
        discarder.discard(Endless { pause, sleep: None, taken: &taken }).await;
        (taken.get(), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn d2_uploads_of_a_connection_are_discarded_up_to_so_many_bytes() {
        let discarder = Discarder::new(WITHIN);
        let (bytes, _) = taken(&discarder, Duration::from_millis(1)).await;
        // The part that is too much is here already.
        assert_eq!(bytes, MOST_DISCARDED + PART as u64);
        let (bytes, _) = taken(&discarder.clone(), Duration::from_millis(1)).await;
        assert_eq!(bytes, PART as u64, "another stream's upload");
        advance(REFILL_AFTER).await;
        let (bytes, _) = taken(&discarder, Duration::from_millis(1)).await;
        assert_eq!(bytes, MOST_DISCARDED + PART as u64);
    }

    #[tokio::test(start_paused = true)]
    async fn d1_a_slow_upload_is_not_discarded_for_ever() {
        let (bytes, lasted) = taken(&Discarder::new(WITHIN), Duration::from_millis(1500)).await;
        assert_eq!((bytes, lasted), (6 * PART as u64, WITHIN));
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_pauses_is_not_waited_for() {
        let (bytes, lasted) = taken(&Discarder::new(WITHIN), LONGEST_PAUSE * 2).await;
        assert_eq!((bytes, lasted), (0, LONGEST_PAUSE));
    }
}
