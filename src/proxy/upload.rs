//! Where the body of a request comes from that is sent on.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, SizeHint};

use crate::{
    decision::{
        UploadFault,
        held_body::{HeldBody, HeldReader},
    },
    memory::{Pace, WaitsFor},
    upstream::{RequestBody, UploadError, UploadProgress, UploadSource},
};

use super::{body::Stall, client_body::ClientBody, guards::UploadRoom};

/// The client, as it sends it.
#[derive(Debug)]
struct ClientUpload {
    incoming: ClientBody,
    stall: Stall,
    room: Option<UploadRoom>,
    /// Once a second frame came.
    pace: Option<Box<Pace>>,
    /// Whether no frame was sent yet.
    is_new: bool,
    /// How much it may be, where that is bounded.
    bound: Option<UploadBound>,
}

/// How much an upload may be.
#[derive(Debug, Clone, Copy)]
struct UploadBound {
    most: u64,
    left: u64,
}

/// The client sends more than its route takes.
#[derive(Debug, thiserror::Error)]
#[error("the body is larger than {0} bytes")]
struct TooLarge(u64);

/// A body that is here as a whole.
#[derive(Debug)]
struct HeldUpload {
    reader: HeldReader,
    /// Whether it is kept until there is an answer.
    is_kept: bool,
}

/// The body that the client sends, of at most so many bytes; none if it is known beforehand that it
/// is empty. More than that is never a whole request for the upstream.
pub(super) fn streamed(
    incoming: Option<ClientBody>,
    stall_after: Duration,
    room: Option<UploadRoom>,
    most: Option<u64>,
) -> RequestBody {
    let Some(incoming) = incoming.filter(|incoming| !incoming.is_end_stream()) else {
        return RequestBody::empty();
    };
    let stall = Stall::new(stall_after);
    let bound = most.map(|most| UploadBound { most, left: most });
    RequestBody::new(ClientUpload { incoming, stall, room, pace: None, is_new: true, bound })
}

/// A body that is here as a whole. If it is kept, it can be sent again.
pub(super) fn held(body: HeldBody, is_kept: bool) -> RequestBody {
    if body.is_empty() {
        return RequestBody::empty();
    }
    RequestBody::new(HeldUpload { reader: body.into_reader(), is_kept })
}

impl UploadSource for ClientUpload {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        progress: &UploadProgress,
    ) -> Poll<Option<Result<Bytes, UploadError>>> {
        if let Some(WaitsFor::Receiver { moves }) =
            self.pace.as_mut().and_then(|pace| pace.before(cx))
        {
            if moves {
                progress.moved();
            }
            return Poll::Pending;
        }
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            progress.waits_for_client();
            let stalled = ready!(self.stall.poll(cx));
            progress.failed(UploadFault::Stalled);
            return Poll::Ready(Some(Err(stalled.into())));
        };
        self.stall.reset();
        progress.moved();
        let Some(frame) = frame else { return Poll::Ready(None) };
        Poll::Ready(match frame {
            // Trailers end it.
            Ok(frame) => frame.into_data().ok().map(|data| self.take(data, progress)),
            Err(error) => {
                progress.failed(UploadFault::Broke);
                Some(Err(error.into()))
            }
        })
    }

    fn is_at_end(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl ClientUpload {
    fn take(&mut self, data: Bytes, progress: &UploadProgress) -> Result<Bytes, UploadError> {
        if let Some(UploadBound { most, left }) = &mut self.bound {
            let Some(rest) = left.checked_sub(data.len() as u64) else {
                progress.failed(UploadFault::TooLarge(*most));
                return Err(TooLarge(*most).into());
            };
            *left = rest;
        }
        Ok(self.hold(data))
    }

    /// Counts bytes until the upstream has them. The first, which often are the last, are within
    /// the room for the upload.
    fn hold(&mut self, data: Bytes) -> Bytes {
        let is_first = std::mem::replace(&mut self.is_new, false);
        let Some(room) = self.room.as_ref().filter(|_| !is_first) else { return data };
        let pace = self.pace.get_or_insert_with(|| Box::new(Pace::new(room.flow())));
        pace.hold(data)
    }
}

impl UploadSource for HeldUpload {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        progress: &UploadProgress,
    ) -> Poll<Option<Result<Bytes, UploadError>>> {
        let part = ready!(self.reader.poll_next(cx));
        progress.moved();
        Poll::Ready(part.map(|part| Ok(part?)))
    }

    fn is_at_end(&self) -> bool {
        self.reader.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.reader.left())
    }

    fn rewind(&mut self) -> bool {
        if self.is_kept {
            self.reader.rewind();
        }
        self.is_kept
    }
}
