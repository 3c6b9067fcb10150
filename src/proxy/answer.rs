//! Our own answers. Every refusal and every failure becomes a response here and nowhere else.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::{
    config::DenialSettings,
    gate::{Denial, Gate},
    policy::Requirement,
    reason::{Class, Reason},
};

use super::{
    body::{ClientFault, ResponseBody},
    upstream::UpstreamError,
};

/// How refusals look.
#[derive(Debug, Clone)]
pub struct AnswerStyle {
    realm: Option<String>,
    expose_reasons: bool,
}

/// Why an admitted request got no answer from its upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The upstream refused, or broke off.
    BadGateway,
    /// The upstream did not answer in time.
    GatewayTimeout,
    /// The client stopped sending its body.
    RequestTimeout,
    /// The client's body broke off, or was none.
    BrokenUpload,
}

/// After how many seconds a client may try again when keys were unavailable: about as long as
/// the first steps of the refresher's backoff take.
const RETRY_AFTER_SECONDS: &str = "5";

impl AnswerStyle {
    /// The style of the settings.
    pub fn new(settings: &DenialSettings) -> Self {
        Self { realm: settings.realm.clone(), expose_reasons: settings.expose_reasons }
    }

    /// The answer to a refused request (RFC 6750 §3).
    pub(super) fn denial(
        &self,
        denial: &Denial,
        gate: &Gate,
        is_grpc: bool,
    ) -> Response<ResponseBody> {
        let reason = denial.reason();
        let status = status(reason);
        let mut response = if is_grpc {
            grpc(grpc_status(reason), self.expose_reasons.then_some(reason.code()))
        } else {
            self.plain(status, Some(reason))
        };
        let scope = denial
            .route()
            .and_then(|index| gate.route_at(index)?.requirement())
            .map_or("", Requirement::scope);
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge(reason, scope) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(allow) = denial.allow() {
            headers.insert(ALLOW, allow.clone());
        }
        if reason == Reason::FramingNotAllowed {
            // Where that request ends, and the next begins, is anybody's guess.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if reason.class() == Class::CannotDecide {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        response
    }

    /// The answer where the upstream gave none.
    pub(super) fn failure(&self, failure: Failure, is_grpc: bool) -> Response<ResponseBody> {
        if is_grpc {
            return grpc(failure.grpc_status(), None);
        }
        self.plain(failure.status(), None)
    }

    fn plain(&self, status: StatusCode, reason: Option<Reason>) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::empty());
        *response.status_mut() = status;
        // A cache must not keep a refusal that depends on a credential.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let (true, Some(reason)) = (self.expose_reasons, reason) {
            let problem = HeaderValue::from_static("application/problem+json");
            response.headers_mut().insert(CONTENT_TYPE, problem);
            *response.body_mut() = ResponseBody::Own(Some(problem_json(status, reason)));
        }
        response
    }

    /// `WWW-Authenticate`, made of the operator's words and constants only (threats O-3, O-4).
    fn challenge(&self, reason: Reason, scope: &str) -> Option<HeaderValue> {
        let mut parameters = Vec::new();
        if let Some(realm) = &self.realm {
            parameters.push(format!("realm=\"{realm}\""));
        }
        match (reason.class(), reason) {
            (Class::CredentialMissing, _) => {}
            (Class::CredentialInvalid, _) => parameters.push("error=\"invalid_token\"".to_owned()),
            (_, Reason::ScopeInsufficient) => {
                parameters.push("error=\"insufficient_scope\"".to_owned());
                parameters.push(format!("scope=\"{scope}\""));
            }
            (_, Reason::CredentialAmbiguous | Reason::CredentialMalformed) => {
                parameters.push("error=\"invalid_request\"".to_owned());
            }
            _ => return None,
        }
        let space = if parameters.is_empty() { "" } else { " " };
        HeaderValue::from_str(&format!("Bearer{space}{}", parameters.join(", "))).ok()
    }
}

impl Failure {
    /// What a failed exchange was. A client that did not finish its upload is to blame, whatever
    /// the upstream made of that.
    pub(super) fn of(error: &UpstreamError, client: Option<ClientFault>) -> Self {
        match client {
            Some(ClientFault::Stalled) => return Self::RequestTimeout,
            Some(ClientFault::Broke) => return Self::BrokenUpload,
            None => {}
        }
        match error {
            UpstreamError::ConnectTimeout(_) | UpstreamError::ResponseTimeout(_) => {
                Self::GatewayTimeout
            }
            UpstreamError::Refused(_)
            | UpstreamError::Broken(_)
            | UpstreamError::ClosedEarly
            | UpstreamError::ProtocolChanged => Self::BadGateway,
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BadGateway => StatusCode::BAD_GATEWAY,
            Self::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BrokenUpload => StatusCode::BAD_REQUEST,
        }
    }

    fn grpc_status(self) -> GrpcStatus {
        match self {
            Self::BadGateway => GrpcStatus::Unavailable,
            Self::GatewayTimeout | Self::RequestTimeout => GrpcStatus::DeadlineExceeded,
            Self::BrokenUpload => GrpcStatus::InvalidArgument,
        }
    }
}

/// Whether a request is a gRPC call, whose refusal is a gRPC status.
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

fn status(reason: Reason) -> StatusCode {
    match reason {
        Reason::MethodNotAllowed | Reason::MethodNotSupported => StatusCode::METHOD_NOT_ALLOWED,
        Reason::ExpectationNotSupported => StatusCode::EXPECTATION_FAILED,
        _ => match reason.class() {
            Class::CredentialMissing | Class::CredentialInvalid => StatusCode::UNAUTHORIZED,
            Class::NotPermitted => StatusCode::FORBIDDEN,
            Class::RequestMalformed => StatusCode::BAD_REQUEST,
            Class::CannotDecide => StatusCode::SERVICE_UNAVAILABLE,
        },
    }
}

/// RFC 9457, with the reason's code as an extension member.
fn problem_json(status: StatusCode, reason: Reason) -> Bytes {
    let problem = serde_json::json!({
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": reason.text(),
        "reason": reason.code(),
    });
    Bytes::from(format!("{problem}\n"))
}

/// The status codes of the gRPC protocol that we answer with.
#[derive(Debug, Clone, Copy)]
enum GrpcStatus {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    PermissionDenied = 7,
    Unavailable = 14,
    Unauthenticated = 16,
}

fn grpc_status(reason: Reason) -> GrpcStatus {
    match reason.class() {
        Class::CredentialMissing | Class::CredentialInvalid => GrpcStatus::Unauthenticated,
        Class::NotPermitted => GrpcStatus::PermissionDenied,
        Class::RequestMalformed => GrpcStatus::InvalidArgument,
        Class::CannotDecide => GrpcStatus::Unavailable,
    }
}

/// A gRPC answer of trailers only, which travel as headers.
fn grpc(status: GrpcStatus, message: Option<&'static str>) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(status as u16));
    if let Some(message) = message {
        headers.insert("grpc-message", HeaderValue::from_static(message));
    }
    response
}
