//! The content of each page.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use serde::Serialize;

use super::View;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// RFC 7517 §8.5.1.
const JWK_SET: HeaderValue = HeaderValue::from_static("application/jwk-set+json");

/// A page of plain text.
pub(super) fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    page(status, TEXT, text)
}

/// 200; or 503 where only a restart helps. What others do is no reason for one.
pub(super) fn liveness(view: &View) -> Response<Full<Bytes>> {
    match view.readiness.lost_workers() {
        None => text(StatusCode::OK, "alive\n".to_owned()),
        Some(lost) => text(StatusCode::SERVICE_UNAVAILABLE, format!("workers: {lost}\n")),
    }
}

/// The public facts of every key, and why others were left out.
pub(super) fn keys(view: &View) -> Response<Full<Bytes>> {
    let issuers: Vec<_> = view.providers.load().key_sets().map(|issuer| issuer.status()).collect();
    written(StatusCode::OK, &issuers)
}

/// The public keys that upstreams check assertions with, those of before included.
pub(super) fn jwks(view: &View) -> Response<Full<Bytes>> {
    match &view.configuration.load().jwks {
        Some(jwks) => page(StatusCode::OK, JWK_SET, format!("{jwks}\n")),
        None => text(StatusCode::NOT_FOUND, "there is no [identity.assertion]\n".to_owned()),
    }
}

/// The configuration in use.
pub(super) fn config(view: &View) -> Response<Full<Bytes>> {
    text(StatusCode::OK, view.configuration.load().toml.clone())
}

/// A page of JSON, for people as well.
pub(super) fn written(status: StatusCode, content: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_string_pretty(content) {
        Ok(text) => json(status, text + "\n"),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// A page of JSON.
pub(super) fn json(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    page(status, JSON, text)
}

/// A page of any kind.
pub(super) fn page(
    status: StatusCode,
    content_type: HeaderValue,
    body: String,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
