//! The answer to a request that is not forwarded, or was without success.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CACHE_CONTROL};

use super::{GrpcStatus, RefusalForm, grpc};

/// What is answered in place of the upstream: a status, headers and a short body, all of them the
/// operator's words or constants.
#[derive(Debug)]
pub struct Refusal(Response<Bytes>);

impl Refusal {
    pub(super) fn new(response: Response<Bytes>) -> Self {
        Self(response)
    }

    /// An answer without a body: a status for HTTP clients, and another one for gRPC clients.
    pub fn bare(status: StatusCode, grpc_status: GrpcStatus, form: RefusalForm) -> Self {
        Self(match form {
            RefusalForm::Http => empty(status),
            RefusalForm::Grpc => grpc::answer(grpc_status, None),
        })
    }

    /// The answer. Where its body is empty, it has none.
    pub fn into_response(self) -> Response<Bytes> {
        self.0
    }
}

/// No cache may keep an answer of ours: a refusal depends on a credential.
pub(super) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
