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
}

/// A body that is here as a whole: it was verified.
#[derive(Debug)]
struct HeldUpload(HeldReader);

/// The body that the client sends; none if it is known beforehand that it is empty.
pub(super) fn streamed(
    incoming: Option<ClientBody>,
    stall_after: Duration,
    room: Option<UploadRoom>,
) -> RequestBody {
    let Some(incoming) = incoming.filter(|incoming| !incoming.is_end_stream()) else {
        return RequestBody::empty();
    };
    let stall = Stall::new(stall_after);
    RequestBody::new(ClientUpload { incoming, stall, room, pace: None, is_new: true })
}

/// A body that is here as a whole.
pub(super) fn held(body: HeldBody) -> RequestBody {
    if body.is_empty() {
        return RequestBody::empty();
    }
    RequestBody::new(HeldUpload(body.into_reader()))
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
            Ok(frame) => frame.into_data().ok().map(|data| Ok(self.hold(data))),
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
        let part = ready!(self.0.poll_next(cx));
        progress.moved();
        Poll::Ready(part.map(|part| Ok(part?)))
    }

    fn is_at_end(&self) -> bool {
        self.0.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.left())
    }
}
