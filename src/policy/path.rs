//! The canonical path: one spelling for every path, so that a route can't be missed by writing
//! its path differently (threats P-1).
//!
//! What differs only in spelling is rewritten; what some upstream could read as *another* path is
//! refused:
//!
//! - escapes of unreserved characters are decoded, other escapes get upper-case digits, and
//!   characters that RFC 3986 does not allow raw (`"<>[]^{|}` and the grave accent) are escaped;
//! - empty segments are merged away (`/a//b` is `/a/b`): clients that glue a base URL and a path
//!   are common, and route and upstream see the same merged path;
//! - dot segments, encoded separators and control characters, doubly encoded ones, invalid UTF-8,
//!   backslashes and raw non-ASCII characters are refused;
//! - `;` parameters are kept: [`super::Routes`] refuses those that could change the route.
//!
//! A route may allow some of these: then the path is forwarded byte for byte, see
//! [`super::routes`].
//!
//! No library fits: they leave a broken escape as it is, and keep the spelling of the others; and a
//! path that is canonical already, as nearly all are, must cost one pass.
//!
//! Letter case is significant, and so is a slash at the end.

pub(super) mod readings;
pub(super) mod traits;

use std::borrow::Cow;

use super::NotCanonical;

/// The canonical form of a path. Borrowed if it was canonical in the first place.
pub(super) fn canonical_path(path: &str) -> Result<Cow<'_, str>, NotCanonical> {
    if !path.starts_with('/') {
        return Err(NotCanonical::TargetForm);
    }
    if is_plain(path.as_bytes()) {
        return Ok(Cow::Borrowed(path));
    }
    rewrite(path).map(Cow::Owned)
}

/// The characters of a segment, decoded once.
///
/// Routes are compared by these, so that `/users%3Aexport` can't evade a route for
/// `/users:export`.
pub(super) fn decoded(segment: &[u8]) -> Cow<'_, [u8]> {
    if !segment.contains(&b'%') {
        return Cow::Borrowed(segment);
    }
    let mut rest = segment;
    let mut out = Vec::with_capacity(rest.len());
    while let Some((&byte, after)) = rest.split_first() {
        let (value, after) = escape(rest).unwrap_or((byte, after));
        out.push(value);
        rest = after;
    }
    Cow::Owned(out)
}

/// A path with all that is escaped decoded, however often it is.
pub(super) fn decoded_to_the_end(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    for byte in path {
        out.push(*byte);
        while let Some((before, end)) = out.split_last_chunk::<3>()
            && let Some((value, _)) = escape(end)
        {
            let length = before.len();
            out.truncate(length);
            out.push(value);
        }
    }
    out
}

/// The path with `/a//b` as `/a/b`, and nothing else of it changed.
pub(super) fn without_empty_segments(path: &str) -> Cow<'_, str> {
    if !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len());
    for part in path.split_inclusive('/') {
        if part != "/" || !out.ends_with('/') {
            out.push_str(part);
        }
    }
    Cow::Owned(out)
}

/// A path or query with raw characters beyond ASCII escaped. Borrowed if there are none.
pub(super) fn without_raw_utf8(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            0..=0x7f => out.push(char::from(byte)),
            _ => push_escape(byte, &mut out),
        }
    }
    Cow::Owned(out)
}

/// The path without the parameters of its segments, as a Java upstream reads it, and then without
/// the segments that are empty now, which some upstreams merge and others do not. `None` if there
/// are no parameters.
pub(super) fn without_parameters(path: &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let bare = readings::without_escaped_parameters(path)?;
    let merged = readings::without_empty_segments(&bare);
    Some((bare, merged))
}

/// Whether a path is canonical without decoding. May be false for one that is (with escapes).
fn is_plain(path: &[u8]) -> bool {
    let mut previous = 0;
    path.iter().all(|&byte| {
        let plain = match byte {
            b'/' | b'.' => previous != b'/',
            _ => is_segment_character(byte),
        };
        previous = byte;
        plain
    })
}

