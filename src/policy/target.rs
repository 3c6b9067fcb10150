//! The request target that the upstream receives.

use http::{Method, Uri, Version, uri::PathAndQuery};

use super::{NotCanonical, path::canonical_path};

/// A canonical path that begins with `/`, with the query as it came; or `*` alone.
///
/// hyper writes a request line from whatever a [`Uri`] holds, and a `Uri` can hold no path at all.
/// So the upstream's `Uri` is made here and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTarget(PathAndQuery);

static SLASH: PathAndQuery = PathAndQuery::from_static("/");

impl RequestTarget {
    /// The canonical form of the target of a request. For one that is canonical as it came, nothing
    /// is copied.
    pub(super) fn canonical(
        method: &Method,
        target: &Uri,
        version: Version,
    ) -> Result<Self, NotCanonical> {
        let raw = Self::received(method, target, version)?;
        if raw == "*" {
            return Self::new(raw);
        }
        let query = raw.query();
        if !query.is_none_or(is_plain_query) {
            return Err(NotCanonical::QueryCharacter);
        }
        let path = canonical_path(raw.path())?;
        // The text of `http://host?query` starts with the `?`: there the slash has to be added.
        if *path == *raw.path() && raw.as_str().starts_with('/') {
            return Self::new(raw);
        }
        Self::of_parts(&path, query)
    }

    /// Path and query as they were sent: of a form that there is for the method, and a path that
    /// is none only where that means `/`.
    pub(super) fn received<'u>(
        method: &Method,
        target: &'u Uri,
        version: Version,
    ) -> Result<&'u PathAndQuery, NotCanonical> {
        check_form(target)?;
        let raw = target.path_and_query().ok_or(NotCanonical::TargetForm)?;
        if raw == "*" && *method != Method::OPTIONS {
            return Err(NotCanonical::AsteriskTarget);
        }
        // In a URL an empty path means `/` (RFC 9110 §4.2.3), but a `:path` has to begin with its
        // slash (RFC 9113 §8.3.1).
        if version >= Version::HTTP_2 && raw.as_str().starts_with('?') {
            return Err(NotCanonical::PathMissing);
        }
        Ok(raw)
    }

    /// Of a path and a query that were judged.
    pub(super) fn of_parts(path: &str, query: Option<&str>) -> Result<Self, NotCanonical> {
        let text = match query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        Self::new(&text.try_into().map_err(|_| NotCanonical::TargetTooLong)?)
    }

    /// The same path with that query, or with none if it is empty.
    pub(super) fn with_query(&self, query: &[u8]) -> Result<Self, NotCanonical> {
        let path = self.path().as_bytes();
        let mark: &[u8] = if query.is_empty() { b"" } else { b"?" };
        let text = [path, mark, query].concat();
        // Shorter than what it was made from, and of the same characters.
        Self::new(&PathAndQuery::try_from(text).map_err(|_| NotCanonical::QueryCharacter)?)
    }

    /// The only constructor: what every target begins with is stated here. Copies no text.
    fn new(text: &PathAndQuery) -> Result<Self, NotCanonical> {
        match text.as_str().as_bytes() {
            b"/" if is_empty(text) => Err(NotCanonical::PathMissing),
            b"*" | [b'/', ..] => Ok(Self(text.clone())),
            _ => Err(NotCanonical::PathMissing),
        }
    }

    /// The path; `*` if that is the target.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// What follows the first `?`.
    pub fn query(&self) -> Option<&str> {
        self.0.query()
    }

    /// Path and query, as the upstream receives them.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// For the request line of HTTP/1.1: origin form or asterisk form (RFC 9112 §3.2).
    pub fn for_http1(&self) -> Uri {
        Uri::from(self.0.clone())
    }

    /// For the `:path` of HTTP/2, with the `http` scheme and that authority (RFC 9113 §8.3.1).
    ///
    /// # Errors
    ///
    /// The authority is not `host[:port]`; that of a [`CanonicalRequest`](super::CanonicalRequest)
    /// always is.
    pub fn for_http2(&self, scheme: &str, authority: &str) -> http::Result<Uri> {
        Uri::builder().scheme(scheme).authority(authority).path_and_query(self.0.clone()).build()
    }
}

/// Origin form or absolute form (RFC 9112 §3.2). An authority without a scheme is the authority
/// form, which is for `CONNECT`.
fn check_form(target: &Uri) -> Result<(), NotCanonical> {
    match (target.scheme_str(), target.authority()) {
        (None, None) | (Some("http" | "https"), Some(_)) => Ok(()),
        _ => Err(NotCanonical::TargetForm),
    }
}

/// Whether what is shown as `/` is nothing. `http` cuts `http://host#fragment`, and a `:path` that
/// begins with `#`, down to an empty path, and reads a missing `:path` likewise. An empty path is
/// shown as `/` and written as nothing; only a comparison distinguishes the two.
fn is_empty(slash: &PathAndQuery) -> bool {
    *slash != SLASH
}

fn is_plain_query(query: &str) -> bool {
    query.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
}

#[cfg(test)]
mod tests;
