//! Signs the upstream's response to a signed request: as a whole, or not at all.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_LENGTH, CONTENT_TYPE, TRAILER, TRANSFER_ENCODING},
    response::Parts,
};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::{grpc::is_grpc, held_body::BodyStore};
use crate::{
    bounded::Reservation,
    gate::{Admission, Denial},
    jose::Dialect,
    reason::Reason,
    signature::AnswerSigner,
};

/// Why an answer could not be signed. It is never passed back without its signature.
#[derive(Debug, thiserror::Error)]
pub enum Unsignable {
    /// It has no end that could be waited for.
    #[error("the answer is a stream, and only whole answers are signed")]
    Stream,
    /// It is larger than one that is signed may be.
    #[error("the answer is larger than {0} bytes, the most that is signed")]
    TooLarge(usize),
    /// All bodies together take what they may.
    #[error("there is no room for the answer among all held bodies")]
    NoRoom,
    /// The upstream stopped sending.
    #[error("the answer made no progress for {0:?}")]
    Stalled(Duration),
    /// The upstream broke off.
    #[error("the answer broke off: {0}")]
    Broke(#[source] Box<dyn Error + Send + Sync>),
    /// The key can't sign, or not in time.
    #[error("the key for answers could not sign")]
    Key,
}

/// An answer that is to be signed, and the room for it.
#[derive(Debug)]
pub struct AnswerToSign {
    signer: Arc<AnswerSigner>,
    /// How the request's signature is written.
    as_request: Dialect,
    room: Reservation,
}

/// An answer that is here as a whole, and holds its room until the client has it.
#[derive(Debug)]
pub struct SignedAnswer {
    pub(crate) bytes: Bytes,
    pub(crate) room: Reservation,
}

impl AnswerToSign {
    /// Begins before the request is forwarded: its effect could not be undone if there were no
    /// memory for the response. Only the first part of the memory is reserved.
    ///
    /// # Errors
    /// All bodies together take what they may.
    pub(super) fn begin(
        admission: &Admission<'_>,
        store: &BodyStore,
    ) -> Result<Option<Self>, Denial> {
        let Some(request) = admission.signature() else {
            return Ok(None);
        };
        let Some(signer) = request.answers() else {
            return Ok(None);
        };
        let signer = Arc::clone(signer);
        match store.begin(signer.max_bytes() as u64) {
            Some(room) => Ok(Some(Self { signer, as_request: request.dialect(), room })),
            None => Err(admission.refuse(Reason::BodyBufferUnavailable)),
        }
    }

    /// Reads the answer, and signs it in the way in which the request was.
    ///
    /// # Errors
    /// See [`Unsignable`].
    pub async fn sign(
        mut self,
        parts: &mut Parts,
        body: impl Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin,
        stall_after: Duration,
    ) -> Result<SignedAnswer, Unsignable> {
        if is_stream(&parts.headers) {
            return Err(Unsignable::Stream);
        }
        let bytes = self.read(body, stall_after).await?;
        let signature = Arc::clone(&self.signer).sign(bytes.clone(), self.as_request).await;
        parts.headers.insert(self.signer.header().clone(), signature.ok_or(Unsignable::Key)?);
        // Framed by us, and without trailers: they would not be covered by the signature.
        for name in [TRANSFER_ENCODING, TRAILER] {
            parts.headers.remove(name);
        }
        if !bytes.is_empty() {
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        }
        Ok(SignedAnswer { bytes, room: self.room })
    }

    async fn read(
        &mut self,
        mut body: impl Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin,
        stall_after: Duration,
    ) -> Result<Bytes, Unsignable> {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        self.make_room(announced)?;
        let mut bytes = BytesMut::with_capacity(announced);
        loop {
            let frame = timeout(stall_after, body.frame()).await;
            let Some(frame) = frame.map_err(|_| Unsignable::Stalled(stall_after))? else {
                return Ok(bytes.freeze());
            };
            let Ok(data) = frame.map_err(|error| Unsignable::Broke(error.into()))?.into_data()
            else {
                continue;
            };
            self.make_room(bytes.len().saturating_add(data.len()))?;
            bytes.extend_from_slice(&data);
        }
    }

    fn make_room(&mut self, bytes: usize) -> Result<(), Unsignable> {
        let most = self.signer.max_bytes();
        if bytes > most {
            return Err(Unsignable::TooLarge(most));
        }
        if self.room.grow_to(bytes as u64) { Ok(()) } else { Err(Unsignable::NoRoom) }
    }
}

fn is_stream(headers: &HeaderMap) -> bool {
    const EVENTS: &[u8] = b"text/event-stream";
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let is_events = content_type
        .get(..EVENTS.len())
        .is_some_and(|beginning| beginning.eq_ignore_ascii_case(EVENTS));
    is_events || is_grpc(headers)
}