fn rewrite(path: &str) -> Result<String, NotCanonical> {
    let mut out = String::with_capacity(path.len());
    let mut meaning = Vec::with_capacity(path.len());
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() && segments.peek().is_some() {
            continue;
        }
        out.push('/');
        meaning.clear();
        rewrite_segment(segment.as_bytes(), &mut out, &mut meaning)?;
        check_meaning(&meaning)?;
    }
    Ok(out)
}

/// Appends the canonical segment to `out` and its decoded form to `meaning`.
fn rewrite_segment(
    mut rest: &[u8],
    out: &mut String,
    meaning: &mut Vec<u8>,
) -> Result<(), NotCanonical> {
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            push_raw(byte, out)?;
            meaning.push(byte);
            continue;
        }
        let (value, after) = hex_pair(after).ok_or(NotCanonical::PathEscape)?;
        rest = after;
        push_escaped(value, out)?;
        meaning.push(value);
    }
    Ok(())
}

fn push_raw(byte: u8, out: &mut String) -> Result<(), NotCanonical> {
    match byte {
        _ if is_segment_character(byte) => out.push(char::from(byte)),
        _ if is_raw_character(byte) => push_escape(byte, out),
        _ => return Err(NotCanonical::PathCharacter),
    }
    Ok(())
}

fn push_escaped(value: u8, out: &mut String) -> Result<(), NotCanonical> {
    match value {
        b'/' | b'\\' => return Err(NotCanonical::EncodedSeparator),
        _ if value.is_ascii_control() => return Err(NotCanonical::EncodedControl),
        _ if is_unreserved(value) => out.push(char::from(value)),
        _ => push_escape(value, out),
    }
    Ok(())
}

fn push_escape(value: u8, out: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    out.push('%');
    out.extend(DIGITS.get(usize::from(value >> 4)));
    out.extend(DIGITS.get(usize::from(value & 15)));
}

/// Refuses a segment by its decoded form.
fn check_meaning(meaning: &[u8]) -> Result<(), NotCanonical> {
    check_text(meaning)?;
    // `..;x` is `..` to an upstream that knows parameters.
    let name = meaning.split(|b| *b == b';').next().unwrap_or_default();
    if matches!(name, b"." | b"..") {
        return Err(NotCanonical::DotSegment);
    }
    if meaning.contains(&b'%') && hides_structure(meaning) {
        return Err(NotCanonical::DoublyEncoded);
    }
    Ok(())
}

fn check_text(meaning: &[u8]) -> Result<(), NotCanonical> {
    std::str::from_utf8(meaning).map(drop).map_err(|_| NotCanonical::EncodedNotUtf8)
}

/// Whether decoding what was decoded, as often as it can be, uncovers a character that changes
/// which path it is. An escape may itself be made of escapes (`%%32e`), so each byte is checked
/// with all that has been decoded before it; that takes one pass, however deep they are nested.
fn hides_structure(meaning: &[u8]) -> bool {
    let mut decoded = Vec::with_capacity(meaning.len());
    meaning.iter().any(|byte| {
        decoded.push(*byte);
        decode_end(&mut decoded)
    })
}

/// Decodes the escape at the end, and the one that this completes, and so on. Ends with `true` at
/// a character that changes which path it is.
fn decode_end(text: &mut Vec<u8>) -> bool {
    while let Some((before, end)) = text.split_last_chunk::<3>()
        && let Some((value, _)) = escape(end)
    {
        if matches!(value, b'.' | b'/' | b'\\' | b';') || value.is_ascii_control() {
            return true;
        }
        let length = before.len();
        text.truncate(length);
        text.push(value);
    }
    false
}

fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    hex_pair(text.strip_prefix(b"%")?)
}

fn hex_pair(text: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], rest) = text.split_first_chunk()?;
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some((digit(*high)? << 4 | digit(*low)?, rest))
}

/// What clients send raw, and what may stay so or is escaped: characters of a segment, and those
/// that RFC 3986 has no place for.
fn is_raw_character(byte: u8) -> bool {
    is_segment_character(byte)
        || matches!(byte, b'"' | b'<' | b'>' | b'[' | b']' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// `unreserved` of RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What a segment may hold raw: `pchar` of RFC 3986 §3.3 without the escapes.
fn is_segment_character(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
        || matches!(byte, b':' | b'@')
}

#[cfg(test)]
mod tests;
