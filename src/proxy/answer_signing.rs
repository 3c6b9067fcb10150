//! The upstream's answer to a signed request, signed in turn: as a whole, or not at all.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_LENGTH, CONTENT_TYPE, TRAILER, TRANSFER_ENCODING},
    response::Parts,
};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::answer::is_grpc;
use crate::signature::{AnswerSigner, VerifiedSignature};

/// Why an answer could not be signed. It is never passed back without its signature.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsignable {
    /// It has no end that could be waited for.
    #[error("the answer is a stream, and only whole answers are signed")]
    Stream,
    /// It is larger than one that is signed may be.
    #[error("the answer is larger than {0} bytes, the most that is signed")]
    TooLarge(usize),
    /// The upstream stopped sending.
    #[error("the answer made no progress for {0:?}")]
    Stalled(Duration),
    /// The upstream broke off.
    #[error("the answer broke off: {0}")]
    Broke(#[source] hyper::Error),
    /// The key can't sign.
    #[error("the key for answers can't sign")]
    Key,
}

/// Reads the answer, and signs it in the way in which the request was.
pub(super) async fn sign(
    parts: &mut Parts,
    body: Incoming,
    signer: &Arc<AnswerSigner>,
    request: &VerifiedSignature,
    stall_after: Duration,
) -> Result<Bytes, Unsignable> {
    if is_stream(&parts.headers) {
        return Err(Unsignable::Stream);
    }
    let bytes = read(body, signer.max_bytes(), stall_after).await?;
    let signature = Arc::clone(signer).sign(bytes.clone(), request.dialect()).await;
    parts.headers.insert(signer.header().clone(), signature.ok_or(Unsignable::Key)?);
    // Framed anew, and without trailers: they would be beside what is signed.
    for name in [TRANSFER_ENCODING, TRAILER] {
        parts.headers.remove(name);
    }
    if !bytes.is_empty() {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    Ok(bytes)
}

fn is_stream(headers: &HeaderMap) -> bool {
    const EVENTS: &[u8] = b"text/event-stream";
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let is_events = content_type
        .get(..EVENTS.len())
        .is_some_and(|beginning| beginning.eq_ignore_ascii_case(EVENTS));
    is_events || is_grpc(headers)
}

async fn read(
    mut body: Incoming,
    max_bytes: usize,
    stall_after: Duration,
) -> Result<Bytes, Unsignable> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > max_bytes {
        return Err(Unsignable::TooLarge(max_bytes));
    }
    let mut bytes = BytesMut::with_capacity(announced);
    loop {
        let frame = timeout(stall_after, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Unsignable::Stalled(stall_after))? else {
            return Ok(bytes.freeze());
        };
        let Ok(data) = frame.map_err(Unsignable::Broke)?.into_data() else {
            continue;
        };
        if bytes.len().saturating_add(data.len()) > max_bytes {
            return Err(Unsignable::TooLarge(max_bytes));
        }
        bytes.extend_from_slice(&data);
    }
}
