//! A credential in a cookie, in the forms in which applications set it: bare, in quotes, behind a
//! scheme, or cut into parts.

use std::{borrow::Cow, convert::Infallible, ops::ControlFlow};

use http::{HeaderMap, HeaderValue, header::COOKIE};

use super::without_scheme;
use crate::{
    reason::Reason,
    token::cookies::{self, Repeated},
};

/// Parts of 4 KiB each hold the longest token there can be, which is 64 KiB.
const MAX_CHUNKS: usize = 16;

/// The credential.
pub(super) fn extract<'h>(
    headers: &'h HeaderMap,
    name: &str,
    scheme: Option<&str>,
    chunks: bool,
) -> Result<Option<Cow<'h, [u8]>>, Reason> {
    Ok(match value(headers, name, chunks)? {
        None => None,
        Some(Cow::Borrowed(value)) => without_scheme(value, scheme)?.map(Cow::Borrowed),
        Some(Cow::Owned(value)) => {
            without_scheme(&value, scheme)?.map(|token| Cow::Owned(token.to_vec()))
        }
    })
}

/// The cookie's value without the quotes around it, which are not a part of it (RFC 6265 §4.1.1);
/// `None` if it is not there or empty.
pub(super) fn value<'h>(
    headers: &'h HeaderMap,
    name: &str,
    chunks: bool,
) -> Result<Option<Cow<'h, [u8]>>, Reason> {
    let whole = cookies::only(headers, name).map_err(|Repeated| Reason::CredentialAmbiguous)?;
    let whole = whole.map(unquoted).filter(|value| !value.is_empty());
    let joined = if chunks { join(headers, name)? } else { None };
    match (whole, joined) {
        (Some(_), Some(_)) => Err(Reason::CredentialAmbiguous),
        (whole, None) => Ok(whole.map(Cow::Borrowed)),
        (None, Some(joined)) => Ok(Some(Cow::Owned(joined))),
    }
}

/// Removes the cookie and its parts.
pub(super) fn strip(headers: &mut HeaderMap, name: &str, chunks: bool) {
    let mut kept: Vec<u8> = Vec::new();
    let mut stripped = false;
    let _: ControlFlow<Infallible> = cookies::each(headers, |pair| {
        let is_chunk = chunks && chunk(pair, name).is_some();
        if is_chunk || cookies::value(pair, name).is_some() {
            stripped = true;
        } else if !pair.is_empty() {
            if !kept.is_empty() {
                kept.extend_from_slice(b"; ");
            }
            kept.extend_from_slice(pair);
        }
        ControlFlow::Continue(())
    });
    if !stripped {
        return;
    }
    headers.remove(COOKIE);
    if let (false, Ok(value)) = (kept.is_empty(), HeaderValue::from_bytes(&kept)) {
        headers.insert(COOKIE, value);
    }
}

fn unquoted(value: &[u8]) -> &[u8] {
    let inner = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    inner.unwrap_or(value)
}

/// The parts `name_0`, `name_1` and so on, put together; `None` if there are none. An empty part
/// is one that was deleted.
fn join(headers: &HeaderMap, name: &str) -> Result<Option<Vec<u8>>, Reason> {
    let mut parts: [&[u8]; MAX_CHUNKS] = [b""; MAX_CHUNKS];
    let outcome = cookies::each(headers, |pair| match chunk(pair, name) {
        None | Some((_, b"")) => ControlFlow::Continue(()),
        Some((number, value)) => match number.and_then(|number| parts.get_mut(number)) {
            None => ControlFlow::Break(Reason::CredentialMalformed),
            Some(part) if part.is_empty() => {
                *part = value;
                ControlFlow::Continue(())
            }
            Some(_) => ControlFlow::Break(Reason::CredentialAmbiguous),
        },
    });
    if let ControlFlow::Break(reason) = outcome {
        return Err(reason);
    }
    let count = parts.iter().position(|part| part.is_empty()).unwrap_or(MAX_CHUNKS);
    if parts.iter().skip(count).any(|part| !part.is_empty()) {
        return Err(Reason::CredentialMalformed);
    }
    let joined = parts.map(unquoted).concat();
    Ok((count > 0).then(|| unquoted(&joined).to_vec()))
}

/// The number and the value of a part; no number where it is none that is counted so.
fn chunk<'h>(pair: &'h [u8], name: &str) -> Option<(Option<usize>, &'h [u8])> {
    let equals = pair.iter().position(|&byte| byte == b'=')?;
    let (own, value) = pair.split_at_checked(equals)?;
    let digits = own.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"_")?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(digits).ok().filter(|d| *d == "0" || !d.starts_with('0'));
    let number = number.and_then(|digits| digits.parse().ok());
    Some((number, value.get(1..).unwrap_or_default().trim_ascii()))
}
