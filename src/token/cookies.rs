//! Cookies of a request (RFC 6265 §4.2.1), read as they are: no decoding, no quotes removed.

use std::ops::ControlFlow;

use http::{HeaderMap, header::COOKIE};

/// A cookie occurs more than once, so that servers would not agree on its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeated;

/// The value of the one cookie of that name, which may be empty; `None` if there is none.
pub(super) fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h [u8]>, Repeated> {
    let mut found = None;
    let outcome = each(headers, |pair| match value(pair, name) {
        Some(value) if found.replace(value).is_some() => ControlFlow::Break(Repeated),
        _ => ControlFlow::Continue(()),
    });
    match outcome {
        ControlFlow::Break(repeated) => Err(repeated),
        ControlFlow::Continue(()) => Ok(found),
    }
}

/// Shows every `name=value` of every `Cookie` header; HTTP/2 may split them.
pub(super) fn each<'h, B>(
    headers: &'h HeaderMap,
    mut visit: impl FnMut(&'h [u8]) -> ControlFlow<B>,
) -> ControlFlow<B> {
    for header in headers.get_all(COOKIE) {
        for pair in header.as_bytes().split(|&byte| byte == b';') {
            visit(pair.trim_ascii())?;
        }
    }
    ControlFlow::Continue(())
}

/// The value of a pair of that name. Blanks around either do not count: some servers strip them,
/// and what they use as the credential has to be checked here (threats T-21).
pub(super) fn value<'h>(pair: &'h [u8], name: &str) -> Option<&'h [u8]> {
    let equals = pair.iter().position(|&byte| byte == b'=')?;
    let (own, value) = pair.split_at_checked(equals)?;
    (own.trim_ascii() == name.as_bytes()).then(|| value.get(1..).unwrap_or_default().trim_ascii())
}
