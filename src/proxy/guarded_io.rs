//! A downstream socket with deadlines of its own (threats D-1): hyper has none for a connection
//! that never sends, for one that waits between requests, or for one that does not read.

mod long_head;

use std::{
    future::pending,
    io, mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep_until},
};

use crate::{
    memory::{MemoryBudget, Patience},
    proxy::settings::LimitSettings,
    wire::{pieces, timer::Timer},
};

use long_head::LongHeads;

/// Bytes thrown away at once.
const LINGER_BUFFER: usize = 8 * 1024;

/// How long a connection is idle before its memory is released. Long enough that one with several
/// requests a second is never parked; short enough that many that fall silent do not add up: the
/// allocator keeps memory for a while.
pub(super) const PARK_AFTER: Duration = Duration::from_millis(250);

/// How long a connection may stay in each phase.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    /// A header block, from its first byte; a new connection's, from accept.
    pub(super) header: Duration,
    /// Between two requests.
    pub(super) idle: Duration,
    /// A write that the client does not take.
    pub(super) write: Duration,
}

impl Deadlines {
    pub(super) fn of(limits: &LimitSettings) -> Self {
        Self {
            header: limits.header_timeout,
            idle: limits.idle_timeout,
            write: limits.body_timeout,
        }
    }
}

/// What a connection is busy with; selects the socket's deadline.
///
/// Shared between the socket and the requests on it. All of them live on one thread; the atomics
/// are there because an upgraded socket has to be `Send`, and are never contended.
#[derive(Debug)]
pub(super) struct Activity {
    phase: AtomicU8,
    /// When the phase began, in milliseconds after `epoch`.
    since: AtomicU64,
    epoch: Instant,
    deadlines: Deadlines,
    /// Whether the last request was answered although its body had not been read.
    body_unread: AtomicBool,
    /// Whether bytes that arrive while idle begin a header block. Not so on HTTP/2, where they
    /// may be pings.
    bytes_begin_request: bool,
    /// Whether the client does not take what is written.
    write_stalled: AtomicBool,
    /// Whether heads have more lines than hyper reads for free.
    pub(super) long_heads: LongHeads,
    /// How long an HTTP/2 connection may be idle before it gets a GOAWAY.
    goodbye_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// Waiting for the rest of a header block.
    Header,
    /// Waiting for a request to begin.
    Idle,
    /// The first bytes of a header block are here. Usually all of it is, which needs no deadline
    /// and thus no look at the clock (50 ns); if not, `Header` begins.
    Arrived,
    /// A request is being served: its own deadlines count.
    Serving,
    /// The connection has become a tunnel, which has a deadline of its own.
    Tunnel,
}

/// The socket.
#[derive(Debug)]
pub(super) struct GuardedIo<S> {
    socket: S,
    /// Bytes read while sniffing the protocol, to be read again.
    sniffed: Bytes,
    activity: Arc<Activity>,
    read_timer: Timer,
    write_timer: Timer,
    write_stalled_since: Option<Instant>,
    /// Decides how long a client may take nothing.
    memory: Option<Arc<MemoryBudget>>,
    /// After our last byte: until when the client's bytes are still taken.
    lingers_until: Option<Instant>,
}

impl Activity {
    /// The activity of a connection accepted at that moment.
    pub(super) fn accepted(at: Instant, deadlines: Deadlines) -> Self {
        Self {
            phase: AtomicU8::new(Phase::Header as u8),
            since: AtomicU64::new(0),
            epoch: at,
            deadlines,
            body_unread: AtomicBool::new(false),
            bytes_begin_request: true,
            write_stalled: AtomicBool::new(false),
            long_heads: LongHeads::default(),
            goodbye_after: None,
        }
    }

    /// The activity of an HTTP/2 connection: it may wait for its first request as long as between
    /// two. When that time is over the client gets a GOAWAY (see [`Activity::idle_too_long`]); the
    /// socket only closes connections that ignore it.
    pub(super) fn http2(at: Instant, deadlines: Deadlines) -> Self {
        let socket = Deadlines { idle: deadlines.idle + deadlines.header, ..deadlines };
        let goodbye_after = Some(deadlines.idle);
        let activity =
            Self { bytes_begin_request: false, goodbye_after, ..Self::accepted(at, socket) };
        activity.enter(Phase::Idle);
        activity
    }

    /// A request's header block is complete.
    pub(super) fn request_begins(&self) {
        self.body_unread.store(false, Relaxed);
        self.long_heads.request_begins();
        self.phase.store(Phase::Serving as u8, Relaxed);
    }

