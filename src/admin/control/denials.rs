//! `GET /denials`: the last requests that did not pass, as JSON or as a page for people.

mod filter;
mod page;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode, Uri,
    header::{ACCEPT, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS},
};
use http_body_util::Full;
use serde::Serialize;

use self::filter::DenialFilter;
use crate::{
    admin::pages,
    decision::record::{DeniedRequest, RecentDenials},
};

/// What is kept, and what of it was asked for.
#[derive(Debug, Serialize)]
struct ShownDenials<'d> {
    /// `control.denials`.
    capacity: usize,
    /// How many are kept, before the filter.
    kept: usize,
    /// The newest first.
    denials: Vec<&'d DeniedRequest>,
}

/// Of a page that is nothing but text in elements: no scripts, no styles, no frames around it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");

/// 200, or 400 for a query that is not understood. JSON unless HTML is accepted by name, as browsers
/// do.
pub(super) fn answer(
    uri: &Uri,
    headers: &HeaderMap,
    recent: &RecentDenials,
) -> Response<Full<Bytes>> {
    let filter = match DenialFilter::parse(uri.query().unwrap_or_default()) {
        Ok(filter) => filter,
        Err(mistake) => return pages::text(StatusCode::BAD_REQUEST, format!("{mistake}\n")),
    };
    let all = recent.newest_first();
    let wanted = all.iter().map(|denied| &**denied).filter(|denied| filter.takes(denied));
    let shown = ShownDenials {
        capacity: recent.capacity(),
        kept: all.len(),
        denials: wanted.take(filter.limit).collect(),
    };
    let mut response = if accepts_html(headers) {
        pages::page(StatusCode::OK, HTML, page::write(&shown))
    } else {
        pages::written(StatusCode::OK, &shown)
    };
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    response
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let kind = range.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("text/html")
    })
}
