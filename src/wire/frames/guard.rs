//! An HTTP/2 connection that is closed when its client floods it (threats D-2), or leaves a frame
//! unfinished for too long (threats D-1).

use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::{
    super::timer::Timer,
    FrameFollower,
    flood::{FloodKind, FrameAllowances},
    flood_reports::ClientFloods,
    kind,
    own_settings::OwnSettings,
    refused_heads::{RefusedHeadFinder, RefusedHeads},
};

/// The connection, above TLS.
#[derive(Debug)]
pub(crate) struct FrameGuard<S> {
    socket: S,
    received: FrameFollower,
    sent: FrameFollower,
    allowances: FrameAllowances,
    /// The highest stream that the client has opened.
    last_stream: u32,
    /// Small parts of bodies that were read since other tasks had their turn.
    small_parts: u32,
    header_timeout: Duration,
    /// Since when a frame is unfinished, and which one.
    unfinished: Option<(u64, Instant)>,
    timer: Timer,
    floods: ClientFloods,
    /// The stream of the last DATA frame from the client.
    last_upload: u32,
    own_settings: OwnSettings,
    refused_heads: RefusedHeadFinder,
}

/// What the bounds of frames depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameLimits {
    /// How long a frame may take, and a header block as a whole.
    pub(crate) header_timeout: Duration,
    /// How many streams a connection may have at a time.
    pub(crate) streams: u32,
    /// The size of header lists that is announced.
    pub(crate) header_list: u32,
}

/// A client has sent more of such frames than any use of a connection takes.
#[derive(Debug, thiserror::Error)]
#[error("a flood of HTTP/2 frames: {}", .0.name())]
struct Flood(FloodKind);

/// `GOAWAY` with the error code `ENHANCE_YOUR_CALM` (RFC 9113 §7), up to the last stream.
const GOAWAY: [u8; 9] = [0, 0, 8, kind::GOAWAY, 0, 0, 0, 0, 0];
const ENHANCE_YOUR_CALM: u32 = 0xb;

/// h2 reads as long as there is something to read, and closes a connection with some two thousand
/// unread parts of bodies that are smaller than this (`too_many_data_frames`). A client can send
/// that many in one packet.
const SMALL_PART_BYTES: u32 = 256;

/// After so many of them the streams have their turn to take them: far fewer than h2 keeps.
const SMALL_PARTS_AT_ONCE: u32 = 100;

impl<S> FrameGuard<S> {
    /// Guards a connection accepted at that moment.
    pub(crate) fn new(
        socket: S,
        accepted: Instant,
        limits: FrameLimits,
        floods: ClientFloods,
        refused_heads: Rc<RefusedHeads>,
    ) -> Self {
        Self {
            socket,
            received: FrameFollower::of_client(),
            sent: FrameFollower::of_server(),
            allowances: FrameAllowances::new(accepted, limits.streams),
            last_stream: 0,
            small_parts: 0,
            header_timeout: limits.header_timeout,
            unfinished: Some((0, accepted)),
            timer: Timer::default(),
            floods,
            last_upload: 0,
            own_settings: OwnSettings::Unsent { header_list: limits.header_list },
            refused_heads: RefusedHeadFinder::new(limits.streams, refused_heads),
        }
    }

    fn count_received(&mut self, mut bytes: &[u8]) -> Result<(), FloodKind> {
        while let Some(frame) = self.received.next(&mut bytes) {
            let begins_request = frame.kind == kind::HEADERS && frame.content() > 0;
            if begins_request && frame.stream > self.last_stream {
                self.last_stream = frame.stream;
                self.allowances.request_begins();
            }
            if frame.kind == kind::RST_STREAM {
                self.refused_heads.reset_by_client(frame.stream);
            }
            if frame.kind == kind::DATA {
                self.last_upload = frame.stream;
                self.small_parts += u32::from(frame.length < SMALL_PART_BYTES);
            }
            self.allowances.received(&frame)?;
        }
        Ok(())
    }

    fn count_sent(&mut self, mut bytes: &[u8]) {
        while let Some(frame) = self.sent.next(&mut bytes) {
            self.allowances.sent(&frame);
            self.refused_heads.sent(&frame, bytes, self.last_upload);
        }
    }

    /// Ready when the client has left a frame unfinished for too long.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(frame) = self.received.unfinished() else {
            self.unfinished = None;
            return Poll::Pending;
        };
        let since = match self.unfinished {
            Some((begun, since)) if begun == frame => since,
            _ => Instant::now(),
        };
        self.unfinished = Some((frame, since));
        self.timer.poll(cx, since + self.header_timeout)
    }
}

impl<S: AsyncWrite + Unpin> FrameGuard<S> {
    fn cut(&mut self, cx: &mut Context<'_>, kind: FloodKind) -> io::Error {
        self.floods.report(kind);
        self.say_why(cx);
        io::Error::other(Flood(kind))
    }

    /// hyper has no way to send this GOAWAY. Ours fits between two frames; within one the
    /// connection is just closed, as it is if the client takes nothing.
    fn say_why(&mut self, cx: &mut Context<'_>) {
        if !self.sent.is_between_frames() {
            return;
        }
        let (stream, code) = (self.last_stream.to_be_bytes(), ENHANCE_YOUR_CALM.to_be_bytes());
        let frame = [&GOAWAY[..], &stream, &code].concat();
        let mut socket = Pin::new(&mut self.socket);
        if matches!(socket.as_mut().poll_write(cx, &frame), Poll::Ready(Ok(_))) {
            // The connection ends whether or not it got through.
            let _: Poll<io::Result<()>> = socket.poll_flush(cx);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for FrameGuard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.small_parts > SMALL_PARTS_AT_ONCE {
            self.small_parts = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        match Pin::new(&mut self.socket).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                let bytes = buf.filled().get(before..).unwrap_or_default();
                Poll::Ready(match self.count_received(bytes) {
                    Ok(()) => Ok(()),
                    Err(kind) => {
                        buf.set_filled(before);
                        Err(self.cut(cx, kind))
                    }
                })
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.small_parts = 0;
                self.poll_overdue(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FrameGuard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let replaced = this.own_settings.replace(bytes);
        let outcome = Pin::new(&mut this.socket).poll_write(cx, replaced);
        if let Poll::Ready(Ok(written)) = outcome {
            self.own_settings.written(written);
            self.count_sent(bytes.get(..written).unwrap_or_default());
        }
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.own_settings.are_sent() {
            let first = pieces.iter().find(|piece| !piece.is_empty());
            return self.poll_write(cx, first.map_or(&[], |piece| piece));
        }
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(cx, pieces);
        if let Poll::Ready(Ok(mut written)) = outcome {
            for piece in pieces {
                let part = piece.get(..written.min(piece.len())).unwrap_or_default();
                self.count_sent(part);
                written -= part.len();
            }
        }
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