    /// A request has ended, but hyper does not have its answer yet.
    pub(super) fn answer_follows(&self) {
        if self.phase.load(Relaxed) == Phase::Idle as u8 {
            self.phase.store(Phase::Serving as u8, Relaxed);
        }
    }

    /// The last request's answer is out, at that moment.
    pub(super) fn requests_end(&self, at: Instant) {
        if self.phase.load(Relaxed) == Phase::Serving as u8 {
            self.enter_at(Phase::Idle, at);
        }
    }

    /// We answered without reading the body: should the connection be closed for it, the client
    /// may still be sending.
    pub(super) fn body_stays_unread(&self) {
        self.body_unread.store(true, Relaxed);
    }

    /// Whether the rest of a body is in the way of the next request. Over HTTP/2 it is not.
    pub(super) fn must_drain(&self) -> bool {
        self.body_unread.load(Relaxed) && self.is_http1()
    }

    /// The connection becomes a tunnel.
    pub(super) fn tunnel_begins(&self) {
        self.long_heads.stop_watching();
        self.phase.store(Phase::Tunnel as u8, Relaxed);
    }

    /// When the connection may be parked; `None` while it does not wait for a request, or a byte
    /// of an answer or of an unread body is under way.
    pub(super) fn park_at(&self) -> Option<Instant> {
        let waits = self.bytes_begin_request && self.phase.load(Relaxed) == Phase::Idle as u8;
        let at_rest = !self.body_unread.load(Relaxed) && !self.write_stalled.load(Relaxed);
        (waits && at_rest).then(|| self.since() + PARK_AFTER.min(self.deadlines.idle))
    }

    /// Resolves once an HTTP/2 connection has been idle for its whole time.
    pub(super) async fn idle_too_long(&self) {
        let Some(allowed) = self.goodbye_after else { return pending().await };
        loop {
            let idle = self.phase.load(Relaxed) == Phase::Idle as u8;
            let deadline = if idle { self.since() + allowed } else { Instant::now() + allowed };
            if deadline <= Instant::now() {
                return;
            }
            sleep_until(deadline).await;
        }
    }

    fn since(&self) -> Instant {
        self.epoch + Duration::from_millis(self.since.load(Relaxed))
    }

    fn enter(&self, phase: Phase) {
        self.enter_at(phase, Instant::now());
    }

    fn enter_at(&self, phase: Phase, at: Instant) {
        let since = at.saturating_duration_since(self.epoch).as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.since.store(since, Relaxed);
        self.phase.store(phase as u8, Relaxed);
    }

    /// Whether some of a head is here: the request is answered, whatever else ends.
    pub(super) fn has_begun_head(&self) -> bool {
        let phase = self.phase.load(Relaxed);
        phase == Phase::Arrived as u8 || phase == Phase::Header as u8
    }

    /// Whether an answer may say that the connection ends with it.
    pub(super) fn is_http1(&self) -> bool {
        self.bytes_begin_request
    }

    /// Some of the next request is here: on the socket, or read together with the one before.
    pub(super) fn bytes_arrived(&self) {
        if self.bytes_begin_request && self.phase.load(Relaxed) == Phase::Idle as u8 {
            self.phase.store(Phase::Arrived as u8, Relaxed);
        }
    }

    /// What has arrived is not all of a request.
    fn bytes_are_missing(&self) {
        if self.phase.load(Relaxed) == Phase::Arrived as u8 {
            self.enter(Phase::Header);
        }
    }

    /// When to stop waiting for bytes; `None` for a tunnel, which has a deadline of its own, and
    /// while a request is served.
    fn read_deadline(&self) -> Option<Instant> {
        match self.phase.load(Relaxed) {
            phase if phase == Phase::Header as u8 => Some(self.since() + self.deadlines.header),
            phase if phase == Phase::Idle as u8 => Some(self.since() + self.deadlines.idle),
            _ => None,
        }
    }

    /// Whether a head has begun that is not all here. Over HTTP/2 frames are not distinguished: there,
    /// whether anything else than reading could have taken too long.
    pub(super) fn awaits_head(&self) -> bool {
        let reads = self.phase.load(Relaxed) == Phase::Header as u8 || !self.bytes_begin_request;
        reads && !self.write_stalled.load(Relaxed)
    }

    fn is_serving(&self) -> bool {
        self.phase.load(Relaxed) == Phase::Serving as u8
    }
}

impl<S> GuardedIo<S> {
    /// A socket whose first bytes have been read already.
    pub(super) fn new(socket: S, sniffed: Bytes, activity: Arc<Activity>) -> Self {
        Self {
            socket,
            sniffed,
            activity,
            read_timer: Timer::default(),
            write_timer: Timer::default(),
            write_stalled_since: None,
            memory: None,
            lingers_until: None,
        }
    }

