//! The demo's upstream: an ordinary service without token handling that echoes its request.

use std::fmt::Write;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;

use super::stage::{Responder, text};

/// Answers with method, target and headers of the request, a line each.
#[derive(Debug)]
pub(super) struct Echo;

impl Responder for Echo {
    fn answer(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let mut page = format!("{} {}\n", request.method(), request.uri());
        for (name, value) in request.headers() {
            // Writing to a String can't fail.
            let _ = writeln!(page, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
        }
        text(StatusCode::OK, page)
    }
}
