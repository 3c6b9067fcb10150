//! gRPC: answers of 200 and a status in the trailers, whatever the profile.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};

use crate::reason::{Class, Reason};

/// The status codes of the gRPC protocol that we answer with.
#[derive(Debug, Clone, Copy)]
pub enum GrpcStatus {
    /// `INVALID_ARGUMENT`
    InvalidArgument = 3,
    /// `DEADLINE_EXCEEDED`
    DeadlineExceeded = 4,
    /// `PERMISSION_DENIED`
    PermissionDenied = 7,
    /// `RESOURCE_EXHAUSTED`
    ResourceExhausted = 8,
    /// `INTERNAL`
    Internal = 13,
    /// `UNAVAILABLE`
    Unavailable = 14,
    /// `UNAUTHENTICATED`
    Unauthenticated = 16,
}

/// The protocol of a refusal's receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalForm {
    /// The HTTP status shows the refusal.
    Http,
    /// A status of gRPC does, below a 200 of HTTP.
    Grpc,
}

impl RefusalForm {
    /// The protocol of the request's client. gRPC calls are `POST`: for any other request,
    /// intermediaries must not see a refusal as a 200.
    pub fn of_client(method: &Method, headers: &HeaderMap) -> Self {
        if method == Method::POST && is_grpc(headers) { Self::Grpc } else { Self::Http }
    }
}

/// Whether the headers declare gRPC.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let Some(content_type) = headers.get(CONTENT_TYPE) else {
        return false;
    };
    match content_type.as_bytes().split_at_checked(GRPC.len()) {
        Some((found, rest)) => {
            found.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';'))
        }
        None => false,
    }
}

/// The status of a refused call.
pub(super) fn status(class: Class, reason: Reason) -> GrpcStatus {
    match reason {
        Reason::BodyTooLarge
        | Reason::HeadTooLong
        | Reason::HeaderLinesExceeded
        | Reason::RateLimited
        | Reason::ConcurrencyLimited => return GrpcStatus::ResourceExhausted,
        Reason::LoopDetected => return GrpcStatus::Internal,
        Reason::UpstreamConnectTimeout | Reason::UpstreamTimeout => {
            return GrpcStatus::DeadlineExceeded;
        }
        _ => {}
    }
    match class {
        Class::CredentialMissing | Class::CredentialInvalid | Class::SignatureRefused => {
            GrpcStatus::Unauthenticated
        }
        Class::NotPermitted => GrpcStatus::PermissionDenied,
        Class::RequestMalformed => GrpcStatus::InvalidArgument,
        Class::CannotDecide | Class::UpstreamFailed => GrpcStatus::Unavailable,
    }
}

/// A gRPC answer of trailers only, which travel as headers.
pub(super) fn answer(status: GrpcStatus, message: Option<HeaderValue>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("grpc-status", HeaderValue::from(status as u16));
    if let Some(message) = message {
        headers.insert("grpc-message", message);
    }
    response
}