    /// Has less patience with a client that takes nothing while memory is short.
    pub(super) fn shed_by(self, memory: &Arc<MemoryBudget>) -> Self {
        Self { memory: Some(Arc::clone(memory)), ..self }
    }

    /// Returns read bytes to the buffer, to be read again.
    pub(super) fn unread(&mut self, bytes: Bytes) {
        let behind = mem::replace(&mut self.sniffed, bytes);
        if !behind.is_empty() {
            self.sniffed = [&*self.sniffed, &behind].concat().into();
        }
    }

    /// Whether there are returned bytes.
    pub(super) fn has_unread(&self) -> bool {
        self.sniffed.has_remaining()
    }

    /// A socket that TLS is spoken on. Above TLS a flush waits for a whole buffer to go out: only
    /// down here can a slow reader be distinguished from a client that does not read.
    pub(super) fn below_tls(socket: S, deadlines: Deadlines) -> Self {
        let activity = Activity::accepted(Instant::now(), deadlines);
        // Reading is watched above.
        activity.tunnel_begins();
        Self::new(socket, Bytes::new(), Arc::new(activity))
    }

    fn on_read_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.activity.bytes_are_missing();
        if self.activity.is_serving() {
            self.look_again_later(cx);
            return Poll::Pending;
        }
        match self.activity.read_deadline() {
            Some(deadline) => self.read_timer.poll(cx, deadline).map(|()| Err(timed_out())),
            None => Poll::Pending,
        }
    }

    /// hyper does not read again only because a response has ended, so the connection would not be
    /// noticed as idle.
    fn look_again_later(&mut self, cx: &mut Context<'_>) {
        let Deadlines { header, idle, .. } = self.activity.deadlines;
        self.read_timer.wake_within(cx, header.min(idle), self.activity.since());
    }

    /// Passes a write's outcome on, or ends the connection if the client takes nothing.
    fn guard_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            if self.write_stalled_since.take().is_some() {
                self.activity.write_stalled.store(false, Relaxed);
            }
            return outcome;
        }
        self.activity.write_stalled.store(true, Relaxed);
        let since = *self.write_stalled_since.get_or_insert_with(Instant::now);
        let allowed = self.activity.deadlines.write;
        let patience = Patience { memory: self.memory.as_deref(), allowed };
        patience.poll(cx, &mut self.write_timer, since).map(|()| Err(timed_out()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.sniffed.has_remaining() {
            let take = self.sniffed.len().min(buf.remaining());
            buf.put_slice(&self.sniffed.split_to(take));
            return Poll::Ready(Ok(()));
        }
        match Pin::new(&mut self.socket).poll_read(cx, buf) {
            Poll::Ready(outcome) => {
                self.activity.bytes_arrived();
                Poll::Ready(outcome)
            }
            Poll::Pending => self.on_read_pending(cx),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for GuardedIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.activity.long_heads.holds_back(buf) {
            return Poll::Pending;
        }
        let outcome = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.guard_write(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.first().is_some_and(|begin| self.activity.long_heads.holds_back(begin)) {
            return Poll::Pending;
        }
        let outcome = pieces::write(Pin::new(&mut self.socket), cx, bufs);
        self.guard_write(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.socket).poll_flush(cx);
        // TLS takes what the socket does not: the end of an answer may still be here.
        if outcome.is_pending() || self.write_stalled_since.is_none() {
            self.activity.write_stalled.store(outcome.is_pending(), Relaxed);
        }
        // hyper flushes when its own buffer is empty.
        if outcome.is_ready() && !self.activity.is_serving() {
            self.activity.long_heads.all_written();
        }
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(until) = self.lingers_until {
            return self.linger(cx, until).map(Ok);
        }
        ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
        if !self.activity.body_unread.load(Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let until = Instant::now() + self.activity.deadlines.header;
        self.lingers_until = Some(until);
        self.linger(cx, until).map(Ok)
    }
}

impl<S: AsyncRead + Unpin> GuardedIo<S> {
    /// Takes what the client still sends and throws it away. A socket that is closed with bytes
    /// unread resets the connection, which can take our answer back on its way to a client that
    /// sends its whole body before it reads (RFC 9112 §9.6).
    fn linger(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        let mut scratch = [0; LINGER_BUFFER];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.socket).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() && Instant::now() < until => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.read_timer.poll(cx, until),
            }
        }
    }
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

#[cfg(test)]
mod tests;
